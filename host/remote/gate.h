/*
 * The gate in front of a remote: a pause (the service asked for one) and a budget of requests.
 * For remote/remote alone.
 */
#ifndef REMOTE_GATE_H
#define REMOTE_GATE_H

#include "base/world.h"

struct gate {
	const struct world *world;
	/* By both clocks, and whichever comes first: the wall clock may be put back. */
	int64_t try_ms, try_us; /* when a remote that lost its sign-in may be tried again */
	int64_t paused_until_ms, paused_until_us; /* 0: never paused */
	int strikes;      /* pauses in a row that no good answer came between */
	int64_t *left_us; /* ring: when the last requests left, as many as the budget allows */
	int budget, first, used; /* budget 0: none */
	int64_t window_us;
};

void gate_init(struct gate *g, const struct world *w, int budget, int budget_s);
void gate_clear(struct gate *g);

/* How long until one may pass that has `ahead` others before it; 0: now. */
int64_t gate_ms(struct gate *g, int ahead);
int64_t gate_pause_ms(const struct gate *g);
int gate_budget_left(struct gate *g); /* -1: no budget */

/* A sign-in was lost: calls are refused, but every ten minutes one may find out if it is back. */
void gate_try_later(struct gate *g);
bool gate_may_try(const struct gate *g);

void gate_passed(struct gate *g); /* one left: charges the budget */
void gate_good(struct gate *g);   /* a good answer came */
/* The service's wait is the least; pauses in a row grow beyond it.  The answer is how long it
 * became. */
int64_t gate_pause(struct gate *g, int64_t wait_ms);

#endif
