/*
 * Tasks: coroutines with an owner, a cost and a place in the ready line.
 *
 * Owns each task's coroutine (a reference in the Lua registry) and whatever waits to be pushed on
 * it.  Everything that touches Lua's allocator runs protected, on the coroutine itself: a task that
 * meets the memory cap fails alone.  Never logs, never decides what an error means.
 */
#include "script/task_own.h"

#include "script/json.h"

#include <lauxlib.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char tasks_key; /* its address names the registry entry */

/* ---- the lists ---- */

static void line_up(struct task *t)
{
	struct tasks *ts = t->ts;
	t->ready = true;
	t->next_ready = NULL;
	if (ts->ready_last)
		ts->ready_last->next_ready = t;
	else
		ts->ready = t;
	ts->ready_last = t;
}

static void line_leave(struct task *t)
{
	struct tasks *ts = t->ts;
	struct task *before = NULL;
	for (struct task *i = ts->ready; i && i != t; i = i->next_ready)
		before = i;
	if (before)
		before->next_ready = t->next_ready;
	else
		ts->ready = t->next_ready;
	if (ts->ready_last == t)
		ts->ready_last = before;
	t->ready = false;
}

static struct task *find(const struct tasks *ts, int64_t id)
{
	struct task *t = ts->all;
	while (t && t->id != id)
		t = t->next;
	return t;
}

/* The results of a wait are done with: pushed, or no longer wanted. */
static void push_drop(struct task *t)
{
	task_push *push = t->push;
	t->push = NULL;
	if (push)
		push(NULL, t->push_arg);
}

static void task_free(struct task *t)
{
	struct tasks *ts = t->ts;
	if (t->ready)
		line_leave(t);
	if (ts->all == t)
		ts->all = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	ts->count--;
	push_drop(t);
	if (t->co)
		luaL_unref(vm_lua(ts->vm), LUA_REGISTRYINDEX, t->ref);
	free((char *)t->call.module);
	free((char *)t->call.name);
	free((char *)t->call.arg_json);
	task_record_clear(t);
	buf_free(&t->result);
	assert(ts->all != t && ts->ready != t);
	free(t);
}

static void drop(struct task *t, const struct err *why)
{
	assert(t != t->ts->running);
	if (t->waiting && t->cancel)
		t->cancel(t->cancel_arg);
	t->waiting = false;
	if (t->call.dropped)
		t->call.dropped(t->call.arg, t, why);
	task_free(t);
}

/* ---- on the coroutine ---- */

/* The called function returned: keep what it returned in C. The task is at index 1. */
static int l_left(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	struct task *t = (struct task *)ctx;
	int n = lua_gettop(L) - 1;
	if (t->call.take) {
		t->call.take(L, 2, n, t->call.arg);
	} else if (n >= 2 && !lua_toboolean(L, 2) && !lua_isnil(L, 3)) {
		vm_to_err(L, 3, &t->err);
	} else if (n >= 1 && !lua_isnil(L, 2)) {
		if (!json_encode(L, 2, &t->result, &t->err))
			err_add(&t->err, "returned value");
	}
	return 0;
}

static void push_function(lua_State *L, const struct task_call *c)
{
	if (!c->module) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, c->function);
		return;
	}
	lua_getglobal(L, "require");
	lua_pushstring(L, c->module);
	lua_call(L, 1, 1);
	if (!lua_istable(L, -1))
		luaL_error(L, "module %s does not return a table", c->module);
	if (lua_getfield(L, -1, c->name) != LUA_TFUNCTION)
		luaL_error(L, "module %s has no function %s", c->module, c->name);
	lua_remove(L, -2);
}

static int l_enter(lua_State *L)
{
	struct task *t = lua_touserdata(L, 1);
	const struct task_call *c = &t->call;
	struct err e;
	int nargs = 0;
	push_function(L, c);
	if (c->arg_json) {
		if (!json_decode(L, c->arg_json, strlen(c->arg_json), &e)) {
			vm_push_err(L, &e);
			return lua_error(L);
		}
		nargs = 1;
	}
	if (c->push)
		nargs += c->push(L, c->arg);
	lua_callk(L, nargs, LUA_MULTRET, (lua_KContext)t, l_left);
	return l_left(L, LUA_OK, (lua_KContext)t);
}

/* The wait is over: push its results. They are freed by push_drop, also if pushing raises. */
static int l_woken(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	struct task *t = (struct task *)ctx;
	int n = t->push(L, t->push_arg);
	push_drop(t);
	return n;
}

/* light userdata -> the coroutine's reference, with l_enter and the task on its stack */
static int l_thread(lua_State *L)
{
	struct task *t = lua_touserdata(L, 1);
	lua_State *co = lua_newthread(L);
	lua_pushcfunction(co, l_enter);
	lua_pushlightuserdata(co, t);
	t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	t->co = co;
	return 0;
}

static bool thread_make(struct task *t, struct err *e)
{
	lua_State *L = vm_lua(t->ts->vm);
	lua_pushcfunction(L, l_thread);
	lua_pushlightuserdata(L, t);
	return vm_call(t->ts->vm, L, 1, 0, 0, e);
}

/* ---- steps ---- */

/* true if the task suspended; false if it ended: *e ERR_NONE or what it raised. */
static bool resume(struct task *t, struct err *e)
{
	int status = LUA_OK;
	int n = 0;
	int nargs = t->co ? 0 : 1;
	if (!t->co && !thread_make(t, e))
		return false;
	if (!vm_resume(t->ts->vm, t->co, nargs, &n, &status, e))
		return false;
	if (status != LUA_YIELD)
		return false;
	lua_pop(t->co, n);
	if (t->waiting)
		return true;
	err_set(e, ERR_SCRIPT, "a task yielded outside a host function");
	return false;
}

static void end(struct task *t, const struct err *raised)
{
	struct db *d = t->ts->db;
	if ((raised->kind != ERR_NONE || t->rehearses) && d) {
		db_step_end(d, false);
		db_step_begin(d);
	}
	const struct err *e = raised->kind != ERR_NONE ? raised : &t->err;
	if (t->call.ended)
		t->call.ended(t->call.arg, t, t->result.data, e);
	if (d)
		db_step_end(d, true);
	task_free(t);
}

static void step(struct task *t)
{
	struct tasks *ts = t->ts;
	struct err e = {0};
	line_leave(t);
	if (ts->db)
		db_step_begin(ts->db);
	ts->running = t;
	bool suspended = resume(t, &e);
	ts->running = NULL;
	push_drop(t);
	if (!suspended) {
		end(t, &e);
		return;
	}
	if (ts->db) {
		t->touched |= db_step_wrote(ts->db) && !t->rehearses;
		db_step_end(ts->db, !t->rehearses);
	}
}

/* ---- public ---- */

static int l_tasks_set(lua_State *L)
{
	lua_rawsetp(L, LUA_REGISTRYINDEX, &tasks_key);
	return 0;
}

struct tasks *tasks_new(struct vm *v, struct db *d, const struct world *w)
{
	struct tasks *ts = NEW(struct tasks);
	ts->vm = v;
	ts->db = d;
	ts->world = w;
	lua_State *L = vm_lua(v);
	struct err e;
	lua_pushcfunction(L, l_tasks_set);
	lua_pushlightuserdata(L, ts);
	if (!vm_call(v, L, 1, 0, 0, &e))
		abort(); /* a state too small for one entry cannot run anything */
	return ts;
}

void tasks_free(struct tasks *ts)
{
	const struct err why = {0};
	while (ts && ts->all)
		drop(ts->all, &why);
	free(ts);
}

struct task *task_begin(struct tasks *ts, const struct task_call *c)
{
	struct task *t = NEW(struct task);
	t->ts = ts;
	t->id = ++ts->last_id;
	t->call = *c;
	t->call.module = xstrdup(c->module);
	t->call.name = xstrdup(c->name);
	t->call.arg_json = xstrdup(c->arg_json);
	t->cost.started_ms = WORLD_NOW(ts->world);
	t->cost.started_us = ts->world->mono_us(ts->world->ctx);
	t->next = ts->all;
	if (ts->all)
		ts->all->prev = t;
	ts->all = t;
	ts->count++;
	line_up(t);
	return t;
}

struct task *task_start(struct tasks *ts, const char *module, const char *name,
			const char *arg_json, task_ended *ended, void *arg)
{
	const struct task_call c = {
		.module = module, .name = name, .arg_json = arg_json, .ended = ended, .arg = arg};
	return task_begin(ts, &c);
}

void task_close(struct task *t)
{
	const struct err why = {0};
	drop(t, &why);
}

bool tasks_ready(const struct tasks *ts)
{
	return ts->ready != NULL;
}

bool tasks_run(struct tasks *ts, int64_t until_us)
{
	while (ts->ready && ts->world->mono_us(ts->world->ctx) < until_us)
		step(ts->ready);
	return ts->ready != NULL;
}

size_t tasks_count(const struct tasks *ts)
{
	return ts->count;
}

void tasks_round_over(struct tasks *ts, bool ok)
{
	struct err why;
	err_set(&why, ERR_STORE, "the round could not be written");
	for (struct task *t = ts->all, *next; t; t = next) {
		next = t->next;
		if (t->touched && !ok)
			drop(t, &why);
		else
			t->touched = false;
	}
}

int64_t task_id(const struct task *t)
{
	return t->id;
}

void *task_arg(const struct task *t)
{
	return t->call.arg;
}

/* ---- the task of a Lua-called function ---- */

struct task *task_running(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
	struct tasks *ts = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return ts ? ts->running : NULL;
}

struct task *task_of(lua_State *L)
{
	struct task *t = task_running(L);
	if (!t || t->co != L || !lua_isyieldable(L)) {
		luaL_error(L, "this function works in a task only, outside coroutines of your own");
		return NULL; /* not reached */
	}
	return t;
}

struct ticket task_ticket(struct task *t)
{
	return (struct ticket){t->ts, t->id, t->wait + 1};
}

int task_wait(lua_State *L, struct task *t, bool commit, void (*cancel)(void *), void *cancel_arg)
{
	t->wait++;
	t->waiting = true;
	t->touched |= commit;
	t->cancel = cancel;
	t->cancel_arg = cancel_arg;
	return lua_yieldk(L, 0, (lua_KContext)t, l_woken);
}

void task_wake(struct ticket k, task_push *push, void *arg)
{
	struct task *t = find(k.tasks, k.id);
	if (!t || !t->waiting || t->wait != k.wait) {
		push(NULL, arg);
		return;
	}
	t->waiting = false;
	t->cancel = NULL;
	t->push = push;
	t->push_arg = arg;
	line_up(t);
}
