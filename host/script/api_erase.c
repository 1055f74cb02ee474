/*
 * host.erase: the texts of the state by place, whatever bytes they are, and the file made anew
 * without what was taken out of them.
 *
 * A raise never jumps over an open statement: rows are gathered in the scratch buffer first.
 */
#include "script/api_kit.h"
#include "script/api_parts.h"
#include "script/api_rows.h"
#include "store/erase.h"

#include <stdlib.h>
#include <string.h>

#define MOST_DEFAULT 200

/* ---- rows ---- */

static void keep(struct buf *b, const char *text, size_t n)
{
	buf_add(b, &n, sizeof(n));
	buf_add(b, text ? text : "", n);
}

static bool each(void *arg, const struct erase_row *row)
{
	struct buf *b = arg;
	keep(b, row->key, strlen(row->key));
	keep(b, row->what, strlen(row->what));
	keep(b, row->text, row->len);
	return true;
}

static size_t push_kept(lua_State *L, const struct buf *b, size_t at)
{
	size_t n;
	memcpy(&n, b->data + at, sizeof(n));
	lua_pushlstring(L, b->data + at + sizeof(n), n);
	return at + sizeof(n) + n;
}

/* host.erase.list(place, after, most) -> { {key=, what=, text=}, ... } | nil, err */
static int l_list(lua_State *L)
{
	static const char *const names[] = {"key", "what", "text"};
	struct services *s = api_services(L);
	const char *place = luaL_checkstring(L, 1);
	const char *after = luaL_optstring(L, 2, "");
	int most = api_check_most(L, luaL_optinteger(L, 3, MOST_DEFAULT));
	API_NEED(L, s, db);
	struct err e;
	struct buf *b = api_scratch(s);
	if (!erase_list(s->db, place, after, most, each, b, &e))
		return vm_fail(L, &e);
	lua_newtable(L);
	size_t at = 0;
	for (lua_Integer i = 1; at < b->len; i++) {
		lua_createtable(L, 0, 3);
		for (size_t k = 0; k < 3; k++) {
			at = push_kept(L, b, at);
			lua_setfield(L, -2, names[k]);
		}
		lua_rawseti(L, -2, i);
	}
	return 1;
}

/* host.erase.set(place, key, text) -> true | nil, err */
static int l_set(lua_State *L)
{
	struct services *s = api_services(L);
	size_t len;
	const char *place = luaL_checkstring(L, 1);
	const char *key = luaL_checkstring(L, 2);
	const char *text = luaL_checklstring(L, 3, &len);
	API_NEED(L, s, db);
	struct err e;
	if (!erase_set(s->db, place, key, text, len, &e))
		return vm_fail(L, &e);
	lua_pushboolean(L, true);
	return 1;
}

/* ---- bytes ---- */

struct end {
	struct ticket ticket;
	struct err e;
};

static int push_end(lua_State *co, void *arg)
{
	struct end *end = arg;
	if (!co) {
		free(end);
		return 0;
	}
	if (end->e.kind != ERR_NONE)
		return vm_fail(co, &end->e);
	lua_pushboolean(co, true);
	return 1;
}

static void bytes_done(void *arg, const struct err *e)
{
	struct end *end = arg;
	if (e)
		end->e = *e;
	task_wake(end->ticket, push_end, end);
}

/* host.erase.bytes() (suspends) -> true | nil, err */
static int l_bytes(lua_State *L)
{
	struct services *s = api_services(L);
	struct task *t = task_of(L);
	API_NEED(L, s, db);
	struct end *end = NEW(struct end);
	end->ticket = task_ticket(t);
	erase_bytes(s->db, bytes_done, end);
	return task_wait(L, t, false, NULL, NULL); /* done all the same if nobody waits any more */
}

void api_erase_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"list", l_list}, {"set", l_set}, {"bytes", l_bytes}, {NULL, NULL}};
	api_table(L, "erase", functions);
}
