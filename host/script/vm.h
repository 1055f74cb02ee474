/*
 * A Lua state with a memory cap, the standard libraries that are safe, `require` limited to given
 * folders, strict globals, and one door through which C calls Lua.  Shared by the host (scripts) and by
 * cosell-mapper (mappings), so nothing here knows of tasks or services.
 */
#ifndef SCRIPT_VM_H
#define SCRIPT_VM_H

#include <lua.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct vm;

struct vm_config {
	size_t max_memory; /* bytes; 0 = 256 MiB */
	bool requires;     /* a `require` that loads from the file set given with vm_file */
	bool cpu_time;     /* deadlines count this thread's CPU time, else the wall clock */
	int64_t slice_us;  /* the deadline of a call that names none; 0 = 1 s */
	bool strict;       /* reading or making an undeclared global raises */
	bool brief;        /* errors without the callers behind them */
};

struct vm *vm_new(const struct vm_config *c);
void vm_free(struct vm *v);
lua_State *vm_lua(struct vm *v);
size_t vm_memory(const struct vm *v);
bool vm_refused(const struct vm *v); /* the last call met the memory cap */

/* A file of the set: module name ("deal", "flows.helper"), shown name ("scripts/deal.lua"), text.
 * Copied.  The set is fixed once the first require ran. */
void vm_file(struct vm *v, const char *module, const char *shown, const char *text, size_t len);

/* Compiles text (never bytecode) and leaves the chunk on the stack, or ERR_SCRIPT with file:line. */
bool vm_load(struct vm *v, const char *shown, const char *text, size_t len, struct err *e) MUST_USE;

/* THE door: calls the function below its nargs on L (a state of v or a coroutine of it), protected,
 * with traceback; leaves nresults, or nothing and *e: ERR_SCRIPT with "file:line: text", or, for a
 * raised table {kind=, text=}, that kind.  After deadline_us (0: the slice) a count hook raises,
 * re-arming at every line. */
bool vm_call(struct vm *v, lua_State *L, int nargs, int nresults, int64_t deadline_us,
	     struct err *e) MUST_USE;
/* The same for resuming a coroutine; *status LUA_OK or LUA_YIELD, results on co. */
bool vm_resume(struct vm *v, lua_State *co, int nargs, int *nresults, int *status,
	       struct err *e) MUST_USE;

/* "file:line" of the nearest Lua function that is not of the file set, for a brief state; false: there is
 * none (it called by a tail call). */
bool vm_place(lua_State *L, char *out, size_t n);

/* Errors between C and Lua: pushes {kind=, text=, status=, wait_ms=}; reads such a table (or a plain
 * string) at index. */
void vm_push_err(lua_State *L, const struct err *e);
void vm_to_err(lua_State *L, int index, struct err *e);
/* "nil, err" for a Lua-called function: pushes both, returns 2. */
int vm_fail(lua_State *L, const struct err *e);

#endif
