/*
 * host.serve, host.spawn: what the practice environment is made of.
 *
 * Each request is a task of its own; its answer leaves after the round's commit.  Owns its
 * listeners through userdata (closed by close() or with the vm).
 */
#include "base/log.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MOST    (16 << 20)
#define HEADERS_MOST 64

/* ---- a listener and its open requests ---- */

struct server {
	struct services *s;
	lua_State *main;
	struct http_server *http; /* NULL: closed */
	int handler;              /* the function, kept in the registry */
	struct exchange *open;
	bool forgotten; /* nobody can close it any more: goes with its last exchange */
};

struct exchange {
	struct exchange *prev, *next;
	struct server *server;
	struct http_call *call; /* NULL: dropped */
	bool answers;           /* false: the connection is dropped without an answer */
	int status;
	struct web_header headers[HEADERS_MOST];
	size_t nheaders;
	char *body;
	size_t len;
};

static void server_forget(struct server *v)
{
	if (v->forgotten && !v->open)
		free(v);
}

static void server_close(struct server *v)
{
	if (!v->http)
		return;
	for (struct exchange *x = v->open; x; x = x->next)
		x->call = NULL; /* http_server_free drops them */
	http_server_free(v->http);
	v->http = NULL;
}

static void exchange_free(struct exchange *x)
{
	struct server *v = x->server;
	if (x->prev)
		x->prev->next = x->next;
	else
		v->open = x->next;
	if (x->next)
		x->next->prev = x->prev;
	for (size_t i = 0; i < x->nheaders; i++) {
		free((char *)x->headers[i].name);
		free((char *)x->headers[i].value);
	}
	free(x->body);
	free(x);
	server_forget(v);
}

/* ---- the request, on the coroutine ---- */

static void set_string(lua_State *co, const char *key, const char *value, size_t n)
{
	lua_pushlstring(co, value, n);
	lua_setfield(co, -2, key);
}

static void push_lower(lua_State *co, const char *name)
{
	char low[256];
	size_t n = 0;
	for (; n < sizeof(low) && name[n]; n++)
		low[n] = (char)tolower((unsigned char)name[n]);
	lua_pushlstring(co, low, n);
}

/* {lower-case-name = value}, repeated ones joined with ", " */
static void push_call_headers(lua_State *co, const struct http_call *c)
{
	lua_newtable(co);
	for (size_t i = 0;; i++) {
		struct web_header h = http_call_header_at(c, i);
		if (!h.name)
			break;
		push_lower(co, h.name);
		lua_pushvalue(co, -1);
		if (lua_rawget(co, -3) == LUA_TSTRING) {
			lua_pushliteral(co, ", ");
			lua_pushstring(co, h.value);
			lua_concat(co, 3);
		} else {
			lua_pop(co, 1);
			lua_pushstring(co, h.value);
		}
		lua_rawset(co, -3);
	}
}

static int push_request(lua_State *co, void *arg)
{
	const struct exchange *x = arg;
	if (!x->call)
		return luaL_error(co, "the listener was closed");
	const char *target = http_call_target(x->call);
	size_t path = strcspn(target, "?");
	size_t len = 0;
	const char *body = http_call_body(x->call, &len);
	lua_createtable(co, 0, 7);
	set_string(co, "method", http_call_method(x->call), strlen(http_call_method(x->call)));
	set_string(co, "target", target, strlen(target));
	set_string(co, "path", target, path);
	if (target[path] == '?')
		set_string(co, "query", target + path + 1, strlen(target + path + 1));
	if (http_call_host(x->call))
		set_string(co, "host", http_call_host(x->call), strlen(http_call_host(x->call)));
	set_string(co, "body", body ? body : "", len);
	push_call_headers(co, x->call);
	lua_setfield(co, -2, "headers");
	return 1;
}

/* ---- the answer ---- */

static void take_headers(lua_State *co, int index, struct exchange *x)
{
	lua_pushnil(co);
	while (lua_next(co, index)) {
		if (lua_type(co, -2) != LUA_TSTRING || !lua_isstring(co, -1) ||
		    x->nheaders == HEADERS_MOST)
			luaL_error(co, "answer: headers are a table of at most 64 strings by name");
		const char *value = lua_tostring(co, -1); /* may raise: before anything is held */
		struct web_header *h = &x->headers[x->nheaders++];
		h->name = xstrdup(lua_tostring(co, -2));
		h->value = xstrdup(value);
		lua_pop(co, 1);
	}
}

/* status, headers, body; or nil: drop the connection */
static void take_answer(lua_State *co, int first, int n, void *arg)
{
	struct exchange *x = arg;
	if (n == 0 || lua_isnil(co, first)) {
		lua_settop(co, first + 1);
		if (n >= 2 && !lua_isnil(co, first + 1))
			lua_error(co); /* nil, err */
		return;
	}
	lua_settop(co, first + 2);
	int whole = 0;
	lua_Integer status = lua_tointegerx(co, first, &whole);
	if (!whole || status < 100 || status > 999)
		luaL_error(co, "answer: the status is a number from 100 to 999");
	if (!lua_isnil(co, first + 1)) {
		luaL_checktype(co, first + 1, LUA_TTABLE);
		take_headers(co, first + 1, x);
	}
	size_t len = 0;
	const char *body = lua_tolstring(co, first + 2, &len);
	if (!body && !lua_isnil(co, first + 2))
		luaL_error(co, "answer: the body is a string");
	x->body = xmemdup0(body ? body : "", len);
	x->len = len;
	x->status = (int)status;
	x->answers = true;
}

static void exchange_release(void *arg, bool ok)
{
	static const struct web_header later = {"Retry-After", "1"};
	struct exchange *x = arg;
	if (x->call && !ok)
		http_call_answer(x->call, 503, &later, 1, "", 0);
	else if (x->call && x->answers)
		http_call_answer(x->call, x->status, x->headers, x->nheaders, x->body, x->len);
	else if (x->call)
		http_call_drop(x->call);
	exchange_free(x);
}

static void exchange_ended(void *arg, struct task *t, const char *result, const struct err *e)
{
	(void)t;
	(void)result;
	struct exchange *x = arg;
	if (e->kind != ERR_NONE) {
		log_error("request handler: %s", e->text);
		x->answers = true;
		x->status = 500;
		x->len = 0;
	}
	db_after_commit(x->server->s->db, exchange_release, x);
}

static void exchange_dropped(void *arg, struct task *t, const struct err *why)
{
	(void)t;
	(void)why;
	exchange_release(arg, false);
}

static void on_request(void *ctx, struct http_call *call)
{
	struct server *v = ctx;
	struct exchange *x = NEW(struct exchange);
	x->server = v;
	x->call = call;
	x->next = v->open;
	if (v->open)
		v->open->prev = x;
	v->open = x;
	const struct task_call c = {.function = v->handler,
				    .push = push_request,
				    .take = take_answer,
				    .ended = exchange_ended,
				    .dropped = exchange_dropped,
				    .arg = x};
	task_begin(v->s->tasks, &c);
}

/* ---- host.serve ---- */

static const char server_type[] = "cosell.server";

static int l_server_gc(lua_State *L)
{
	struct server **box = luaL_checkudata(L, 1, server_type);
	struct server *v = *box;
	*box = NULL;
	if (v) {
		server_close(v);
		v->forgotten = true;
		server_forget(v);
	}
	return 0;
}

static int l_server_close(lua_State *L)
{
	struct server **box = luaL_checkudata(L, lua_upvalueindex(1), server_type);
	if (*box)
		server_close(*box);
	return 0;
}

/* host.serve{address=, port=, methods=, max_body=, handler=} -> {port=, close=} | nil, err */
static int l_serve(lua_State *L)
{
	static const char *const keys[] = {"address",  "port",    "methods",
					   "max_body", "handler", NULL};
	struct services *s = api_local(L);
	API_NEED(L, s, db);
	api_check_keys(L, 1, keys);
	int64_t port = api_opt_int(L, 1, "port", 0);
	int64_t body = api_opt_int(L, 1, "max_body", BODY_MOST);
	luaL_argcheck(L, port >= 0 && port <= 65535, 1, "port: from 0 to 65535");
	luaL_argcheck(L, body > 0 && body <= BODY_MOST, 1, "max_body: at most 16 MiB");
	struct http_server_config c = {.address = api_opt_string(L, 1, "address", NULL),
				       .methods = api_opt_string(L, 1, "methods", NULL),
				       .port = (int)port,
				       .max_body = (size_t)body};
	if (!c.address)
		c.address = "127.0.0.1";
	if (!c.methods)
		c.methods = "GET POST PUT PATCH DELETE";
	luaL_argcheck(L, lua_getfield(L, 1, "handler") == LUA_TFUNCTION, 1, "handler: a function");
	int handler = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_createtable(L, 0, 2);
	void **box = api_box(L, server_type);
	lua_pushcclosure(L, l_server_close, 1);
	lua_setfield(L, -2, "close");
	lua_pushinteger(L, 0);
	lua_setfield(L, -2, "port"); /* the field exists: setting it again needs no memory */

	struct err e;
	struct server *v = NEW(struct server);
	v->s = s;
	v->handler = handler;
	v->http = http_server_new(s->loop, &c, on_request, v, &e);
	if (!v->http) {
		free(v);
		return vm_fail(L, &e);
	}
	*box = v;
	lua_pushinteger(L, http_server_port(v->http));
	lua_setfield(L, -2, "port");
	return 1;
}

/* ---- host.spawn ---- */

struct spawned {
	struct services *s;
	lua_State *main;
	int function;
};

static void spawned_ended(void *arg, struct task *t, const char *result, const struct err *e)
{
	(void)t;
	(void)result;
	struct spawned *w = arg;
	if (e->kind != ERR_NONE)
		log_error("spawned task: %s", e->text);
	luaL_unref(w->main, LUA_REGISTRYINDEX, w->function);
	free(w);
}

static void spawned_dropped(void *arg, struct task *t, const struct err *why)
{
	spawned_ended(arg, t, NULL, why);
}

/* host.spawn(function): runs it as a task of its own */
static int l_spawn(lua_State *L)
{
	struct services *s = api_local(L);
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	int function = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
	struct spawned *w = NEW(struct spawned);
	w->s = s;
	w->main = lua_tothread(L, -1);
	w->function = function;
	const struct task_call c = {
		.function = function, .ended = spawned_ended, .dropped = spawned_dropped, .arg = w};
	task_begin(s->tasks, &c);
	return 0;
}

/* ---- registration ---- */

void api_serve_open(lua_State *L)
{
	luaL_newmetatable(L, server_type);
	lua_pushcfunction(L, l_server_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	lua_pushcfunction(L, l_serve);
	lua_setfield(L, -2, "serve");
	lua_pushcfunction(L, l_spawn);
	lua_setfield(L, -2, "spawn");
}
