/*
 * Seeing that the wall clock was put back: while we run by the monotonic clock, at the start by the
 * newest run that is on record.  Owns nothing.  Must never move what is due on a clock that goes
 * forward, however far.
 */
#include "app/back.h"

#include "base/log.h"

#define LEAST_MS (10LL * 1000) /* less than that is only waited for */

static bool keep_at(void *arg, const struct run *row)
{
	*(int64_t *)arg = row->at_ms;
	return false;
}

/* By how much the wall clock stands behind where it was. */
static bool measure(struct back *b, int64_t *ms, struct err *e)
{
	const struct world *w = b->world;
	int64_t now = WORLD_NOW(w);
	int64_t ahead = now - w->mono_us(w->ctx) / 1000;
	int64_t newest = 0;
	*ms = b->ahead_ms - ahead;
	if (!b->begun) {
		if (!runs_list(b->runs, 0, 0, 1, keep_at, &newest, e))
			return false;
		*ms = newest - now;
	}
	b->begun = true;
	b->ahead_ms = ahead;
	return true;
}

bool back_look(struct back *b, struct err *e)
{
	int64_t ms = 0;
	if (!measure(b, &ms, e))
		return false;
	if (ms < LEAST_MS)
		return true;
	log_warn("the clock was put back by %lld s: what waits is due that much earlier",
		 (long long)(ms / 1000));
	b->moved_ms = ms;
	return queue_earlier(b->queue, ms, e);
}

void back_round_over(struct back *b, bool ok)
{
	if (!ok)
		b->ahead_ms += b->moved_ms; /* it was undone: once more */
	b->moved_ms = 0;
}
