/*
 * A Lua state in a box: memory counted and capped, safe libraries only, text chunks only, `require`
 * from a set of files in memory, strict globals, and one door for calls from C.
 *
 * It owns the lua_State, the file set and the deadline.  It must never let a raise leave the door,
 * open a file, or give Lua the means to get round its guards: no load, no debug, and nothing that runs
 * with the hooks off (finalizers, message handlers).
 */
#include "script/vm.h"

#include "base/clock.h"
#include "script/vm_libs.h"

#include <lauxlib.h>
#include <lua.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_DEFAULT   ((size_t)256 << 20)
#define SLICE_DEFAULT_US 1000000
#define HOOK_STEP        1000 /* instructions between two looks at the clock */
#define TRACE_MOST       4    /* callers named behind an error */
#define PLACE_DEEPEST    100  /* functions looked at for the place of an error */

struct file {
	char *module;
	char *shown;
	char *text;
	size_t len;
};

struct vm {
	lua_State *L;
	size_t used;
	size_t max;
	bool refused; /* memory, since the outermost call began */
	struct file *files;
	size_t nfiles;
	bool brief;              /* no callers behind an error */
	bool fixed;              /* a require ran: the file set may not change any more */
	int64_t (*now_us)(void); /* the clock that deadlines run on */
	int64_t slice_us;        /* a call's deadline where it names none */
	int64_t deadline_at;     /* 0: no call is running */
	int64_t deadline_us;     /* the budget it was made from, for the message */
	char late[300];    /* the first "file:line: took longer" of this call; "" while in time */
	struct err caught; /* left by the message handler for the door */
};

/* the registry key of what require has loaded: its address */
static const char key_loaded;

/* ---- memory ---- */

static void *vm_alloc(void *ud, void *p, size_t old, size_t n)
{
	struct vm *v = (struct vm *)ud;
	if (p == NULL) {
		old = 0; /* Lua passes a type there */
	}
	if (n == 0) {
		free(p);
		v->used -= old;
		return NULL;
	}
	if (n > old && n - old > v->max - v->used) {
		v->refused = true;
		return NULL; /* Lua raises "not enough memory" */
	}
	void *q = realloc(p, n);
	if (q != NULL) {
		v->used += n;
		v->used -= old;
	}
	return q;
}

static struct vm *vm_of(lua_State *L)
{
	void *ud;
	lua_getallocf(L, &ud);
	return (struct vm *)ud;
}

/* ---- places ---- */

enum place { PLACE_NONE, PLACE_OF_THE_SET, PLACE_OUTSIDE };

static bool is_of_the_set(const struct vm *v, const lua_Debug *ar)
{
	for (size_t i = 0; i < v->nfiles; i++) {
		if (ar->source[0] == '@' && strcmp(ar->source + 1, v->files[i].shown) == 0) {
			return true;
		}
	}
	return false;
}

/* "file:line" of the nearest Lua function.  In a brief state one of a mapping goes before the modules
 * that it called: who reads the error has written the mapping. */
static enum place place_of(lua_State *L, char *out, size_t n)
{
	lua_Debug ar;
	const struct vm *v = vm_of(L);
	enum place found = PLACE_NONE;
	for (int level = 0; level < PLACE_DEEPEST && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		bool outside = !v->brief || !is_of_the_set(v, &ar);
		if (ar.currentline > 0 && (outside || found == PLACE_NONE)) {
			snprintf(out, n, "%s:%d", ar.short_src, ar.currentline);
			found = outside ? PLACE_OUTSIDE : PLACE_OF_THE_SET;
		}
		if (found == PLACE_OUTSIDE) {
			break;
		}
	}
	return found;
}

bool vm_place(lua_State *L, char *out, size_t n)
{
	return place_of(L, out, n) == PLACE_OUTSIDE;
}

/* ---- deadline ---- */

/* Looks at the clock every HOOK_STEP instructions.  Once over, it raises at every instruction and
 * line of this coroutine, so that a pcall of the script cannot shrug it off; each raise carries the
 * place of the first one. */
static void hook(lua_State *L, lua_Debug *ar)
{
	struct vm *v = vm_of(L);
	(void)ar;
	bool in_time = v->deadline_at == 0 || v->now_us() < v->deadline_at;
	if (in_time) {
		if (lua_gethookcount(L) != HOOK_STEP) {
			lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_STEP);
		}
		return;
	}
	if (v->late[0] == '\0') {
		char place[LUA_IDSIZE + 16] = "?";
		(void)place_of(L, place, sizeof(place));
		snprintf(v->late, sizeof(v->late), "%s: took longer than %d ms", place,
			 (int)(v->deadline_us / 1000));
	}
	lua_sethook(L, hook, LUA_MASKCOUNT | LUA_MASKLINE, 1);
	lua_pushstring(L, v->late);
	lua_error(L);
}

struct budget {
	int64_t at;
	int64_t us;
};

/* A call inside a call may not have more time than the outer one has left. */
static struct budget deadline_begin(struct vm *v, int64_t us)
{
	struct budget outer = {v->deadline_at, v->deadline_us};
	if (us <= 0) {
		us = v->slice_us;
	}
	int64_t at = v->now_us() + us;
	if (outer.at == 0 || at < outer.at) {
		v->deadline_at = at;
		v->deadline_us = us;
	}
	if (outer.at == 0) {
		v->late[0] = '\0';
		v->refused = false;
	}
	return outer;
}

static void deadline_end(struct vm *v, struct budget outer)
{
	v->deadline_at = outer.at;
	v->deadline_us = outer.us;
	if (outer.at != 0 && v->now_us() < outer.at) {
		v->late[0] = '\0'; /* only the inner call was late */
	}
}

/* ---- errors ---- */

/* Appends " (called from a.lua:3, b.lua:9)" to a plain raise: who called, nearest first. */
static void add_trace(lua_State *L, int level, struct err *e)
{
	lua_Debug ar;
	char place[LUA_IDSIZE + 16];
	size_t len = strlen(e->text);
	int named = 0;
	bool skipped = false; /* the innermost Lua function stands in the message already */
	for (; !vm_of(L)->brief && named < TRACE_MOST && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline <= 0) {
			continue;
		}
		if (!skipped) {
			skipped = true;
			continue;
		}
		snprintf(place, sizeof(place), "%s:%d", ar.short_src, ar.currentline);
		int n = snprintf(e->text + len, sizeof(e->text) - len, "%s%s",
				 named == 0 ? " (called from " : ", ", place);
		if (n < 0 || (size_t)n + 2 > sizeof(e->text) - len) {
			e->text[len] = '\0';
			break;
		}
		len += (size_t)n;
		named++;
	}
	if (named > 0) {
		snprintf(e->text + len, sizeof(e->text) - len, ")");
	}
}

/* Runs while the stack of the raise still stands; protected, so it may use the Lua API freely.  What was
 * raised stays: it may be on its way to a load inside this call, which takes it for its message. */
static int l_catch(lua_State *L)
{
	struct vm *v = vm_of(L);
	char place[LUA_IDSIZE + 16];
	vm_to_err(L, 1, &v->caught);
	if (v->brief && strstr(v->caught.text, ".lua:") == NULL &&
	    vm_place(L, place, sizeof(place))) {
		err_add(&v->caught, "%s", place);
	}
	if (lua_type(L, 1) == LUA_TSTRING) {
		add_trace(L, 1, &v->caught);
	}
	lua_settop(L, 1);
	return 1;
}

/* What the handler could not or did not see. */
static void status_to_err(struct vm *v, int status, struct err *e)
{
	if (status == LUA_ERRMEM) {
		err_set(e, ERR_SCRIPT, "not enough memory (the limit is %zu MiB)", v->max >> 20);
	} else if (v->caught.kind == ERR_NONE) {
		err_set(e, ERR_SCRIPT, "an error while handling an error (too deep a recursion?)");
	} else {
		*e = v->caught;
	}
	v->caught.kind = ERR_NONE;
}

bool vm_refused(const struct vm *v)
{
	return v->refused;
}

/* ---- the door ---- */

bool vm_call(struct vm *v, lua_State *L, int nargs, int nresults, int64_t deadline_us,
	     struct err *e)
{
	if (!lua_checkstack(L, 8)) {
		lua_pop(L, nargs + 1);
		return err_set(e, ERR_SCRIPT, "not enough memory (Lua stack)");
	}
	int base = lua_gettop(L) - nargs;
	lua_pushcfunction(L, l_catch);
	lua_insert(L, base);
	v->caught.kind = ERR_NONE;
	struct budget outer = deadline_begin(v, deadline_us);
	int status = lua_pcall(L, nargs, nresults, base);
	deadline_end(v, outer);
	lua_remove(L, base);
	if (status == LUA_OK) {
		return true;
	}
	lua_pop(L, 1);
	status_to_err(v, status, e);
	return false;
}

/* Turns what a coroutine raised into v->caught.  Arguments: the coroutine as light userdata. */
static int l_catch_resume(lua_State *L)
{
	struct vm *v = vm_of(L);
	lua_State *co = (lua_State *)lua_touserdata(L, 1);
	lua_xmove(co, L, 1);
	vm_to_err(L, -1, &v->caught);
	if (lua_type(L, -1) == LUA_TSTRING) {
		add_trace(co, 0, &v->caught); /* a dead coroutine keeps its frames */
	}
	return 0;
}

bool vm_resume(struct vm *v, lua_State *co, int nargs, int *nresults, int *status, struct err *e)
{
	v->caught.kind = ERR_NONE;
	struct budget outer = deadline_begin(v, 0);
	*status = lua_resume(co, v->L, nargs, nresults);
	deadline_end(v, outer);
	if (*status == LUA_OK || *status == LUA_YIELD) {
		return true;
	}
	if (*status != LUA_ERRMEM && lua_checkstack(v->L, 8)) {
		lua_pushcfunction(v->L, l_catch_resume);
		lua_pushlightuserdata(v->L, co);
		if (lua_pcall(v->L, 1, 0, 0) != LUA_OK) {
			lua_pop(v->L, 1);
		}
	}
	status_to_err(v, *status, e);
	*nresults = 0;
	return false;
}

/* ---- loading ---- */

struct chunk {
	const char *shown;
	const char *text;
	size_t len;
};

/* Compiling may raise before the parser is protected (the chunk's name is a string): hence a call. */
static int l_compile(lua_State *L)
{
	const struct chunk *c = (const struct chunk *)lua_touserdata(L, 1);
	const char *name = lua_pushfstring(L, "@%s", c->shown);
	if (luaL_loadbufferx(L, c->text, c->len, name, "t") != LUA_OK) {
		return lua_error(L);
	}
	return 1;
}

bool vm_load(struct vm *v, const char *shown, const char *text, size_t len, struct err *e)
{
	if (len > 0 && text[0] == LUA_SIGNATURE[0]) {
		return err_set(e, ERR_SCRIPT, "%s:1: compiled Lua is not accepted", shown);
	}
	struct chunk c = {shown, text, len};
	lua_pushcfunction(v->L, l_compile);
	lua_pushlightuserdata(v->L, &c);
	int status = lua_pcall(v->L, 1, 1, 0);
	if (status == LUA_OK) {
		return true;
	}
	if (status == LUA_ERRMEM) {
		status_to_err(v, status, e);
	} else {
		err_set(e, ERR_SCRIPT, "%s", lua_tostring(v->L, -1));
	}
	lua_pop(v->L, 1);
	return false;
}

void vm_file(struct vm *v, const char *module, const char *shown, const char *text, size_t len)
{
	if (v->fixed) {
		return; /* the set is what it was when the first script ran */
	}
	v->files = (struct file *)xrealloc(v->files, (v->nfiles + 1) * sizeof(*v->files));
	struct file *f = &v->files[v->nfiles++];
	f->module = xstrdup(module);
	f->shown = xstrdup(shown);
	f->text = xmemdup0(text, len);
	f->len = len;
}

static const struct file *find_file(const struct vm *v, const char *module)
{
	for (size_t i = v->nfiles; i-- > 0;) { /* a later file of the same name wins */
		if (strcmp(v->files[i].module, module) == 0) {
			return &v->files[i];
		}
	}
	return NULL;
}

/* require(name) -> what the module returned (true if nothing); each is run once. */
static int l_require(lua_State *L)
{
	struct vm *v = vm_of(L);
	const char *name = luaL_checkstring(L, 1);
	v->fixed = true;
	lua_settop(L, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &key_loaded);
	lua_pushvalue(L, 1);
	if (lua_rawget(L, 2) != LUA_TNIL) {
		if (lua_touserdata(L, -1) == (void *)v) {
			return luaL_error(L, "module '%s' requires itself", name);
		}
		return 1;
	}
	const struct file *f = find_file(v, name);
	if (f == NULL) {
		return luaL_error(L, "there is no module '%s' in this file set", name);
	}
	const char *chunk = lua_pushfstring(L, "@%s", f->shown);
	if (luaL_loadbufferx(L, f->text, f->len, chunk, "t") != LUA_OK) {
		return lua_error(L);
	}
	lua_pushlightuserdata(L, v); /* "is being loaded" */
	lua_setfield(L, 2, name);
	lua_pushvalue(L, 1);
	if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
		lua_pushnil(L);
		lua_setfield(L, 2, name);
		return lua_error(L);
	}
	if (lua_isnil(L, -1)) {
		lua_pushboolean(L, true);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, 2, name);
	return 1;
}

/* ---- making one ---- */

static int l_open(lua_State *L)
{
	const struct vm_config *c = (const struct vm_config *)lua_touserdata(L, 1);
	vm_libs_open(L, c->strict);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &key_loaded);
	if (c->requires) {
		lua_pushcfunction(L, l_require);
		lua_setglobal(L, "require");
	}
	return 0;
}

struct vm *vm_new(const struct vm_config *c)
{
	struct vm *v = NEW(struct vm);
	v->max = c->max_memory != 0 ? c->max_memory : MEMORY_DEFAULT;
	v->brief = c->brief;
	v->now_us = c->cpu_time ? clock_cpu_us : clock_mono_us;
	v->slice_us = c->slice_us > 0 ? c->slice_us : SLICE_DEFAULT_US;
	v->L = lua_newstate(vm_alloc, v);
	if (v->L == NULL) {
		abort(); /* a cap too small for an empty state is a bug */
	}
	lua_sethook(v->L, hook, LUA_MASKCOUNT, HOOK_STEP); /* every coroutine inherits it */
	lua_pushcfunction(v->L, l_open);
	lua_pushlightuserdata(v->L, (void *)(uintptr_t)c);
	if (lua_pcall(v->L, 1, 0, 0) != LUA_OK) {
		abort();
	}
	return v;
}

void vm_free(struct vm *v)
{
	if (v == NULL) {
		return;
	}
	lua_close(v->L);
	for (size_t i = 0; i < v->nfiles; i++) {
		free(v->files[i].module);
		free(v->files[i].shown);
		free(v->files[i].text);
	}
	free(v->files);
	free(v);
}

lua_State *vm_lua(struct vm *v)
{
	return v->L;
}

size_t vm_memory(const struct vm *v)
{
	return v->used;
}
