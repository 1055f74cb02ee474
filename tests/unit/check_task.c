/* Tasks: waking, dropping, raises and their writes, dead rounds, memory, cost. */
#include "script/task.h"

#include "script/json.h"
#include "store/links.h"
#include "tests.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* ---- a world that stands still, a vm with one module, an end that is remembered ---- */

static int64_t now_us = 1000;

static int64_t fixed_now(void *ctx)
{
	(void)ctx;
	return 1940000000000;
}

static int64_t fixed_us(void *ctx)
{
	(void)ctx;
	return now_us;
}

static void fixed_random(void *ctx, void *out, size_t n)
{
	(void)ctx;
	memset(out, 7, n);
}

static const struct world world = {
	.now_ms = fixed_now, .mono_us = fixed_us, .random = fixed_random};

struct rig {
	struct vm *vm;
	struct db *db;
	struct links *links;
	struct tasks *ts;
	struct ticket ticket; /* of the last pause() */
	int cancelled;
	int ended, dropped;
	char *result;
	struct err e, why;
	char mark[40]; /* what task_ended writes, "" nothing */
	int freed;     /* push(NULL) calls */
};

static struct rig *rig_now;

static void on_cancel(void *arg)
{
	((struct rig *)arg)->cancelled++;
}

/* pause(): suspends until the test wakes it */
static int l_pause(lua_State *L)
{
	struct task *t = task_of(L);
	rig_now->ticket = task_ticket(t);
	return task_wait(L, t, lua_toboolean(L, 1), on_cancel, rig_now);
}

/* mark(name, value): a write */
static int l_mark(lua_State *L)
{
	struct err e;
	bool ok =
		links_mark_set(rig_now->links, luaL_checkstring(L, 1), luaL_checkstring(L, 2), &e);
	return ok ? 0 : luaL_error(L, "%s", e.text);
}

static int l_count(lua_State *L)
{
	task_count(task_of(L), luaL_checkstring(L, 1), (int)luaL_checkinteger(L, 2));
	return 0;
}

static int l_install(lua_State *L)
{
	json_open(L);
	lua_pushglobaltable(L);
	lua_pushliteral(L, "t");
	lua_newtable(L);
	lua_pushcfunction(L, l_pause);
	lua_setfield(L, -2, "pause");
	lua_pushcfunction(L, l_mark);
	lua_setfield(L, -2, "mark");
	lua_pushcfunction(L, l_count);
	lua_setfield(L, -2, "count");
	lua_rawset(L, -3);
	return 0;
}

static const char script[] =
	"local M = {}\n"
	"function M.give(a) return { got = a } end\n"
	"function M.nothing() end\n"
	"function M.fails() return nil, { kind = 'busy', text = 'later', wait_ms = 70 } end\n"
	"function M.raises() t.mark('m', 'raised') error('boom') end\n"
	"function M.waits() local a, b = t.pause() return { a = a, b = b } end\n"
	"function M.writes_and_waits() t.mark('m', 'one') t.pause() t.mark('m', 'two') end\n"
	"function M.asks() t.pause(true) end\n"
	"function M.reads_on() t.pause() t.pause() end\n"
	"function M.inner() return coroutine.wrap(function() t.pause() end)() end\n"
	"function M.yields() coroutine.yield(1) end\n"
	"function M.eats() local s = {} for i = 1, 1e9 do s[i] = ('x'):rep(1000) .. i end end\n"
	"function M.spins() while true do end end\n"
	"function M.counts() t.count('a', 2) t.count('b', 1) t.count('a', 1) t.pause() end\n"
	"function M.writes_both() t.mark('m', 'one') t.pause() t.mark('n', 'two') end\n"
	"return M\n";

static struct rig *rig_new(size_t memory)
{
	const struct vm_config c = {.max_memory = memory, .requires = true, .strict = true};
	struct rig *r = NEW(struct rig);
	struct err e;
	r->vm = vm_new(&c);
	vm_file(r->vm, "m", "m.lua", script, strlen(script));
	lua_pushcfunction(vm_lua(r->vm), l_install);
	CHECK(vm_call(r->vm, vm_lua(r->vm), 0, 0, 0, &e));
	r->db = db_open(":memory:", &world, &e);
	if (!CHECK(r->db != NULL))
		exit(1);
	r->links = links_new(r->db);
	r->ts = tasks_new(r->vm, r->db, &world);
	rig_now = r;
	return r;
}

static void rig_free(struct rig *r)
{
	tasks_free(r->ts);
	vm_free(r->vm);
	links_free(r->links);
	db_close(r->db);
	free(r->result);
	free(r);
}

static void on_ended(void *arg, struct task *t, const char *result, const struct err *e)
{
	struct rig *r = arg;
	(void)t;
	struct err failed;
	r->ended++;
	free(r->result);
	r->result = xstrdup(result);
	r->e = *e;
	if (r->mark[0])
		CHECK(links_mark_set(r->links, r->mark, "ended", &failed));
}

static void on_dropped(void *arg, struct task *t, const struct err *why)
{
	struct rig *r = arg;
	(void)t;
	r->dropped++;
	r->why = *why;
}

static struct task *begin(struct rig *r, const char *name, const char *json)
{
	const struct task_call c = {.module = "m",
				    .name = name,
				    .arg_json = json,
				    .ended = on_ended,
				    .dropped = on_dropped,
				    .arg = r};
	return task_begin(r->ts, &c);
}

static void run(struct rig *r)
{
	while (tasks_run(r->ts, now_us + 1))
		;
}

static bool commit(struct rig *r)
{
	struct err e;
	bool ok = db_commit(r->db, &e);
	tasks_round_over(r->ts, ok);
	return ok;
}

static bool marked(struct rig *r, const char *name, const char *value)
{
	struct err e;
	char *got = NULL;
	bool ok = links_mark_get(r->links, name, &got, &e);
	bool same = ok && (value ? got && strcmp(got, value) == 0 : !got);
	free(got);
	return same;
}

static int push_two(lua_State *co, void *arg)
{
	struct rig *r = arg;
	if (!co) {
		r->freed++;
		return 0;
	}
	lua_pushinteger(co, 1);
	lua_pushliteral(co, "two");
	return 2;
}

static int push_raise(lua_State *co, void *arg)
{
	return co ? luaL_error(co, "pushing failed") : push_two(co, arg);
}

/* ---- the cases ---- */

static void check_ends(void)
{
	CASE ("task_that_returns_gives_json") {
		struct rig *r = rig_new(0);
		begin(r, "give", "{\"n\":9007199254740993}");
		CHECK_INT(tasks_count(r->ts), 1);
		run(r);
		CHECK_INT(r->ended, 1);
		CHECK_INT(r->e.kind, ERR_NONE);
		CHECK_STR(r->result, "{\"got\":{\"n\":9007199254740993}}");
		CHECK_INT(tasks_count(r->ts), 0);
		rig_free(r);
	}
	CASE ("task_that_returns_nothing_has_no_result") {
		struct rig *r = rig_new(0);
		begin(r, "nothing", NULL);
		run(r);
		CHECK(r->ended == 1 && !r->result && r->e.kind == ERR_NONE);
		rig_free(r);
	}
	CASE ("task_that_returns_an_error_keeps_kind_and_wait") {
		struct rig *r = rig_new(0);
		begin(r, "fails", NULL);
		run(r);
		CHECK_INT(r->e.kind, ERR_BUSY);
		CHECK_INT(r->e.wait_ms, 70);
		CHECK_STR(r->e.text, "later");
		rig_free(r);
	}
	CASE ("task_that_raises_loses_its_step_but_not_what_its_end_writes") {
		struct rig *r = rig_new(0);
		strcpy(r->mark, "end");
		begin(r, "raises", NULL);
		run(r);
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		CHECK(strstr(r->e.text, "m.lua:5: boom") != NULL);
		CHECK(commit(r));
		CHECK(marked(r, "m", NULL));
		CHECK(marked(r, "end", "ended"));
		rig_free(r);
	}
	CASE ("task_without_its_function_ends_with_script") {
		struct rig *r = rig_new(0);
		begin(r, "missing", NULL);
		run(r);
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		rig_free(r);
	}
	CASE ("task_that_yields_by_itself_ends_with_script") {
		struct rig *r = rig_new(0);
		begin(r, "yields", NULL);
		run(r);
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		CHECK_INT(tasks_count(r->ts), 0);
		rig_free(r);
	}
	CASE ("task_that_suspends_in_its_own_coroutine_is_refused") {
		struct rig *r = rig_new(0);
		begin(r, "inner", NULL);
		run(r);
		CHECK_INT(r->ended, 1);
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		rig_free(r);
	}
	CASE ("task_that_eats_memory_fails_alone") {
		struct rig *r = rig_new((size_t)8 << 20);
		begin(r, "waits", NULL);
		run(r);
		struct ticket first = r->ticket;
		begin(r, "eats", NULL);
		run(r);
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		task_wake(first, push_two, r);
		run(r);
		CHECK_INT(r->ended, 2);
		CHECK_STR(r->result, "{\"a\":1,\"b\":\"two\"}");
		rig_free(r);
	}
	CASE ("task_that_computes_too_long_ends_with_script") {
		struct rig *r = rig_new(0);
		begin(r, "spins", NULL);
		run(r);
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		CHECK(strstr(r->e.text, "m.lua:13") != NULL);
		rig_free(r);
	}
}

static void check_waits(void)
{
	CASE ("task_woken_gets_what_was_pushed") {
		struct rig *r = rig_new(0);
		begin(r, "waits", NULL);
		run(r);
		CHECK(!tasks_ready(r->ts) && r->ended == 0);
		task_wake(r->ticket, push_two, r);
		CHECK(tasks_ready(r->ts));
		run(r);
		CHECK_STR(r->result, "{\"a\":1,\"b\":\"two\"}");
		CHECK_INT(r->freed, 1);
		CHECK_INT(r->cancelled, 0);
		rig_free(r);
	}
	CASE ("task_whose_answer_raises_ends_with_script_and_frees_it") {
		struct rig *r = rig_new(0);
		begin(r, "waits", NULL);
		run(r);
		task_wake(r->ticket, push_raise, r);
		run(r);
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		CHECK_INT(r->freed, 1);
		rig_free(r);
	}
	CASE ("task_woken_twice_drops_the_second_answer") {
		struct rig *r = rig_new(0);
		begin(r, "reads_on", NULL);
		run(r);
		struct ticket first = r->ticket;
		task_wake(first, push_two, r);
		run(r);
		task_wake(first, push_two, r); /* the second wait has another number */
		CHECK(!tasks_ready(r->ts));
		CHECK_INT(r->freed, 2);
		CHECK_INT(r->ended, 0);
		task_wake(r->ticket, push_two, r);
		run(r);
		CHECK_INT(r->ended, 1);
		rig_free(r);
	}
	CASE ("task_closed_is_cancelled_dropped_and_never_ends") {
		struct rig *r = rig_new(0);
		struct task *t = begin(r, "waits", NULL);
		run(r);
		struct ticket k = r->ticket;
		task_close(t);
		CHECK_INT(r->cancelled, 1);
		CHECK_INT(r->dropped, 1);
		CHECK_INT(r->why.kind, ERR_NONE);
		task_wake(k, push_two, r);
		CHECK_INT(r->freed, 1);
		run(r);
		CHECK_INT(r->ended, 0);
		rig_free(r);
	}
	CASE ("tasks_freed_drop_all_and_free_a_pending_answer") {
		struct rig *r = rig_new(0);
		begin(r, "waits", NULL);
		run(r);
		task_wake(r->ticket, push_two, r);
		begin(r, "waits", NULL);
		tasks_free(r->ts);
		r->ts = NULL;
		CHECK_INT(r->dropped, 2);
		CHECK_INT(r->freed, 1);
		CHECK_INT(r->cancelled, 0);
		rig_free(r);
	}
	CASE ("tasks_run_stops_at_its_time") {
		struct rig *r = rig_new(0);
		begin(r, "nothing", NULL);
		CHECK(tasks_run(r->ts, now_us));
		CHECK_INT(r->ended, 0);
		CHECK(!tasks_run(r->ts, now_us + 1));
		CHECK_INT(r->ended, 1);
		rig_free(r);
	}
}

static void check_rounds(void)
{
	CASE ("round_dead_closes_who_wrote_and_who_waits_for_the_commit") {
		struct rig *r = rig_new(0);
		begin(r, "writes_and_waits", NULL);
		begin(r, "asks", NULL);
		begin(r, "waits", NULL);
		run(r);
		tasks_round_over(r->ts, false);
		CHECK_INT(r->dropped, 2);
		CHECK_INT(r->why.kind, ERR_STORE);
		CHECK_INT(tasks_count(r->ts), 1);
		rig_free(r);
	}
	CASE ("round_good_leaves_them_and_a_later_dead_one_does_not_touch_them") {
		struct rig *r = rig_new(0);
		begin(r, "writes_and_waits", NULL);
		begin(r, "asks", NULL);
		run(r);
		CHECK(commit(r));
		tasks_round_over(r->ts, false);
		CHECK_INT(r->dropped, 0);
		CHECK(marked(r, "m", "one"));
		rig_free(r);
	}
	CASE ("task_cost_is_counted_by_remote") {
		struct rig *r = rig_new(0);
		struct buf calls = {0};
		struct task *t = begin(r, "counts", NULL);
		run(r);
		task_calls(t, &calls);
		CHECK_STR(calls.data, "{\"a\":3,\"b\":1}");
		CHECK_INT(task_cost(t)->started_ms, 1940000000000);
		buf_free(&calls);
		rig_free(r);
	}
	CASE ("task_says_last_word_wins") {
		struct rig *r = rig_new(0);
		struct task *t = begin(r, "waits", NULL);
		CHECK(task_said(t) == NULL);
		struct task_said one = {.flow = xstrdup("a"), .link = 1};
		struct task_said two = {
			.flow = xstrdup("b"), .outcome = xstrdup("done"), .link = 2};
		task_say(t, &one);
		task_say(t, &two);
		CHECK_STR(task_said(t)->flow, "b");
		CHECK_INT(task_said(t)->link, 2);
		rig_free(r);
	}
}

static void check_rehearsals(void)
{
	CASE ("rehearsal_writes_nothing_in_any_of_its_steps") {
		struct rig *r = rig_new(0);
		struct task *t = begin(r, "writes_both", NULL);
		task_rehearse(t);
		run(r);
		CHECK(marked(r, "m", NULL));
		begin(r, "raises", NULL); /* others go on as ever */
		task_wake(r->ticket, push_two, r);
		strcpy(r->mark, "end");
		run(r);
		CHECK_INT(r->ended, 2);
		CHECK(commit(r));
		CHECK(marked(r, "m", NULL) && marked(r, "n", NULL));
		CHECK(marked(r, "end", "ended"));
		rig_free(r);
	}
	CASE ("rehearsal_begun_within_a_step_undoes_that_step") {
		struct rig *r = rig_new(0);
		struct task *t = begin(r, "writes_and_waits", NULL);
		run(r);
		CHECK(marked(r, "m", "one"));
		task_rehearse(t);
		task_wake(r->ticket, push_two, r);
		run(r);
		CHECK(commit(r));
		CHECK(marked(r, "m", "one"));
		rig_free(r);
	}
	CASE ("rehearsal_tells_what_it_asked_and_said_once") {
		struct rig *r = rig_new(0);
		struct buf b = {0};
		struct task *t = begin(r, "waits", NULL);
		task_rehearse(t);
		task_asked(t, "{\"call\":\"a\"}", "1");
		task_asked(t, "{}", "[]");
		const struct task_said said = {.outcome = xstrdup("equal")};
		task_say(t, &said);
		task_rehearsed(t, &b);
		CHECK_STR(b.data, "{\"asked\":[{\"question\":{\"call\":\"a\"},\"answer\":1},"
				  "{\"question\":{},\"answer\":[]}],"
				  "\"outcome\":\"equal\",\"detail\":{}}");
		b.len = 0;
		task_rehearsed(t, &b);
		CHECK_STR(b.data, "{\"asked\":[]}");
		buf_free(&b);
		rig_free(r);
	}
}

void check_task(void);
void check_task(void)
{
	check_rehearsals();
	check_ends();
	check_waits();
	check_rounds();
}
