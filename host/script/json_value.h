/*
 * The values of JSON that Lua lacks.  For json.c and json_write.c alone.
 */
#ifndef SCRIPT_JSON_VALUE_H
#define SCRIPT_JSON_VALUE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

void json_value_open(lua_State *L); /* registers the metatables; before all below */

/* The text is a JSON number; it is copied. */
void json_value_push_decimal(lua_State *L, const char *text, size_t len);
/* Its text, which lives as long as the value; NULL: not a decimal. */
const char *json_value_decimal(lua_State *L, int index);

/* A marked table is an array, though it be empty. */
void json_value_mark_array(lua_State *L, int index);
bool json_value_is_marked(lua_State *L, int index);

#endif
