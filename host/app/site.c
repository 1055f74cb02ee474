/*
 * One profile at work.
 *
 * Owns everything of it, and the round: due chores, tasks for at most 5 ms (far less while
 * callbacks come in: their senders wait, jobs can), commit, release.  Opens
 * the state when the first generation is proved good.  Logs what ends a round or a reload; decides
 * no retry.
 */
#include "app/site.h"

#include "app/control.h"
#include "app/copying.h"
#include "app/endpoints.h"
#include "app/record.h"
#include "app/retry.h"
#include "app/sched.h"
#include "base/log.h"
#include "script/reload.h"
#include "script/trial.h"
#include "store/filesets.h"
#include "store/trouble.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLICE_US  5000
#define BUSY_US   250 /* while callbacks come in: some hundred jobs a second, as remotes take */
#define RUNS_KEPT 20000
#define CARE_MS   5000
#define MARK      "generation" /* "NUMBER HASH" of the generation that ran last */

struct site {
	struct site_config config;
	struct reload *reload;
	struct db *db;
	struct queue *queue;
	struct links *links;
	struct runs *runs;
	struct docs *docs;
	struct filesets *filesets;
	struct trials *trials;
	struct vault *vault;
	struct endpoints *endpoints;
	struct sched *sched;
	struct control *control;
	struct profile *running; /* the profile this site was opened with */
	struct copying copying;
	struct loop_timer *care;
	bool ready, stopping, idle_told;
	bool called;      /* the last round kept callbacks */
	bool failing;     /* the last round could not be written */
	char restart[64]; /* the changed member that needs a restart, "" */
	int64_t started_ms;
};

/* ---- opening ---- */

static bool open_state(struct site *s, const struct profile *p, struct err *e)
{
	s->db = db_open(p->state, s->config.env.world, e);
	if (!s->db)
		return false;
#ifdef COSELL_TEST
	const char *k = getenv("COSELL_KILL_AT");
	const char *when = getenv("COSELL_KILL_WHEN");
	if (k && s->config.serve)
		db_kill_at(s->db, strtoull(k, NULL, 10), !when || strcmp(when, "before") == 0);
#endif
	s->queue = queue_new(s->db);
	s->links = links_new(s->db);
	s->runs = runs_new(s->db, RUNS_KEPT);
	s->docs = docs_new(s->db);
	s->filesets = filesets_new(s->db);
	s->trials = trials_new(&s->config.env);
	s->vault = vault_open(s->db, p->key_file, e);
	return s->vault != NULL;
}

static void look(void *ctx)
{
	struct site *s = ctx;
	sched_look(s->sched);
}

static void called(void *ctx)
{
	struct site *s = ctx;
	s->called = true;
	sched_look(s->sched);
}

/* What waited for a sign-in goes on at once. */
static void signed_in(void *ctx)
{
	struct site *s = ctx;
	struct err e;
	if (!queue_hurry(s->queue, ERR_AUTH, &e))
		log_warn("jobs that wait for a sign-in go on later: %s", e.text);
	sched_look(s->sched);
}

static bool open_rest(struct site *s, const struct profile *p, struct err *e)
{
	const struct sched_env se = {s->config.env.loop, s->config.env.world, s->queue, s->runs};
	const struct endpoints_env ee = {.loop = s->config.env.loop,
					 .world = s->config.env.world,
					 .db = s->db,
					 .vault = s->vault,
					 .queue = s->queue,
					 .stored = called,
					 .signed_in = signed_in,
					 .ctx = s};
	s->sched = sched_new(&se);
	s->control = control_new(s->config.env.loop, s->db);
	s->endpoints = endpoints_new(&ee, p, s->config.serve, e);
	if (!s->endpoints)
		return false;
	char *path = xasprintf("%s.sock", p->state);
	bool ok = control_listen(s->control, path, look, s, e);
	free(path);
	int64_t n = 0;
	if (s->config.serve)
		return ok && queue_release(s->queue, 0, &n, e) &&
		       queue_hurry(s->queue, ERR_AUTH, e); /* signed in anew, most likely */
	sched_stop(s->sched); /* who only looks writes nothing: a full disk can be looked at */
	return ok;
}

/* ---- generations ---- */

/* The number of these files: that of the last run if they are the same, else the next. */
static bool number_of(struct site *s, struct generation *g, struct err *e)
{
	char *mark = NULL;
	if (!links_mark_get(s->links, MARK, &mark, e))
		return false;
	char *hash = NULL;
	long last = mark ? strtol(mark, &hash, 10) : 0;
	bool same = hash && *hash == ' ' && strcmp(hash + 1, g->hash) == 0;
	free(mark);
	g->number = (int)last + (same ? 0 : 1);
	if (same)
		return true;
	char *now = xasprintf("%d %s", g->number, g->hash);
	bool ok = links_mark_set(s->links, MARK, now, e);
	free(now);
	return ok;
}

/* Dead letters of other scripts get one more try. */
static bool revive(struct site *s, int generation, struct err *e)
{
	for (int kind = ERR_NONE; kind < ERR_KINDS; kind++) {
		int64_t n = 0;
		if (!retry_anew((enum err_kind)kind))
			continue;
		if (!queue_revive(s->queue, 0, (enum err_kind)kind, generation, &n, e))
			return false;
		if (n > 0)
			log_info("generation %d: %lld dead letters (%s) are tried again",
				 generation, (long long)n, err_kind_name((enum err_kind)kind));
	}
	return true;
}

static void on_status(void *ctx, struct buf *json)
{
	struct site *s = ctx;
	struct queue_stats q = {0};
	struct err e;
	if (!queue_stats(s->queue, &q, &e))
		memset(&q, 0, sizeof(q)); /* the round is dead: nothing can be counted now */
	if (!s->config.serve) {           /* what a dead host had begun */
		q.due += q.running;
		q.running = 0;
	}
	buf_addf(json,
		 "{\"version\":\"%s\",\"pid\":%d,\"serving\":%s,\"stopping\":%s,"
		 "\"commands\":%zu,\"started_ms\":%lld,\"commits\":%llu,",
		 COSELL_VERSION, (int)getpid(), s->config.serve ? "true" : "false",
		 s->stopping ? "true" : "false", control_running(s->control),
		 (long long)s->started_ms, (unsigned long long)db_commits(s->db));
	buf_addf(json,
		 "\"queue\":{\"waiting\":%lld,\"due\":%lld,\"running\":%lld,\"dead\":%lld,"
		 "\"oldest_due_ms\":%lld},",
		 (long long)q.waiting, (long long)q.due, (long long)q.running, (long long)q.dead,
		 (long long)q.oldest_due_ms);
	endpoints_status(s->endpoints, json);
	buf_adds(json, ",\"reload\":");
	reload_status(s->reload, json);
	if (s->restart[0])
		buf_addf(json, ",\"needs_restart\":\"%s\"", s->restart);
	buf_addc(json, '}');
}

static bool on_reload(void *ctx, struct err *e)
{
	(void)e;
	site_reload(ctx);
	return true;
}

static bool on_backup(void *ctx, const char *path, copying_done *done, void *arg, struct err *e)
{
	struct site *s = ctx;
	return copying_begin(&s->copying, s->db, path, done, arg, e);
}

static struct services services_of(struct site *s)
{
	return (struct services){.loop = s->config.env.loop,
				 .world = s->config.env.world,
				 .db = s->db,
				 .queue = s->queue,
				 .links = s->links,
				 .runs = s->runs,
				 .docs = s->docs,
				 .filesets = s->filesets,
				 .trials = s->trials,
				 .remotes = endpoints_remotes(s->endpoints),
				 .sign_ins = endpoints_sign_ins(s->endpoints),
				 .self = s->config.self,
				 .queued = look,
				 .status = on_status,
				 .reload = on_reload,
				 .backup = on_backup,
				 .ctx = s};
}

static bool use(struct site *s, struct generation *g, struct err *e)
{
	const struct services sv = services_of(s);
	const struct api_addresses addresses = endpoints_addresses(s->endpoints);
	int most = g->profile->jobs_at_once;
	if (!number_of(s, g, e) || !generation_keep(g, s->filesets, e) ||
	    !generation_begin(g, &sv, &addresses, e))
		return false;
	if (s->config.serve &&
	    (!revive(s, g->number, e) || !sched_use(s->sched, g->vm, g->tasks, g->number, most, e)))
		return false;
	control_use(s->control, g->tasks);
	return true;
}

static void check_restart(struct site *s, const struct profile *now)
{
	const char *key = profile_restart(s->running, now);
	if (key && strcmp(key, s->restart) != 0)
		log_warn("profile: a change of '%s' needs a restart; the old value stays", key);
	snprintf(s->restart, sizeof(s->restart), "%s", key ? key : "");
}

static bool accept(void *ctx, struct generation *g, const struct generation *old, struct err *e)
{
	struct site *s = ctx;
	if (!old && (!open_state(s, g->profile, e) || !open_rest(s, g->profile, e)))
		return false;
	if (!use(s, g, e))
		return false;
	if (old) {
		check_restart(s, g->profile);
		return true;
	}
	s->running = g->profile; /* kept to compare later ones with */
	g->profile = NULL;
	return true;
}

static void on_news(void *ctx, const struct reload_news *n)
{
	struct site *s = ctx;
	struct err e;
	if (s->config.serve && !record_reload(s->runs, n, n->live ? s->restart : "", &e))
		log_warn("the reload is not among the runs: %s", e.text);
	if (s->config.hooks.reloaded)
		s->config.hooks.reloaded(s->config.hooks.ctx, n->live);
}

static void failed(void *ctx, const struct err *e)
{
	struct site *s = ctx;
	s->config.hooks.fatal(s->config.hooks.ctx, e);
}

/* ---- the round ---- */

static void on_care(void *arg)
{
	struct site *s = arg;
	struct err e;
	loop_timer_set(s->care, CARE_MS);
	if (!s->db || !db_replaced(s->db))
		return;
	err_set(&e, ERR_STORE, "the state file was replaced or removed while it was open");
	e.end = TROUBLE_GONE;
	s->config.hooks.fatal(s->config.hooks.ctx, &e);
}

/* A full disk is waited for, once we run; what else befalls the file ends the host, and the next
 * start looks at it anew. */
static void say_outcome(struct site *s, bool ok, const struct err *e)
{
	const char *advice = ok ? NULL : trouble_advice(e->end);
	if (!ok && (trouble_ends(e->end) || !s->ready)) {
		s->config.hooks.fatal(s->config.hooks.ctx, e);
	} else if (!ok && !s->failing) {
		log_error("state: %s; nothing of this round left, it is tried again%s%s", e->text,
			  advice ? ": " : "", advice ? advice : "");
	}
	if (ok && s->failing)
		log_info("state: can be written again");
	s->failing = !ok;
}

/* Runs what is ready in every generation; true if more is. */
static bool run_tasks(struct site *s, int64_t until_us)
{
	bool more = false;
	for (struct generation *g = reload_current(s->reload); g; g = g->older)
		more |= tasks_run(g->tasks, until_us);
	return trials_run(s->trials, until_us) || more;
}

static bool any_ready(struct site *s)
{
	for (struct generation *g = reload_current(s->reload); g; g = g->older)
		if (tasks_ready(g->tasks))
			return true;
	return trials_ready(s->trials);
}

static void commit(struct site *s)
{
	struct err e;
	uint64_t before = db_commits(s->db);
	bool ok = db_commit(s->db, &e);
	for (struct generation *g = reload_current(s->reload); g; g = g->older)
		tasks_round_over(g->tasks, ok);
	trials_round_over(s->trials, ok);
	sched_round_over(s->sched, ok);
	if (!ok || db_commits(s->db) != before)
		say_outcome(s, ok, &e);
}

bool site_round(struct site *s)
{
	const struct world *w = s->config.env.world;
	bool first = !s->ready && reload_round(s->reload);
	if (s->ready)
		(void)reload_round(s->reload);
	if (!s->control || !reload_current(s->reload))
		return false;
	sched_round(s->sched);
	bool more = run_tasks(s, w->mono_us(w->ctx) + (s->called ? BUSY_US : SLICE_US));
	s->called = false;
	commit(s);
	copying_round(&s->copying);
	if (!more && !any_ready(s))
		db_idle(s->db);
	if (first && !s->failing) {
		s->ready = true;
		s->config.hooks.ready(s->config.hooks.ctx);
	}
	bool busy = sched_running(s->sched) > 0 || control_running(s->control) > 0;
	if (s->stopping && !busy && !s->idle_told) {
		s->idle_told = true;
		s->config.hooks.idle(s->config.hooks.ctx);
	}
	return any_ready(s) || s->copying.backup;
}

/* ---- the object ---- */

struct site *site_new(const struct site_config *c, struct err *e)
{
	struct site *s = NEW(struct site);
	s->config = *c;
	s->started_ms = WORLD_NOW(c->env.world);
	s->care = loop_timer_new(c->env.loop, on_care, s);
	loop_timer_set(s->care, CARE_MS);
	const struct reload_hooks h = {accept, on_news, failed, s};
	s->reload = reload_new(&c->env, c->serve, &h, e);
	if (s->reload)
		return s;
	site_free(s);
	return NULL;
}

static void close_state(struct site *s)
{
	struct err e;
	if (!s->db)
		return;
	if (s->sched)
		sched_look(s->sched);
	if (s->sched)
		sched_round(s->sched); /* jobs of closed tasks wait again */
	if (!db_commit(s->db, &e))
		log_error("state, at the end: %s", e.text);
}

static void free_stores(struct site *s)
{
	if (s->vault)
		vault_free(s->vault);
	filesets_free(s->filesets);
	if (s->docs)
		docs_free(s->docs);
	if (s->runs)
		runs_free(s->runs);
	if (s->links)
		links_free(s->links);
	if (s->queue)
		queue_free(s->queue);
	if (s->db)
		db_close(s->db);
}

void site_free(struct site *s)
{
	if (!s)
		return;
	if (s->sched)
		sched_stop(s->sched);
	struct err ended;
	err_set(&ended, ERR_CONFIG, "the host stops");
	copying_end(&s->copying, &ended);
	reload_free(s->reload); /* closes all tasks */
	trials_free(s->trials);
	close_state(s);
	sched_free(s->sched);
	control_free(s->control);
	endpoints_free(s->endpoints);
	free_stores(s);
	profile_free(s->running);
	loop_timer_free(s->care);
	free(s);
}

void site_reload(struct site *s)
{
	if (s->endpoints)
		endpoints_look(s->endpoints);
	reload_ask(s->reload);
}

void site_stop(struct site *s)
{
	s->stopping = true;
	if (s->endpoints)
		endpoints_pause(s->endpoints);
	if (s->sched)
		sched_stop(s->sched);
	loop_wake(s->config.env.loop);
}

struct control *site_control(struct site *s)
{
	return s->ready ? s->control : NULL;
}

void site_address(const struct site *s, struct buf *out)
{
	int port = endpoints_port(s->endpoints);
	if (port > 0)
		buf_addf(out, "callbacks on %s://%s:%d/callback/…",
			 endpoints_tls(s->endpoints) ? "https" : "http", s->running->listen.address,
			 port);
	else
		buf_adds(out, "no callbacks");
	const char *practice = endpoints_practice(s->endpoints);
	if (practice)
		buf_addf(out, "; practice only: certificates of %s are believed", practice);
}

int site_generation(const struct site *s)
{
	const struct generation *g = s->reload ? reload_current(s->reload) : NULL;
	return g ? g->number : 0;
}
