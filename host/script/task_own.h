/*
 * What the task files share: a task and the tasks of one Lua state.  Only task*.c include this.
 */
#ifndef SCRIPT_TASK_OWN_H
#define SCRIPT_TASK_OWN_H

#include "script/task.h"

#define TASK_CALLS 8 /* remotes that are counted apart */

struct task {
	struct task *prev, *next; /* all tasks */
	struct task *next_ready;
	struct tasks *ts;
	int64_t id;
	int64_t wait; /* number of the present or last wait */
	bool ready, waiting, touched;
	bool rehearses; /* each of its steps is undone */

	struct task_call call;
	lua_State *co; /* NULL before the first step */
	int ref;

	task_push *push; /* results of the wait that is over */
	void *push_arg;
	void (*cancel)(void *);
	void *cancel_arg;

	struct buf result; /* JSON of the first result */
	struct buf asked;  /* of a rehearsal: questions and answers, JSON, separated by commas */
	struct err err;    /* that the script returned */
	bool has_said;
	struct task_said said;
	struct task_cost cost;
	struct {
		char *remote;
		int requests;
	} calls[TASK_CALLS];
};

struct tasks {
	struct vm *vm;
	struct db *db;
	const struct world *world;
	struct task *all;
	struct task *ready, *ready_last;
	struct task *running;
	size_t count;
	int64_t last_id;
};

void task_record_clear(struct task *t); /* frees what task_record.c keeps of it */

#endif
