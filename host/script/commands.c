/*
 * Commands, from C's side.
 *
 * Owns the vm in which they are listed and the record of each that runs.  Reads of a command only
 * `help`, `usage`, `where`, `keeps` and whether it has `run`.  Knows none of them by name, and does
 * nothing with what they say but pass it on.
 */
#include "script/commands.h"

#include "base/crypto.h"
#include "script/api.h"

#include <lauxlib.h>

#include <stdlib.h>
#include <string.h>

#define FOLDER "commands."

/* ---- the commands there are ---- */

struct reading {
	const char *module;
	struct commands_one *out;
	bool runs;
};

static char *field(lua_State *L, const char *key)
{
	char *s = lua_getfield(L, -1, key) == LUA_TSTRING ? xstrdup(lua_tostring(L, -1)) : NULL;
	lua_pop(L, 1);
	return s;
}

static int l_read(lua_State *L)
{
	struct reading *r = lua_touserdata(L, 1);
	lua_getglobal(L, "require");
	lua_pushstring(L, r->module);
	lua_call(L, 1, 1);
	if (!lua_istable(L, -1))
		return luaL_error(L, "module %s does not return a table", r->module);
	r->out->help = field(L, "help");
	r->out->usage = field(L, "usage");
	if (lua_getfield(L, -1, "where") == LUA_TSTRING)
		r->out->here = strcmp(lua_tostring(L, -1), "here") == 0;
	r->runs = lua_getfield(L, -2, "run") != LUA_TNIL;
	lua_getfield(L, -3, "keeps");
	r->out->keeps = lua_toboolean(L, -1);
	return 0;
}

/* false: it is no command. */
static bool read_one(struct vm *v, const char *module, struct commands_one *out)
{
	struct reading r = {.module = module, .out = out};
	struct err e;
	lua_State *L = vm_lua(v);
	out->name = xstrdup(module + strlen(FOLDER));
	lua_pushcfunction(L, l_read);
	lua_pushlightuserdata(L, &r);
	if (vm_call(v, L, 1, 0, 0, &e))
		return r.runs;
	free(out->help);
	out->help = xstrdup(e.text);
	return true;
}

static void clear_one(struct commands_one *c)
{
	free(c->name);
	free(c->help);
	free(c->usage);
}

static bool is_command(const char *module)
{
	size_t n = strlen(FOLDER);
	return strncmp(module, FOLDER, n) == 0 && !strchr(module + n, '.');
}

/* A script may look at `host` when it loads, but nothing is behind it here. */
void commands_list(const struct files *f, const char *only, struct commands *out)
{
	const struct vm_config vc = {.requires = true, .strict = true};
	struct services nothing = {0};
	struct vm *v = vm_new(&vc);
	for (size_t i = 0; i < f->nscripts; i++) {
		const struct files_one *s = &f->scripts[i];
		vm_file(v, s->name, s->shown, s->text, s->len);
	}
	api_open(v, &nothing);
	*out = (struct commands){.at = xcalloc(f->nscripts + 1, sizeof(*out->at))};
	for (size_t i = 0; i < f->nscripts; i++) {
		struct commands_one c = {0};
		const char *module = f->scripts[i].name;
		if (!is_command(module) || (only && strcmp(module + strlen(FOLDER), only) != 0))
			continue;
		if (read_one(v, module, &c))
			out->at[out->n++] = c;
		else
			clear_one(&c);
	}
	vm_free(v);
	api_close(&nothing);
}

void commands_clear(struct commands *l)
{
	for (size_t i = 0; i < l->n; i++)
		clear_one(&l->at[i]);
	free(l->at);
	*l = (struct commands){0};
}

/* ---- one that runs ---- */

/* cmd.out(text), cmd.err(text): upvalues are the ear, the command's id, which of both */
static int l_say(lua_State *L)
{
	const struct commands_ear *ear = lua_touserdata(L, lua_upvalueindex(1));
	size_t n = 0;
	const char *text = luaL_checklstring(L, 1, &n);
	ear->said(ear->ctx, lua_tointeger(L, lua_upvalueindex(2)),
		  lua_toboolean(L, lua_upvalueindex(3)), text, n);
	return 0;
}

static void push_say(lua_State *co, const struct commands_call *c, bool is_err)
{
	lua_pushlightuserdata(co, (void *)c->ear);
	lua_pushinteger(co, c->id);
	lua_pushboolean(co, is_err);
	lua_pushcclosure(co, l_say, 3);
}

/* cmd.again(request): for a command without an end, that is to outlive its generation */
static int l_again(lua_State *L)
{
	const struct commands_ear *ear = lua_touserdata(L, lua_upvalueindex(1));
	ear->again(ear->ctx, lua_tointeger(L, lua_upvalueindex(2)), luaL_checkstring(L, 1));
	return 0;
}

static int push_line(lua_State *co, void *arg)
{
	char *line = arg;
	if (!co)
		crypto_drop(&line);
	else if (line)
		lua_pushstring(co, line);
	else
		lua_pushnil(co);
	return 1;
}

/* It may be a secret, and is wiped; what Lua makes of it is the script's to forget. */
void commands_answer(struct ticket k, const char *line)
{
	task_wake(k, push_line, xstrdup(line));
}

/* cmd.ask(prompt, {secret=}) (suspends) -> line | nil if the input ended or nobody can be asked */
static int l_ask(lua_State *L)
{
	const struct commands_ear *ear = lua_touserdata(L, lua_upvalueindex(1));
	const char *prompt = luaL_checkstring(L, 1);
	lua_settop(L, 2);
	bool secret = false;
	if (!lua_isnil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_getfield(L, 2, "secret");
		secret = lua_toboolean(L, -1);
	}
	struct task *t = task_of(L);
	if (!ear->ask(ear->ctx, lua_tointeger(L, lua_upvalueindex(2)), prompt, secret,
		      task_ticket(t))) {
		lua_pushnil(L);
		return 1;
	}
	return task_wait(L, t, true, NULL, NULL);
}

/* The request is on top: it becomes cmd. */
static int push_cmd(lua_State *co, void *arg)
{
	const struct commands_call *c = arg;
	luaL_checktype(co, -1, LUA_TTABLE);
	push_say(co, c, false);
	lua_setfield(co, -2, "out");
	push_say(co, c, true);
	lua_setfield(co, -2, "err");
	lua_pushlightuserdata(co, (void *)c->ear);
	lua_pushinteger(co, c->id);
	lua_pushcclosure(co, l_again, 2);
	lua_setfield(co, -2, "again");
	lua_pushlightuserdata(co, (void *)c->ear);
	lua_pushinteger(co, c->id);
	lua_pushcclosure(co, l_ask, 2);
	lua_setfield(co, -2, "ask");
	return 0;
}

/* A number is the status; true and nothing are 0, false is 1. */
static int status_of(const char *result)
{
	if (!result || strcmp(result, "true") == 0)
		return 0;
	char *rest = NULL;
	long n = strtol(result, &rest, 10);
	return rest != result && *rest == '\0' && n >= 0 && n < 256 ? (int)n : 1;
}

static void on_ended(void *arg, struct task *t, const char *result, const struct err *e)
{
	(void)t;
	struct commands_call c = *(struct commands_call *)arg;
	free(arg);
	c.ended(c.arg, e->kind == ERR_NONE ? status_of(result) : 1, e);
}

static void on_dropped(void *arg, struct task *t, const struct err *why)
{
	(void)t;
	struct commands_call c = *(struct commands_call *)arg;
	free(arg);
	c.dropped(c.arg, why);
}

struct task *commands_begin(struct tasks *ts, const struct commands_call *c)
{
	char *module = xasprintf(FOLDER "%s", c->name);
	struct commands_call *kept = NEW(struct commands_call);
	*kept = *c;
	kept->name = kept->request = NULL; /* the caller's; the task has copies */
	const struct task_call call = {.module = module,
				       .name = "run",
				       .arg_json = c->request,
				       .push = push_cmd,
				       .ended = on_ended,
				       .dropped = on_dropped,
				       .arg = kept};
	struct task *t = task_begin(ts, &call);
	free(module);
	return t;
}
