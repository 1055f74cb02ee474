/*
 * For unit tests of what lives in the loop: turns it until a condition holds, with a bound.
 */
#ifndef PUMP_H
#define PUMP_H

#include <stdlib.h>

#include "base/clock.h"
#include "io/loop.h"

typedef bool pump_until(void *arg);

struct pump {
	struct loop *loop;
	struct loop_timer *tick;
	pump_until *until;
	void *arg;
	int64_t end_us;
	bool met;
};

static inline bool pump_after_round(void *ctx)
{
	struct pump *p = ctx;
	p->met = p->until != NULL && p->until(p->arg);
	if (p->met || clock_mono_us() >= p->end_us) {
		loop_stop(p->loop);
	}
	return false;
}

static inline void pump_tick(void *arg)
{
	struct pump *p = arg;
	loop_timer_set(p->tick, 2);
}

/* True once until(arg) holds after a round, false if that takes longer than ms.  NULL: just ms. */
static inline bool pump(struct loop *l, pump_until *until, void *arg, int ms)
{
	struct pump p = {.loop = l, .until = until, .arg = arg};
	struct err e;
	p.end_us = clock_mono_us() + (int64_t)ms * 1000;
	p.tick = loop_timer_new(l, pump_tick, &p);
	loop_timer_set(p.tick, 0);
	if (!loop_run(l, pump_after_round, &p, &e)) {
		abort();
	}
	loop_timer_free(p.tick);
	return p.met;
}

/* A flag as a condition. */
static inline bool pump_flag(void *arg)
{
	return *(bool *)arg;
}

/* A few rounds that do not wait. */
static inline void turn(struct loop *l, int rounds)
{
	while (rounds-- > 0) {
		struct pump p = {.loop = l};
		struct err e;
		loop_wake(l);
		if (!loop_run(l, pump_after_round, &p, &e)) {
			abort();
		}
	}
}

#endif
