/*
 * Rows of the store as Lua values, for api_store and api_docs: gathered as JSON text in the scratch
 * buffer while a statement is open, decoded after it is closed, so that a raise never jumps over
 * sqlite.
 */
#ifndef SCRIPT_API_ROWS_H
#define SCRIPT_API_ROWS_H

#include "script/services.h"

#include <lua.h>

/* A list: api_rows_begin, rows each begun with api_row_begin and closed with "}", api_rows_end. */
#define API_MOST 100000
struct buf *api_rows_begin(struct services *s);
int api_rows_end(lua_State *L, struct buf *b, bool ok, const struct err *e); /* list | nil, err */
void api_row_begin(struct buf *b, const char *key, int64_t value);           /* {"key":value */
void api_row_int(struct buf *b, const char *key, int64_t value);
void api_row_text(struct buf *b, const char *key, const char *value); /* NULL: left out */
void api_row_json(struct buf *b, const char *key, const char *json);  /* NULL, "": left out */
int api_check_most(lua_State *L, int64_t most);

#endif
