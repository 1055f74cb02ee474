/*
 * Times questions to the true mapping process, one at a time, through the host's own side of it
 * (script/mapper): from the asking to the answer, in the loop's next rounds.
 *
 *	bench-mapping PATH-OF-COSELL-MAPPER
 *
 * Prints "figures what=NAME calls=N us=TOTAL p50=NS p99=NS" for each kind of question.
 */
#include "base/clock.h"

#include <time.h>

#include "unit/mapper_kit.h"

#define CALLS ((size_t)20000)
#define WARM  500

#define WHOLE                                                                                      \
	"\"today\":\"2031-02-03\",\"v\":{\"name\":\"Harbour crane "                                \
	"upgrade\",\"estimatedvalue\":90000,"                                                      \
	"\"description\":\"two cranes\",\"estimatedclosedate\":\"2031-09-30\"},"                   \
	"\"d\":{\"id\":\"0b9f1c52-0001-4a11-9c01-000000000001\",\"name\":\"Harbour crane "         \
	"upgrade\","                                                                               \
	"\"value\":90000,\"currency\":\"EUR\",\"closing_date\":\"2031-09-30\",\"notes\":\"two "    \
	"cranes\",\"customer\":{\"name\":\"Elbe Hafen GmbH\",\"line1\":\"Kai "                     \
	"4\",\"city\":\"Hamburg\","                                                                \
	"\"postal_code\":\"20457\",\"country\":\"DE\",\"duns\":null},\"contact\":{\"first_name\":" \
	"\"Jana\",\"last_name\":\"Petersen\",\"email\":\"jana@elbe.example\",\"phone\":\"040 "     \
	"1\"},"                                                                                    \
	"\"team\":[{\"name\":\"A\",\"email\":\"a@p.example\"},{\"name\":\"B\",\"email\":"          \
	"\"b@p.example\"}],\"solutions\":[{\"id\":\"SOL-10001-ABC\",\"name\":\"Cranes\"},"         \
	"{\"id\":\"SOL-10002-DEF\",\"name\":\"Rails\"}]}"

static const struct row {
	const char *what;
	const char *question;
} rows[] = {
	{"hello", "{\"call\":\"hello\"}"},
	{"country.to_code", "{\"call\":\"country.to_code\",\"value\":\"Germany\"}"},
	{"account.match", "{\"call\":\"account.match\"," WHOLE "}"},
	{"account.create", "{\"call\":\"account.create\"," WHOLE "}"},
	{"opportunity.create", "{\"call\":\"opportunity.create\"," WHOLE "}"},
};

/* The kit's checks: here a failure ends the program. */
bool tests_check(bool held, const char *text, const char *file, int line)
{
	if (!held) {
		fprintf(stderr, "%s:%d: %s\n", file, line, text);
		exit(1);
	}
	return held;
}

bool tests_check_int(int64_t a, int64_t b, const char *text, const char *file, int line)
{
	return tests_check(a == b, text, file, line);
}

static int64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void measure(struct set *s, const struct row *r)
{
	static int64_t took[CALLS];
	for (int i = 0; i < WARM; i++) {
		CHECK(ask(s, r->question)[0] == '{');
	}
	int64_t began = now_ns();
	for (size_t i = 0; i < CALLS; i++) {
		int64_t from = now_ns();
		CHECK(ask(s, r->question)[0] == '{');
		took[i] = now_ns() - from;
	}
	long long us = (long long)((now_ns() - began) / 1000);
	qsort(took, CALLS, sizeof(*took), by_size);
	printf("figures what=%s calls=%zu us=%lld p50=%lld p99=%lld\n", r->what, CALLS, us,
	       (long long)took[CALLS / 2], (long long)took[CALLS / 100 * 99]);
}

int main(int argc, char **argv)
{
	struct set s = {.deadline_ms = 1000};
	if (argc != 2 || setenv("COSELL_MAPPER", argv[1], 1) != 0) {
		return 2;
	}
	begin_with(&s, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		measure(&s, &rows[i]);
	}
	end(&s);
	return 0;
}
