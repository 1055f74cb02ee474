/*
 * Exact JSON for Lua, on lua-cjson: integers to 2^63 are integers; a number that a double cannot keep
 * exactly becomes a decimal (its text); [] {} null and missing stay four things; depth and size are
 * capped (json_lex.h); invalid numbers and invalid UTF-8 are refused.
 *
 * Lua side, the global `json`:
 *   json.decode(text) -> value | nil, err        json.encode(value) -> text | nil, err
 *   json.null                                     json.array(t) -> t marked as an array (so {} is [])
 *   json.is_array(t)                              json.decimal(text) -> decimal (tostring gives the text;
 *                                                 arithmetic and comparison by < raise)
 *   json.is_decimal(v)
 *   json.copy(value, deepest, most) -> copy by raw reads, without metatables | nil, "deep" or "many"
 *   json.without_null(value) -> value, in which no name stands for null any more (nil if it is null)
 *   json.pretty(value) -> text, keys sorted, two spaces: for people and fixtures
 */
#ifndef SCRIPT_JSON_H
#define SCRIPT_JSON_H

#include <lua.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

void json_open(lua_State *L); /* sets the global */
/* Pushes the value; false: nothing pushed, *e ERR_DATA with the place. */
bool json_decode(lua_State *L, const char *text, size_t len, struct err *e) MUST_USE;
/* The value at index as text, keys sorted (so equal values are equal texts). */
bool json_encode(lua_State *L, int index, struct buf *out, struct err *e) MUST_USE;

#endif
