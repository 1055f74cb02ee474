/*
 * One world, made once and forked for each run.
 */
#ifndef PROPERTY_RUN_H
#define PROPERTY_RUN_H

#include "base/err.h"

struct run {
	uint64_t seed;
	const char *skip; /* "1,4": steps left out; NULL: none */
	bool show;        /* the trace, on standard error */
	/* what came of it */
	bool good;
	char *said; /* the steps, and what was violated */
	int steps;  /* drawn */
	uint64_t hash;
};

bool run_prepare(struct err *e) MUST_USE;
void run_world(struct run *r);
void run_clear(struct run *r);
void run_end(void); /* removes the folder */

/* Shrinks a failing run and prints it. */
void run_report(const struct run *r, long seeds);

#endif
