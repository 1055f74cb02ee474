/* The retry table of design note 3: each kind, its wait, its end. */
#include "app/retry.h"

#include "tests.h"

static struct retry judge(enum err_kind kind, int attempt, enum err_kind before, int64_t wait_ms,
			  uint32_t dice)
{
	const struct job j = {.attempt = attempt, .why = before};
	const struct err e = {.kind = kind, .wait_ms = wait_ms};
	return retry_judge(&j, &e, dice);
}

/* The longest wait of a kind at that attempt. */
static int64_t longest(enum err_kind kind, int attempt)
{
	int64_t most = 0;
	for (uint32_t dice = 0; dice < 700000; dice += 7) {
		int64_t ms = judge(kind, attempt, ERR_NONE, 0, dice).wait_ms;
		most = ms > most ? ms : most;
	}
	return most;
}

void check_retry(void);
void check_retry(void)
{
	CASE ("retry_net_backs_off_with_full_jitter_up_to_five_minutes") {
		CHECK_INT(judge(ERR_NET, 0, ERR_NONE, 0, 0).wait_ms, 0);
		CHECK_INT(judge(ERR_NET, 0, ERR_NONE, 0, 1000).wait_ms, 1000);
		CHECK_INT(judge(ERR_NET, 0, ERR_NONE, 0, 1001).wait_ms, 0);
		CHECK_INT(judge(ERR_NET, 3, ERR_NONE, 0, 8000).wait_ms, 8000);
		CHECK(longest(ERR_NET, 60) > 299000 && longest(ERR_NET, 60) <= 300000);
		CHECK(judge(ERR_NET, 60, ERR_NONE, 0, 1).count &&
		      !judge(ERR_NET, 60, ERR_NONE, 0, 1).bury);
	}
	CASE ("retry_busy_waits_as_told_and_at_most_an_hour_and_counts_nothing") {
		CHECK_INT(judge(ERR_BUSY, 4, ERR_NONE, 45000, 9).wait_ms, 45000);
		CHECK_INT(judge(ERR_BUSY, 4, ERR_NONE, 90000000, 9).wait_ms, 3600000);
		CHECK_INT(judge(ERR_BUSY, 4, ERR_NONE, 0, 9).wait_ms, 1000);
		CHECK(!judge(ERR_BUSY, 4, ERR_NONE, 0, 9).count);
	}
	CASE ("retry_auth_waits_a_minute_and_keeps_the_queue") {
		struct retry v = judge(ERR_AUTH, 999, ERR_AUTH, 0, 9);
		CHECK(!v.bury && !v.count);
		CHECK_INT(v.wait_ms, 60000);
	}
	CASE ("retry_absent_is_given_half_an_hour") {
		int64_t sum = 0;
		int attempt = 0;
		while (!judge(ERR_ABSENT, attempt, ERR_ABSENT, 0, 0).bury && attempt < 100)
			sum += longest(ERR_ABSENT, attempt++);
		CHECK(sum >= 30 * 60000LL && sum < 36 * 60000LL);
	}
	CASE ("retry_conflict_is_at_once_twice_and_outlives_a_lag_of_three_seconds") {
		int64_t sum = 0;
		for (int i = 0; i < 5; i++) {
			struct retry v = judge(ERR_CONFLICT, i, i ? ERR_CONFLICT : ERR_NONE, 0, 0);
			CHECK(!v.bury && v.count && (v.wait_ms == 0) == (i < 2));
			CHECK(longest(ERR_CONFLICT, i) <= 3000);
			sum += v.wait_ms;
		}
		CHECK_INT(sum, 3500);
		CHECK(judge(ERR_CONFLICT, 5, ERR_CONFLICT, 0, 0).bury);
		CHECK(!judge(ERR_CONFLICT, 9, ERR_NET, 0, 0)
			       .bury); /* other failures do not count for it */
	}
	CASE ("retry_remote_script_data_config_are_dead_letters") {
		CHECK(judge(ERR_REMOTE, 0, ERR_NONE, 0, 0).bury);
		CHECK(judge(ERR_SCRIPT, 0, ERR_NONE, 0, 0).bury);
		CHECK(judge(ERR_DATA, 0, ERR_NONE, 0, 0).bury);
		CHECK(judge(ERR_CONFIG, 0, ERR_NONE, 0, 0).bury);
	}
	CASE ("retry_store_backs_off_and_is_never_buried") {
		CHECK(!judge(ERR_STORE, 1000, ERR_STORE, 0, 3).bury);
	}
}
