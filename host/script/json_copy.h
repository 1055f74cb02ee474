/*
 * Copies of what untrusted Lua code made, and decoded values without their nulls: what every question
 * to a mapping needs, and what Lua itself is slow at.  For json.c alone.
 */
#ifndef SCRIPT_JSON_COPY_H
#define SCRIPT_JSON_COPY_H

#include <lua.h>

/* json.copy(value, deepest, most) -> copy | nil, "deep" or "many" */
int json_copy_l(lua_State *L);
/* json.without_null(value) -> value */
int json_copy_l_without_null(lua_State *L);

#endif
