/*
 * A job is a Lua coroutine.  It suspends in some host functions and is resumed by (tasks, task id,
 * wait number); an answer that comes for another wait is dropped.  Each step runs in a SAVEPOINT
 * (db_step_*): a raise undoes that step's writes; of a rehearsal every step is undone.
 */
#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include "script/vm.h"
#include "store/db.h"

struct tasks;
struct task;

/* How a task ended: e->kind ERR_NONE and the first result as JSON (NULL if nil), or the error it
 * returned (nil, err) or raised.  Called inside the last step, so what it writes is kept together
 * with that step; after a raise the step was undone first and this runs in a fresh one.
 * The task dies on return. */
typedef void task_ended(void *arg, struct task *t, const char *result, const struct err *e);
/* The task was closed where it stood (instead of ended): why->kind is ERR_STORE if its round died,
 * ERR_NONE if its owner closed it.  The task dies on return; writes are not allowed here. */
typedef void task_dropped(void *arg, struct task *t, const struct err *why);

struct tasks *tasks_new(struct vm *v, struct db *d, const struct world *w); /* d may be NULL */
void tasks_free(struct tasks *ts); /* closes all that are left; NULL is fine */

/* What a task calls: require(module)[name], or a function kept in the registry.  Both texts are
 * copied.  push, take run on the coroutine, protected: they may raise and must hold nothing. */
struct task_call {
	const char *module, *name;
	int function;         /* a luaL_ref, if module is NULL; the caller keeps it alive */
	const char *arg_json; /* decoded as the first argument; NULL: none */
	int (*push)(lua_State *co,
		    void *arg); /* may change that argument, returns how many it adds */
	/* takes the results (co's stack first ... first+n-1) itself; e is then ERR_NONE unless
	 * raised */
	void (*take)(lua_State *co, int first, int n, void *arg);
	task_ended *ended;
	task_dropped *dropped;
	void *arg; /* of all four */
};
struct task *task_begin(struct tasks *ts,
			const struct task_call *c); /* runs at the next tasks_run */
struct task *task_start(struct tasks *ts, const char *module, const char *name,
			const char *arg_json, task_ended *ended, void *arg);
void task_close(struct task *t); /* ends it where it stands; dropped is called, ended is not */

/* Runs ready tasks until none is ready or mono_us passes until_us; true if more are ready. */
bool tasks_run(struct tasks *ts, int64_t until_us);
bool tasks_ready(const struct tasks *ts);
size_t tasks_count(const struct tasks *ts);
/* Ends a round.  ok: its writes are on disk.  Otherwise each task whose step of this round
 * wrote, or that waits for this round's commit, is closed with ERR_STORE. */
void tasks_round_over(struct tasks *ts, bool ok);

int64_t task_id(const struct task *t);
void *task_arg(const struct task *t);

/* What a task cost, counted by the api files. */
struct task_cost {
	int64_t started_ms; /* wall */
	int64_t started_us; /* mono */
	int requests, operations, pages;
};
struct task_cost *task_cost(struct task *t);
void task_count(struct task *t, const char *remote, int requests);
void task_calls(const struct task *t, struct buf *out); /* {"remote":requests,...} appended */

/* What the script said of its run (host.run{...}); texts may be NULL. */
struct task_said {
	char *flow, *trigger, *outcome;
	char *detail; /* JSON */
	int64_t link;
};
const struct task_said *task_said(const struct task *t);     /* NULL: nothing */
void task_say(struct task *t, const struct task_said *said); /* takes the texts over */

/* ---- rehearsals ---- */

/* From here on the task only tries: whatever it writes into the state is undone at the end of each
 * of its steps, this one too, and host.http sends what reads and nothing else.  There is no way
 * back. */
void task_rehearse(struct task *t);
bool task_rehearses(const struct task *t);
/* A rehearsal keeps what it asked the mapping process (JSON texts). */
void task_asked(struct task *t, const char *question, const char *answer);
/* Appends {"asked":[{"question":,"answer":},...],"outcome":,"detail":} and forgets it; the outcome
 * is what the script said of its run, left out if it said none. */
void task_rehearsed(struct task *t, struct buf *out);

/* ---- for the api files ---- */

struct task *task_running(lua_State *L); /* whose step this is; NULL: none's */

struct task *task_of(lua_State *L); /* the task that runs on this very coroutine; raises if none */

struct ticket {
	struct tasks *tasks;
	int64_t id;
	int64_t wait;
};
struct ticket task_ticket(struct task *t); /* of the wait that task_wait will begin next */
/* Suspends the running task: `return task_wait(L, t, cancel, arg)` from a Lua-called function,
 * after everything was started.  cancel(arg) is called if the task is closed before it was
 * woken; no wake may follow.  commit: what was started leaves with this round's commit. */
int task_wait(lua_State *L, struct task *t, bool commit, void (*cancel)(void *), void *cancel_arg);
/* Makes it ready again; push(co, arg) pushes the results of the suspended function (returns how
 * many) when it is resumed.  push(NULL, arg) is called once at the end in every case: it frees
 * arg. */
typedef int task_push(lua_State *co, void *arg);
void task_wake(struct ticket k, task_push *push, void *arg);

#endif
