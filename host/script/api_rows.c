/*
 * JSON by hand, for rows.  Owns nothing: the text lies in the services' scratch buffer.
 */
#include "script/api_rows.h"

#include "script/api_kit.h"

#include <string.h>

void api_row_text(struct buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	buf_addf(b, ",\"%s\":", key);
	buf_add_json(b, value, strlen(value));
}

void api_row_int(struct buf *b, const char *key, int64_t value)
{
	buf_addf(b, ",\"%s\":%lld", key, (long long)value);
}

void api_row_json(struct buf *b, const char *key, const char *json)
{
	if (json && *json)
		buf_addf(b, ",\"%s\":%s", key, json);
}

void api_row_begin(struct buf *b, const char *key, int64_t value)
{
	buf_addf(b, "%s{\"%s\":%lld", b->len > 1 ? "," : "", key, (long long)value);
}

struct buf *api_rows_begin(struct services *s)
{
	struct buf *b = api_scratch(s);
	buf_addc(b, '[');
	return b;
}

int api_rows_end(lua_State *L, struct buf *b, bool ok, const struct err *e)
{
	if (!ok)
		return vm_fail(L, e);
	buf_addc(b, ']');
	return api_push_json(L, b->data, b->len);
}

int api_check_most(lua_State *L, int64_t most)
{
	if (most < 1 || most > API_MOST)
		luaL_error(L, "most: from 1 to %d", API_MOST);
	return (int)most;
}
