/*
 * Times questions to the true mapping process through the host's own side of it (script/mapper): one
 * at a time, from the asking to the answer, and with many in flight; and beside it the same decoding,
 * mapping and encoding in a bare interpreter, without cosell around it (tests/bench/bare.lua).
 *
 *	bench-mapping PATH-OF-COSELL-MAPPER
 *
 * Prints "figures how=alone|flight|bare what=NAME calls=N us=TOTAL p50=NS p99=NS" for each kind of
 * question; bare and flight take turns, and the best turn of each counts: what else runs on the machine
 * counts little.
 */
#include "base/clock.h"
#include "script/json.h"

#include <lauxlib.h>
#include <lualib.h>

#include <time.h>

#include "unit/mapper_kit.h"

#define CALLS  ((size_t)20000)
#define WARM   500
#define TURNS  40
#define FLIGHT 64

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

static void say(const char *how, const struct row *r, size_t calls, int64_t ns, int64_t p50,
		int64_t p99)
{
	printf("figures how=%s what=%s calls=%zu us=%lld p50=%lld p99=%lld\n", how, r->what, calls,
	       (long long)(ns / 1000), (long long)p50, (long long)p99);
}

/* ---- one at a time ---- */

static void alone(struct set *s, const struct row *r)
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
	int64_t all = now_ns() - began;
	qsort(took, CALLS, sizeof(*took), by_size);
	say("alone", r, CALLS, all, took[CALLS / 2], took[CALLS / 100 * 99]);
}

/* ---- many in flight ---- */

struct flight {
	struct set *s;
	const char *question;
	size_t asked, answered, calls;
};

static void on_answer(void *arg, const char *answer, size_t len, const struct err *e);

static void ask_next(struct flight *f)
{
	f->asked++;
	mapper_ask(f->s->mapper, f->question, strlen(f->question), on_answer, f);
}

static void on_answer(void *arg, const char *answer, size_t len, const struct err *e)
{
	struct flight *f = arg;
	(void)e;
	CHECK(answer != NULL && len > 0 && answer[0] == '{');
	f->answered++;
	if (f->asked < f->calls) {
		ask_next(f);
	} else if (f->answered == f->calls) {
		loop_stop(f->s->loop);
	}
}

static int64_t in_flight(struct set *s, const struct row *r, size_t calls)
{
	struct flight f = {.s = s, .question = r->question, .calls = calls};
	struct err e;
	int64_t began = now_ns();
	while (f.asked < FLIGHT) {
		ask_next(&f);
	}
	CHECK(loop_run(s->loop, nothing_more, NULL, &e) && f.answered == calls);
	return now_ns() - began;
}

/* ---- the bare interpreter ---- */

/* Leaves the table of functions at place 1. */
static lua_State *bare_new(struct set *s)
{
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	json_open(L);
	char *standard = slurp("mappings/default/details.lua");
	char *own = slurp("tests/bench/whole.lua");
	CHECK(luaL_loadfilex(L, "tests/bench/bare.lua", "t") == LUA_OK);
	lua_pushstring(L, standard);
	lua_pushstring(L, own);
	if (!CHECK(lua_pcall(L, 2, 1, 0) == LUA_OK)) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
	}
	free(standard);
	free(own);
	(void)s;
	return L;
}

static int64_t bare(lua_State *L, const struct row *r, size_t calls)
{
	size_t len = strlen(r->question);
	struct err e;
	int64_t began = now_ns();
	for (size_t i = 0; i < calls; i++) {
		struct buf out = {0};
		lua_getfield(L, 1, r->what);
		CHECK(json_decode(L, r->question, len, &e));
		CHECK(lua_pcall(L, 1, 1, 0) == LUA_OK);
		CHECK(json_encode(L, -1, &out, &e) && out.data[0] == '{');
		buf_free(&out);
		lua_settop(L, 1);
	}
	return now_ns() - began;
}

static void beside(struct set *s, lua_State *L, const struct row *r)
{
	int64_t interpreter = INT64_MAX;
	int64_t process = INT64_MAX;
	for (int i = 0; i < TURNS; i++) {
		int64_t one = bare(L, r, CALLS / TURNS);
		int64_t other = in_flight(s, r, CALLS / TURNS);
		interpreter = one < interpreter ? one : interpreter;
		process = other < process ? other : process;
	}
	say("bare", r, CALLS / TURNS, interpreter, 0, 0);
	say("flight", r, CALLS / TURNS, process, 0, 0);
}

int main(int argc, char **argv)
{
	struct set s = {.deadline_ms = 1000};
	if (argc != 2 || setenv("COSELL_MAPPER", argv[1], 1) != 0) {
		return 2;
	}
	char *own = slurp("tests/bench/whole.lua");
	begin_with(&s, own);
	lua_State *L = bare_new(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		alone(&s, &rows[i]);
		beside(&s, L, &rows[i]);
	}
	lua_close(L);
	end(&s);
	free(own);
	return 0;
}
