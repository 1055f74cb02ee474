/*
 * script/mapper with the true cosell-mapper: answers, the contract's errors, and that nothing a
 * mapping does outlives its deadline.
 */
#include "base/clock.h"

#include <signal.h>

#include "mapper_kit.h"

void check_mapper(void);

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
		CHECK_STR(ask(&s, "{\"call\":\"check\"}"), "{\"fixtures\":0,\"problems\":[]}");
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
			  "{\"profile\":{\"settings\":{\"settle\":0},\"stage\":\"sandbox\"}}");
		end(&s);
	}
	CASE ("mapper_settings_beside_the_mapping_are_told_apart") {
		struct set s = {0};
		add_shipped(&s);
		add(&s, "profile", "p/profile.lua",
		    "return { stage = 'sandbox', settings = { settle = 0 } }");
		add(&s, "settings", "p/settings.lua", "return { flows = {} }");
		begin(&s);
		CHECK_STR(ask(&s, "{\"call\":\"profile\"}"),
			  "{\"profile\":{\"settings\":{\"settle\":0},\"stage\":\"sandbox\"},"
			  "\"shared\":{\"flows\":{}}}");
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
			  "p/details.lua:4: `os` is not known here; the day is `ctx.today`");
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
			  "{\"fixtures\":0,\"problems\":["
			  "{\"file\":\"p/details.lua\",\"key\":\"acount\",\"line\":2,"
			  "\"text\":\"unknown key `acount`; did you mean `account`?\"},"
			  "{\"file\":\"p/details.lua\",\"key\":\"account.mtach\",\"line\":4,"
			  "\"text\":\"unknown key `mtach`; did you mean `match`?\"},"
			  "{\"file\":\"p/details.lua\",\"key\":\"marks.ok\",\"line\":5,"
			  "\"text\":\"must be a text, not a number\"}]}");
		CHECK_STR(ask(&s, "{\"call\":\"owner\"," DEAL "}"),
			  "p/details.lua:2: acount: unknown key `acount`; did you mean "
			  "`account`?");
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
		for (int i = 0; i < 2; i++)
			CHECK_STR(ask(&s, "{\"call\":\"check\"}"), "{\"more\":true}");
		CHECK_STR(ask(&s, "{\"call\":\"check\"}"),
			  "{\"fixtures\":2,\"problems\":[{\"file\":\"p/fixtures/"
			  "bad.json\",\"key\":\"bad\","
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

/* ---- attacks (more of them: check_runaway.c) ---- */

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
	CASE ("mapper_stops_a_loop_around_pcall") {
		attack("while true do pcall(function() while true do end end) end",
		       "p/details.lua:1: took longer than 160 ms");
	}
	CASE ("mapper_ends_an_empty_rep") {
		attack("return (''):rep(1 << 31)", "took longer than 200 ms");
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

/* ---- several questions out at a time ---- */

static const char quick[] = "{\"call\":\"close_reason\",\"crm\":{}}";
static const char slow[] = "{\"call\":\"owner\"," DEAL "}";

static void begin_slow(struct set *s, const char *body)
{
	char *details = own(s, xasprintf("return { api = 1, owner = function(d) %s end,\n"
					 "close_reason = function() return 'fine' end }",
					 body));
	begin_with(s, details);
	CHECK_STR(ask(s, quick), "{\"reason\":\"fine\"}");
}

static void kill_it(void *arg)
{
	struct set *s = arg;
	CHECK_INT(kill(mapper_pid(s->mapper), SIGKILL), 0);
}

static void several_out(void)
{
	CASE ("mapper_answers_before_a_late_one_have_left") {
		struct set s = {0};
		struct got before = {0};
		struct got late = {0};
		begin_slow(&s, "return (('x'):rep(300000):find(('x*'):rep(90) .. 'y'))");
		before.loop = late.loop = s.loop;
		int64_t from = clock_mono_us();
		mapper_ask(s.mapper, quick, strlen(quick), done, &before);
		mapper_ask(s.mapper, quick, strlen(quick), done, &before);
		mapper_ask(s.mapper, slow, strlen(slow), done, &late);
		wait_for(&s, &before, 2);
		CHECK(clock_mono_us() - from < DEADLINE_MS * 1000LL / 2);
		wait_for(&s, &late, 1);
		CHECK(late.text == NULL && strstr(late.e.text, "took longer than 200 ms") != NULL);
		CHECK_STR(before.text, "{\"reason\":\"fine\"}");
		free(before.text);
		end(&s);
	}
	CASE ("mapper_that_died_over_several_is_asked_each_again") {
		struct set s = {0};
		struct got a = {0};
		struct got b = {0};
		begin_slow(&s,
			   "local n = 0 for i = 1, 1500000 do n = n + i end return 'a@b.example'");
		a.loop = b.loop = s.loop;
		pid_t pid = mapper_pid(s.mapper);
		struct loop_timer *t = loop_timer_new(s.loop, kill_it, &s);
		mapper_ask(s.mapper, slow, strlen(slow), done, &a);
		mapper_ask(s.mapper, quick, strlen(quick), done, &b);
		mapper_ask(s.mapper, slow, strlen(slow), done, &b);
		loop_timer_set(t, 3);
		wait_for(&s, &b, 2);
		CHECK_INT(a.count, 1);
		CHECK_STR(a.text, "{\"owner\":\"a@b.example\"}");
		CHECK_STR(b.text, "{\"owner\":\"a@b.example\"}");
		CHECK(mapper_pid(s.mapper) != pid);
		free(a.text);
		free(b.text);
		loop_timer_free(t);
		end(&s);
	}
	CASE ("mapper_takes_more_questions_than_are_out_at_a_time") {
		struct set s = {0};
		struct got g = {0};
		begin_slow(&s, "return 'a@b.example'");
		g.loop = s.loop;
		for (int i = 0; i < 1000; i++)
			mapper_ask(s.mapper, i % 2 ? slow : quick, strlen(i % 2 ? slow : quick),
				   done, &g);
		wait_for(&s, &g, 1000);
		CHECK_STR(g.text, "{\"owner\":\"a@b.example\"}");
		free(g.text);
		end(&s);
	}
}

/* ---- the process ---- */

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
	several_out();
	process();
}
