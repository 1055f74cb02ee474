/* base/clock: times as text and back, the test offset. */
#include "base/clock.h"
#include "tests.h"

void check_clock(void);

static void check_iso(int64_t ms, const char *want)
{
	char text[CLOCK_ISO];
	clock_iso(ms, text);
	CHECK_STR(text, want);
}

static void check_wait(const char *text, int64_t now, int64_t want)
{
	int64_t wait = -1;
	if (CHECK(clock_retry_after(text, now, &wait))) {
		CHECK_INT(wait, want);
	}
}

void check_clock(void)
{
	CASE ("clock_iso_writes_utc_with_milliseconds") {
		check_iso(0, "1970-01-01T00:00:00.000Z");
		check_iso(1927857906789, "2031-02-03T04:05:06.789Z");
		check_iso(951782400001, "2000-02-29T00:00:00.001Z");
		check_iso(-1, "1969-12-31T23:59:59.999Z");
		check_iso(253402300799999, "9999-12-31T23:59:59.999Z");
	}
	CASE ("clock_retry_after_seconds_are_read") {
		check_wait("0", 5, 0);
		check_wait(" 120 ", 5, 120000);
		check_wait("99999999999999999999999", 5, 9999999999000);
	}
	CASE ("clock_retry_after_date_is_relative_to_now") {
		int64_t at = 784111777000; /* Sun, 06 Nov 1994 08:49:37 GMT */
		check_wait("Sun, 06 Nov 1994 08:49:37 GMT", at - 2500, 2500);
		check_wait("Sun, 06 Nov 1994 08:49:37 GMT", at + 1, 0);
	}
	CASE ("clock_retry_after_nonsense_is_refused") {
		static const char *const bad[] = {"",
						  "soon",
						  "-5",
						  "1.5",
						  "5s",
						  "Sun, 06 Nov 1994 08:49:37",
						  "Sun, 06 Xyz 1994 08:49:37 GMT",
						  "Sun, 06 Nov 1994 08:49:37 GMT+1",
						  "Sun, 99 Nov 1994 08:49:37 GMT",
						  "Sunday, 06-Nov-94 08:49:37 GMT"};
		int64_t wait = 0;
		for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
			if (!CHECK(!clock_retry_after(bad[i], 0, &wait))) {
				CHECK_STR(bad[i], "refused");
			}
		}
		CHECK(!clock_retry_after(NULL, 0, &wait));
	}
	CASE ("clock_mono_never_goes_back") {
		int64_t last = clock_mono_us();
		for (int i = 0; i < 1000; i++) {
			int64_t now = clock_mono_us();
			CHECK(now >= last);
			last = now;
		}
	}
	CASE ("clock_offset_moves_the_wall_only_in_a_test_build") {
		int64_t before = clock_wall_ms();
		clock_offset_set(3600000);
		int64_t moved = clock_wall_ms() - before;
#ifdef COSELL_TEST
		CHECK_INT(clock_offset(), 3600000);
		CHECK(moved >= 3600000 && moved < 3660000);
#else
		CHECK_INT(clock_offset(), 0);
		CHECK(moved < 60000);
#endif
	}
}
