/*
 * Taking due jobs and settling them.
 *
 * Owns the list of jobs in hand.  A job's row changes inside its task's last step, so what the
 * script wrote and what becomes of the job are one.  If a round dies, the jobs it touched are due
 * again under kind `store`.  Knows kinds of errors, never kinds of jobs (a tick's key apart).
 */
#include "app/sched.h"

#include "app/back.h"
#include "app/record.h"
#include "app/retry.h"
#include "base/log.h"
#include "script/ticks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_MS      (10LL * 60 * 1000)
#define IDLE_MOST_MS  (60LL * 60 * 1000) /* the longest the timer is set for */
#define TICK_KEY      "tick:"
#define TICK_AGAIN_MS (10LL * 60 * 1000) /* for one whose handler does not say when */

enum stage { RUNNING, ENDED, DUE_AGAIN };

struct work {
	struct work *prev, *next;
	struct sched *s;
	struct job job;
	struct task *task; /* while RUNNING */
	enum stage stage;
	bool this_round; /* taken or ended in this round: not on disk yet */
	struct err why;  /* DUE_AGAIN: ERR_STORE, or ERR_NONE if it was only closed */
};

struct sched {
	struct sched_env env;
	struct tasks *tasks;
	int generation, most;
	struct work *works;
	size_t running;
	struct loop_timer *timer;
	bool look, stopped;
	struct ticks ticks;
	struct back back;
};

/* ---- what is in hand ---- */

static void work_free(struct work *w)
{
	struct sched *s = w->s;
	if (w->prev)
		w->prev->next = w->next;
	else
		s->works = w->next;
	if (w->next)
		w->next->prev = w->prev;
	job_clear(&w->job);
	free(w);
}

static void work_stage(struct work *w, enum stage stage)
{
	if (w->stage == RUNNING)
		w->s->running--;
	w->stage = stage;
	w->s->look = true;
	loop_wake(w->s->env.loop);
}

static int64_t now(const struct sched *s)
{
	return WORLD_NOW(s->env.world);
}

static uint32_t dice(const struct sched *s)
{
	uint32_t n;
	s->env.world->random(s->env.world->ctx, &n, sizeof(n));
	return n;
}

/* ---- settling ---- */

static bool is_tick(const struct job *j)
{
	return strncmp(j->key, TICK_KEY, strlen(TICK_KEY)) == 0;
}

/* Again in wait_ms, as if it had never failed. */
static bool again_fresh(struct sched *s, const struct job *j, int64_t wait_ms, struct err *e)
{
	const struct err fine = {0};
	const struct queue_put p = {.kind = j->kind,
				    .lane = j->lane,
				    .key = j->key,
				    .payload = j->payload,
				    .due_ms = now(s) + wait_ms};
	int64_t id;
	if (j->attempt == 0)
		return queue_again(s->env.queue, j->id, p.due_ms, false, &fine, e);
	return queue_done(s->env.queue, j->id, e) && queue_put(s->env.queue, &p, &id, e);
}

static bool settle_good(struct sched *s, const struct job *j, const char *result, struct err *e)
{
	char *end = NULL;
	double ms = result ? strtod(result, &end) : 0;
	bool number = result && end != result && *end == '\0';
	if (number)
		return again_fresh(s, j, ms > 0 ? (int64_t)ms : 0, e);
	if (is_tick(j))
		return again_fresh(s, j, TICK_AGAIN_MS, e);
	return queue_done(s->env.queue, j->id, e);
}

static bool report(struct sched *s, const struct job *j, const struct err *why, struct err *e)
{
	struct buf b = {0};
	buf_adds(&b, "{\"job\":");
	buf_add_json(&b, j->kind, strlen(j->kind));
	buf_addf(&b, ",\"payload\":%s,\"kind\":\"%s\",\"text\":", j->payload,
		 err_kind_name(why->kind));
	buf_add_json(&b, why->text, strlen(why->text));
	buf_addc(&b, '}');
	const struct queue_put p = {
		.kind = "report", .lane = j->lane, .key = "", .payload = b.data};
	int64_t id;
	bool ok = queue_put(s->env.queue, &p, &id, e);
	buf_free(&b);
	return ok;
}

/* How much of a text is "details.lua:12"; 0: it begins with something else. */
static int place_in(const char *text)
{
	const char *lua = strstr(text, ".lua:");
	size_t path = strcspn(text, " :;'\"");
	if (!lua || (size_t)(lua - text) + 4 != path)
		return 0;
	return (int)(path + 1 + strspn(text + path + 1, "0123456789"));
}

/* Not the text: a service or a mapping may have put a customer's name into it. */
static void say_bad(const struct job *j, const struct err *why)
{
	char status[32] = "";
	int place = place_in(why->text);
	if (why->status)
		snprintf(status, sizeof(status), ", answer %d", why->status);
	log_error("job %lld (%s): %s%s%s%.*s; cosell runs and cosell retry tell why",
		  (long long)j->id, j->kind, err_kind_name(why->kind), status, place ? " at " : "",
		  place, why->text);
}

static bool settle_bad(struct sched *s, const struct job *j, const struct err *why, struct err *e)
{
	struct retry v = retry_judge(j, why, dice(s));
	if (!v.bury)
		return queue_again(s->env.queue, j->id, now(s) + v.wait_ms, v.count, why, e);
	if (retry_anew(why->kind) && j->generation != s->generation) /* it has begun meanwhile */
		return queue_again(s->env.queue, j->id, now(s), false, why, e);
	say_bad(j, why);
	if (is_tick(j)) /* it never dies: it would never tick again */
		return queue_again(s->env.queue, j->id, now(s) + TICK_AGAIN_MS, false, why, e);
	if (!queue_bury(s->env.queue, j->id, why, e))
		return false;
	return strcmp(j->kind, "report") == 0 || report(s, j, why, e);
}

/* ---- tasks ---- */

static void job_ended(void *arg, struct task *t, const char *result, const struct err *why)
{
	struct work *w = arg;
	struct sched *s = w->s;
	struct err e;
	bool ok = (why->kind == ERR_NONE ? settle_good(s, &w->job, result, &e)
					 : settle_bad(s, &w->job, why, &e)) &&
		  record_run(s->env.runs, s->env.world, &w->job, t, why, &e);
	w->this_round = true;
	if (ok) {
		work_stage(w, ENDED);
		return;
	}
	log_error("job %lld (%s) cannot be settled: %s", (long long)w->job.id, w->job.kind, e.text);
	w->why = e;
	w->why.kind = ERR_STORE;
	work_stage(w, DUE_AGAIN);
}

static void job_dropped(void *arg, struct task *t, const struct err *why)
{
	(void)t;
	struct work *w = arg;
	w->why = *why;
	work_stage(w, DUE_AGAIN);
}

static char *job_arg(const struct job *j)
{
	struct buf b = {0};
	buf_adds(&b, "{\"kind\":");
	buf_add_json(&b, j->kind, strlen(j->kind));
	buf_addf(&b,
		 ",\"payload\":%s,\"meta\":{\"id\":%lld,\"attempt\":%d,\"created_ms\":%lld,"
		 "\"kind\":",
		 j->payload, (long long)j->id, j->attempt, (long long)j->created_ms);
	buf_add_json(&b, j->kind, strlen(j->kind));
	buf_adds(&b, ",\"lane\":");
	buf_add_json(&b, j->lane, strlen(j->lane));
	buf_adds(&b, "}}");
	return buf_take(&b);
}

/* Takes the job over. */
static void start(struct sched *s, struct job *j)
{
	struct work *w = NEW(struct work);
	w->s = s;
	w->job = *j;
	w->this_round = true;
	w->next = s->works;
	if (s->works)
		s->works->prev = w;
	s->works = w;
	s->running++;
	char *arg = job_arg(j);
	const struct task_call c = {.module = "main",
				    .name = "job",
				    .arg_json = arg,
				    .ended = job_ended,
				    .dropped = job_dropped,
				    .arg = w};
	w->task = task_begin(s->tasks, &c);
	free(arg);
}

/* ---- rounds ---- */

/* What was closed, or lost with a dead round, waits again. */
static void put_back(struct sched *s)
{
	struct err e;
	for (struct work *w = s->works, *next; w; w = next) {
		next = w->next;
		if (w->stage != DUE_AGAIN || w->this_round)
			continue;
		bool store = w->why.kind == ERR_STORE;
		int64_t due = now(s) + (store ? retry_judge(&w->job, &w->why, dice(s)).wait_ms : 0);
		if (!queue_again(s->env.queue, w->job.id, due, store, store ? &w->why : NULL, &e) &&
		    e.kind == ERR_STORE)
			return; /* this round is lost too: once more in the next */
		w->stage = ENDED;
		w->this_round = true;
	}
}

static void set_timer(struct sched *s)
{
	int64_t due = queue_next_due(s->env.queue);
	if (due < 0) {
		loop_timer_clear(s->timer);
		return;
	}
	int64_t ms = due - now(s);
	loop_timer_set(s->timer, ms < 0 ? 0 : ms > IDLE_MOST_MS ? IDLE_MOST_MS : ms);
}

static void cannot_take(struct sched *s, const struct err *e)
{
	log_error("cannot take jobs: %s", e->text);
	loop_timer_set(s->timer, RETRY_BASE_MS);
}

static void take(struct sched *s)
{
	struct err e;
	struct job j;
	int got = 1;
	while (s->running < (size_t)s->most &&
	       (got = queue_take(s->env.queue, LEASE_MS, s->generation, &j, &e)) == 1) {
		if (!is_tick(&j) || ticks_has(&s->ticks, j.kind)) {
			start(s, &j);
			continue;
		}
		got = queue_done(s->env.queue, j.id, &e) ? 1 : -1; /* its flow was switched off */
		job_clear(&j);
		if (got < 0)
			break;
	}
	if (got < 0) {
		cannot_take(s, &e);
	} else if (got == 0) {
		set_timer(s);
	}
}

void sched_round(struct sched *s)
{
	if (!s->look)
		return;
	s->look = false;
	put_back(s);
	if (s->stopped || !s->tasks)
		return;
	struct err e;
	if (back_look(&s->back, &e))
		take(s);
	else
		cannot_take(s, &e);
}

/* What this round did to the job is not on disk; nor is its lease, if it was taken in it. */
static void lose(struct work *w)
{
	if (w->stage == RUNNING)
		task_close(w->task);
	else
		work_stage(w, DUE_AGAIN);
	err_set(&w->why, ERR_STORE, "the round could not be written");
}

void sched_round_over(struct sched *s, bool ok)
{
	for (struct work *w = s->works, *next; w; w = next) {
		next = w->next;
		bool touched = w->this_round;
		w->this_round = false;
		if (touched && ok && w->stage == ENDED)
			work_free(w);
		else if (touched && !ok)
			lose(w);
	}
	back_round_over(&s->back, ok);
	if (!ok)
		loop_timer_set(s->timer, RETRY_BASE_MS);
}

/* ---- ticks ---- */

static bool is_running(const struct sched *s, const char *key)
{
	for (const struct work *w = s->works; w; w = w->next)
		if (w->stage == RUNNING && strcmp(w->job.key, key) == 0)
			return true;
	return false;
}

/* One job a tick: waiting (the key sees to that), or running. */
static bool ensure_ticks(struct sched *s, const struct ticks *t, struct err *e)
{
	bool ok = true;
	for (size_t i = 0; i < t->n && ok; i++) {
		char *key = xasprintf(TICK_KEY "%s", t->at[i].kind);
		const struct queue_put p = {.kind = t->at[i].kind,
					    .lane = "",
					    .key = key,
					    .payload = "{}",
					    .due_ms = now(s) + t->at[i].first_ms,
					    .keep_payload = true};
		int64_t id;
		ok = is_running(s, key) || queue_put(s->env.queue, &p, &id, e);
		free(key);
	}
	return ok;
}

bool sched_use(struct sched *s, struct vm *v, struct tasks *ts, int generation, int most,
	       struct err *e)
{
	struct ticks ticks;
	if (!ticks_read(v, &ticks, e))
		return false;
	if (!ensure_ticks(s, &ticks, e)) {
		ticks_clear(&ticks);
		return false;
	}
	ticks_clear(&s->ticks);
	s->ticks = ticks;
	s->tasks = ts;
	s->generation = generation;
	s->most = most > 0 ? most : 64;
	sched_look(s);
	return true;
}

/* ---- the object ---- */

static void on_timer(void *arg)
{
	struct sched *s = arg;
	s->look = true;
}

struct sched *sched_new(const struct sched_env *env)
{
	struct sched *s = NEW(struct sched);
	s->env = *env;
	s->timer = loop_timer_new(env->loop, on_timer, s);
	s->back = (struct back){.world = env->world, .queue = env->queue, .runs = env->runs};
	return s;
}

void sched_free(struct sched *s)
{
	if (!s)
		return;
	for (struct work *w = s->works, *next; w; w = next) {
		next = w->next;
		job_clear(&w->job);
		free(w);
	}
	ticks_clear(&s->ticks);
	loop_timer_free(s->timer);
	free(s);
}

void sched_look(struct sched *s)
{
	s->look = true;
	loop_wake(s->env.loop);
}

void sched_stop(struct sched *s)
{
	s->stopped = true;
}

size_t sched_running(const struct sched *s)
{
	return s->running;
}
