/*
 * The gate in front of a remote.  Owns the ring of its budget: a sliding window, so in no span of
 * the window's length more requests leave than the budget says.  The window runs on the monotonic
 * clock.
 */
#include "remote/gate.h"

#include "base/buf.h"
#include "remote/answer.h"

#include <stdlib.h>

enum { MOST_BACK_OFF_MS = 5 * 60 * 1000, TRY_AGAIN_MS = 10 * 60 * 1000 };

void gate_init(struct gate *g, const struct world *w, int budget, int budget_s)
{
	*g = (struct gate){.world = w, .budget = budget, .window_us = (int64_t)budget_s * 1000000};
	if (budget > 0)
		g->left_us = xcalloc((size_t)budget, sizeof(*g->left_us));
}

void gate_clear(struct gate *g)
{
	free(g->left_us);
	*g = (struct gate){0};
}

static int64_t mono_us(const struct gate *g)
{
	return g->world->mono_us(g->world->ctx);
}

static void forget_old(struct gate *g)
{
	int64_t now = mono_us(g);
	while (g->used > 0 && g->left_us[g->first] + g->window_us <= now) {
		g->first = (g->first + 1) % g->budget;
		g->used--;
	}
}

static int64_t budget_ms(struct gate *g, int ahead)
{
	if (g->budget == 0)
		return 0;
	forget_old(g);
	int must_go =
		g->used + ahead + 1 - g->budget; /* so many of the window must be old by then */
	if (must_go <= 0)
		return 0;
	if (must_go > g->used) /* some that have not even left */
		return g->window_us / 1000 * (1 + (must_go - g->used - 1) / g->budget);
	int64_t oldest = g->left_us[(g->first + must_go - 1) % g->budget];
	return (oldest + g->window_us - mono_us(g) + 999) / 1000;
}

int64_t gate_pause_ms(const struct gate *g)
{
	int64_t wall = g->paused_until_ms - WORLD_NOW(g->world);
	int64_t mono = (g->paused_until_us - mono_us(g) + 999) / 1000;
	int64_t left = wall < mono ? wall : mono;
	return left > 0 ? left : 0;
}

int64_t gate_ms(struct gate *g, int ahead)
{
	int64_t pause = gate_pause_ms(g);
	int64_t budget = budget_ms(g, ahead);
	return pause > budget ? pause : budget;
}

int gate_budget_left(struct gate *g)
{
	if (g->budget == 0)
		return -1;
	forget_old(g);
	return g->budget - g->used;
}

void gate_passed(struct gate *g)
{
	if (g->budget == 0)
		return;
	forget_old(g);
	g->left_us[(g->first + g->used) % g->budget] = mono_us(g);
	g->used++;
}

void gate_good(struct gate *g)
{
	g->strikes = 0;
}

void gate_try_later(struct gate *g)
{
	g->try_ms = WORLD_NOW(g->world) + TRY_AGAIN_MS;
	g->try_us = mono_us(g) + TRY_AGAIN_MS * INT64_C(1000);
}

bool gate_may_try(const struct gate *g)
{
	return WORLD_NOW(g->world) >= g->try_ms || mono_us(g) >= g->try_us;
}

int64_t gate_pause(struct gate *g, int64_t wait_ms)
{
	if (gate_pause_ms(g) == 0) /* answers that were on their way together count once */
		g->strikes++;
	int64_t back_off = g->strikes < 10 ? (int64_t)500 << g->strikes : MOST_BACK_OFF_MS;
	if (wait_ms < back_off)
		wait_ms = back_off;
	if (wait_ms > gate_pause_ms(g)) {
		g->paused_until_ms = WORLD_NOW(g->world) + wait_ms;
		g->paused_until_us = mono_us(g) + wait_ms * 1000;
	}
	return wait_ms;
}
