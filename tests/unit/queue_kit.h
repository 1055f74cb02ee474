/*
 * What the tests of the queue share: one queue in a state of its own, and short verbs on it.
 */
#ifndef QUEUE_KIT_H
#define QUEUE_KIT_H

#include "store/queue.h"

#include "store_kit.h"

static struct db *d;
static struct queue *q;

static inline void start(void)
{
	d = open_db(":memory:");
	q = queue_new(d);
}

static inline void stop(void)
{
	CHECK(commit(d));
	queue_free(q);
	db_close(d);
}

static inline int64_t put_job(struct queue_put p)
{
	struct err e = {0};
	int64_t id = -1;
	if (!CHECK(queue_put(q, &p, &id, &e))) {
		printf("# %s\n", e.text);
	}
	return id;
}

static inline int64_t put_in(const char *lane, int64_t due_ms)
{
	return put_job((struct queue_put){.kind = "deal", .lane = lane, .due_ms = due_ms});
}

static inline int64_t put_key(const char *key, const char *payload)
{
	return put_job((struct queue_put){.kind = "deal", .key = key, .payload = payload});
}

/* The id, 0 for none, -1 for an error. */
static inline int64_t take(void)
{
	struct err e;
	struct job j = {0};
	int got = queue_take(q, 60000, 3, &j, &e);
	int64_t id = got == 1 ? j.id : got;
	job_clear(&j);
	return id;
}

static inline bool done(int64_t id)
{
	struct err e;
	return queue_done(q, id, &e);
}

static inline bool again(int64_t id, int64_t due_ms)
{
	struct err e, why;
	err_set(&why, ERR_NET, "refused");
	return queue_again(q, id, due_ms, true, &why, &e);
}

static inline bool bury(int64_t id, enum err_kind kind)
{
	struct err e, why;
	err_set(&why, kind, "no good");
	return queue_bury(q, id, &why, &e);
}

static inline int64_t revive(int64_t id, enum err_kind why, int generation)
{
	struct err e;
	int64_t n = -1;
	return queue_revive(q, id, why, generation, &n, &e) ? n : -1;
}

static inline int64_t release(int64_t older_than_ms)
{
	struct err e;
	int64_t n = -1;
	return queue_release(q, older_than_ms, &n, &e) ? n : -1;
}

static inline struct queue_stats stats(void)
{
	struct err e;
	struct queue_stats s = {0};
	CHECK(queue_stats(q, &s, &e));
	return s;
}

/* What list says of one job; to be cleared. */
static inline bool copy_job(void *arg, const struct job *j)
{
	struct job *to = arg;
	*to = *j;
	to->kind = xstrdup(j->kind);
	to->lane = xstrdup(j->lane);
	to->key = xstrdup(j->key);
	to->payload = xstrdup(j->payload);
	to->text = xstrdup(j->text);
	return false;
}

static inline struct job look(int64_t id)
{
	struct err e;
	struct job j = {0};
	CHECK(queue_list(q, NULL, id - 1, 1, copy_job, &j, &e));
	CHECK_INT(j.id, id);
	return j;
}

static inline bool join_ids(void *arg, const struct job *j)
{
	buf_addf(arg, "%d ", (int)j->id);
	return true;
}

static inline char *list(const char *state, int64_t after, int most)
{
	struct err e;
	struct buf b = {0};
	CHECK(queue_list(q, state, after, most, join_ids, &b, &e));
	return buf_take(&b);
}

#endif
