/*
 * The table `host` that scripts see, made of api_http, api_store, api_serve, api_file, api_crypto
 * and what stands in api.c itself.  Any service may be missing (NULL): its functions then raise
 * "not here". The Lua side is described in scripts/host.lua (annotations only, for editors).
 */
#ifndef SCRIPT_API_H
#define SCRIPT_API_H

#include "io/http_server.h"
#include "remote/remote.h"
#include "script/mapper.h"
#include "script/task.h"
#include "script/vm.h"
#include "store/docs.h"
#include "store/links.h"
#include "store/queue.h"
#include "store/runs.h"

#include <lauxlib.h>

#define COSELL_VERSION "0.1.0"

/* Everything a generation of scripts may use; owned by who made it, outlives the vm. */
struct services {
	struct loop *loop;
	const struct world *world;
	struct db *db;
	struct queue *queue;
	struct links *links;
	struct runs *runs;
	struct docs *docs;
	struct remotes *remotes;
	struct mapper *mapper;
	struct tasks *tasks;
	int generation;
	bool local;       /* a command that runs here: files, children, loopback URLs, listeners */
	const char *self; /* absolute path of this program */
	/* upward, handed down at start (may be NULL) */
	void (*queued)(void *ctx); /* a job was put or revived */
	void (*status)(void *ctx,
		       struct buf *json); /* what C knows: remotes, queue, listener, reload */
	bool (*reload)(void *ctx, struct err *e);
	/* loads a profile folder for a command that runs here; done once, never from inside: JSON
	 * {profile=,problems=} */
	bool (*load)(void *ctx, const char *dir,
		     void (*done)(void *, const char *, const struct err *), void *arg,
		     struct err *e);
	void *ctx;

	/* the api's own: what a Lua-called function holds while Lua may raise; used anew by each
	 * call */
	struct buf scratch;
	char *held[2];
};

void api_open(struct vm *v, struct services *s); /* registers all of them; aborts if it cannot */
/* host.generation; host.profile (JSON text) and its callback_path, unless NULL. */
bool api_describe(struct vm *v, const struct services *s, const char *profile,
		  const char *callback_path, struct err *e) MUST_USE;
void api_close(struct services *s); /* frees scratch and held; after vm_free */

/* one registration a file, called by api_open with the table `host` on the stack */
void api_http_open(lua_State *L);
void api_store_open(lua_State *L);
void api_docs_open(lua_State *L);
void api_serve_open(lua_State *L);
void api_control_open(lua_State *L);
void api_file_open(lua_State *L);
void api_child_open(lua_State *L);
void api_crypto_open(lua_State *L);

/* ---- for the api files ---- */

struct services *api_services(lua_State *L);
/* host.NAME = { functions } */
void api_table(lua_State *L, const char *name, const luaL_Reg *functions);
/* The services of a command that runs here; raises elsewhere. */
struct services *api_local(lua_State *L);
/* Pushes a userdata that holds one pointer (NULL at first) and keeps it in the registry, so that
 * what it stands for lives until it is closed or the vm ends (__gc of `type`). */
void **api_box(lua_State *L, const char *type);
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

/* Rows as JSON text in the scratch buffer, decoded at the end: "[" rows "]". */
#define API_MOST 100000
struct buf *api_rows_begin(struct services *s);
int api_rows_end(lua_State *L, struct buf *b, bool ok, const struct err *e); /* list | nil, err */
void api_row_begin(struct buf *b, const char *key, int64_t value);           /* {"key":value */
void api_row_int(struct buf *b, const char *key, int64_t value);
void api_row_text(struct buf *b, const char *key, const char *value); /* NULL: left out */
void api_row_json(struct buf *b, const char *key, const char *json);  /* NULL, "": left out */
int api_check_most(lua_State *L, int64_t most);

/* The outcome of a wait that has only an error, or true: for task_wake (arg: a malloc'ed err). */
int api_push_done(lua_State *co, void *arg);
struct err *api_err_copy(const struct err *e); /* NULL or ERR_NONE: none */

#endif
