/*
 * host.docs: the rows of the practice environment, and JSON edited as text.
 *
 * As in api_store, a raise never jumps over an open statement.  Knows nothing of what the documents
 * mean.
 */
#include "script/api_kit.h"
#include "script/api_parts.h"
#include "script/api_rows.h"

#include <string.h>

static struct services *need_docs(lua_State *L)
{
	struct services *s = api_services(L);
	API_NEED(L, s, docs);
	return s;
}

/* The strings of the list at index become d's keys; they live as long as that list. */
static void read_keys(lua_State *L, int index, struct doc *d)
{
	if (lua_isnoneornil(L, index))
		return;
	luaL_checktype(L, index, LUA_TTABLE);
	for (int i = 0; i < DOCS_KEYS; i++) {
		int type = lua_rawgeti(L, index, i + 1);
		if (type == LUA_TSTRING)
			d->key[i] = lua_tostring(L, -1);
		else if (type != LUA_TNIL && type != LUA_TBOOLEAN && type != LUA_TLIGHTUSERDATA)
			luaL_argerror(L, index, "keys are strings");
		lua_pop(L, 1);
	}
}

/* host.docs.put(collection, id, table|json_text, {k1,k2,k3,k4}|nil, tag|nil) -> tag */
static int l_docs_put(lua_State *L)
{
	struct services *s = need_docs(L);
	const char *collection = luaL_checkstring(L, 1);
	struct doc d = {.id = luaL_checkstring(L, 2)};
	read_keys(L, 4, &d);
	d.tag = luaL_optinteger(L, 5, 0);
	luaL_argcheck(L, d.tag >= 0, 5, "a tag that was given out");
	if (lua_type(L, 3) == LUA_TSTRING) {
		d.body = lua_tostring(L, 3);
	} else {
		luaL_checktype(L, 3, LUA_TTABLE);
		d.body = api_encode(L, 3);
	}
	struct err e;
	int64_t tag = 0;
	if (!docs_put(s->docs, collection, &d, &tag, &e))
		return vm_fail(L, &e);
	lua_pushinteger(L, tag);
	return 1;
}

/* Keeps a document's body and tag while its statement is open. */
struct found {
	struct buf *body;
	int64_t tag;
};

static bool each_found(void *arg, const struct doc *d)
{
	struct found *f = arg;
	f->tag = d->tag;
	buf_adds(f->body, d->body);
	return false;
}

static int get_doc(lua_State *L, bool as_text)
{
	struct services *s = need_docs(L);
	const char *collection = luaL_checkstring(L, 1);
	const char *id = luaL_checkstring(L, 2);
	struct found f = {.body = api_scratch(s), .tag = -1};
	struct err e;
	if (!docs_get(s->docs, collection, id, each_found, &f, &e))
		return vm_fail(L, &e);
	if (f.tag < 0) {
		lua_pushnil(L);
		return 1;
	}
	if (as_text)
		lua_pushlstring(L, f.body->data, f.body->len);
	else if (api_push_json(L, f.body->data, f.body->len) != 1)
		return 2;
	lua_pushinteger(L, f.tag);
	return 2;
}

/* host.docs.get(collection, id) -> table, tag | nil */
static int l_docs_get(lua_State *L)
{
	return get_doc(L, false);
}

/* host.docs.get_text(collection, id) -> text, tag | nil */
static int l_docs_get_text(lua_State *L)
{
	return get_doc(L, true);
}

/* host.docs.drop(collection, id) -> boolean */
static int l_docs_drop(lua_State *L)
{
	struct services *s = need_docs(L);
	const char *collection = luaL_checkstring(L, 1);
	struct err e;
	bool was = false;
	if (!docs_drop(s->docs, collection, luaL_checkstring(L, 2), &was, &e))
		return vm_fail(L, &e);
	lua_pushboolean(L, was);
	return 1;
}

static bool each_doc(void *arg, const struct doc *d)
{
	struct buf *b = arg;
	api_row_begin(b, "tag", d->tag);
	api_row_text(b, "id", d->id);
	api_row_json(b, "body", d->body);
	buf_addc(b, '}');
	return true;
}

static enum docs_order order_of(lua_State *L, int index)
{
	const char *word = api_opt_string(L, index, "order", NULL);
	if (!word)
		return DOCS_PLAIN;
	bool up = strcmp(word, "up") == 0;
	luaL_argcheck(L, up || strcmp(word, "down") == 0, index, "order: up or down");
	return up ? DOCS_UP : DOCS_DOWN;
}

/* host.docs.find(collection, {at=1..4, key=, after=, after_tag=, most=, order=}) ->
 * { {id=,tag=,body=}, ...} */
static int l_docs_find(lua_State *L)
{
	static const char *const keys[] = {"at",   "key",   "after", "after_tag",
					   "most", "order", NULL};
	struct services *s = need_docs(L);
	const char *collection = luaL_checkstring(L, 1);
	struct docs_query q = {.after_tag = -1, .most = API_MOST};
	if (!lua_isnoneornil(L, 2)) {
		api_check_keys(L, 2, keys);
		int64_t at = api_opt_int(L, 2, "at", 1);
		luaL_argcheck(L, at >= 1 && at <= DOCS_KEYS, 2, "at: from 1 to 4");
		q.at = (int)at - 1;
		q.key = api_opt_string(L, 2, "key", NULL);
		q.after = api_opt_string(L, 2, "after", NULL);
		q.after_tag = api_opt_int(L, 2, "after_tag", -1);
		q.most = api_check_most(L, api_opt_int(L, 2, "most", API_MOST));
		q.order = order_of(L, 2);
	}
	struct err e;
	struct buf *b = api_rows_begin(s);
	return api_rows_end(L, b, docs_find(s->docs, collection, &q, each_doc, b, &e), &e);
}

/* host.docs.count(collection) -> int */
static int l_docs_count(lua_State *L)
{
	struct services *s = need_docs(L);
	struct err e;
	int64_t n = 0;
	if (!docs_count(s->docs, luaL_checkstring(L, 1), &n, &e))
		return vm_fail(L, &e);
	lua_pushinteger(L, n);
	return 1;
}

static int push_edited(lua_State *L, struct services *s, bool ok, char *text, const struct err *e)
{
	if (!ok)
		return vm_fail(L, e);
	lua_pushstring(L, api_hold(s, 0, text));
	return 1;
}

/* host.docs.json_set(text, path, value_json_text) -> text */
static int l_json_set(lua_State *L)
{
	struct services *s = need_docs(L);
	const char *json = luaL_checkstring(L, 1);
	const char *path = luaL_checkstring(L, 2);
	struct err e;
	char *out = NULL;
	bool ok = docs_json_set(s->docs, json, path, luaL_checkstring(L, 3), &out, &e);
	return push_edited(L, s, ok, out, &e);
}

/* host.docs.json_remove(text, path) -> text */
static int l_json_remove(lua_State *L)
{
	struct services *s = need_docs(L);
	const char *json = luaL_checkstring(L, 1);
	struct err e;
	char *out = NULL;
	bool ok = docs_json_remove(s->docs, json, luaL_checkstring(L, 2), &out, &e);
	return push_edited(L, s, ok, out, &e);
}

/* ---- registration ---- */

static const luaL_Reg docs[] = {
	{"put", l_docs_put},
	{"get", l_docs_get},
	{"get_text", l_docs_get_text},
	{"drop", l_docs_drop},
	{"find", l_docs_find},
	{"count", l_docs_count},
	{"json_set", l_json_set},
	{"json_remove", l_json_remove},
	{NULL, NULL},
};

void api_docs_open(lua_State *L)
{
	api_table(L, "docs", docs);
}
