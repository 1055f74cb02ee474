/*
 * A trial: another set of the profile's files beside the one that runs, with its own Lua state and
 * its own mapping process, proved like any candidate.  Its tasks only rehearse (see task.h), so
 * that nothing it thinks of is ever done.
 */
#ifndef SCRIPT_TRIAL_H
#define SCRIPT_TRIAL_H

#include "script/generation.h"

struct trials;
struct trial;

struct trials *trials_new(const struct generation_env *env); /* its strings must live as long */
const char *trials_dir(const struct trials *ts);             /* the running profile's folder */
void trials_free(struct trials *ts); /* closes all that are left; NULL is fine */

/* As tasks_run, tasks_ready, tasks_round_over, of all trials; NULL is fine. */
bool trials_run(struct trials *ts, int64_t until_us);
bool trials_ready(const struct trials *ts);
void trials_round_over(struct trials *ts, bool ok);

struct trial_source {
	const char *dir;          /* the profile folder, or a mapping's, absolute */
	const char *shown;        /* for messages */
	const struct files *kept; /* NULL, or these in place of what is in the folder */
	bool mapping;             /* the folder has a mapping's files, for the running profile */
};

/* done is called once, from the loop: e is NULL if it is ready.  s: what its scripts may use. */
typedef void trial_opened(void *arg, const struct err *e);
struct trial *trial_open(struct trials *ts, const struct trial_source *source,
			 const struct services *s, trial_opened *done, void *arg,
			 struct err *e) MUST_USE;
/* Calls a function of its scripts in a task of its own, which is never resumed once it was closed
 * (task_close).  ready only. */
struct task *trial_call(struct trial *t, const struct task_call *call);
void trial_close(struct trial *t); /* its tasks are closed (dropped) */

#endif
