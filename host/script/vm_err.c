/*
 * Errors between C and Lua: a struct err as a table, and whatever a script raised as a struct err.
 *
 * Raw access only: a metamethod of a raised table must not run here.  Reading may still raise for want
 * of memory, so the door (vm.c) reads inside a protected call.
 */
#include "script/vm.h"

#include <lauxlib.h>
#include <lua.h>

void vm_push_err(lua_State *L, const struct err *e)
{
	lua_createtable(L, 0, 5);
	lua_pushstring(L, err_kind_name(e->kind));
	lua_setfield(L, -2, "kind");
	lua_pushstring(L, e->text);
	lua_setfield(L, -2, "text");
	if (e->status != 0) {
		lua_pushinteger(L, e->status);
		lua_setfield(L, -2, "status");
	}
	if (e->wait_ms != 0) {
		lua_pushinteger(L, e->wait_ms);
		lua_setfield(L, -2, "wait_ms");
	}
	if (e->step) {
		lua_pushstring(L, e->step);
		lua_setfield(L, -2, "step");
	}
}

int vm_fail(lua_State *L, const struct err *e)
{
	lua_pushnil(L);
	vm_push_err(L, e);
	return 2;
}

/* The raw field of the table at index, on the stack. */
static int raw_field(lua_State *L, int index, const char *name)
{
	index = lua_absindex(L, index);
	lua_pushstring(L, name);
	return lua_rawget(L, index);
}

static int64_t raw_integer(lua_State *L, int index, const char *name)
{
	raw_field(L, index, name);
	int64_t n = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return n;
}

static void table_to_err(lua_State *L, int index, struct err *e)
{
	enum err_kind kind = ERR_SCRIPT;
	if (raw_field(L, index, "kind") == LUA_TSTRING) {
		kind = err_kind_from(lua_tostring(L, -1));
	}
	bool text = raw_field(L, index, "text") == LUA_TSTRING;
	err_set(e, kind == ERR_NONE ? ERR_SCRIPT : kind, "%s",
		text ? lua_tostring(L, -1) : "raised a table without a text");
	lua_pop(L, 2);
	e->status = (int)raw_integer(L, index, "status");
	e->wait_ms = raw_integer(L, index, "wait_ms");
}

void vm_to_err(lua_State *L, int index, struct err *e)
{
	index = lua_absindex(L, index);
	switch (lua_type(L, index)) {
	case LUA_TTABLE: table_to_err(L, index, e); break;
	case LUA_TSTRING: err_set(e, ERR_SCRIPT, "%s", lua_tostring(L, index)); break;
	case LUA_TNUMBER:
		err_set(e, ERR_SCRIPT, "raised the number %g", lua_tonumber(L, index));
		break;
	default: err_set(e, ERR_SCRIPT, "raised a %s", luaL_typename(L, index)); break;
	}
}
