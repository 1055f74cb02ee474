/*
 * The queue as a whole: voiding leases, reviving the dead, counting and listing.  Changes rows only
 * by way of queue.c.
 */
#include "store/queue_own.h"

#include <stdlib.h>
#include <string.h>

/* ---- many at once ---- */

struct ids {
	int64_t *id;
	size_t n, cap;
};

/* Reads all first: what follows changes the rows under the reader. */
static bool collect(struct stmt *s, struct ids *out, struct err *e)
{
	int got;
	while ((got = stmt_row(s, e)) == 1) {
		if (out->n == out->cap) {
			out->cap = out->cap ? out->cap * 2 : 64;
			out->id = xrealloc(out->id, out->cap * sizeof(*out->id));
		}
		out->id[out->n++] = stmt_get_int(s, 0);
	}
	return got == 0;
}

typedef bool job_change(struct queue *q, struct job *j, struct err *e);

/* Changes each that is still in that state (one may have been absorbed by another). */
static bool change_all(struct queue *q, const struct ids *ids, int state, job_change *change,
		       struct err *e)
{
	for (size_t i = 0; i < ids->n; i++) {
		struct job j;
		int at;
		int got = queue_find(q, ids->id[i], &j, &at, e);
		if (got < 0) {
			return false;
		}
		if (got == 0) {
			continue;
		}
		bool ok = at != state || change(q, &j, e);
		job_clear(&j);
		if (!ok) {
			return false;
		}
	}
	return true;
}

static bool release_one(struct queue *q, struct job *j, struct err *e)
{
	return queue_wait(q, j, j->lane, e);
}

bool queue_release(struct queue *q, int64_t older_than_ms, int64_t *n, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.leased",
				 "select id from job where state >= 2 and state = 2 and"
				 " (?1 = 0 or lease_ms < ?1) order by id");
	stmt_int(s, 1, older_than_ms);
	struct ids ids = {0};
	bool ok = collect(s, &ids, e) && change_all(q, &ids, RUNNING, release_one, e);
	*n = ok ? (int64_t)ids.n : 0;
	free(ids.id);
	return ok;
}

static bool revive_one(struct queue *q, struct job *j, struct err *e)
{
	j->attempt = 0;
	j->due_ms = WORLD_NOW(db_world(q->db));
	return queue_wait(q, j, j->lane, e);
}

bool queue_revive(struct queue *q, int64_t id, enum err_kind why, int generation, int64_t *n,
		  struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.buried",
				 "select id from job where state >= 2 and state = 3 and"
				 " (?1 = 0 or id = ?1) and (?2 = '' or why = ?2) and"
				 " (?3 = 0 or generation <> ?3) order by id");
	stmt_int(s, 1, id > 0 ? id : 0);
	stmt_text(s, 2, id > 0 ? "" : queue_why(why));
	stmt_int(s, 3, generation > 0 ? generation : 0);
	struct ids ids = {0};
	bool ok = collect(s, &ids, e) && change_all(q, &ids, DEAD, revive_one, e);
	*n = ok ? (int64_t)ids.n : 0;
	free(ids.id);
	return ok;
}

bool queue_hurry(struct queue *q, enum err_kind why, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.hurry",
				 "update job set due_ms = min(due_ms, ?1) where +state < 2 and"
				 " why = ?2");
	stmt_int(s, 1, WORLD_NOW(db_world(q->db)));
	stmt_text(s, 2, queue_why(why));
	return stmt_write(s, NULL, e);
}

/* The order within a lane stays as it is. */
bool queue_earlier(struct queue *q, int64_t ms, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.earlier",
				 "update job set due_ms = max(1, due_ms - ?1) where +state < 2");
	stmt_int(s, 1, ms);
	return stmt_write(s, NULL, e);
}

/* ---- looking ---- */

int64_t queue_next_due(struct queue *q)
{
	struct err e;
	struct stmt *s = db_stmt(q->db, "queue.next",
				 "select due_ms from job where state = 0 order by due_ms limit 1");
	int64_t due = -1;
	if (stmt_row(s, &e) == 1) {
		due = stmt_get_int(s, 0);
		stmt_reset(s);
	}
	return due;
}

bool queue_stats(struct queue *q, struct queue_stats *out, struct err *e)
{
	/* Each figure comes from an index alone: payloads are not read. */
	struct stmt *s = db_stmt(
		q->db, "queue.stats",
		"select (select count(*) from job where state = 0)"
		" + (select count(*) from job where lane <> '' and state = 1),"
		" (select count(*) from job where state = 0 and due_ms <= ?1)"
		" + (select count(*) from job where lane <> '' and state = 1 and due_ms <= ?1),"
		" (select count(*) from job where state >= 2 and state = 2),"
		" (select count(*) from job where state >= 2 and state = 3),"
		" (select min(due_ms) from job where state = 0 and due_ms <= ?1),"
		" (select min(due_ms) from job where lane <> '' and state = 1 and due_ms <= ?1)");
	stmt_int(s, 1, WORLD_NOW(db_world(q->db)));
	*out = (struct queue_stats){0};
	int got = stmt_row(s, e);
	if (got == 1) {
		out->waiting = stmt_get_int(s, 0);
		out->due = stmt_get_int(s, 1);
		out->running = stmt_get_int(s, 2);
		out->dead = stmt_get_int(s, 3);
		int64_t ready = stmt_get_int(s, 4);
		int64_t behind = stmt_get_int(s, 5);
		out->oldest_due_ms = ready && (!behind || ready < behind) ? ready : behind;
		stmt_reset(s);
	}
	return got >= 0;
}

/* '~' stands behind all that a lane's name may go on with. */
bool queue_count_lanes(struct queue *q, const char *prefix, int64_t *n, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.count_lanes",
				 "select count(*) from job where lane <> '' and lane >= ?1"
				 " and lane < ?1 || '~' and state < 3");
	stmt_text(s, 1, prefix);
	int got = stmt_row(s, e);
	if (got == 1) {
		*n = stmt_get_int(s, 0);
		stmt_reset(s);
	}
	return got >= 0;
}

/* Those held are few among many: they have an index, in order of id. */
static struct stmt *lister(struct queue *q, const char *state)
{
	if (!state) {
		return db_stmt(q->db, "queue.list",
			       "select " COLUMNS " from job where id > ?1 order by id limit ?2");
	}
	if (strcmp(state, "waiting") == 0) {
		return db_stmt(q->db, "queue.list_waiting",
			       "select " COLUMNS " from job where id > ?1 and +state < 2"
			       " order by id limit ?2");
	}
	struct stmt *s = db_stmt(q->db, "queue.list_held",
				 "select " COLUMNS " from job where state >= 2 and state = ?3 and"
				 " id > ?1 order by id limit ?2");
	stmt_int(s, 3, strcmp(state, "dead") == 0 ? DEAD : RUNNING);
	return s;
}

static bool known_state(const char *state)
{
	return !state || strcmp(state, "waiting") == 0 || strcmp(state, "running") == 0 ||
	       strcmp(state, "dead") == 0;
}

bool queue_list(struct queue *q, const char *state, int64_t after, int most,
		bool (*each)(void *arg, const struct job *j), void *arg, struct err *e)
{
	if (!known_state(state)) {
		return err_set(e, ERR_DATA, "no such state of a job: %s", state);
	}
	struct stmt *s = lister(q, state);
	stmt_int(s, 1, after);
	stmt_int(s, 2, most > 0 ? most : -1);

	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		struct job j;
		queue_get(s, &j);
		bool go_on = each(arg, &j);
		job_clear(&j);
		if (!go_on) {
			stmt_reset(s);
			return true;
		}
	}
	return got == 0;
}
