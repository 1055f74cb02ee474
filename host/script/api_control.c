/*
 * host.control: control sockets for commands that run here: listen on one, ask another process.
 *
 * Each command that comes in is a task of its own; its text leaves after the round's commit.  Owns
 * its listeners through userdata (closed by close() or with the vm).
 */
#include "io/wire.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- host.control.listen ---- */

static const char control_type[] = "cosell.control";

struct control {
	struct services *s;
	struct wire_listener *wire;
	int handler;
};

struct command {
	struct services *s;
	struct wire_call *call;
	char *name;
	char *json;
	char *text;
	size_t len;
	int status;
};

static int push_command(lua_State *co, void *arg)
{
	struct command *m = arg;
	lua_pushstring(co, m->name);
	int n = api_push_json(co, m->json, strlen(m->json));
	if (n != 1)
		return lua_error(co);
	lua_getfield(co, -1, "args");
	lua_insert(co, -2);
	return 3; /* command, args, the whole request */
}

static void take_text(lua_State *co, int first, int n, void *arg)
{
	struct command *m = arg;
	lua_settop(co, first + 1);
	(void)n;
	size_t len = 0;
	const char *text = luaL_optlstring(co, first, "", &len);
	m->status = (int)luaL_optinteger(co, first + 1, 0);
	m->text = xmemdup0(text, len);
	m->len = len;
}

static void command_release(void *arg, bool ok)
{
	struct command *m = arg;
	if (ok && m->text)
		wire_out(m->call, m->text, m->len);
	wire_exit(m->call, ok ? m->status : 1);
	free(m->name);
	free(m->json);
	free(m->text);
	free(m);
}

static void command_ended(void *arg, struct task *t, const char *result, const struct err *e)
{
	(void)t;
	(void)result;
	struct command *m = arg;
	if (e->kind != ERR_NONE) {
		m->status = 1;
		wire_err(m->call, e->text, strlen(e->text));
		wire_err(m->call, "\n", 1);
	}
	db_after_commit(m->s->db, command_release, m);
}

static void command_dropped(void *arg, struct task *t, const struct err *why)
{
	(void)t;
	(void)why;
	command_release(arg, false);
}

static void on_command(void *ctx, struct wire_call *call, const char *name, const char *json)
{
	struct control *k = ctx;
	struct command *m = NEW(struct command);
	m->s = k->s;
	m->call = call;
	m->name = xstrdup(name);
	m->json = xstrdup(json);
	const struct task_call c = {.function = k->handler,
				    .push = push_command,
				    .take = take_text,
				    .ended = command_ended,
				    .dropped = command_dropped,
				    .arg = m};
	task_begin(k->s->tasks, &c);
}

static int l_control_gc(lua_State *L)
{
	struct control **box = luaL_checkudata(L, 1, control_type);
	struct control *k = *box;
	*box = NULL;
	if (k) {
		wire_listener_free(k->wire);
		free(k);
	}
	return 0;
}

static int l_control_close(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_replace(L, 1);
	return l_control_gc(L);
}

/* host.control.listen(path, function(command, args, request) -> text, exit) -> {close=} | nil,
 * err */
static int l_control_listen(lua_State *L)
{
	struct services *s = api_local(L);
	const char *path = luaL_checkstring(L, 1);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	int handler = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_createtable(L, 0, 1);
	void **box = api_box(L, control_type);
	lua_pushcclosure(L, l_control_close, 1);
	lua_setfield(L, -2, "close");
	struct err e;
	struct control *k = NEW(struct control);
	k->s = s;
	k->handler = handler;
	k->wire = wire_listen(s->loop, path, on_command, k, &e);
	if (!k->wire) {
		free(k);
		return vm_fail(L, &e);
	}
	*box = k;
	return 1;
}

/* ---- host.control.call ---- */

struct asking {
	struct ticket ticket;
	struct wire_ask *ask;
	struct buf out;
};

struct asked {
	struct buf out;
	int status;
	struct err *e;
};

static int push_asked(lua_State *co, void *arg)
{
	struct asked *a = arg;
	if (!co) {
		buf_free(&a->out);
		free(a->e);
		free(a);
		return 0;
	}
	if (a->e)
		return vm_fail(co, a->e);
	lua_createtable(co, 0, 2);
	lua_pushinteger(co, a->status);
	lua_setfield(co, -2, "exit");
	lua_pushlstring(co, a->out.data ? a->out.data : "", a->out.len);
	lua_setfield(co, -2, "out");
	return 1;
}

static void ask_text(void *ctx, bool is_err, const char *text, size_t n)
{
	(void)is_err;
	struct asking *a = ctx;
	buf_add(&a->out, text, n);
}

static void ask_done(void *ctx, int status, const struct err *e)
{
	struct asking *a = ctx;
	struct asked *r = NEW(struct asked);
	r->out = a->out;
	r->status = status;
	r->e = api_err_copy(e);
	task_wake(a->ticket, push_asked, r);
	wire_ask_free(a->ask);
	free(a);
}

static void ask_cancel(void *arg)
{
	struct asking *a = arg;
	wire_ask_free(a->ask);
	buf_free(&a->out);
	free(a);
}

/* host.control.call(socket_path, command, args) (suspends) -> {exit=, out=} | nil, err */
static int l_control_call(lua_State *L)
{
	struct services *s = api_local(L);
	const char *path = luaL_checkstring(L, 1);
	const char *command = luaL_checkstring(L, 2);
	struct task *t = task_of(L);
	lua_settop(L, 3);
	lua_createtable(L, 0, 1);
	if (lua_istable(L, 3)) {
		lua_pushvalue(L, 3);
		lua_setfield(L, 4, "args");
	}
	const char *json = api_encode(L, 4);
	struct err e;
	struct asking *a = NEW(struct asking);
	const struct wire_reply reply = {ask_text, NULL, ask_done, a};
	a->ticket = task_ticket(t);
	a->ask = wire_ask(s->loop, path, command, json, &reply, &e);
	if (!a->ask) {
		free(a);
		return vm_fail(L, &e);
	}
	return task_wait(L, t, false, ask_cancel, a);
}

/* ---- registration ---- */

void api_control_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"listen", l_control_listen}, {"call", l_control_call}, {NULL, NULL}};
	luaL_newmetatable(L, control_type);
	lua_pushcfunction(L, l_control_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	api_table(L, "control", functions);
}
