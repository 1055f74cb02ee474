/*
 * What stands in the table `host` itself: sleeping, the clock, random bytes, saying, the mapping
 * process, the host's own state.  Knows no policy.
 */
#include "base/log.h"
#include "script/api_kit.h"
#include "script/api_parts.h"
#include "store/restore.h"

#include <stdlib.h>
#include <string.h>

#define SLEEP_MOST_MS (24LL * 3600 * 1000)
#define RANDOM_MOST   4096
#define LOG_MOST      2000

/* ---- time ---- */

struct nap {
	struct ticket ticket;
	struct loop_timer *timer;
};

static void nap_free(void *arg)
{
	struct nap *n = arg;
	loop_timer_free(n->timer);
	free(n);
}

static void nap_over(void *arg)
{
	struct nap *n = arg;
	task_wake(n->ticket, api_push_done, NULL);
	nap_free(n);
}

/* host.sleep(ms) (suspends) */
static int l_sleep(lua_State *L)
{
	lua_Integer ms = luaL_checkinteger(L, 1);
	luaL_argcheck(L, ms >= 0 && ms <= SLEEP_MOST_MS, 1, "from 0 to a day");
	struct services *s = api_services(L);
	struct task *t = task_of(L);
	struct nap *n = NEW(struct nap);
	n->ticket = task_ticket(t);
	n->timer = loop_timer_new(s->loop, nap_over, n);
	loop_timer_set(n->timer, ms);
	return task_wait(L, t, false, nap_free, n);
}

/* host.now_ms() -> int */
static int l_now_ms(lua_State *L)
{
	lua_pushinteger(L, WORLD_NOW(api_services(L)->world));
	return 1;
}

/* ---- random ---- */

/* host.uuid() -> string */
static int l_uuid(lua_State *L)
{
	char uuid[37];
	world_uuid(api_services(L)->world, uuid);
	lua_pushstring(L, uuid);
	return 1;
}

/* host.random(n) -> bytes */
static int l_random(lua_State *L)
{
	char bytes[RANDOM_MOST];
	lua_Integer n = luaL_checkinteger(L, 1);
	luaL_argcheck(L, n >= 0 && n <= RANDOM_MOST, 1, "from 0 to 4096");
	const struct world *w = api_services(L)->world;
	w->random(w->ctx, bytes, (size_t)n);
	lua_pushlstring(L, bytes, (size_t)n);
	return 1;
}

/* ---- saying ---- */

/* host.log(level, text) */
static int l_log(lua_State *L)
{
	enum log_level level;
	if (!log_level_from(luaL_checkstring(L, 1), &level))
		return luaL_argerror(L, 1, "debug, info, warn or error");
	const struct task *t = task_running(L);
	if (t && task_rehearses(t))
		level = LOG_DEBUG; /* it did not happen */
	log_line(level, "%.*s", LOG_MOST, luaL_checkstring(L, 2));
	return 0;
}

/* host.run{flow=, link=, trigger=, outcome=, detail=} */
static int l_run(lua_State *L)
{
	static const char *const keys[] = {"flow", "link", "trigger", "outcome", "detail", NULL};
	api_check_keys(L, 1, keys);
	struct task *t = task_of(L);
	const char *flow = api_opt_string(L, 1, "flow", NULL);
	const char *trigger = api_opt_string(L, 1, "trigger", NULL);
	const char *outcome = api_opt_string(L, 1, "outcome", NULL);
	int64_t link = api_opt_int(L, 1, "link", 0);
	const char *detail = NULL;
	if (lua_getfield(L, 1, "detail") != LUA_TNIL)
		detail = api_encode(L, lua_gettop(L));
	const struct task_said said = {xstrdup(flow), xstrdup(trigger), xstrdup(outcome),
				       xstrdup(detail), link};
	task_say(t, &said);
	return 0;
}

/* host.status() -> table */
static int l_status(lua_State *L)
{
	struct services *s = api_services(L);
	if (!s->status)
		return luaL_error(L, "host: no status in this command");
	struct buf *b = api_scratch(s);
	s->status(s->ctx, b);
	return api_push_json(L, b->data, b->len);
}

/* host.reload() -> true | nil, err */
static int l_reload(lua_State *L)
{
	struct services *s = api_services(L);
	struct err e;
	if (!s->reload)
		return luaL_error(L, "host: no reload in this command");
	if (!s->reload(s->ctx, &e))
		return vm_fail(L, &e);
	lua_pushboolean(L, true);
	return 1;
}

/* ---- the mapping process ---- */

struct asked {
	struct ticket ticket;
	struct mapper_call *call;
	char *question; /* of a rehearsal, else NULL */
};

struct text_answer {
	char *json;
	size_t len;
	struct err *e;
	char *question; /* of a rehearsal, else NULL */
};

static int push_text_answer(lua_State *co, void *arg)
{
	struct text_answer *a = arg;
	if (!co) {
		free(a->json);
		free(a->e);
		free(a->question);
		free(a);
		return 0;
	}
	if (a->question && !a->e)
		task_asked(task_of(co), a->question, a->json);
	return a->e ? vm_fail(co, a->e) : api_push_json(co, a->json, a->len);
}

/* Takes the question over. */
static void wake_asked(struct ticket k, char *question, const char *json, size_t len,
		       const struct err *e)
{
	struct text_answer *a = NEW(struct text_answer);
	a->question = question;
	a->json = json ? xmemdup0(json, len) : NULL;
	a->len = len;
	a->e = json ? NULL : api_err_copy(e);
	task_wake(k, push_text_answer, a);
}

static void wake_with(struct ticket k, const char *json, size_t len, const struct err *e)
{
	wake_asked(k, NULL, json, len, e);
}

static void map_done(void *arg, const char *answer, size_t len, const struct err *e)
{
	struct asked *a = arg;
	wake_asked(a->ticket, a->question, answer, len, e);
	free(a);
}

static void map_cancel(void *arg)
{
	struct asked *a = arg;
	mapper_cancel(a->call);
	free(a->question);
	free(a);
}

/* A rehearsal wants to know who answered: {"call":...} -> {"trace":true,"call":...} */
static char *traced(const char *question)
{
	return xasprintf("{\"trace\":true%s%s", question[1] == '}' ? "" : ",", question + 1);
}

/* host.map(question) (suspends) -> answer | nil, err */
static int l_map(lua_State *L)
{
	struct services *s = api_services(L);
	API_NEED(L, s, mapper);
	luaL_checktype(L, 1, LUA_TTABLE);
	struct task *t = task_of(L);
	const char *question = api_encode(L, 1);
	if (*question != '{')
		return luaL_argerror(L, 1, "a question has names");
	struct asked *a = NEW(struct asked);
	a->ticket = task_ticket(t);
	a->question = task_rehearses(t) ? xstrdup(question) : NULL;
	char *asks = a->question ? traced(question) : NULL;
	a->call = mapper_ask(s->mapper, asks ? asks : question,
			     asks ? strlen(asks) : s->scratch.len, map_done, a);
	free(asks);
	return task_wait(L, t, false, map_cancel, a);
}

/* ---- rehearsals ---- */

/* host.rehearse(): this task writes nothing any more, see task.h */
static int l_rehearse(lua_State *L)
{
	task_rehearse(task_of(L));
	return 0;
}

/* host.rehearsed() -> {asked={{question=,answer=},...}, outcome=, detail=}: since the last call */
static int l_rehearsed(lua_State *L)
{
	struct task *t = task_of(L);
	struct buf *b = api_scratch(api_services(L));
	task_rehearsed(t, b);
	return api_push_json(L, b->data, b->len);
}

/* ---- a profile folder, loaded by a command that runs here ---- */

static void load_done(void *arg, const char *json, const struct err *e)
{
	struct ticket *k = arg;
	wake_with(*k, json, json ? strlen(json) : 0, e);
	free(k);
}

/* host.load(dir, {unproved=, mapping=}) (suspends) -> {profile=, problems={}} | nil, err; host.map
 * then asks it */
static int l_load(lua_State *L)
{
	static const char *const keys[] = {"unproved", "mapping", NULL};
	struct services *s = api_local(L);
	const char *dir = luaL_checkstring(L, 1);
	lua_settop(L, 2);
	if (!lua_isnil(L, 2))
		api_check_keys(L, 2, keys);
	bool given = !lua_isnil(L, 2);
	bool prove = !given || !api_opt_bool(L, 2, "unproved");
	const char *mapping = given ? api_opt_string(L, 2, "mapping", NULL) : NULL;
	struct task *t = task_of(L);
	if (!s->load)
		return luaL_error(L, "host: no load in this command");
	struct ticket *k = NEW(struct ticket);
	*k = task_ticket(t);
	struct err e;
	if (!s->load(s->ctx, dir, mapping, prove, load_done, k, &e)) {
		free(k);
		return vm_fail(L, &e);
	}
	return task_wait(L, t, false, NULL,
			 NULL); /* an answer for a task that is gone is dropped */
}

/* ---- the state file as a whole ---- */

/* host.backup(path) (suspends) -> {file=, bytes=, schema=, secrets=, rows=, tables=} | nil, err */
static int l_backup(lua_State *L)
{
	struct services *s = api_services(L);
	const char *path = luaL_checkstring(L, 1);
	struct task *t = task_of(L);
	API_NEED(L, s, backup);
	struct ticket *k = NEW(struct ticket);
	*k = task_ticket(t);
	struct err e;
	if (!s->backup(s->ctx, path, load_done, k, &e)) {
		free(k);
		return vm_fail(L, &e);
	}
	return task_wait(L, t, false, NULL, NULL); /* done all the same if nobody waits any more */
}

/* host.restore{from=, to=, key_file=, aside=} -> {file=, aside=, key=, schema=, ...} | nil, err, end */
static int l_restore(lua_State *L)
{
	static const char *const keys[] = {"from", "to", "key_file", "aside", NULL};
	struct services *s = api_local(L);
	api_check_keys(L, 1, keys);
	const struct restore r = {.from = api_need_string(L, 1, "from"),
				  .to = api_need_string(L, 1, "to"),
				  .key_file = api_opt_string(L, 1, "key_file", NULL),
				  .aside = api_opt_bool(L, 1, "aside")};
	struct buf *b = api_scratch(s);
	struct err e;
	if (restore_run(&r, s->world, b, &e))
		return api_push_json(L, b->data, b->len);
	(void)vm_fail(L, &e);
	lua_pushinteger(L, e.end);
	return 3;
}

/* ---- registration ---- */

static const luaL_Reg functions[] = {
	{"sleep", l_sleep},
	{"now_ms", l_now_ms},
	{"uuid", l_uuid},
	{"random", l_random},
	{"log", l_log},
	{"run", l_run},
	{"map", l_map},
	{"status", l_status},
	{"reload", l_reload},
	{"load", l_load},
	{"backup", l_backup},
	{"restore", l_restore},
	{"rehearse", l_rehearse},
	{"rehearsed", l_rehearsed},
	{NULL, NULL},
};

void api_host_open(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
}
