/*
 * The table `host`: what needs no file of its own, and what the api files share.
 *
 * A raise in Lua is a long jump, so a Lua-called function here holds nothing while it touches the
 * Lua API: what it must keep lies in the services (scratch, held) or in the task.  Knows no policy.
 */
#include "script/api.h"

#include "base/log.h"
#include "script/json.h"

#include <stdlib.h>
#include <string.h>

#define SLEEP_MOST_MS (24LL * 3600 * 1000)
#define RANDOM_MOST   4096
#define LOG_MOST      2000
#define SCRATCH_KEEP  (64u << 10)

static const char services_key; /* its address names the registry entry */

/* ---- shared by the api files ---- */

struct services *api_services(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &services_key);
	struct services *s = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return s;
}

struct services *api_local(lua_State *L)
{
	struct services *s = api_services(L);
	if (!s->local)
		luaL_error(L, "this function works in commands that run here only");
	return s;
}

void api_table(lua_State *L, const char *name, const luaL_Reg *functions)
{
	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lua_setfield(L, -2, name);
}

void **api_box(lua_State *L, const char *type)
{
	void **box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, type);
	lua_pushvalue(L, -1);
	luaL_ref(L, LUA_REGISTRYINDEX);
	return box;
}

struct buf *api_scratch(struct services *s)
{
	if (s->scratch.cap > SCRATCH_KEEP)
		buf_free(&s->scratch);
	s->scratch.len = 0;
	if (s->scratch.data)
		s->scratch.data[0] = '\0';
	return &s->scratch;
}

char *api_hold(struct services *s, int slot, char *p)
{
	free(s->held[slot]);
	s->held[slot] = p;
	return p;
}

const char *api_encode(lua_State *L, int index)
{
	struct buf *b = api_scratch(api_services(L));
	struct err e;
	if (!json_encode(L, index, b, &e))
		luaL_argerror(L, index, lua_pushstring(L, e.text));
	return b->data;
}

int api_push_json(lua_State *L, const char *json, size_t len)
{
	struct err e;
	if (!json_decode(L, json, len, &e))
		return vm_fail(L, &e);
	return 1;
}

void api_check_keys(lua_State *L, int index, const char *const *keys)
{
	index = lua_absindex(L, index);
	luaL_checktype(L, index, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, index)) {
		lua_pop(L, 1);
		const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
		size_t i = 0;
		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i])
			luaL_error(L, "unknown option '%s'", key);
	}
}

/* The field on the stack, raising unless it is nil or of that type; true if it is there. */
static bool option(lua_State *L, int index, const char *key, int type)
{
	int got = lua_getfield(L, index, key);
	if (got != LUA_TNIL && got != type)
		luaL_error(L, "option '%s': %s expected, got %s", key, lua_typename(L, type),
			   lua_typename(L, got));
	return got != LUA_TNIL;
}

const char *api_opt_string(lua_State *L, int index, const char *key, size_t *len)
{
	const char *s = option(L, index, key, LUA_TSTRING) ? lua_tolstring(L, -1, len) : NULL;
	lua_pop(L, 1); /* the table keeps it alive */
	return s;
}

const char *api_need_string(lua_State *L, int index, const char *key)
{
	const char *s = api_opt_string(L, index, key, NULL);
	if (!s)
		luaL_error(L, "option '%s' is missing", key);
	return s;
}

int64_t api_opt_int(lua_State *L, int index, const char *key, int64_t def)
{
	int64_t v = def;
	if (option(L, index, key, LUA_TNUMBER)) {
		int whole = 0;
		v = lua_tointegerx(L, -1, &whole);
		if (!whole)
			luaL_error(L, "option '%s': a whole number expected", key);
	}
	lua_pop(L, 1);
	return v;
}

bool api_opt_bool(lua_State *L, int index, const char *key)
{
	bool v = option(L, index, key, LUA_TBOOLEAN) && lua_toboolean(L, -1);
	lua_pop(L, 1);
	return v;
}

struct err *api_err_copy(const struct err *e)
{
	return e && e->kind != ERR_NONE ? memcpy(xmalloc(sizeof(*e)), e, sizeof(*e)) : NULL;
}

int api_push_done(lua_State *co, void *arg)
{
	if (!co) {
		free(arg);
		return 0;
	}
	if (arg)
		return vm_fail(co, arg);
	lua_pushboolean(co, true);
	return 1;
}

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
};

struct text_answer {
	char *json;
	size_t len;
	struct err *e;
};

static int push_text_answer(lua_State *co, void *arg)
{
	struct text_answer *a = arg;
	if (!co) {
		free(a->json);
		free(a->e);
		free(a);
		return 0;
	}
	return a->e ? vm_fail(co, a->e) : api_push_json(co, a->json, a->len);
}

static void wake_with(struct ticket k, const char *json, size_t len, const struct err *e)
{
	struct text_answer *a = NEW(struct text_answer);
	a->json = json ? xmemdup0(json, len) : NULL;
	a->len = len;
	a->e = json ? NULL : api_err_copy(e);
	task_wake(k, push_text_answer, a);
}

static void map_done(void *arg, const char *answer, size_t len, const struct err *e)
{
	struct asked *a = arg;
	wake_with(a->ticket, answer, len, e);
	free(a);
}

static void map_cancel(void *arg)
{
	struct asked *a = arg;
	mapper_cancel(a->call);
	free(a);
}

/* host.map(question) (suspends) -> answer | nil, err */
static int l_map(lua_State *L)
{
	struct services *s = api_services(L);
	API_NEED(L, s, mapper);
	luaL_checktype(L, 1, LUA_TTABLE);
	struct task *t = task_of(L);
	const char *question = api_encode(L, 1);
	struct asked *a = NEW(struct asked);
	a->ticket = task_ticket(t);
	a->call = mapper_ask(s->mapper, question, s->scratch.len, map_done, a);
	return task_wait(L, t, false, map_cancel, a);
}

/* ---- a profile folder, loaded by a command that runs here ---- */

static void load_done(void *arg, const char *json, const struct err *e)
{
	struct ticket *k = arg;
	wake_with(*k, json, json ? strlen(json) : 0, e);
	free(k);
}

/* host.load(dir) (suspends) -> {profile=, problems={}} | nil, err; host.map then asks it */
static int l_load(lua_State *L)
{
	struct services *s = api_local(L);
	const char *dir = luaL_checkstring(L, 1);
	struct task *t = task_of(L);
	if (!s->load)
		return luaL_error(L, "host: no load in this command");
	struct ticket *k = NEW(struct ticket);
	*k = task_ticket(t);
	struct err e;
	if (!s->load(s->ctx, dir, load_done, k, &e)) {
		free(k);
		return vm_fail(L, &e);
	}
	return task_wait(L, t, false, NULL,
			 NULL); /* an answer for a task that is gone is dropped */
}

/* ---- registration ---- */

static const luaL_Reg functions[] = {
	{"sleep", l_sleep},   {"now_ms", l_now_ms}, {"uuid", l_uuid}, {"random", l_random},
	{"log", l_log},       {"run", l_run},       {"map", l_map},   {"status", l_status},
	{"reload", l_reload}, {"load", l_load},     {NULL, NULL},
};

static int l_open(lua_State *L)
{
	lua_rawsetp(L, LUA_REGISTRYINDEX, &services_key);
	json_open(L);
	lua_pushglobaltable(L);
	lua_pushliteral(L, "host");
	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lua_pushliteral(L, COSELL_VERSION);
	lua_setfield(L, -2, "version");
	api_http_open(L);
	api_store_open(L);
	api_docs_open(L);
	api_serve_open(L);
	api_control_open(L);
	api_file_open(L);
	api_child_open(L);
	api_crypto_open(L);
	lua_rawset(L, -3);
	return 0;
}

void api_open(struct vm *v, struct services *s)
{
	lua_State *L = vm_lua(v);
	struct err e;
	lua_pushcfunction(L, l_open);
	lua_pushlightuserdata(L, s);
	if (!vm_call(v, L, 1, 0, 0, &e)) {
		log_error("host table: %s", e.text);
		abort(); /* a bug, or a state too small for its own library */
	}
}

struct description {
	const struct services *s;
	const char *profile, *callback_path;
};

static int l_describe(lua_State *L)
{
	const struct description *d = lua_touserdata(L, 1);
	struct err e;
	lua_pushglobaltable(L);
	lua_pushliteral(L, "host");
	lua_rawget(L, -2);
	lua_pushinteger(L, d->s->generation);
	lua_setfield(L, -2, "generation");
	if (d->profile) {
		if (!json_decode(L, d->profile, strlen(d->profile), &e))
			return luaL_error(L, "host.profile: %s", e.text);
		lua_setfield(L, -2, "profile");
	}
	if (d->callback_path && lua_getfield(L, -1, "profile") == LUA_TTABLE) {
		lua_pushstring(L, d->callback_path);
		lua_setfield(L, -2, "callback_path");
	}
	return 0;
}

bool api_describe(struct vm *v, const struct services *s, const char *profile,
		  const char *callback_path, struct err *e)
{
	struct description d = {s, profile, callback_path};
	lua_State *L = vm_lua(v);
	lua_pushcfunction(L, l_describe);
	lua_pushlightuserdata(L, &d);
	return vm_call(v, L, 1, 0, 0, e);
}

void api_close(struct services *s)
{
	buf_free(&s->scratch);
	api_hold(s, 0, NULL);
	api_hold(s, 1, NULL);
}
