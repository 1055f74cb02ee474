/*
 * What the api files share: help for functions that Lua calls.  No other file includes this.
 *
 * A raise in Lua is a long jump, so a Lua-called function holds nothing while it touches the Lua
 * API: what it must keep lies in the services (scratch, held) or in its task.
 */
#ifndef SCRIPT_API_KIT_H
#define SCRIPT_API_KIT_H

#include "script/services.h"

#include <lauxlib.h>

void api_keep_services(lua_State *L, struct services *s); /* for api_services, ever after */
struct services *api_services(lua_State *L);
/* host.NAME = { functions } */
void api_table(lua_State *L, const char *name, const luaL_Reg *functions);
/* The services of a command that runs here; raises elsewhere. */
struct services *api_local(lua_State *L);
/* Pushes a userdata that holds one pointer (NULL at first) and keeps it in the registry, so that
 * what it stands for lives until it is closed or the vm ends (__gc of `type`). */
void **api_box(lua_State *L, const char *type);
/* The remotes of a sign-in that is tried (host.sign_in.begin) at index; raises if it is none. */
#define API_SIGN_IN "cosell.sign_in"
struct remotes *api_sign_in_remotes(lua_State *L, int index);
/* Raises "not here" if the service is missing. */
#define API_NEED(L, s, what) \
	((s)->what ? (void)0 : (void)luaL_error(L, "host: no %s in this command", #what))

/* The scratch buffer, emptied. */
struct buf *api_scratch(struct services *s);
/* Keeps p until the next api_hold of that slot (frees what was there) and returns it. */
char *api_hold(struct services *s, int slot, char *p);
/* The value at index as JSON in the scratch buffer; raises an argument error if it cannot be
 * said. */
const char *api_encode(lua_State *L, int index);
/* Pushes the JSON text as a value: 1, or nil, err: 2. */
int api_push_json(lua_State *L, const char *json, size_t len);

/* Options: fields of the table at index. Strings live as long as the table; NULL or `def` if nil;
 * raises with the field's name on another type. keys: NULL terminated; another key raises. */
void api_check_keys(lua_State *L, int index, const char *const *keys);
const char *api_opt_string(lua_State *L, int index, const char *key, size_t *len);
const char *api_need_string(lua_State *L, int index, const char *key);
int64_t api_opt_int(lua_State *L, int index, const char *key, int64_t def);
bool api_opt_bool(lua_State *L, int index, const char *key);

/* The outcome of a wait that has only an error, or true: for task_wake (arg: a malloc'ed err). */
int api_push_done(lua_State *co, void *arg);
struct err *api_err_copy(const struct err *e); /* NULL or ERR_NONE: none */

#endif
