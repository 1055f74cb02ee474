/*
 * host.watch: a command that runs here waits for changes below some folders.
 *
 * Only a hint, as io/watch gives it: who hears it reads the files.  Owns the watch through userdata;
 * a change that comes while nobody waits is told to the next who does.
 */
#include "io/watch.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <stdlib.h>

#define QUIET_MS 50 /* an editor writes more than once */

struct look {
	struct watch *watch;
	struct loop_timer *late;
	bool changed; /* not told yet */
	bool waits;   /* somebody does, by this ticket */
	struct ticket ticket;
};

static int push_changed(lua_State *co, void *arg)
{
	if (!co)
		return 0;
	lua_pushboolean(co, arg != NULL);
	return 1;
}

static void wake(struct look *k, bool changed)
{
	loop_timer_clear(k->late);
	k->waits = false;
	k->changed = false;
	task_wake(k->ticket, push_changed, changed ? k : NULL);
}

static void on_change(void *arg)
{
	struct look *k = arg;
	k->changed = true;
	if (k->waits)
		wake(k, true);
}

static void on_late(void *arg)
{
	struct look *k = arg;
	if (k->waits)
		wake(k, false);
}

static void on_cancel(void *arg)
{
	struct look *k = arg;
	k->waits = false;
}

static void look_free(struct look *k)
{
	watch_free(k->watch);
	loop_timer_free(k->late);
	free(k);
}

/* ---- the Lua object ---- */

static const char look_type[] = "cosell.watch";

static int l_gc(lua_State *L)
{
	struct look **box = luaL_checkudata(L, 1, look_type);
	struct look *k = *box;
	*box = NULL;
	if (k)
		look_free(k);
	return 0;
}

static struct look *check_look(lua_State *L)
{
	struct look **box = luaL_checkudata(L, 1, look_type);
	if (!*box)
		luaL_argerror(L, 1, "the watch is gone");
	return *box;
}

/* watch:wait(timeout_ms) (suspends) -> true | false: too late */
static int l_wait(lua_State *L)
{
	struct look *k = check_look(L);
	lua_Integer ms = luaL_optinteger(L, 2, -1);
	struct task *t = task_of(L);
	luaL_argcheck(L, !k->waits, 1, "somebody waits already");
	if (k->changed) {
		k->changed = false;
		lua_pushboolean(L, true);
		return 1;
	}
	k->ticket = task_ticket(t);
	k->waits = true;
	if (ms >= 0)
		loop_timer_set(k->late, ms);
	return task_wait(L, t, false, on_cancel, k);
}

/* The folders are the first n values on the stack, checked. */
static bool start(struct look *k, struct loop *l, lua_State *L, int n, struct err *e)
{
	k->late = loop_timer_new(l, on_late, k);
	k->watch = watch_new(l, QUIET_MS, on_change, k, e);
	bool ok = k->watch != NULL;
	for (int i = 1; i <= n && ok; i++)
		ok = watch_add(k->watch, lua_tostring(L, i), e);
	return ok;
}

/* host.watch(folder, ...) -> watch | nil, err */
static int l_watch(lua_State *L)
{
	struct services *s = api_local(L);
	int n = lua_gettop(L);
	(void)luaL_checkstring(L, 1);
	for (int i = 2; i <= n; i++)
		(void)luaL_checkstring(L, i);
	struct look **box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, look_type);
	struct err e;
	struct look *k = NEW(struct look);
	if (!start(k, s->loop, L, n, &e)) {
		look_free(k);
		return vm_fail(L, &e);
	}
	*box = k;
	return 1;
}

void api_watch_open(lua_State *L)
{
	luaL_newmetatable(L, look_type);
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_newtable(L);
	lua_pushcfunction(L, l_wait);
	lua_setfield(L, -2, "wait");
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	lua_pushcfunction(L, l_watch);
	lua_setfield(L, -2, "watch");
}
