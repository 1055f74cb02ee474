/*
 * Trials.  Owns their generations and candidates.  Each task it begins is told to rehearse before
 * it runs: that is the only way into a trial's scripts.
 */
#include "script/trial.h"

#include <assert.h>
#include <stdlib.h>

struct trial {
	struct trial *next;
	struct trials *all;
	struct services services; /* until it is ready */
	char *dir, *shown;
	struct candidate *candidate;
	struct generation *g; /* NULL: not ready */
	trial_opened *done;
	void *arg;
};

struct trials {
	struct generation_env env;
	struct trial *first;
};

struct trials *trials_new(const struct generation_env *env)
{
	struct trials *ts = NEW(struct trials);
	ts->env = *env;
	return ts;
}

const char *trials_dir(const struct trials *ts)
{
	return ts->env.files.profile;
}

void trials_free(struct trials *ts)
{
	while (ts && ts->first)
		trial_close(ts->first);
	free(ts);
}

/* ---- the round ---- */

bool trials_run(struct trials *ts, int64_t until_us)
{
	bool more = false;
	for (struct trial *t = ts ? ts->first : NULL; t; t = t->next)
		if (t->g)
			more |= tasks_run(t->g->tasks, until_us);
	return more;
}

bool trials_ready(const struct trials *ts)
{
	for (const struct trial *t = ts ? ts->first : NULL; t; t = t->next)
		if (t->g && tasks_ready(t->g->tasks))
			return true;
	return false;
}

void trials_round_over(struct trials *ts, bool ok)
{
	for (struct trial *t = ts ? ts->first : NULL; t; t = t->next)
		if (t->g)
			tasks_round_over(t->g->tasks, ok);
}

/* ---- one ---- */

static void on_candidate(void *ctx, struct generation *g, const char *problems, const struct err *e)
{
	struct trial *t = ctx;
	struct err why = *e;
	(void)problems;
	t->candidate = NULL;
	if (g && !generation_begin(g, &t->services, NULL, &why)) {
		generation_free(g);
		g = NULL;
	}
	if (g)
		files_clear(&g->files);
	t->g = g;
	t->done(t->arg, g ? NULL : &why);
}

struct trial *trial_open(struct trials *ts, const struct trial_source *source,
			 const struct services *s, trial_opened *done, void *arg, struct err *e)
{
	struct trial *t = NEW(struct trial);
	t->all = ts;
	t->services = *s;
	t->services.reload = NULL; /* what is the running host's own */
	t->services.backup = NULL;
	t->services.trials = NULL;
	t->dir = xstrdup(source->dir);
	t->shown = xstrdup(source->shown);
	t->done = done;
	t->arg = arg;
	t->next = ts->first;
	ts->first = t;
	struct generation_env env = ts->env;
	*(source->mapping ? &env.files.mapping : &env.files.profile) = t->dir;
	*(source->mapping ? &env.files.mapping_shown : &env.files.shown) = t->shown;
	env.files.lent = source->mapping;
	env.files.kept = source->kept;
	t->candidate = candidate_start(&env, true, on_candidate, t, e);
	if (t->candidate)
		return t;
	trial_close(t);
	return NULL;
}

struct task *trial_call(struct trial *t, const struct task_call *call)
{
	assert(t->g);
	struct task *task = task_begin(t->g->tasks, call);
	task_rehearse(task);
	return task;
}

void trial_close(struct trial *t)
{
	struct trial **at = &t->all->first;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	candidate_free(t->candidate);
	generation_free(t->g);
	free(t->dir);
	free(t->shown);
	free(t);
}
