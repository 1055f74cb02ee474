/*
 * Reads the ticks of main.lua.
 *
 * Owns the names it hands out until ticks_clear.  Knows no kind, and nothing of when they run again.
 */
#include "script/ticks.h"

#include <lauxlib.h>

#include <stdlib.h>
#include <string.h>

#define SECONDS_MOST 1e9
#define WRONG        "main.ticks: seconds until the first run, by kind"

/* A kind and its seconds are on top. */
static void add(lua_State *L, struct ticks *t)
{
	lua_Number seconds = lua_tonumber(L, -1);
	if (lua_type(L, -2) != LUA_TSTRING || !lua_isnumber(L, -1) ||
	    !(seconds >= 0 && seconds <= SECONDS_MOST))
		luaL_error(L, WRONG);
	if (t->n == TICKS_MOST)
		luaL_error(L, "main.ticks: more than %d", TICKS_MOST);
	t->at[t->n].first_ms = (int64_t)(seconds * 1000);
	t->at[t->n].kind = xstrdup(lua_tostring(L, -2));
	t->n++;
}

static int l_ticks(lua_State *L)
{
	struct ticks *t = lua_touserdata(L, 1);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "main");
	lua_call(L, 1, 1);
	int type = lua_getfield(L, -1, "ticks");
	if (type == LUA_TNIL)
		return 0;
	if (type != LUA_TTABLE)
		return luaL_error(L, WRONG);
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		add(L, t);
	return 0;
}

bool ticks_read(struct vm *v, struct ticks *out, struct err *e)
{
	lua_State *L = vm_lua(v);
	*out = (struct ticks){0};
	lua_pushcfunction(L, l_ticks);
	lua_pushlightuserdata(L, out);
	if (vm_call(v, L, 1, 0, 0, e))
		return true;
	ticks_clear(out);
	return false;
}

bool ticks_has(const struct ticks *t, const char *kind)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->at[i].kind, kind) == 0)
			return true;
	return false;
}

void ticks_clear(struct ticks *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i].kind);
	t->n = 0;
}
