/*
 * script/mapper with the true cosell-mapper: answers, the contract's errors, and that nothing a
 * mapping does outlives its deadline.
 *
 * The program is looked for beside this binary (or $COSELL_MAPPER), scripts under the working folder.
 */
#include "script/mapper.h"

#include "base/buf.h"
#include "base/clock.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests.h"

#define DEADLINE_MS 200

void check_mapper(void);

#define MAX_FILES 32

struct set {
	struct mapper_file files[MAX_FILES];
	size_t n;
	char *owned[3 * MAX_FILES];
	size_t nowned;
	char path[400];
	struct loop *loop;
	struct mapper *mapper;
};

struct got {
	struct loop *loop;
	int count;
	char *text; /* NULL: error */
	struct err e;
	struct mapper *free_it;
};

/* ---- a mapping process with given files ---- */

static char *slurp(const char *path)
{
	struct buf b = {0};
	char part[4096];
	FILE *f = fopen(path, "r");
	if (!CHECK(f != NULL)) {
		printf("# cannot read %s\n", path);
		exit(1);
	}
	for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;) {
		buf_add(&b, part, n);
	}
	fclose(f);
	return buf_take(&b);
}

static void add(struct set *s, const char *role, const char *name, const char *text)
{
	s->files[s->n++] = (struct mapper_file){name, role, text, strlen(text)};
}

static char *own(struct set *s, char *p)
{
	s->owned[s->nowned++] = p;
	return p;
}

/* The file at path under role:name, read now. */
static void add_file(struct set *s, const char *role, const char *name, const char *folder)
{
	const char *path = own(s, xasprintf("%s/%s.lua", folder, name));
	add(s, own(s, xasprintf("%s%s", role, name)), path, own(s, slurp(path)));
}

static void add_shipped(struct set *s)
{
	static const char *const modules[] = {MAPPER_MODULES};
	static const char *const defaults[] = {"details", "country", "deal_value"};
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++) {
		add_file(s, "module:", modules[i], "scripts");
	}
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		add_file(s, "default.", defaults[i], "mappings/default");
	}
	add(s, "countries", "countries.lua",
	    "return { JP = { alpha_3 = 'JPN', en = 'Japan', ja = '\u65e5\u672c|\u65e5\u672c\u56fd' "
	    "},\n"
	    "DE = { alpha_3 = 'DEU', en = 'Germany|Federal Republic of Germany', de = "
	    "'Deutschland' } }");
}

static const char *program(struct set *s)
{
	const char *given = getenv("COSELL_MAPPER");
	if (given != NULL) {
		return given;
	}
	ssize_t n = readlink("/proc/self/exe", s->path, sizeof(s->path) - 40);
	s->path[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(s->path, '/');
	char *name = slash != NULL ? slash + 1 : s->path;
	snprintf(name, sizeof(s->path) - (size_t)(name - s->path), "cosell-mapper");
	return s->path;
}

static void begin(struct set *s)
{
	struct err e;
	s->loop = loop_new(&e);
	s->mapper = mapper_new(s->loop, NULL,
			       &(struct mapper_config){.program = program(s),
						       .deadline_ms = DEADLINE_MS},
			       s->files, s->n, &e);
	if (!CHECK(s->mapper != NULL)) {
		printf("# %s\n", e.text);
		exit(1);
	}
	static const char setup[] =
		"{\"call\":\"settings\",\"stage\":\"sandbox\",\"settings\":{"
		"\"deal_value_field\":\"estimatedvalue\",\"country_field\":\"address1_country\","
		"\"display_check_mark\":true}}";
	mapper_setup(s->mapper, setup, strlen(setup));
}

/* A whole shipped set with the administrator's details.lua. */
static void begin_with(struct set *s, const char *details)
{
	add_shipped(s);
	if (details != NULL) {
		add(s, "details", "p/details.lua", details);
	}
	begin(s);
}

static void done(void *arg, const char *answer, size_t len, const struct err *e)
{
	struct got *g = (struct got *)arg;
	g->count++;
	free(g->text);
	g->text = answer != NULL ? xmemdup0(answer, len) : NULL;
	g->e = (struct err){0};
	if (e != NULL) {
		g->e = *e;
	}
	loop_stop(g->loop);
	if (g->free_it != NULL) {
		mapper_free(g->free_it);
	}
}

static bool nothing_more(void *ctx)
{
	(void)ctx;
	return false;
}

static void wait_for(struct set *s, struct got *g, int count)
{
	struct err e;
	while (g->count < count && loop_run(s->loop, nothing_more, NULL, &e)) {
	}
	CHECK_INT(g->count, count);
}

/* The answer, or the error's text; valid until the next call. */
static const char *ask(struct set *s, const char *question)
{
	static struct got g;
	g.loop = s->loop;
	g.count = 0;
	mapper_ask(s->mapper, question, strlen(question), done, &g);
	wait_for(s, &g, 1);
	return g.text != NULL ? g.text : g.e.text;
}

static void end(struct set *s)
{
	mapper_free(s->mapper);
	loop_free(s->loop);
	while (s->nowned > 0) {
		free(s->owned[--s->nowned]);
	}
}

/* ---- answers ---- */

#define DEAL                                                                                      \
	"\"today\":\"2031-02-03\",\"d\":{\"name\":\"Bakery\",\"customer\":{\"name\":\"Brot "      \
	"GmbH\","                                                                                 \
	"\"postal_code\":\"10115\",\"country\":\"JP\",\"duns\":null},\"contact\":{\"email\":\"a@" \
	"b.example\"}}"

static void answers(void)
{
	CASE ("mapper_default_answers_come_without_a_profile_file") {
		struct set s = {0};
		begin_with(&s, NULL);
		CHECK_STR(ask(&s, "{\"call\":\"account.match\"," DEAL "}"),
			  "{\"alternatives\":[[[\"name\",\"Brot "
			  "GmbH\"],[\"address1_postalcode\",\"10115\"]]]}");
		CHECK_STR(ask(&s, "{\"call\":\"account.create\"," DEAL "}"),
			  "{\"v\":{\"address1_postalcode\":\"10115\",\"name\":\"Brot GmbH\"}}");
		CHECK_STR(ask(&s, "{\"call\":\"contact.match\"," DEAL "}"),
			  "{\"alternatives\":[[[\"emailaddress1\",\"a@b.example\"]]]}");
		CHECK_STR(ask(&s, "{\"call\":\"country.to_code\",\"value\":\" deutschLAND \"}"),
			  "{\"code\":\"DE\"}");
		CHECK_STR(ask(&s, "{\"call\":\"country.to_code\",\"value\":\"\u65e5\u672c\"}"),
			  "{\"code\":\"JP\"}");
		CHECK_STR(ask(&s, "{\"call\":\"country.to_code\",\"value\":\"Atlantis\"}"), "{}");
		CHECK_STR(ask(&s,
			      "{\"call\":\"deal_value.read\",\"crm\":{\"estimatedvalue\":12.50}}"),
			  "{\"value\":12.5}");
		CHECK_STR(ask(&s, "{\"call\":\"deal_value.read\",\"crm\":{\"estimatedvalue\":0}}"),
			  "{}");
		CHECK_STR(ask(&s, "{\"call\":\"should_sync\",\"crm\":{}}"), "{\"sync\":true}");
		CHECK_STR(ask(&s, "{\"call\":\"check\"}"), "{\"problems\":[]}");
		end(&s);
	}
	CASE ("mapper_own_answers_lie_over_the_default") {
		struct set s = {0};
		begin_with(&s, "return { api = 1, account = {\n"
			       "match = function(d) return { { { 'new_duns', d.customer.duns } },\n"
			       "  { { 'name', d.customer.name } } } end,\n"
			       "create = function(d, v) v.new_duns = null; v.name = v.name .. '!'\n"
			       "  v.new_country = ctx.bind('new_country', { new_iso = "
			       "d.customer.country }) end },\n"
			       "opportunity = { create = { new_channel = 'Microsoft' } },\n"
			       "owner = function(d) return ctx.today end }");
		CHECK_STR(ask(&s, "{\"call\":\"account.match\"," DEAL "}"),
			  "{\"alternatives\":[[[\"name\",\"Brot GmbH\"]]]}");
		CHECK_STR(ask(&s, "{\"call\":\"account.create\"," DEAL "}"),
			  "{\"v\":{\"address1_postalcode\":\"10115\",\"name\":\"Brot "
			  "GmbH!\",\"new_country\":"
			  "{\"$bind\":{\"table\":\"new_country\",\"where\":{\"new_iso\":\"JP\"}}},"
			  "\"new_duns\":null}}");
		CHECK_STR(ask(&s, "{\"call\":\"opportunity.create\",\"v\":{\"a\":1}," DEAL "}"),
			  "{\"v\":{\"a\":1,\"new_channel\":\"Microsoft\"}}");
		CHECK_STR(ask(&s, "{\"call\":\"owner\"," DEAL "}"), "{\"owner\":\"2031-02-03\"}");
		end(&s);
	}
	CASE ("mapper_profile_is_evaluated_without_ctx") {
		struct set s = {0};
		add_shipped(&s);
		add(&s, "profile", "p/profile.lua",
		    "return { stage = 'sandbox', settings = { settle = 0 } }");
		begin(&s);
		CHECK_STR(ask(&s, "{\"call\":\"profile\"}"),
			  "{\"settings\":{\"settle\":0},\"stage\":\"sandbox\"}");
		end(&s);
	}
}

static void errors(void)
{
	CASE ("mapper_errors_name_file_and_line") {
		struct set s = {0};
		begin_with(&s, "return { api = 1,\n"
			       "owner = function(d) return d.nothing.here end,\n"
			       "arrives_as = function() return 'deal' end,\n"
			       "close_reason = function() return os.getenv('HOME') end }");
		CHECK_STR(ask(&s, "{\"call\":\"owner\"," DEAL "}"),
			  "p/details.lua:2: attempt to index a nil value (field 'nothing')");
		CHECK_STR(ask(&s, "{\"call\":\"arrives_as\"," DEAL "}"),
			  "p/details.lua:3: arrives_as: must be one of opportunity, lead");
		CHECK_STR(ask(&s, "{\"call\":\"close_reason\",\"crm\":{}}"),
			  "p/details.lua:4: `os` is not known here");
		CHECK_STR(ask(&s, "{\"call\":\"nonsense\"}"),
			  "nonsense: there is no question `nonsense`");
		CHECK_STR(ask(&s, "{\"call\":"), "JSON, line 1, column 9: it ends too early");
		end(&s);
	}
	CASE ("mapper_check_lists_every_problem_of_the_files") {
		struct set s = {0};
		begin_with(&s, "return { api = 1,\n"
			       "acount = {},\n"
			       "account = {\n"
			       "  mtach = function() end },\n"
			       "marks = { ok = 1 } }");
		CHECK_STR(ask(&s, "{\"call\":\"check\"}"),
			  "{\"problems\":["
			  "{\"file\":\"p/details.lua\",\"line\":4,\"text\":"
			  "\"account.mtach: unknown key `mtach`; did you mean `match`?\"},"
			  "{\"file\":\"p/details.lua\",\"line\":2,\"text\":"
			  "\"acount: unknown key `acount`; did you mean `account`?\"},"
			  "{\"file\":\"p/details.lua\",\"line\":5,\"text\":"
			  "\"marks.ok: must be a text, not number\"}]}");
		CHECK_STR(ask(&s, "{\"call\":\"owner\"," DEAL "}"),
			  "p/details.lua:4: account.mtach: unknown key `mtach`; did you mean "
			  "`match`?");
		end(&s);
	}
	CASE ("mapper_broken_syntax_is_a_problem_with_its_line") {
		struct set s = {0};
		begin_with(&s, "return {\n api = 1\n owner = 2 }");
		CHECK(strstr(ask(&s, "{\"call\":\"check\"}"),
			     "\"file\":\"p/details.lua\",\"line\":3") != NULL);
		end(&s);
	}
	CASE ("mapper_a_failing_fixture_is_a_problem") {
		struct set s = {0};
		add_shipped(&s);
		add(&s, "details", "p/details.lua",
		    "return { api = 1, owner = function(d) return d.who end }");
		add(&s, "fixture:good", "p/fixtures/good.json",
		    "{\"call\":\"owner\",\"d\":{\"who\":\"x\"},\"expect\":\"x\"}");
		add(&s, "fixture:bad", "p/fixtures/bad.json",
		    "{\"call\":\"owner\",\"d\":{\"who\":\"x\"},\"expect\":\"y\"}");
		begin(&s);
		CHECK_STR(ask(&s, "{\"call\":\"check\"}"),
			  "{\"problems\":[{\"file\":\"p/fixtures/bad.json\",\"key\":\"bad\","
			  "\"text\":\"owner: got \\\"x\\\", want \\\"y\\\"\"}]}");
		end(&s);
	}
	CASE ("mapper_program_that_is_missing_is_a_config_error") {
		struct err e;
		struct loop *l = loop_new(&e);
		struct mapper_config c = {.program = "/nonexistent/cosell-mapper"};
		CHECK(mapper_new(l, NULL, &c, NULL, 0, &e) == NULL);
		CHECK_INT(e.kind, ERR_CONFIG);
		loop_free(l);
	}
}

/* ---- attacks ---- */

/* body is the function of `owner`; it must end in time, and a good question behind it be answered. */
static void attack(const char *body, const char *expect)
{
	struct set s = {0};
	struct got bad = {0};
	struct got good = {0};
	char *details = xasprintf("return { api = 1, owner = function(d) %s end,\n"
				  "close_reason = function() return 'fine' end }",
				  body);
	begin_with(&s, details);
	CHECK_STR(ask(&s, "{\"call\":\"close_reason\",\"crm\":{}}"), "{\"reason\":\"fine\"}");
	static const char attacking[] = "{\"call\":\"owner\"," DEAL "}";
	static const char harmless[] = "{\"call\":\"close_reason\",\"crm\":{}}";
	bad.loop = good.loop = s.loop;
	int64_t from = clock_mono_us();
	mapper_ask(s.mapper, attacking, strlen(attacking), done, &bad);
	mapper_ask(s.mapper, harmless, strlen(harmless), done, &good);
	wait_for(&s, &bad, 1);
	CHECK(clock_mono_us() - from < (DEADLINE_MS + 100) * 1000LL);
	CHECK(bad.text == NULL);
	CHECK_INT(bad.e.kind, ERR_SCRIPT);
	if (!CHECK(strstr(bad.e.text, expect) != NULL)) {
		CHECK_STR(bad.e.text, expect);
	}
	wait_for(&s, &good, 1);
	CHECK_STR(good.text, "{\"reason\":\"fine\"}");
	free(bad.text);
	free(good.text);
	end(&s);
	free(details);
}

static void attacks(void)
{
	CASE ("mapper_stops_an_endless_loop_with_its_line") {
		attack("while true do end", "p/details.lua:1: took longer than 160 ms");
	}
	CASE ("mapper_stops_a_loop_around_pcall") {
		attack("while true do pcall(function() while true do end end) end",
		       "p/details.lua:1: took longer than 160 ms");
	}
	CASE ("mapper_ends_a_pattern_bomb") {
		attack("return (('a'):rep(60)):find(('a*'):rep(30) .. 'b')",
		       "took longer than 200 ms");
	}
	CASE ("mapper_ends_an_empty_rep") {
		attack("return (''):rep(1 << 31)", "took longer than 200 ms");
	}
	CASE ("mapper_refuses_a_rep_bomb") {
		attack("return ('x'):rep(1 << 30)",
		       "owner: not enough memory (the limit is 64 MiB)");
	}
	CASE ("mapper_refuses_a_memory_bomb") {
		attack("local s = 'x' while true do s = s .. s end",
		       "owner: not enough memory (the limit is 64 MiB)");
	}
	CASE ("mapper_refuses_deep_recursion") {
		attack("local function f() return 1 + f() end return f()",
		       ""); /* stack, memory or time */
		attack("local function f(s) return (s:gsub('.', f)) end return f('x')",
		       "stack overflow");
	}
	CASE ("mapper_refuses_finalizers") {
		attack("setmetatable({}, { __gc = function() while true do end end })", "__gc");
	}
	CASE ("mapper_answer_that_is_too_long_is_an_error") {
		struct set s = {0};
		begin_with(&s,
			   "return { api = 1, owner = function() return ('x'):rep(1 << 21) end }");
		CHECK_STR(ask(&s, "{\"call\":\"owner\"," DEAL "}"),
			  "the mapping's answer is longer than 1048576 bytes");
		end(&s);
	}
	CASE ("mapper_file_cannot_change_what_others_see") {
		struct set s = {0};
		begin_with(&s,
			   "string.upper = function() return 'evil' end\n"
			   "rawset(ctx, 'today', 'never') rawset(_ENV or {}, 'x', 1)\n"
			   "return { api = 1, owner = function(d) return (('a'):upper()) end }");
		CHECK_STR(ask(&s, "{\"call\":\"owner\"," DEAL "}"), "{\"owner\":\"A\"}");
		CHECK_STR(ask(&s, "{\"call\":\"country.to_code\",\"value\":\"jpn\"}"),
			  "{\"code\":\"JP\"}");
		end(&s);
	}
}

/* ---- the process ---- */

#ifndef __SANITIZE_ADDRESS__ /* a sanitised mapper is not locked */
static bool status_has(pid_t pid, const char *line)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	char *text = slurp(path);
	bool found = strstr(text, line) != NULL;
	free(text);
	return found;
}

static int count_fds(pid_t pid)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	for (const struct dirent *de; d != NULL && (de = readdir(d)) != NULL;) {
		n += de->d_name[0] != '.';
	}
	if (d != NULL) {
		closedir(d);
	}
	return n;
}

static void locked(void)
{
	CASE ("mapper_process_is_locked_and_holds_nothing_open") {
		struct set s = {0};
		begin_with(&s, NULL);
		ask(&s, "{\"call\":\"hello\"}");
		pid_t pid = mapper_pid(s.mapper);
		CHECK(status_has(pid, "\nSeccomp:\t2\n"));
		CHECK(status_has(pid, "\nNoNewPrivs:\t1\n"));
		CHECK_INT(count_fds(pid), 2); /* the channel and standard error */
		end(&s);
	}
}
#endif

static void process(void)
{
	CASE ("mapper_killed_from_outside_comes_back") {
		struct set s = {0};
		begin_with(&s, NULL);
		ask(&s, "{\"call\":\"hello\"}");
		pid_t pid = mapper_pid(s.mapper);
		CHECK(pid > 0);
		CHECK_INT(kill(pid, SIGTERM), 0);
		/* either the call finds the dead process, or a new one: never silence */
		const char *first = ask(&s, "{\"call\":\"hello\"}");
		CHECK(strcmp(first, "{}") == 0 || strstr(first, "was ended by signal 15") != NULL);
		CHECK_STR(ask(&s, "{\"call\":\"hello\"}"), "{}");
		CHECK(mapper_pid(s.mapper) != pid);
		end(&s);
	}
	CASE ("mapper_cancelled_calls_are_not_answered") {
		struct set s = {0};
		begin_with(&s, NULL);
		struct got a = {.loop = s.loop};
		struct got b = {.loop = s.loop};
		static const char q[] = "{\"call\":\"hello\"}";
		struct mapper_call *first = mapper_ask(s.mapper, q, strlen(q), done, &a);
		struct mapper_call *second = mapper_ask(s.mapper, q, strlen(q), done, &a);
		mapper_ask(s.mapper, q, strlen(q), done, &b);
		mapper_cancel(second);
		mapper_cancel(first);
		wait_for(&s, &b, 1);
		CHECK_INT(a.count, 0);
		free(b.text);
		end(&s);
	}
	CASE ("mapper_freed_inside_an_answer_ends_the_rest") {
		struct set s = {0};
		begin_with(&s, NULL);
		struct got a = {.loop = s.loop, .free_it = s.mapper};
		struct got b = {.loop = s.loop};
		static const char q[] = "{\"call\":\"hello\"}";
		mapper_ask(s.mapper, q, strlen(q), done, &a);
		mapper_ask(s.mapper, q, strlen(q), done, &b);
		wait_for(&s, &a, 1);
		CHECK_STR(a.text, "{}");
		CHECK_INT(b.count, 1);
		CHECK_STR(b.e.text, "the mapping process was ended");
		free(a.text);
		s.mapper = NULL;
		end(&s);
	}
}

void check_mapper(void)
{
	answers();
	errors();
	attacks();
	process();
#ifndef __SANITIZE_ADDRESS__
	locked();
#endif
}
