/*
 * Which generation runs: watches the files, makes a candidate when they change, swaps between
 * rounds, lets the old one end.  A candidate that fails is refused; the old one stays.
 */
#ifndef SCRIPT_RELOAD_H
#define SCRIPT_RELOAD_H

#include "script/generation.h"

struct reload;

struct reload_hooks {
	/* Between rounds: give g its number and call generation_begin.  `old` is NULL the first
	 * time. false with *e refuses it. */
	bool (*accept)(void *ctx, struct generation *g, const struct generation *old,
		       struct err *e);
	/* The first candidate failed: fatal. */
	void (*failed)(void *ctx, const struct err *e);
	void *ctx;
};

/* env's strings must live as long. Watches the folders if `watch`, and starts the first
 * candidate. */
struct reload *reload_new(const struct generation_env *env, bool watch,
			  const struct reload_hooks *h, struct err *e) MUST_USE;
void reload_free(struct reload *r); /* NULL is fine */

/* Reads the files anew (HUP, host.reload), also if none changed. */
void reload_ask(struct reload *r);
/* Swaps and retires where due; call at the begin of each round.  true if a swap happened. */
bool reload_round(struct reload *r);
struct generation *reload_current(
	struct reload *r); /* NULL before the first; ->older: those that end */

/* {"generation":,"at_ms":,"error": (why the last candidate was refused),"ending": old ones} */
void reload_status(const struct reload *r, struct buf *json);

#endif
