/*
 * The values of JSON that Lua lacks: decimals (numbers kept as their text), and the mark that tells an
 * array from an object.
 *
 * It owns their two metatables and no state.  Arithmetic on a decimal must never work by accident.
 */
#include "script/json_value.h"

#include <lauxlib.h>

#include <string.h>

#define DECIMAL "json.decimal" /* the metatable's name; the userdata is the text with its NUL */

static const char key_array; /* its address is a registry key */

/* ---- decimals ---- */

void json_value_push_decimal(lua_State *L, const char *text, size_t len)
{
	char *d = (char *)lua_newuserdatauv(L, len + 1, 0);
	memcpy(d, text, len);
	d[len] = '\0';
	luaL_setmetatable(L, DECIMAL);
}

const char *json_value_decimal(lua_State *L, int index)
{
	return (const char *)luaL_testudata(L, index, DECIMAL);
}

static int l_decimal_text(lua_State *L)
{
	lua_pushstring(L, (const char *)luaL_checkudata(L, 1, DECIMAL));
	return 1;
}

/* Two decimals are equal if their texts are; amounts are compared by the scripts, in a precision. */
static int l_decimal_equal(lua_State *L)
{
	const char *a = json_value_decimal(L, 1);
	const char *b = json_value_decimal(L, 2);
	lua_pushboolean(L, a != NULL && b != NULL && strcmp(a, b) == 0);
	return 1;
}

static int l_decimal_concat(lua_State *L)
{
	luaL_tolstring(L, 1, NULL);
	luaL_tolstring(L, 2, NULL);
	lua_concat(L, 2);
	return 1;
}

static int l_decimal_refuse(lua_State *L)
{
	return luaL_error(L, "a decimal is kept as text: a Lua number would lose digits of it");
}

static const luaL_Reg decimal_methods[] = {
	{"__tostring", l_decimal_text}, {"__eq", l_decimal_equal},
	{"__concat", l_decimal_concat}, {"__add", l_decimal_refuse},
	{"__sub", l_decimal_refuse},    {"__mul", l_decimal_refuse},
	{"__div", l_decimal_refuse},    {"__mod", l_decimal_refuse},
	{"__pow", l_decimal_refuse},    {"__unm", l_decimal_refuse},
	{"__idiv", l_decimal_refuse},   {"__lt", l_decimal_refuse},
	{"__le", l_decimal_refuse},     {NULL, NULL},
};

/* ---- arrays ---- */

void json_value_mark_array(lua_State *L, int index)
{
	index = lua_absindex(L, index);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &key_array);
	lua_setmetatable(L, index);
}

bool json_value_is_marked(lua_State *L, int index)
{
	if (!lua_getmetatable(L, index)) {
		return false;
	}
	lua_rawgetp(L, LUA_REGISTRYINDEX, &key_array);
	bool same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

/* ---- registration ---- */

static void lock_metatable(lua_State *L)
{
	lua_pushliteral(L, "locked");
	lua_setfield(L, -2, "__metatable");
}

void json_value_open(lua_State *L)
{
	luaL_newmetatable(L, DECIMAL);
	luaL_setfuncs(L, decimal_methods, 0);
	lock_metatable(L);
	lua_createtable(L, 0, 2);
	lua_pushliteral(L, "json.array");
	lua_setfield(L, -2, "__name");
	lock_metatable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &key_array);
	lua_pop(L, 1);
}
