/*
 * Exact JSON for Lua.  Decoding is lua-cjson's, kept honest: a scan before it checks numbers, bytes and
 * depth and marks what cjson would bend (long or exact numbers, []), a walk after it puts the true
 * values there.  Encoding (json_write.c) is ours: cjson's cannot sort names, keep 17 digits or write [].
 *
 * It owns one metatable and no state.  It must never call a metamethod of a script's value, and never
 * hold memory of its own while Lua may raise: the scan's text and the output belong to the caller,
 * outside the protected call.
 *
 * A mark is a string value that starts with byte 1, which JSON text cannot hold bare; a true string that
 * starts so is marked itself.  Of a name that stands twice in one object the last value counts.
 */
#include "script/json.h"

#include "script/json_copy.h"
#include "script/json_lex.h"
#include "script/json_value.h"
#include "script/json_write.h"
#include "script/vm.h"

#include <lauxlib.h>
#include <lua-cjson.h>
#include <lua.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOX "json.box"

static const char key_decode; /* its address is a registry key */

static void *const null_value = NULL; /* json.null, and cjson's */

/* ---- decoding: the walk ---- */

static void walk(lua_State *L);

/* Puts the value that a mark stands for on the stack in place of the mark. */
static void unmark(lua_State *L)
{
	size_t len;
	const char *s = lua_tolstring(L, -1, &len);
	switch (s[1]) {
	case JSON_MARK_ARRAY:
		lua_newtable(L);
		json_value_mark_array(L, -1);
		break;
	case JSON_MARK_INTEGER: lua_pushinteger(L, strtoll(s + 2, NULL, 10)); break;
	case JSON_MARK_FLOAT: lua_pushnumber(L, strtod(s + 2, NULL)); break;
	case JSON_MARK_DECIMAL: json_value_push_decimal(L, s + 2, len - 2); break;
	default: lua_pushlstring(L, s + 2, len - 2); break;
	}
	lua_replace(L, -2);
}

/* Makes the value on top true; false if it is already. */
static bool fix(lua_State *L)
{
	switch (lua_type(L, -1)) {
	case LUA_TNUMBER: {
		/* the scan lets only short whole numbers and true fractions pass */
		lua_Number x = lua_tonumber(L, -1);
		if (x != floor(x)) {
			return false;
		}
		lua_pop(L, 1);
		lua_pushinteger(L, (lua_Integer)x);
		return true;
	}
	case LUA_TSTRING:
		if (lua_tostring(L, -1)[0] != JSON_MARK) {
			return false;
		}
		unmark(L);
		return true;
	case LUA_TTABLE: walk(L); return false;
	default: return false;
	}
}

/* The table on top, and all below it.  Only existing members are set, so lua_next stays valid. */
static void walk(lua_State *L)
{
	luaL_checkstack(L, 8, "JSON");
	lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, -1, i);
		if (fix(L)) {
			lua_rawseti(L, -2, i);
		} else {
			lua_pop(L, 1);
		}
	}
	if (n > 0) {
		json_value_mark_array(L, -1);
		return;
	}
	for (lua_pushnil(L); lua_next(L, -2) != 0;) {
		if (fix(L)) {
			lua_pushvalue(L, -2);
			lua_insert(L, -2);
			lua_rawset(L, -4);
		} else {
			lua_pop(L, 1);
		}
	}
}

/* Argument: struct buf *, the marked text. */
static int l_decode_marked(lua_State *L)
{
	const struct buf *marked = (const struct buf *)lua_touserdata(L, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &key_decode);
	lua_pushlstring(L, marked->data, marked->len);
	lua_call(L, 1, 1);
	(void)fix(L);
	return 1;
}

bool json_decode(lua_State *L, const char *text, size_t len, struct err *e)
{
	struct buf marked = {0};
	if (!lua_checkstack(L, 4)) {
		return err_set(e, ERR_SCRIPT, "not enough memory for JSON");
	}
	if (!json_lex_scan(text, len, &marked, e)) {
		buf_free(&marked);
		return false;
	}
	lua_pushcfunction(L, l_decode_marked);
	lua_pushlightuserdata(L, &marked);
	int status = lua_pcall(L, 1, 1, 0);
	buf_free(&marked);
	if (status == LUA_OK) {
		return true;
	}
	if (status == LUA_ERRMEM) {
		err_set(e, ERR_SCRIPT, "not enough memory for JSON");
	} else {
		err_set(e, ERR_DATA, "JSON: %s", "the decoder refuses what the scan accepted");
	}
	lua_pop(L, 1);
	return false;
}

bool json_encode(lua_State *L, int index, struct buf *out, struct err *e)
{
	return json_write(L, index, 0, out, e);
}

/* ---- the Lua side ---- */

static int l_box_free(lua_State *L)
{
	buf_free((struct buf *)luaL_checkudata(L, 1, BOX));
	return 0;
}

/* A struct buf that Lua frees, whatever raises. */
static struct buf *push_box(lua_State *L)
{
	struct buf *b = (struct buf *)lua_newuserdatauv(L, sizeof(*b), 0);
	*b = (struct buf){0};
	luaL_setmetatable(L, BOX);
	return b;
}

static int encode_to_lua(lua_State *L, int indent)
{
	struct err e;
	luaL_checkany(L, 1);
	struct buf *out = push_box(L);
	if (!json_write(L, 1, indent, out, &e)) {
		return vm_fail(L, &e);
	}
	lua_pushlstring(L, out->data, out->len);
	buf_free(out);
	return 1;
}

/* json.encode(value) -> text | nil, err */
static int l_json_encode(lua_State *L)
{
	return encode_to_lua(L, 0);
}

/* json.pretty(value) -> text | nil, err */
static int l_json_pretty(lua_State *L)
{
	return encode_to_lua(L, 2);
}

/* json.decode(text) -> value | nil, err */
static int l_json_decode(lua_State *L)
{
	struct err e;
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	if (!json_decode(L, text, len, &e)) {
		return vm_fail(L, &e);
	}
	return 1;
}

/* json.array(t) -> t, marked; a new table if nil */
static int l_json_array(lua_State *L)
{
	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	json_value_mark_array(L, 1);
	return 1;
}

/* json.is_array(t) -> boolean */
static int l_json_is_array(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L,
			lua_istable(L, 1) && (json_value_is_marked(L, 1) || lua_rawlen(L, 1) > 0));
	return 1;
}

/* json.decimal(text) -> decimal */
static int l_json_decimal(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	luaL_argcheck(L, json_lex_number(text, len) == len && len > 0, 1, "not a JSON number");
	json_value_push_decimal(L, text, len);
	return 1;
}

/* json.is_decimal(v) -> boolean */
static int l_json_is_decimal(lua_State *L)
{
	lua_pushboolean(L, json_value_decimal(L, 1) != NULL);
	return 1;
}

static const luaL_Reg functions[] = {
	{"decode", l_json_decode},
	{"encode", l_json_encode},
	{"pretty", l_json_pretty},
	{"array", l_json_array},
	{"is_array", l_json_is_array},
	{"decimal", l_json_decimal},
	{"is_decimal", l_json_is_decimal},
	{"copy", json_copy_l},
	{"without_null", json_copy_l_without_null},
	{NULL, NULL},
};

/* Our own cjson instance; scripts never see it. */
static void open_cjson(lua_State *L)
{
	lua_pushcfunction(L, luaopen_cjson);
	lua_call(L, 0, 1);
	lua_getfield(L, -1, "decode_max_depth");
	lua_pushinteger(L, JSON_DEPTH);
	lua_call(L, 1, 0);
	lua_getfield(L, -1, "decode_invalid_numbers");
	lua_pushboolean(L, false);
	lua_call(L, 1, 0);
	lua_getfield(L, -1, "decode");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &key_decode);
	lua_pop(L, 1);
}

static void open_box(lua_State *L)
{
	luaL_newmetatable(L, BOX);
	lua_pushcfunction(L, l_box_free);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "locked");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void json_open(lua_State *L)
{
	json_value_open(L);
	open_box(L);
	open_cjson(L);
	lua_pushglobaltable(L);
	lua_pushliteral(L, "json");
	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, null_value);
	lua_setfield(L, -2, "null");
	lua_rawset(L, -3);
	lua_pop(L, 1);
}
