/*
 * Child processes, started with posix_spawn by an absolute path, with one socket pair or with their
 * output caught; nothing else is inherited.
 */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include <sys/types.h>

#include "io/loop.h"

struct child;

typedef void child_ended(void *arg, int status); /* as waitpid gives it; the child is reaped */

struct child_spec {
	const char *path;        /* program */
	const char *const *argv; /* NULL terminated, argv[0] included */
	const char *const *env;  /* NULL terminated "K=V"; NULL: empty environment */
	const char *dir;         /* working folder, NULL: ours */
	int channel;             /* >= 0: becomes descriptor 3 of the child */
	int out;                 /* >= 0: becomes 1 and 2; -1: 1 and 2 are ours */
	int in;                  /* > 0: becomes 0; else 0 is empty */
};

struct child *child_start(struct loop *l, const struct child_spec *s, child_ended *ended, void *arg,
			  struct err *e) MUST_USE;
pid_t child_pid(const struct child *c);
void child_kill(struct child *c, int signo);
/* Forgets it without waiting for the end (it is killed and reaped). ended is not called. */
void child_free(struct child *c);

#endif
