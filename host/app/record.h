/*
 * One record a run, made when its task ends.
 */
#ifndef APP_RECORD_H
#define APP_RECORD_H

#include "script/reload.h"
#include "script/task.h"
#include "store/queue.h"
#include "store/runs.h"

/* A job that failed, or whose script said something (host.run), leaves a record. */
bool record_run(struct runs *runs, const struct world *w, const struct job *j, struct task *t,
		const struct err *why, struct err *e) MUST_USE;

/* What became of a change of the files; restart: the member of the profile that waits for one, or
 * "". */
bool record_reload(struct runs *runs, const struct reload_news *n, const char *restart,
		   struct err *e) MUST_USE;

#endif
