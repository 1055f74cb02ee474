/*
 * A wall clock that was put back: what waits for a time of day would wait that much longer, so its
 * times are put back too.  A clock that was put forward needs nothing: what waits is due once.
 */
#ifndef APP_BACK_H
#define APP_BACK_H

#include "store/queue.h"
#include "store/runs.h"

struct back {
	const struct world *world;
	struct queue *queue;
	struct runs *runs;
	bool begun;
	int64_t ahead_ms; /* the wall clock, of the monotonic one */
	int64_t moved_ms; /* in this round */
};

/* Before jobs are taken.  false: the round is dead. */
bool back_look(struct back *b, struct err *e) MUST_USE;
void back_round_over(struct back *b, bool ok);

#endif
