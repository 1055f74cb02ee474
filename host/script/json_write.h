/*
 * Lua values as JSON text, for json.c alone; all others call json_encode.
 */
#ifndef SCRIPT_JSON_WRITE_H
#define SCRIPT_JSON_WRITE_H

#include <lua.h>

#include "base/buf.h"
#include "base/err.h"

/* json_encode with lines and indentation, if indent > 0. */
bool json_write(lua_State *L, int index, int indent, struct buf *out, struct err *e) MUST_USE;

#endif
