/*
 * Which generation runs: watches the files, makes a candidate when they change, swaps between
 * rounds, lets the old one end.  A candidate that fails is refused; the old one stays.
 */
#ifndef SCRIPT_RELOAD_H
#define SCRIPT_RELOAD_H

#include "script/generation.h"

struct reload;

/* What became of a change.  The texts die on return. */
struct reload_news {
	bool live;          /* else refused: generation stays */
	bool asked;         /* by somebody, not by the files */
	int generation;     /* that runs now */
	int64_t at_ms;      /* wall */
	int64_t ms;         /* since it was heard of */
	const char *detail; /* JSON of an object, without its last brace */
};

struct reload_hooks {
	/* Between rounds: give g its number and call generation_begin.  `old` is NULL the first
	 * time. false with *e refuses it. */
	bool (*accept)(void *ctx, struct generation *g, const struct generation *old,
		       struct err *e);
	/* After each outcome but the first generation's. */
	void (*news)(void *ctx, const struct reload_news *n);
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

/* {"profile": the folder,"generation":,"since_ms":,"fixtures":,"changed":[texts],"swaps": so far,
 * "at_ms": of the last outcome,"ending": old ones}; and if the last candidate was refused:
 * "error": the first problem, "refused":{"at_ms":,"changed":[],"problems":[{file,line,key,text}]} */
void reload_status(const struct reload *r, struct buf *json);

#endif
