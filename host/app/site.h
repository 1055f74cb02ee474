/*
 * A site: all of one profile.  State, queue, links, runs, remotes with their sign-in, callbacks,
 * generations of scripts, scheduler, control socket.
 */
#ifndef APP_SITE_H
#define APP_SITE_H

#include "base/world.h"
#include "io/loop.h"
#include "script/generation.h"

struct site;

struct site_hooks {
	/* The first generation is good and everything is open. */
	void (*ready)(void *ctx);
	/* What became of a later one: it runs, or it is refused.  May be NULL. */
	void (*reloaded)(void *ctx, bool live);
	/* It cannot start, or cannot go on: the loop should end with this. */
	void (*fatal)(void *ctx, const struct err *e);
	/* The last task of site_stop ended. */
	void (*idle)(void *ctx);
	void *ctx;
};

struct site_config {
	struct generation_env env; /* its strings must live as long */
	const char *self;          /* absolute path of this program */
	/* listen for callbacks, run jobs, watch files; else only open (a single command) */
	bool serve;
	struct site_hooks hooks;
};

struct site *site_new(const struct site_config *c, struct err *e) MUST_USE;
/* Closes what runs, writes, checkpoints. NULL is fine. */
void site_free(struct site *s);

bool site_round(struct site *s); /* the loop's hook: true if there is more to do at once */
void site_reload(struct site *s);
void site_stop(struct site *s); /* no new work; hooks.idle when nothing runs any more */
struct control *site_control(struct site *s); /* NULL before ready */
/* "callbacks on http://127.0.0.1:8080/callback/..." (the secret left out), or "no callbacks"; and
 * "practice only" if certificates may come from the practice environment. */
void site_address(const struct site *s, struct buf *out);
int site_generation(const struct site *s);

#endif
