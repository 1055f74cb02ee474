/*
 * host.sheet: tables that people keep in files: workbooks read piece by piece and written whole,
 * and the bytes of a text file.  A host's commands use it as well; paths are absolute.
 *
 * An open sheet is held by userdata, so a raise anywhere leaves it to the collector.
 */
#include "io/sheet.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <stdlib.h>
#include <string.h>

static const char sheet_type[] = "cosell.sheet";

/* ---- reading ---- */

static struct sheet **check_box(lua_State *L)
{
	return luaL_checkudata(L, 1, sheet_type);
}

static struct sheet *check_sheet(lua_State *L)
{
	struct sheet *s = *check_box(L);
	luaL_argcheck(L, s != NULL, 1, "the sheet is closed");
	return s;
}

static const char *check_path(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	luaL_argcheck(L, path[0] == '/', 1, "an absolute path");
	return path;
}

/* host.sheet.open(path, name|nil) -> sheet | nil, err */
static int l_open(lua_State *L)
{
	const char *path = check_path(L);
	const char *name = luaL_optstring(L, 2, NULL);
	struct sheet **box = lua_newuserdatauv(L, sizeof(struct sheet *), 0);
	*box = NULL;
	luaL_setmetatable(L, sheet_type);
	struct err e;
	*box = sheet_open(path, name, &e);
	return *box ? 1 : vm_fail(L, &e);
}

/* sheet:name() -> string */
static int l_name(lua_State *L)
{
	lua_pushstring(L, sheet_name(check_sheet(L)));
	return 1;
}

static void add_cell(void *arg, int row, int column, char kind, const char *text, size_t n)
{
	struct buf *b = arg;
	buf_addf(b, "%s[%d,%d,\"%c\",", b->len > 1 ? "," : "", row, column, kind);
	buf_add_json(b, text, n);
	buf_addc(b, ']');
}

/* sheet:cells() -> { {row, column, kind, text}, ... } | nil at the end | nil, err
 * The next piece of it, maybe without a cell. */
static int l_cells(lua_State *L)
{
	struct sheet *s = check_sheet(L);
	struct buf *b = api_scratch(api_services(L));
	struct err e;
	bool more = false;
	buf_addc(b, '[');
	if (!sheet_read(s, add_cell, b, &more, &e))
		return vm_fail(L, &e);
	if (!more)
		return 0;
	buf_addc(b, ']');
	return api_push_json(L, b->data, b->len);
}

static int l_close(lua_State *L)
{
	struct sheet **box = check_box(L);
	struct sheet *s = *box;
	*box = NULL;
	sheet_close(s);
	return 0;
}

/* host.sheet.text(path) -> bytes | nil, err */
static int l_text(lua_State *L)
{
	struct services *s = api_services(L);
	char *text = NULL;
	size_t n = 0;
	struct err e;
	if (!sheet_read_bytes(check_path(L), &text, &n, &e))
		return vm_fail(L, &e);
	lua_pushlstring(L, api_hold(s, 0, text), n);
	(void)api_hold(s, 0, NULL);
	return 1;
}

/* ---- writing ---- */

static int written(lua_State *L, bool ok, const struct err *e)
{
	if (!ok)
		return vm_fail(L, e);
	lua_pushboolean(L, true);
	return 1;
}

/* The row on top of the stack, its texts in b. */
static void add_row(lua_State *L, struct buf *b, int row, int columns)
{
	if (!lua_istable(L, -1))
		luaL_error(L, "row %d is no table", row);
	for (int i = 1; i <= columns; i++) {
		size_t n = 0;
		lua_rawgeti(L, -1, i);
		const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
		if (!text || strlen(text) != n)
			luaL_error(L, "row %d, column %d: a text without NUL expected", row, i);
		buf_add(b, text, n + 1);
		lua_pop(L, 1);
	}
}

/* host.sheet.write(path, {name=, rows={{text,...},...}, force=}) -> true | nil, err
 * The first row is the headings; the others are as long. */
static int l_write(lua_State *L)
{
	static const char *const keys[] = {"name", "rows", "force", NULL};
	const char *path = check_path(L);
	api_check_keys(L, 2, keys);
	struct sheet_table t = {.name = api_need_string(L, 2, "name")};
	bool force = api_opt_bool(L, 2, "force");
	lua_getfield(L, 2, "rows");
	luaL_checktype(L, -1, LUA_TTABLE);
	size_t rows = lua_rawlen(L, -1);
	luaL_argcheck(L, rows >= 1 && rows <= SHEET_ROWS_MOST, 2, "rows: from 1 to 100,000");
	lua_rawgeti(L, -1, 1);
	size_t columns = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
	luaL_argcheck(L, columns >= 1 && columns <= SHEET_COLUMNS_MOST, 2,
		      "columns: from 1 to 256");
	lua_pop(L, 1);
	struct buf *b = api_scratch(api_services(L));
	t.rows = (int)rows;
	t.columns = (int)columns;
	for (int i = 1; i <= t.rows; i++) {
		lua_rawgeti(L, -1, i);
		add_row(L, b, i, t.columns);
		lua_pop(L, 1);
	}
	t.cells = b->data;
	struct err e;
	return written(L, sheet_write(path, &t, force, &e), &e);
}

/* host.sheet.write_text(path, bytes, force|nil) -> true | nil, err */
static int l_write_text(lua_State *L)
{
	size_t n = 0;
	const char *path = check_path(L);
	const char *text = luaL_checklstring(L, 2, &n);
	bool force = lua_toboolean(L, 3);
	struct err e;
	return written(L, sheet_write_bytes(path, text, n, force, &e), &e);
}

/* host.sheet.folder(path) -> true | nil, err: a folder for them, fine if it is there */
static int l_folder(lua_State *L)
{
	const char *path = check_path(L);
	struct err e;
	return written(L, sheet_folder(path, &e), &e);
}

void api_sheet_open(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"name", l_name}, {"cells", l_cells}, {"close", l_close}, {NULL, NULL}};
	static const luaL_Reg functions[] = {{"open", l_open},     {"text", l_text},
					     {"write", l_write},   {"write_text", l_write_text},
					     {"folder", l_folder}, {NULL, NULL}};
	luaL_newmetatable(L, sheet_type);
	lua_pushcfunction(L, l_close);
	lua_setfield(L, -2, "__gc");
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	api_table(L, "sheet", functions);
}
