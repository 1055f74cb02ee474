/*
 * Copies of tables by raw reads, and tables without their nulls.
 *
 * It owns nothing.  It must never call a metamethod: none of a script's code runs while its values are
 * looked at, so what is checked is what leaves.
 */
#include "script/json_copy.h"

#include "script/json_lex.h"
#include "script/json_value.h"

#include <lauxlib.h>

#define MOST 1000000

struct copying {
	int deepest;
	lua_Integer left; /* so many values may still come */
	const char *why;  /* it was given up */
};

/* How much room the copy of the table on top needs: a list has no names, as a rule. */
static int names(lua_State *L, int elements)
{
	int n = 0;
	if (elements > 0) {
		return 0;
	}
	for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
		n++;
	}
	return n;
}

/* A copy takes the place of the table on top; false: it is too large. */
static bool copy(lua_State *L, struct copying *c, int depth)
{
	luaL_checkstack(L, 8, "a copy");
	int from = lua_gettop(L);
	if (depth > c->deepest) {
		c->why = "deep";
		return false;
	}
	lua_Unsigned n = lua_rawlen(L, from); /* a mapping can make it what it likes */
	int elements = (int)(n < (lua_Unsigned)c->left ? n : (lua_Unsigned)c->left);
	lua_createtable(L, elements, names(L, elements));
	for (lua_pushnil(L); lua_next(L, from) != 0;) {
		if (--c->left < 0) {
			c->why = "many";
			return false;
		}
		if (lua_istable(L, -1) && !copy(L, c, depth + 1)) {
			return false;
		}
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, from + 1);
	}
	if (elements > 0 || json_value_is_marked(L, from)) {
		json_value_mark_array(L, -1);
	}
	lua_replace(L, from);
	return true;
}

int json_copy_l(lua_State *L)
{
	struct copying c = {.deepest = (int)luaL_checkinteger(L, 2),
			    .left = luaL_checkinteger(L, 3)};
	luaL_argcheck(L, c.left >= 0 && c.left <= MOST, 3, "a number of members");
	luaL_argcheck(L, c.deepest > 0 && c.deepest <= JSON_DEPTH, 2, "a depth");
	lua_settop(L, 1);
	if (!lua_istable(L, 1) || copy(L, &c, 1)) {
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, c.why);
	return 2;
}

static bool is_null(lua_State *L, int index)
{
	return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

/* The table on top.  Members are only taken out, so lua_next stays valid. */
static void thin(lua_State *L, int depth)
{
	luaL_checkstack(L, 6, "a value");
	luaL_argcheck(L, depth <= JSON_DEPTH, 1, "nested too deep");
	for (lua_pushnil(L); lua_next(L, -2) != 0;) {
		if (lua_istable(L, -1)) {
			thin(L, depth + 1);
		} else if (is_null(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
			lua_pushvalue(L, -2);
			lua_pushnil(L);
			lua_rawset(L, -5);
		}
		lua_pop(L, 1);
	}
}

int json_copy_l_without_null(lua_State *L)
{
	lua_settop(L, 1);
	if (lua_istable(L, 1)) {
		thin(L, 1);
	} else if (is_null(L, 1)) {
		lua_pushnil(L);
	}
	return 1;
}
