/*
 * The files that the host sent, and the Lua table `files` by which the trusted modules get at them.
 *
 * It owns the texts and the log of one question.  It must never give a mapping itself anything: the
 * modules decide what a file sees.
 */
#include "mapper/files.h"

#include "base/clock.h"
#include "script/vm.h"

#include <lauxlib.h>
#include <lua.h>

#include <stdlib.h>
#include <string.h>

#define LOG_MOST 4000 /* bytes of ctx.log a question */

static struct files *self(lua_State *L)
{
	return (struct files *)lua_touserdata(L, lua_upvalueindex(1));
}

static const struct file *file_of(lua_State *L, const char *role)
{
	const struct files *fs = self(L);
	for (size_t i = 0; i < fs->count; i++) {
		if (strcmp(fs->all[i].role, role) == 0) {
			return &fs->all[i];
		}
	}
	return NULL;
}

/* files.text(role) -> text, name | nil */
static int l_text(lua_State *L)
{
	const struct file *f = file_of(L, luaL_checkstring(L, 1));
	if (f == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushlstring(L, f->text, f->len);
	lua_pushstring(L, f->name);
	return 2;
}

/* files.compile(role, env) -> function | nil, message */
static int l_compile(lua_State *L)
{
	const char *role = luaL_checkstring(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	const struct file *f = file_of(L, role);
	if (f == NULL) {
		lua_pushnil(L);
		lua_pushfstring(L, "there is no file for %s", role);
		return 2;
	}
	const char *chunk = lua_pushfstring(L, "@%s", f->name);
	size_t mark = f->len >= 3 && memcmp(f->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	if (luaL_loadbufferx(L, f->text + mark, f->len - mark, chunk, "t") != LUA_OK) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	lua_pushvalue(L, 2);
	lua_setupvalue(L, -2, 1); /* _ENV */
	return 1;
}

/* files.fixtures() -> { {name=, file=, text=}, ... } */
static int l_fixtures(lua_State *L)
{
	static const char prefix[] = "fixture:";
	const struct files *fs = self(L);
	lua_newtable(L);
	for (size_t i = 0; i < fs->count; i++) {
		const struct file *f = &fs->all[i];
		if (strncmp(f->role, prefix, sizeof(prefix) - 1) != 0) {
			continue;
		}
		lua_createtable(L, 0, 3);
		lua_pushstring(L, f->role + sizeof(prefix) - 1);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, f->name);
		lua_setfield(L, -2, "file");
		lua_pushlstring(L, f->text, f->len);
		lua_setfield(L, -2, "text");
		lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	}
	return 1;
}

/* files.where(function) -> file, line */
static int l_where(lua_State *L)
{
	lua_Debug ar;
	if (!lua_isfunction(L, 1)) {
		lua_pushliteral(L, "?");
		lua_pushinteger(L, 0);
		return 2;
	}
	lua_settop(L, 1);
	lua_getinfo(L, ">S", &ar);
	lua_pushstring(L, ar.short_src);
	lua_pushinteger(L, ar.linedefined);
	return 2;
}

/* files.today() -> "YYYY-MM-DD" */
static int l_today(lua_State *L)
{
	char iso[CLOCK_ISO];
	clock_iso(clock_wall_ms(), iso);
	lua_pushlstring(L, iso, strlen("YYYY-MM-DD"));
	return 1;
}

/* files.log(text) */
static int l_log(lua_State *L)
{
	struct files *fs = self(L);
	size_t len;
	luaL_where(L, 1);
	luaL_tolstring(L, 1, NULL);
	lua_concat(L, 2);
	const char *s = lua_tolstring(L, -1, &len);
	if (fs->log.len + len < LOG_MOST) {
		buf_add(&fs->log, s, len);
		buf_addc(&fs->log, '\n');
	}
	return 0;
}

/* files.place() -> "file:line: " of the mapping that is being run, or "" */
static int l_place(lua_State *L)
{
	char place[LUA_IDSIZE + 16];
	bool known = vm_place(L, place, sizeof(place));
	lua_pushfstring(L, "%s%s", known ? place : "", known ? ": " : "");
	return 1;
}

/* files.loaded() */
static int l_loaded(lua_State *L)
{
	size_t kib = (size_t)lua_gc(L, LUA_GCCOUNT);
	self(L)->memory = kib << 10;
	return 0;
}

static const luaL_Reg services[] = {
	{"text", l_text},     {"compile", l_compile}, {"fixtures", l_fixtures},
	{"where", l_where},   {"today", l_today},     {"log", l_log},
	{"loaded", l_loaded}, {"place", l_place},     {NULL, NULL},
};

void files_push(lua_State *L, struct files *fs)
{
	luaL_newlibtable(L, services);
	lua_pushlightuserdata(L, fs);
	luaL_setfuncs(L, services, 1);
}

void files_free(struct files *fs)
{
	for (size_t i = 0; i < fs->count; i++) {
		free(fs->all[i].name);
		free(fs->all[i].role);
		free(fs->all[i].text);
	}
	free(fs->all);
	buf_free(&fs->log);
}
