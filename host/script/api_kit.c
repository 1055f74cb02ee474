/*
 * Help for functions that Lua calls: the services they use, options, JSON, what waits for Lua's
 * next raise.  Owns the entry of the registry that names the services.  Knows no service by itself.
 */
#include "script/api_kit.h"

#include "script/json.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_KEEP (64u << 10)

static const char services_key; /* its address names the registry entry */

void api_keep_services(lua_State *L, struct services *s)
{
	lua_pushlightuserdata(L, s);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &services_key);
}

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
