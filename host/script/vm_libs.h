/*
 * Fills the globals of a new Lua state; for vm.c alone.  May raise for want of memory.
 */
#ifndef SCRIPT_VM_LIBS_H
#define SCRIPT_VM_LIBS_H

#include <lua.h>
#include <stdbool.h>

/* strict: Lua code may neither read nor make an undeclared global; C may (lua_setglobal). */
void vm_libs_open(lua_State *L, bool strict);

#endif
