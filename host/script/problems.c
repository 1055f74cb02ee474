/*
 * Lists of problems, read in a Lua state.
 *
 * Owns nothing.  What the mapping process says is data: read by a strict decoder, never believed to
 * be in form.
 */
#include "script/problems.h"

#include "script/json.h"

#include <lauxlib.h>

#include <stdio.h>
#include <string.h>

struct reading {
	const char *json;
	size_t len;
	struct err e;
	struct buf out;
	int fixtures;
	bool none;
};

bool problems_first(lua_State *L, struct err *e)
{
	size_t n = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
	if (n == 0)
		return true;
	lua_rawgeti(L, -1, 1);
	luaL_checktype(L, -1, LUA_TTABLE);
	lua_getfield(L, -1, "file");
	lua_getfield(L, -2, "line");
	lua_getfield(L, -3, "key");
	lua_getfield(L, -4, "text");
	const char *file = luaL_optstring(L, -4, "profile");
	const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
	const char *text = luaL_optstring(L, -1, "is wrong");
	char line[24] = "";
	char more[40] = "";
	if (lua_isinteger(L, -3))
		snprintf(line, sizeof(line), ":%d", (int)lua_tointeger(L, -3));
	if (n > 1)
		snprintf(more, sizeof(more), " (and %zu more)", n - 1);
	err_set(e, ERR_CONFIG, "%s%s: %s%s%s%s", file, line, key, *key ? ": " : "", text, more);
	lua_pop(L, 5);
	return false;
}

static void decode(lua_State *L, struct reading *r)
{
	if (!json_decode(L, r->json, r->len, &r->e))
		luaL_error(L, "%s", r->e.text);
	luaL_checktype(L, -1, LUA_TTABLE);
}

static int l_none(lua_State *L)
{
	struct reading *r = lua_touserdata(L, 1);
	decode(L, r);
	if (lua_getfield(L, -1, "fixtures") == LUA_TNUMBER)
		r->fixtures = (int)lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (lua_getfield(L, -1, "problems") != LUA_TTABLE)
		return luaL_error(L, "the mapping process did not say whether there are problems");
	r->none = problems_first(L, &r->e);
	return 0;
}

bool problems_none(struct vm *v, const char *json, size_t len, int *fixtures, struct err *e)
{
	struct reading r = {.json = json, .len = len};
	lua_State *L = vm_lua(v);
	lua_pushcfunction(L, l_none);
	lua_pushlightuserdata(L, &r);
	if (!vm_call(v, L, 1, 0, 0, e)) {
		e->kind = ERR_CONFIG;
		return false;
	}
	*fixtures = r.fixtures;
	if (!r.none)
		*e = r.e;
	return r.none;
}

static int l_list(lua_State *L)
{
	struct reading *r = lua_touserdata(L, 1);
	decode(L, r);
	if (lua_getfield(L, -1, "problems") != LUA_TTABLE)
		lua_pop(L, 1);
	if (lua_rawlen(L, -1) == 0 || !json_encode(L, -1, &r->out, &r->e))
		return luaL_error(L, "no list of problems");
	return 0;
}

void problems_list(struct vm *v, const char *json, const struct err *e, struct buf *out)
{
	struct reading r = {.json = json, .len = json ? strlen(json) : 0};
	bool ok = false;
	if (json) {
		struct err why;
		lua_State *L = vm_lua(v);
		lua_pushcfunction(L, l_list);
		lua_pushlightuserdata(L, &r);
		ok = vm_call(v, L, 1, 0, 0, &why);
	}
	if (ok) {
		buf_add(out, r.out.data, r.out.len);
	} else {
		buf_adds(out, "[{\"text\":");
		buf_add_json(out, e->text, strlen(e->text));
		buf_adds(out, "}]");
	}
	buf_free(&r.out);
}
