/*
 * The life of generations.
 *
 * Owns the current one, the old ones that still have tasks, and the candidate.  Says of each what
 * became of it, once (with sched and app the only place that logs errors).  Never swaps inside a
 * round.
 */
#include "script/reload.h"

#include "base/log.h"
#include "io/watch.h"
#include "script/changes.h"
#include "script/problems.h"

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
	bool explicitly;          /* the next candidate is asked for by somebody */
	bool failed;
	int swaps;
	int64_t since_ms;   /* the present files run */
	struct buf changed; /* JSON: in what they differ from those before */
	int64_t at_ms;      /* of the last outcome */
	struct refusal {    /* of the last candidate; error "": it was fine */
		char error[sizeof(((struct err *)0)->text)];
		char hash[65];
		struct buf json; /* for status */
	} refused;
	struct trying { /* the candidate, also while it waits as `next` */
		char hash[65];
		char *set;
		bool explicitly;
		int64_t began_us;
	} trying;
};

static int64_t mono(const struct reload *r)
{
	return r->env.world->mono_us(r->env.world->ctx);
}

/* ---- what became of it ---- */

/* detail is what is said besides the sentence. */
static void tell(struct reload *r, bool live, const char *text, const struct buf *detail)
{
	struct buf b = {0};
	buf_adds(&b, "{\"profile\":");
	buf_add_json(&b, r->env.files.shown, strlen(r->env.files.shown));
	buf_adds(&b, ",\"text\":");
	buf_add_json(&b, text, strlen(text));
	buf_add(&b, detail->data, detail->len);
	const struct reload_news n = {.live = live,
				      .asked = r->trying.explicitly,
				      .generation = r->current->number,
				      .at_ms = r->at_ms,
				      .ms = (mono(r) - r->trying.began_us) / 1000,
				      .detail = b.data};
	r->hooks.news(r->hooks.ctx, &n);
	buf_free(&b);
}

/* One sentence to the log and to whoever follows. */
static void tell_live(struct reload *r, const struct buf *changed, bool first)
{
	struct buf text = {0};
	struct buf detail = {0};
	const struct generation *g = r->current;
	buf_addf(&text, "generation %d live, ", g->number);
	if (g->fixtures == 0)
		buf_adds(&text, "no fixtures");
	else
		buf_addf(&text, "%d fixture%s ok", g->fixtures, g->fixtures == 1 ? "" : "s");
	if (changed->len > 0)
		buf_addf(&text, "; %s", changed->data);
	if (r->watch)
		log_info("%s: %s", r->env.files.shown, text.data);
	buf_addf(&detail, ",\"fixtures\":%d,\"changed\":%s", g->fixtures, r->changed.data);
	if (!first)
		tell(r, true, text.data, &detail);
	buf_free(&text);
	buf_free(&detail);
}

static void forget_refusal(struct reload *r)
{
	r->refused.error[0] = '\0';
	r->refused.hash[0] = '\0';
	buf_free(&r->refused.json);
}

/* Heard again, with nothing new to say: an editor touched the folder. */
static bool is_known(const struct reload *r, const struct err *e)
{
	return !r->trying.explicitly && strcmp(r->refused.error, e->text) == 0 &&
	       strcmp(r->refused.hash, r->trying.hash) == 0;
}

static void keep_refusal(struct reload *r, const char *problems, const struct err *e)
{
	struct refusal *f = &r->refused;
	struct buf names = {0};
	memcpy(f->error, e->text, sizeof(f->error));
	memcpy(f->hash, r->trying.hash, sizeof(f->hash));
	buf_free(&f->json);
	buf_adds(&f->json, ",\"changed\":");
	changes_tell(r->current->set, r->trying.set, r->env.files.shown, &f->json, &names);
	buf_adds(&f->json, ",\"problems\":");
	problems_list(r->current->vm, problems, e, &f->json);
	buf_free(&names);
}

static void refuse(struct reload *r, const char *problems, const struct err *e)
{
	if (!r->current) {
		r->failed = true;
		r->hooks.failed(r->hooks.ctx, e);
		return;
	}
	if (is_known(r, e))
		return;
	r->at_ms = WORLD_NOW(r->env.world);
	keep_refusal(r, problems, e);
	char *why = changes_short(e->text, r->env.files.shown);
	char *text = xasprintf("refused, %s - generation %d stays", why, r->current->number);
	log_error("%s: %s", r->env.files.shown, text);
	tell(r, false, text, &r->refused.json);
	free(text);
	free(why);
}

/* The files are again those that run. */
static void tell_settled(struct reload *r)
{
	struct buf none = {0};
	char *text = xasprintf("the files are again those of generation %d", r->current->number);
	log_info("%s: %s", r->env.files.shown, text);
	r->at_ms = WORLD_NOW(r->env.world);
	tell(r, true, text, &none);
	free(text);
	forget_refusal(r);
}

/* ---- candidates ---- */

static void begin(struct reload *r);

static void on_candidate(void *ctx, struct generation *g, const char *problems, const struct err *e)
{
	struct reload *r = ctx;
	r->candidate = NULL;
	if (g) {
		generation_free(r->next);
		r->next = g;
		loop_wake(r->env.loop);
	} else {
		refuse(r, problems, e);
	}
	if (r->asked && !r->failed)
		begin(r);
}

/* The same files as those that run: nothing to do, and an earlier refusal is settled. */
static bool is_current(struct reload *r)
{
	if (!r->current || r->trying.explicitly || r->next ||
	    strcmp(r->trying.hash, r->current->hash) != 0)
		return false;
	candidate_free(r->candidate);
	r->candidate = NULL;
	if (r->refused.error[0])
		tell_settled(r);
	return true;
}

/* Makes a candidate of the files that stand there; false: *e. */
static bool attempt(struct reload *r, struct err *e)
{
	struct trying *t = &r->trying;
	t->began_us = mono(r);
	t->explicitly = r->explicitly;
	r->explicitly = false;
	free(t->set);
	t->set = NULL;
	t->hash[0] = '\0';
	struct generation_env env = r->env;
	if (r->current) {
		env.files.mapping = r->current->mapping.dir;
		env.files.mapping_shown = r->current->mapping.shown;
	}
	r->candidate = candidate_start(&env, true, on_candidate, r, e);
	if (!r->candidate)
		return false;
	memcpy(t->hash, candidate_hash(r->candidate), sizeof(t->hash));
	t->set = xstrdup(candidate_set(r->candidate));
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
	if (!attempt(r, &e))
		refuse(r, NULL, &e);
	else
		(void)is_current(r);
}

static void on_change(void *arg)
{
	begin(arg);
}

/* A candidate reads there; it may be refused, and mended there. */
static void on_folder(void *ctx, const char *dir)
{
	struct reload *r = ctx;
	struct err e;
	if (r->watch && !watch_add(r->watch, dir, &e))
		log_warn("%s: %s", r->env.files.shown, e.text);
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
	r->env.folder = on_folder;
	r->env.folder_ctx = r;
	r->hooks = *h;
	r->drain = loop_timer_new(env->loop, on_drain, r);
	bool ok = !watch || watch_all(r, e);
	if (ok && attempt(r, e))
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
	buf_free(&r->changed);
	buf_free(&r->refused.json);
	free(r->trying.set);
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

/* g runs: what is known of it from now on. */
static void take_over(struct reload *r, struct generation *g, struct generation *old)
{
	struct buf names = {0};
	bool same = old && strcmp(old->hash, g->hash) == 0;
	r->current = g;
	r->swaps++;
	r->at_ms = WORLD_NOW(r->env.world);
	if (!same)
		r->since_ms = r->at_ms;
	buf_free(&r->changed);
	changes_tell(old ? old->set : NULL, g->set, r->env.files.shown, &r->changed, &names);
	forget_refusal(r);
	tell_live(r, &names, !old);
	buf_free(&names);
}

static bool swap(struct reload *r)
{
	struct generation *g = r->next;
	struct generation *old = r->current;
	struct err e;
	r->next = NULL;
	if (!r->hooks.accept(r->hooks.ctx, g, old, &e)) {
		generation_free(g);
		refuse(r, NULL, &e);
		return false;
	}
	g->older = old;
	if (old) {
		old->close_us = mono(r) + DRAIN_US;
		loop_timer_set(r->drain, DRAIN_US / 1000 + 1);
	}
	take_over(r, g, old);
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
	const struct generation *g = r->current;
	buf_adds(json, "{\"profile\":");
	buf_add_json(json, r->env.files.shown, strlen(r->env.files.shown));
	buf_addf(json, ",\"generation\":%d,\"since_ms\":%lld,\"fixtures\":%d,\"changed\":%s",
		 g ? g->number : 0, (long long)r->since_ms, g ? g->fixtures : 0,
		 g ? r->changed.data : "[]");
	buf_addf(json, ",\"swaps\":%d,\"at_ms\":%lld", r->swaps, (long long)r->at_ms);
	if (r->refused.error[0]) {
		buf_adds(json, ",\"error\":");
		buf_add_json(json, r->refused.error, strlen(r->refused.error));
		buf_addf(json, ",\"refused\":{\"at_ms\":%lld%s}", (long long)r->at_ms,
			 r->refused.json.data);
	}
	size_t old = 0;
	for (g = g ? g->older : NULL; g; g = g->older)
		old++;
	buf_addf(json, ",\"ending\":%zu}", old);
}
