/*
 * The life of generations.
 *
 * Owns the current one, the old ones that still have tasks, and the candidate.  Logs its refusals
 * once each (with sched and app the only place that logs errors).  Never swaps inside a round.
 */
#include "script/reload.h"

#include "base/log.h"
#include "io/watch.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_MS 200
#define DRAIN_US (60LL * 1000000)

struct reload {
	struct generation_env env;
	struct reload_hooks hooks;
	struct watch *watch;
	struct generation *current; /* newest first */
	struct generation *next;    /* proved, waits for the round's end */
	struct candidate *candidate;
	struct loop_timer *drain; /* wakes the loop when an old one's time is over */
	bool asked;               /* once more, after the candidate */
	bool explicitly;          /* the present candidate was asked for by somebody */
	bool failed;
	char error[sizeof(((struct err *)0)->text)]; /* of the last candidate, "" if it was fine */
	int64_t at_ms;                               /* of the last outcome */
};

static int64_t mono(const struct reload *r)
{
	return r->env.world->mono_us(r->env.world->ctx);
}

static void refuse(struct reload *r, const struct err *e)
{
	r->at_ms = WORLD_NOW(r->env.world);
	if (!r->current) {
		r->failed = true;
		r->hooks.failed(r->hooks.ctx, e);
		return;
	}
	if (strcmp(r->error, e->text) != 0)
		log_error("reload refused, generation %d stays: %s", r->current->number, e->text);
	memcpy(r->error, e->text, sizeof(r->error));
}

static void begin(struct reload *r);

static void on_candidate(void *ctx, struct generation *g, const char *problems, const struct err *e)
{
	(void)problems;
	struct reload *r = ctx;
	r->candidate = NULL;
	if (g) {
		generation_free(r->next);
		r->next = g;
		loop_wake(r->env.loop);
	} else {
		refuse(r, e);
	}
	if (r->asked && !r->failed)
		begin(r);
}

/* The same files as those that run: nothing to do, and an earlier refusal is settled. */
static bool is_current(struct reload *r)
{
	if (!r->current || r->explicitly || r->next ||
	    strcmp(candidate_hash(r->candidate), r->current->hash) != 0)
		return false;
	candidate_free(r->candidate);
	r->candidate = NULL;
	if (r->error[0])
		log_info("the files are again those of generation %d", r->current->number);
	r->error[0] = '\0';
	return true;
}

static void begin(struct reload *r)
{
	struct err e;
	if (r->candidate) {
		r->asked = true;
		return;
	}
	r->asked = false;
	r->candidate = candidate_start(&r->env, true, on_candidate, r, &e);
	if (!r->candidate)
		refuse(r, &e);
	else if (!is_current(r))
		r->explicitly = false;
}

static void on_change(void *arg)
{
	begin(arg);
}

static void on_drain(void *arg)
{
	(void)arg; /* the round that follows looks */
}

static bool watch_all(struct reload *r, struct err *e)
{
	const struct files_source *f = &r->env.files;
	r->watch = watch_new(r->env.loop, QUIET_MS, on_change, r, e);
	return r->watch && watch_add(r->watch, f->profile, e) &&
	       watch_add(r->watch, f->scripts, e) &&
	       (!f->defaults || watch_add(r->watch, f->defaults, e)) &&
	       (!f->commands || watch_add(r->watch, f->commands, e));
}

struct reload *reload_new(const struct generation_env *env, bool watch,
			  const struct reload_hooks *h, struct err *e)
{
	struct reload *r = NEW(struct reload);
	r->env = *env;
	r->hooks = *h;
	r->drain = loop_timer_new(env->loop, on_drain, r);
	bool ok = !watch || watch_all(r, e);
	if (ok) {
		r->candidate = candidate_start(env, true, on_candidate, r, e);
		ok = r->candidate != NULL;
	}
	if (ok)
		return r;
	reload_free(r);
	return NULL;
}

void reload_free(struct reload *r)
{
	if (!r)
		return;
	if (r->watch)
		watch_free(r->watch);
	candidate_free(r->candidate);
	generation_free(r->next);
	while (r->current) {
		struct generation *g = r->current;
		r->current = g->older;
		generation_free(g);
	}
	loop_timer_free(r->drain);
	free(r);
}

void reload_ask(struct reload *r)
{
	r->explicitly = true;
	begin(r);
}

static void retire(struct reload *r)
{
	struct generation **at = r->current ? &r->current->older : NULL;
	while (at && *at) {
		struct generation *g = *at;
		if (tasks_count(g->tasks) > 0 && mono(r) < g->close_us) {
			at = &g->older;
			continue;
		}
		if (tasks_count(g->tasks) > 0)
			log_warn("generation %d: %zu tasks did not end in time and are closed",
				 g->number, tasks_count(g->tasks));
		*at = g->older;
		generation_free(g);
	}
}

static bool swap(struct reload *r)
{
	struct generation *g = r->next;
	struct generation *old = r->current;
	struct err e;
	r->next = NULL;
	if (!r->hooks.accept(r->hooks.ctx, g, old, &e)) {
		generation_free(g);
		refuse(r, &e);
		return false;
	}
	g->older = old;
	r->current = g;
	r->error[0] = '\0';
	r->at_ms = WORLD_NOW(r->env.world);
	if (old) {
		old->close_us = mono(r) + DRAIN_US;
		loop_timer_set(r->drain, DRAIN_US / 1000 + 1);
	}
	return true;
}

bool reload_round(struct reload *r)
{
	bool swapped = r->next && swap(r);
	retire(r);
	return swapped;
}

struct generation *reload_current(struct reload *r)
{
	return r->current;
}

void reload_status(const struct reload *r, struct buf *json)
{
	buf_addf(json, "{\"generation\":%d,\"at_ms\":%lld", r->current ? r->current->number : 0,
		 (long long)r->at_ms);
	if (r->error[0]) {
		buf_adds(json, ",\"error\":");
		buf_add_json(json, r->error, strlen(r->error));
	}
	size_t old = 0;
	for (const struct generation *g = r->current ? r->current->older : NULL; g; g = g->older)
		old++;
	buf_addf(json, ",\"ending\":%zu}", old);
}
