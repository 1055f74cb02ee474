/*
 * The scheduler: takes due jobs, runs each as a task of main.lua, and does with the row what the
 * kind of its error says (app/retry.h).
 */
#ifndef APP_SCHED_H
#define APP_SCHED_H

#include "io/loop.h"
#include "script/task.h"
#include "store/queue.h"
#include "store/runs.h"

struct sched;

struct sched_env {
	struct loop *loop;
	const struct world *world;
	struct queue *queue;
	struct runs *runs;
};
struct sched *sched_new(const struct sched_env *env);
void sched_free(struct sched *s); /* after all tasks are closed; NULL is fine */

/* From now on new jobs run on these tasks; makes sure that each tick of main.lua has its job.
 * most: jobs at once. */
bool sched_use(struct sched *s, struct vm *v, struct tasks *ts, int generation, int most,
	       struct err *e) MUST_USE;
void sched_look(struct sched *s); /* something may be due: look in the next round */
void sched_stop(struct sched *s); /* take no more */
size_t sched_running(const struct sched *s);

void sched_round(struct sched *s);               /* at the begin of a round */
void sched_round_over(struct sched *s, bool ok); /* after the commit and tasks_round_over */

#endif
