/*
 * Lua values as JSON text, names sorted, so that equal values are equal texts.
 *
 * It owns nothing: the text goes to the caller's buf, what it needs while it runs is Lua's.  Raw access
 * only: no metamethod of a script's value runs.  An error names the place (customer.name), never a value.
 */
#include "script/json_write.h"

#include "script/json_lex.h"
#include "script/json_value.h"

#include <lauxlib.h>
#include <lua.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOO_LONG "longer than 16 MiB"

struct level {
	const char *name; /* member of an object, or NULL */
	lua_Integer i;    /* element of an array */
};

struct encoder {
	struct buf *out;
	int indent; /* 0: one line */
	int depth;
	struct level path[JSON_DEPTH + 1];
	struct err *e;
};

struct name {
	const char *s;
	size_t len;
};

/* Raises: the error is in en->e, the place in front of it. */
static int give_up(lua_State *L, struct encoder *en, enum err_kind kind, const char *why)
{
	char place[200] = "";
	size_t n = 0;
	for (int i = 0; i < en->depth && n < sizeof(place); i++) {
		const struct level *l = &en->path[i];
		int k = l->name != NULL
				? snprintf(place + n, sizeof(place) - n, "%s%.60s",
					   n > 0 ? "." : "", l->name)
				: snprintf(place + n, sizeof(place) - n, "[%lld]", (long long)l->i);
		n += k > 0 ? (size_t)k : 0;
	}
	err_set(en->e, kind, "JSON: %s%s%s", why, place[0] != '\0' ? " at " : "", place);
	lua_pushnil(L);
	return lua_error(L);
}

static void add(lua_State *L, struct encoder *en, const char *s, size_t n)
{
	if (n > JSON_MAX - en->out->len) {
		give_up(L, en, ERR_DATA, TOO_LONG);
	}
	buf_add(en->out, s, n);
}

static void add_string(lua_State *L, struct encoder *en, const char *s, size_t n)
{
	if (json_lex_utf8(s, n) < n) {
		give_up(L, en, ERR_DATA, "text that is not valid UTF-8");
	}
	if (n > JSON_MAX - en->out->len) {
		give_up(L, en, ERR_DATA, TOO_LONG);
	}
	json_lex_quote(en->out, s, n);
	if (en->out->len > JSON_MAX) {
		give_up(L, en, ERR_DATA, TOO_LONG);
	}
}

static void add_number(lua_State *L, struct encoder *en)
{
	char text[JSON_NUMBER];
	if (lua_isinteger(L, -1)) {
		snprintf(text, sizeof(text), "%lld", (long long)lua_tointeger(L, -1));
	} else if (!json_lex_float(lua_tonumber(L, -1), text)) {
		give_up(L, en, ERR_DATA, "not a number or infinite");
	}
	add(L, en, text, strlen(text));
}

static void add_line(lua_State *L, struct encoder *en)
{
	if (en->indent == 0) {
		return;
	}
	char line[2 * (JSON_DEPTH + 1) + 2];
	int n = snprintf(line, sizeof(line), "\n%*s", en->indent * en->depth, "");
	add(L, en, line, (size_t)n);
}

static void encode_value(lua_State *L, struct encoder *en);

static void enter(lua_State *L, struct encoder *en, const char *bracket)
{
	if (en->depth == JSON_DEPTH) {
		give_up(L, en, ERR_DATA, "nested deeper than 64");
	}
	luaL_checkstack(L, 8, "JSON");
	add(L, en, bracket, 1);
	en->depth++;
}

static void leave(lua_State *L, struct encoder *en, const char *bracket, bool empty)
{
	en->depth--;
	if (!empty) {
		add_line(L, en);
	}
	add(L, en, bracket, 1);
}

static void encode_array(lua_State *L, struct encoder *en, lua_Integer n)
{
	enter(L, en, "[");
	for (lua_Integer i = 1; i <= n; i++) {
		if (i > 1) {
			add(L, en, ",", 1);
		}
		add_line(L, en);
		en->path[en->depth - 1] = (struct level){NULL, i};
		lua_rawgeti(L, -1, i);
		encode_value(L, en);
		lua_pop(L, 1);
	}
	leave(L, en, "]", n == 0);
}

static int by_name(const void *a, const void *b)
{
	const struct name *x = (const struct name *)a;
	const struct name *y = (const struct name *)b;
	int d = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
	return d != 0 ? d : (x->len > y->len) - (x->len < y->len);
}

/* The names of the table on top, sorted, in memory that Lua owns (pushed). The strings are the
 * table's own keys, so they live as long as it does. */
static struct name *sorted_names(lua_State *L, size_t count)
{
	struct name *names = (struct name *)lua_newuserdatauv(L, (count + 1) * sizeof(*names), 0);
	size_t i = 0;
	for (lua_pushnil(L); lua_next(L, -3) != 0 && i < count; i++) {
		lua_pop(L, 1);
		names[i].s = lua_tolstring(L, -1, &names[i].len);
	}
	qsort(names, count, sizeof(*names), by_name);
	return names;
}

static void encode_object(lua_State *L, struct encoder *en, size_t count)
{
	enter(L, en, "{");
	const struct name *names = sorted_names(L, count);
	for (size_t i = 0; i < count; i++) {
		if (i > 0) {
			add(L, en, ",", 1);
		}
		add_line(L, en);
		en->path[en->depth - 1] = (struct level){names[i].s, 0};
		add_string(L, en, names[i].s, names[i].len);
		add(L, en, ": ", en->indent > 0 ? 2 : 1);
		lua_pushlstring(L, names[i].s, names[i].len);
		lua_rawget(L, -3);
		encode_value(L, en);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	leave(L, en, "}", count == 0);
}

/* An array is what is marked so or has a first element; all its keys must then be 1..n. */
static void encode_table(lua_State *L, struct encoder *en)
{
	size_t names = 0;
	size_t others = 0;
	lua_Integer most = 0;
	for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
		if (lua_type(L, -2) == LUA_TSTRING) {
			names++;
		} else if (lua_isinteger(L, -2) && lua_tointeger(L, -2) > 0) {
			most = lua_tointeger(L, -2) > most ? lua_tointeger(L, -2) : most;
			others++;
		} else {
			lua_pop(L, 2);
			give_up(L, en, ERR_DATA, "a key that is neither a name nor a position");
		}
	}
	if (others == 0 && (names > 0 || !json_value_is_marked(L, -1))) {
		encode_object(L, en, names);
	} else if (names > 0) {
		give_up(L, en, ERR_DATA, "a table with both names and positions");
	} else if ((size_t)most != others) {
		give_up(L, en, ERR_DATA, "an array with holes (use null)");
	} else {
		encode_array(L, en, most);
	}
}

static void encode_value(lua_State *L, struct encoder *en)
{
	char why[80];
	switch (lua_type(L, -1)) {
	case LUA_TSTRING: {
		size_t n;
		const char *s = lua_tolstring(L, -1, &n);
		add_string(L, en, s, n);
		return;
	}
	case LUA_TNUMBER: add_number(L, en); return;
	case LUA_TBOOLEAN:
		add(L, en, lua_toboolean(L, -1) ? "true" : "false", lua_toboolean(L, -1) ? 4 : 5);
		return;
	case LUA_TTABLE: encode_table(L, en); return;
	case LUA_TNIL: add(L, en, "null", 4); return;
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(L, -1) == NULL) {
			add(L, en, "null", 4);
			return;
		}
		break;
	case LUA_TUSERDATA: {
		const char *d = json_value_decimal(L, -1);
		if (d != NULL) {
			add(L, en, d, strlen(d));
			return;
		}
		break;
	}
	default: break;
	}
	snprintf(why, sizeof(why), "a %s cannot be written", luaL_typename(L, -1));
	give_up(L, en, ERR_DATA, why);
}

/* Arguments: struct encoder *, the value. */
static int l_encode_value(lua_State *L)
{
	struct encoder *en = (struct encoder *)lua_touserdata(L, 1);
	encode_value(L, en);
	return 0;
}

bool json_write(lua_State *L, int index, int indent, struct buf *out, struct err *e)
{
	struct encoder en = {.out = out, .indent = indent, .e = e};
	size_t before = out->len;
	index = lua_absindex(L, index);
	if (!lua_checkstack(L, 4)) {
		return err_set(e, ERR_SCRIPT, "not enough memory for JSON");
	}
	e->kind = ERR_NONE;
	lua_pushcfunction(L, l_encode_value);
	lua_pushlightuserdata(L, &en);
	lua_pushvalue(L, index);
	if (lua_pcall(L, 2, 0, 0) == LUA_OK) {
		return true;
	}
	lua_pop(L, 1);
	out->len = before;
	if (e->kind == ERR_NONE) {
		err_set(e, ERR_SCRIPT, "not enough memory for JSON");
	}
	return false;
}
