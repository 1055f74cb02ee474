/*
 * What json.c and json_write.c share.
 */
#ifndef SCRIPT_JSON_INSIDE_H
#define SCRIPT_JSON_INSIDE_H

#include <lua.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DECIMAL \
	"json.decimal" /* the metatable's name; the userdata is the text with its NUL */

bool json_has_array_mark(lua_State *L, int index);

/* json_encode with lines and indentation, if indent > 0. */
bool json_write(lua_State *L, int index, int indent, struct buf *out, struct err *e) MUST_USE;

#endif
