/*
 * What a script sees: the safe part of the standard libraries, and globals that must be declared.
 *
 * It owns no state.  It must never leave a name in that compiles, opens files, reaches the debug
 * library, or runs code while the hooks are off (finalizers, message handlers).
 */
#include "script/vm_libs.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <string.h>

/* setmetatable(t, mt): the usual one, but without finalizers. */
static int l_setmetatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2), 2, "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) {
		return luaL_error(L, "cannot change a protected metatable");
	}
	lua_settop(L, 2);
	lua_pushliteral(L, "__gc");
	if (lua_istable(L, 2) && lua_rawget(L, 2) != LUA_TNIL) {
		return luaL_error(L, "__gc is not available here");
	}
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

static int l_undeclared(lua_State *L)
{
	return luaL_error(L, "undeclared global '%s'", luaL_tolstring(L, 2, NULL));
}

/* C may set globals (lua_setglobal); a Lua function may not. */
static int l_no_new_global(lua_State *L)
{
	lua_Debug ar;
	if (lua_getstack(L, 1, &ar)) {
		lua_getinfo(L, "S", &ar);
		if (strcmp(ar.what, "C") != 0) {
			return luaL_error(L, "'%s' is not declared: write `local %s`",
					  luaL_tolstring(L, 2, NULL), luaL_tolstring(L, 2, NULL));
		}
	}
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 0;
}

static void open_libraries(lua_State *L)
{
	static const luaL_Reg libraries[] = {
		{LUA_GNAME, luaopen_base},       {LUA_STRLIBNAME, luaopen_string},
		{LUA_TABLIBNAME, luaopen_table}, {LUA_MATHLIBNAME, luaopen_math},
		{LUA_UTF8LIBNAME, luaopen_utf8}, {LUA_COLIBNAME, luaopen_coroutine},
	};
	/* xpcall: its handler would run inside the raising hook, where no hook can stop it */
	static const char *const removed[] = {"load",  "loadfile", "dofile", "collectgarbage",
					      "print", "warn",     "xpcall"};
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
		lua_pop(L, 1);
	}
	for (size_t i = 0; i < sizeof(removed) / sizeof(*removed); i++) {
		lua_pushnil(L);
		lua_setglobal(L, removed[i]);
	}
	lua_getglobal(L, "string");
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	lua_pop(L, 1);
	lua_pushcfunction(L, l_setmetatable);
	lua_setglobal(L, "setmetatable");
}

/* s:upper() goes through a copy of `string` that no script can reach. */
static void lock_strings(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_newtable(L);
	lua_getglobal(L, "string");
	for (lua_pushnil(L); lua_next(L, -2) != 0;) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -5);
	}
	lua_pop(L, 1);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "locked");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

static void lock_globals(lua_State *L)
{
	lua_pushglobaltable(L);
	lua_createtable(L, 0, 3);
	lua_pushcfunction(L, l_undeclared);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_no_new_global);
	lua_setfield(L, -2, "__newindex");
	lua_pushliteral(L, "locked");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

void vm_libs_open(lua_State *L, bool strict)
{
	open_libraries(L);
	lock_strings(L);
	if (strict) {
		lock_globals(L);
	}
}
