/*
 * The two system clocks, and times as text.  In a test build the wall clock can be put ahead; the
 * monotonic one never moves.  No locale and no time zone takes part: everything is UTC.
 */
#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t offset_ms;

int64_t clock_wall_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + offset_ms;
}

int64_t clock_mono_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_cpu_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void clock_offset_set(int64_t ms)
{
#ifdef COSELL_TEST
	offset_ms = ms;
#else
	(void)ms;
#endif
}

int64_t clock_offset(void)
{
	return offset_ms;
}

void clock_iso(int64_t wall_ms, char out[CLOCK_ISO])
{
	int64_t ms = wall_ms % 1000;
	if (ms < 0) {
		ms += 1000;
	}
	time_t seconds = (time_t)((wall_ms - ms) / 1000);
	struct tm tm;
	if (gmtime_r(&seconds, &tm) == NULL) {
		tm = (struct tm){.tm_year = 70, .tm_mday = 1};
	}
	size_t n = strftime(out, CLOCK_ISO - 6, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, CLOCK_ISO - n, ".%03uZ", (unsigned)ms % 1000U);
}

static const char *skip_spaces(const char *s)
{
	return s + strspn(s, " \t");
}

static bool read_seconds(const char *text, int64_t *wait_ms)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || *skip_spaces(text + digits) != '\0') {
		return false;
	}
	int64_t seconds = 0;
	for (size_t i = 0; i < digits && seconds < 1000000000; i++) {
		seconds = seconds * 10 + (text[i] - '0');
	}
	*wait_ms = seconds * 1000;
	return true;
}

/* The number that the n digits at s make, or -1. */
static int read_digits(const char *s, int n)
{
	int value = 0;
	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i])) {
			return -1;
		}
		value = value * 10 + (s[i] - '0');
	}
	return value;
}

static int read_month(const char *s)
{
	static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	for (int i = 0; i < 12; i++) {
		if (strncmp(names[i], s, 3) == 0) {
			return i;
		}
	}
	return -1;
}

/* Does text have letters and digits where the shape has a and 0, and else the same bytes? */
static bool has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; text++, shape++) {
		bool fits = *text == *shape;
		if (*shape == 'a') {
			fits = isalpha((unsigned char)*text) != 0;
		} else if (*shape == '0') {
			fits = isdigit((unsigned char)*text) != 0;
		}
		if (!fits) {
			return false;
		}
	}
	return *skip_spaces(text) == '\0';
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" and nothing else: the one form that servers may send. */
static bool read_http_date(const char *text, int64_t *at_ms)
{
	if (!has_shape(text, "aaa, 00 aaa 0000 00:00:00 GMT")) {
		return false;
	}
	struct tm tm = {.tm_mday = read_digits(text + 5, 2),
			.tm_mon = read_month(text + 8),
			.tm_year = read_digits(text + 12, 4) - 1900,
			.tm_hour = read_digits(text + 17, 2),
			.tm_min = read_digits(text + 20, 2),
			.tm_sec = read_digits(text + 23, 2)};
	if (tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60) {
		return false;
	}
	*at_ms = (int64_t)timegm(&tm) * 1000;
	return true;
}

bool clock_retry_after(const char *text, int64_t now_ms, int64_t *wait_ms)
{
	if (text == NULL) {
		return false;
	}
	text = skip_spaces(text);
	if (isdigit((unsigned char)*text)) {
		return read_seconds(text, wait_ms);
	}
	int64_t at_ms;
	if (!read_http_date(text, &at_ms)) {
		return false;
	}
	*wait_ms = at_ms > now_ms ? at_ms - now_ms : 0;
	return true;
}
