/*
 * script/vm: the memory cap, the deadline, what scripts may see, errors.
 */
#include "script/vm.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

void check_vm(void);

static struct vm *fresh(size_t max_memory)
{
	return vm_new(
		&(struct vm_config){.max_memory = max_memory, .requires = true, .strict = true});
}

/* Runs text as "t.lua" and copies its first result as text; "" and *e on failure. */
static const char *run(struct vm *v, const char *text, int64_t deadline_us, struct err *e)
{
	static char out[200];
	out[0] = '\0';
	e->kind = ERR_NONE;
	e->text[0] = '\0';
	if (!vm_load(v, "t.lua", text, strlen(text), e) ||
	    !vm_call(v, vm_lua(v), 0, 1, deadline_us, e)) {
		CHECK_INT(lua_gettop(vm_lua(v)), 0);
		return out;
	}
	const char *s = lua_tostring(vm_lua(v), -1);
	strncpy(out, s != NULL ? s : "nil", sizeof(out) - 1);
	lua_pop(vm_lua(v), 1);
	CHECK_INT(lua_gettop(vm_lua(v)), 0);
	return out;
}

/* Runs text, which must fail; checks that the error begins so. */
static void refuse(struct vm *v, const char *text, const char *begin)
{
	struct err e;
	run(v, text, 0, &e);
	if (!CHECK(strncmp(e.text, begin, strlen(begin)) == 0)) {
		CHECK_STR(e.text, begin);
	}
}

static void libraries(void)
{
	CASE ("vm_offers_only_safe_names") {
		struct vm *v = fresh(0);
		struct err e;
		static const char *const gone[] = {"load",  "loadfile", "dofile", "collectgarbage",
						   "print", "os",       "io",     "package",
						   "debug", "warn",     "xpcall", "jit"};
		for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
			char text[80];
			snprintf(text, sizeof(text), "return rawget(_G, '%s')", gone[i]);
			CHECK_STR(run(v, text, 0, &e), "nil");
		}
		CHECK_STR(run(v, "return string.dump", 0, &e), "nil");
		CHECK_STR(run(v, "return ('x').dump", 0, &e), "nil");
		CHECK_STR(run(v,
			      "local n = 0 for _, k in ipairs{'string','table','math','utf8',"
			      "'coroutine','require'} do assert(_G[k]) n = n + 1 end return n",
			      0, &e),
			  "6");
		vm_free(v);
	}
	CASE ("vm_string_metatable_is_locked") {
		struct vm *v = fresh(0);
		struct err e;
		CHECK_STR(run(v, "return getmetatable('')", 0, &e), "locked");
		CHECK_STR(run(v, "string.upper = function() return 'evil' end return ('a'):upper()",
			      0, &e),
			  "A");
		vm_free(v);
	}
	CASE ("vm_globals_are_strict_for_scripts_only") {
		struct vm *v = fresh(0);
		struct err e;
		refuse(v, "return nothere", "t.lua:1: undeclared global 'nothere'");
		refuse(v, "x = 1", "t.lua:1: 'x' is not declared");
		refuse(v, "setmetatable(_G, nil)", "t.lua:1: cannot change a protected metatable");
		lua_pushinteger(vm_lua(v), 7);
		lua_setglobal(vm_lua(v), "host");
		CHECK_STR(run(v, "return host", 0, &e), "7");
		vm_free(v);
	}
	CASE ("vm_refuses_finalizers_and_bytecode") {
		struct vm *v = fresh(0);
		struct err e;
		refuse(v, "return setmetatable({}, {__gc = function() end})", "t.lua:1: __gc");
		CHECK(!vm_load(v, "t.lua", "\x1bLua", 4, &e));
		CHECK_STR(e.text, "t.lua:1: compiled Lua is not accepted");
		vm_file(v, "compiled", "scripts/compiled.lua", "\x1bLua", 4);
		refuse(v, "require 'compiled'", "attempt to load a binary chunk");
		CHECK_STR(run(v, "return getmetatable(setmetatable({}, {__metatable = 'm'}))", 0,
			      &e),
			  "m");
		vm_free(v);
	}
}

static void modules(void)
{
	CASE ("vm_require_runs_a_file_once_from_the_set") {
		struct vm *v = fresh(0);
		struct err e;
		const char *m = "local n = ... local M = {n = 0} return M";
		vm_file(v, "a.b", "scripts/a/b.lua", m, strlen(m));
		const char *loop = "require 'loop'";
		vm_file(v, "loop", "scripts/loop.lua", loop, strlen(loop));
		const char *broken = "local x =\n= 3";
		vm_file(v, "broken", "scripts/broken.lua", broken, strlen(broken));
		CHECK_STR(run(v, "require('a.b').n = 3 return require('a.b').n", 0, &e), "3");
		refuse(v, "require 'none'", "t.lua:1: there is no module 'none'");
		refuse(v, "require 'loop'", "scripts/loop.lua:1: module 'loop' requires itself");
		refuse(v, "require 'broken'", "scripts/broken.lua:2: ");
		vm_file(v, "late", "scripts/late.lua", m, strlen(m));
		refuse(v, "require 'late'", "t.lua:1: there is no module 'late'");
		vm_free(v);
	}
}

static void errors(void)
{
	CASE ("vm_error_names_file_line_and_callers") {
		struct vm *v = fresh(0);
		struct err e;
		run(v, "local function f() error('boo') end\nlocal function g() f() end\ng()", 0,
		    &e);
		CHECK_INT(e.kind, ERR_SCRIPT);
		CHECK_STR(e.text, "t.lua:1: boo (called from t.lua:2, t.lua:3)");
		vm_free(v);
	}
	CASE ("vm_raised_table_keeps_its_kind") {
		struct vm *v = fresh(0);
		struct err e;
		run(v, "error({kind = 'busy', text = 'later', wait_ms = 1500, status = 429})", 0,
		    &e);
		CHECK_INT(e.kind, ERR_BUSY);
		CHECK_STR(e.text, "later");
		CHECK_INT(e.wait_ms, 1500);
		CHECK_INT(e.status, 429);
		run(v, "error(setmetatable({}, {__index = function() while true do end end}))", 0,
		    &e);
		CHECK_STR(e.text, "raised a table without a text");
		run(v, "error()", 0, &e);
		CHECK_STR(e.text, "raised a nil");
		vm_free(v);
	}
	CASE ("vm_deep_recursion_is_an_error") {
		struct vm *v = fresh(0);
		struct err e;
		run(v, "local function f() return 1 + f() end return f()", 0, &e);
		CHECK(strstr(e.text, "stack overflow") != NULL);
		run(v, "local function f() return pcall(f) end return f()", 0, &e);
		run(v,
		    "local s = ('x'):rep(1000) return s:gsub('.', function() return s:gsub('.', s) "
		    "end)",
		    0, &e);
		CHECK_STR(run(v, "return 'alive'", 0, &e), "alive");
		vm_free(v);
	}
	CASE ("vm_error_tables_travel_both_ways") {
		struct vm *v = fresh(0);
		struct err e;
		struct err back;
		err_set(&e, ERR_CONFLICT, "changed meanwhile");
		e.status = 412;
		CHECK_INT(vm_fail(vm_lua(v), &e), 2);
		vm_to_err(vm_lua(v), -1, &back);
		CHECK_INT(back.kind, ERR_CONFLICT);
		CHECK_INT(back.status, 412);
		CHECK_STR(back.text, "changed meanwhile");
		vm_free(v);
	}
}

/* text must end as "took longer" within 100 ms of a deadline of 50. */
static void stopped(const char *text)
{
	struct vm *v = fresh(64u << 20);
	struct err e;
	int64_t from = clock_mono_us();
	run(v, text, 50000, &e);
	CHECK(clock_mono_us() - from < 150000);
	if (!CHECK(strstr(e.text, "t.lua:1: took longer than 50 ms") == e.text)) {
		CHECK_STR(e.text, text);
	}
	CHECK_STR(run(v, "local n = 0 for i = 1, 5000 do n = n + i end return n", 0, &e),
		  "12502500");
	vm_free(v);
}

static void limits(void)
{
	CASE ("vm_deadline_stops_a_loop") {
		stopped("while true do end");
	}
	CASE ("vm_deadline_stops_a_loop_around_pcall") {
		stopped("while true do pcall(function() while true do end end) end");
	}
	CASE ("vm_deadline_stops_nested_pcall") {
		stopped("local function f() pcall(f) pcall(f) end while true do pcall(f) end");
	}
	CASE ("vm_deadline_stops_loops_in_coroutines") {
		stopped("while true do local c = coroutine.create(function() while true do end "
			"end) "
			"coroutine.resume(c) end");
	}
	CASE ("vm_deadline_stops_a_loop_in_a_closing_variable") {
		stopped("while true do pcall(function() local x <close> = setmetatable({}, "
			"{__close = "
			"function() while true do end end}) while true do end end) end");
	}
	CASE ("vm_memory_cap_ends_in_an_error") {
		struct vm *v = fresh(8u << 20);
		struct err e;
		run(v, "return #('x'):rep(16 << 20)", 0, &e);
		if (!CHECK_STR(e.text, "not enough memory (the limit is 8 MiB)")) {
			break; /* the next would take all there is */
		}
		run(v, "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", 0, &e);
		CHECK_STR(e.text, "not enough memory (the limit is 8 MiB)");
		run(v, "return ('x'):rep(1 << 30)", 0, &e);
		CHECK_STR(e.text, "not enough memory (the limit is 8 MiB)");
		CHECK_STR(run(v, "return 'alive'", 0, &e), "alive");
		CHECK(vm_memory(v) < 8u << 20);
		vm_free(v);
	}
}

static void coroutines(void)
{
	CASE ("vm_resume_passes_values_and_ends") {
		struct vm *v = fresh(0);
		struct err e;
		int n;
		int status;
		lua_State *co = lua_newthread(vm_lua(v));
		const char *text = "local a = ... local b = coroutine.yield(a + 1) return a + b";
		CHECK(vm_load(v, "t.lua", text, strlen(text), &e));
		lua_xmove(vm_lua(v), co, 1);
		lua_pushinteger(co, 1);
		CHECK(vm_resume(v, co, 1, &n, &status, &e));
		CHECK_INT(status, LUA_YIELD);
		CHECK_INT(n, 1);
		CHECK_INT(lua_tointeger(co, -1), 2);
		lua_pop(co, n);
		lua_pushinteger(co, 10);
		CHECK(vm_resume(v, co, 1, &n, &status, &e));
		CHECK_INT(status, LUA_OK);
		CHECK_INT(lua_tointeger(co, -1), 11);
		vm_free(v);
	}
	CASE ("vm_resume_tells_where_it_raised") {
		struct vm *v = fresh(0);
		struct err e;
		int n;
		int status;
		lua_State *co = lua_newthread(vm_lua(v));
		const char *text = "local function f() error('boo') end\nf()";
		CHECK(vm_load(v, "t.lua", text, strlen(text), &e));
		lua_xmove(vm_lua(v), co, 1);
		CHECK(!vm_resume(v, co, 0, &n, &status, &e));
		CHECK_STR(e.text, "t.lua:1: boo (called from t.lua:2)");
		CHECK_INT(lua_gettop(vm_lua(v)), 1);
		vm_free(v);
	}
	CASE ("vm_resume_stops_a_loop_after_a_second") {
		struct vm *v = fresh(0);
		struct err e;
		int n;
		int status;
		lua_State *co = lua_newthread(vm_lua(v));
		const char *text = "while true do pcall(function() while true do end end) end";
		CHECK(vm_load(v, "t.lua", text, strlen(text), &e));
		lua_xmove(vm_lua(v), co, 1);
		int64_t from = clock_mono_us();
		CHECK(!vm_resume(v, co, 0, &n, &status, &e));
		CHECK(clock_mono_us() - from < 1100000);
		CHECK(strstr(e.text, "t.lua:1: took longer than 1000 ms") == e.text);
		vm_free(v);
	}
}

void check_vm(void)
{
	libraries();
	modules();
	errors();
	limits();
	coroutines();
}
