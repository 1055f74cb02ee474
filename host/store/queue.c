/*
 * Work as rows of the table job: how one job changes its state (queue_own.h lists them).  With
 * queue_many.c it owns that table.
 *
 * Of a lane at most one job is ready, the first by due time, and none while one runs.  settle()
 * restores that after every change, so taking never looks at the thousand jobs behind a busy lane.
 * Jobs without a lane are never behind.
 */
#include "store/queue_own.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading rows ---- */

void job_clear(struct job *j)
{
	free(j->kind);
	free(j->lane);
	free(j->key);
	free(j->payload);
	free(j->text);
	*j = (struct job){0};
}

const char *queue_why(enum err_kind kind)
{
	return kind == ERR_NONE ? "" : err_kind_name(kind);
}

static char *get_copy(struct stmt *s, int col)
{
	const char *v = stmt_get_text(s, col);
	return xstrdup(v ? v : "");
}

int queue_get(struct stmt *s, struct job *j)
{
	const char *why = stmt_get_text(s, 10);
	*j = (struct job){
		.id = stmt_get_int(s, 0),
		.due_ms = stmt_get_int(s, 5),
		.created_ms = stmt_get_int(s, 6),
		.attempt = (int)stmt_get_int(s, 7),
		.lease_ms = stmt_get_int(s, 8),
		.dead = stmt_get_int(s, 9) == DEAD,
		.why = why && *why ? err_kind_from(why) : ERR_NONE,
		.generation = (int)stmt_get_int(s, 12),
	};
	int state = (int)stmt_get_int(s, 9);
	j->kind = get_copy(s, 1);
	j->lane = get_copy(s, 2);
	j->key = get_copy(s, 3);
	j->payload = get_copy(s, 4);
	j->text = get_copy(s, 11);
	return state;
}

int queue_find(struct queue *q, int64_t id, struct job *j, int *state, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.find", "select " COLUMNS " from job where id = ?1");
	stmt_int(s, 1, id);
	int got = stmt_row(s, e);
	if (got == 1) {
		*state = queue_get(s, j);
		stmt_reset(s);
	}
	return got;
}

/* ---- the lane's rule ---- */

struct spot {
	int64_t id; /* 0: none */
	int64_t due_ms;
};

/* The first of that state in the lane. */
static bool first_in_lane(struct queue *q, const char *lane, int state, struct spot *out,
			  struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.first",
				 "select id, due_ms from job where lane <> '' and lane = ?1"
				 " and state = ?2 order by due_ms, id limit 1");
	*out = (struct spot){0};
	stmt_text(s, 1, lane);
	stmt_int(s, 2, state);
	int got = stmt_row(s, e);
	if (got == 1) {
		out->id = stmt_get_int(s, 0);
		out->due_ms = stmt_get_int(s, 1);
		stmt_reset(s);
	}
	return got >= 0;
}

static bool running_in_lane(struct queue *q, const char *lane, bool *running, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.running",
				 "select 1 from job where state = 2 and lane <> '' and lane = ?1");
	stmt_text(s, 1, lane);
	int got = stmt_row(s, e);
	*running = got == 1;
	stmt_reset(s);
	return got >= 0;
}

static bool set_state(struct queue *q, int64_t id, int state, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.state", "update job set state = ?2 where id = ?1");
	stmt_int(s, 1, id);
	stmt_int(s, 2, state);
	return stmt_write(s, NULL, e);
}

static bool before(const struct spot *a, const struct spot *b)
{
	return a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->id < b->id);
}

/* Makes the lane's rule true again, by at most two updates.  While one runs none was made ready. */
static bool settle(struct queue *q, const char *lane, struct err *e)
{
	bool running;
	struct spot ready, behind;

	if (!*lane) {
		return true;
	}
	if (!running_in_lane(q, lane, &running, e)) {
		return false;
	}
	if (running) {
		return true;
	}
	if (!first_in_lane(q, lane, READY, &ready, e) ||
	    !first_in_lane(q, lane, BEHIND, &behind, e)) {
		return false;
	}
	if (!behind.id || (ready.id && before(&ready, &behind))) {
		return true;
	}
	return (!ready.id || set_state(q, ready.id, BEHIND, e)) &&
	       set_state(q, behind.id, READY, e);
}

/* ---- putting ---- */

/* The waiting job of that key; `same`: its payload is this one.  1, 0 none, -1. */
static int waiting_of_key(struct queue *q, const char *key, const char *payload, struct job *out,
			  bool *same, struct err *e)
{
	struct stmt *s =
		db_stmt(q->db, "queue.key",
			"select id, lane, due_ms, payload = ?2 from job where state < 2 and"
			" key <> '' and key = ?1");
	*out = (struct job){0};
	stmt_text(s, 1, key);
	stmt_text(s, 2, payload);
	int got = stmt_row(s, e);
	if (got == 1) {
		out->id = stmt_get_int(s, 0);
		out->lane = get_copy(s, 1);
		out->due_ms = stmt_get_int(s, 2);
		*same = stmt_get_int(s, 3) != 0;
		stmt_reset(s);
	}
	return got;
}

static bool set_waiting(struct queue *q, const struct job *j, int64_t due_ms, const char *payload,
			struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.coalesce",
				 "update job set due_ms = ?2, payload = coalesce(?3, payload)"
				 " where id = ?1");
	stmt_int(s, 1, j->id);
	stmt_int(s, 2, due_ms);
	stmt_text(s, 3, payload);
	return stmt_write(s, NULL, e) && (due_ms == j->due_ms || settle(q, j->lane, e));
}

/* Above every number given so far, also to jobs that are gone.  Nobody else puts rows there. */
static bool next_id(struct queue *q, int64_t *id, struct err *e)
{
	if (!q->last_id) {
		struct stmt *s = db_stmt(q->db, "queue.last", "select max(id) from job");
		int got = stmt_row(s, e);
		if (got < 0) {
			return false;
		}
		q->last_id = got == 1 ? stmt_get_int(s, 0) : 0;
		stmt_reset(s);
	}
	*id = ++q->last_id;
	return true;
}

static bool lane_is_free(struct queue *q, const char *lane, bool *is_free, struct err *e)
{
	struct spot ready = {0};
	bool running = false;
	if (*lane && (!first_in_lane(q, lane, READY, &ready, e) ||
		      (!ready.id && !running_in_lane(q, lane, &running, e)))) {
		return false;
	}
	*is_free = !ready.id && !running;
	return true;
}

static bool insert(struct queue *q, const struct queue_put *p, int64_t now, int64_t *id,
		   struct err *e)
{
	const char *lane = p->lane ? p->lane : "";
	bool is_free;
	if (!next_id(q, id, e) || !lane_is_free(q, lane, &is_free, e)) {
		return false;
	}

	struct stmt *s =
		db_stmt(q->db, "queue.put",
			"insert into job (id, kind, lane, key, payload, due_ms, created_ms,"
			" state) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
	stmt_int(s, 1, *id);
	stmt_text(s, 2, p->kind);
	stmt_text(s, 3, lane);
	stmt_text(s, 4, p->key ? p->key : "");
	stmt_text(s, 5, p->payload ? p->payload : "{}");
	stmt_int(s, 6, p->due_ms > 0 ? p->due_ms : now);
	stmt_int(s, 7, now);
	stmt_int(s, 8, is_free ? READY : BEHIND);
	return stmt_write(s, NULL, e) && (is_free || settle(q, lane, e));
}

bool queue_put(struct queue *q, const struct queue_put *p, int64_t *id, struct err *e)
{
	int64_t now = WORLD_NOW(db_world(q->db));
	if (!p->key || !*p->key) {
		return insert(q, p, now, id, e);
	}

	struct job other;
	bool same = false;
	const char *payload = p->payload ? p->payload : "{}";
	int got = waiting_of_key(q, p->key, payload, &other, &same, e);
	if (got != 1) {
		return got == 0 && insert(q, p, now, id, e);
	}
	*id = other.id;
	int64_t due = p->due_ms > 0 ? p->due_ms : now;
	if (due > other.due_ms) {
		due = other.due_ms;
	}
	if (p->keep_payload || same) {
		payload = NULL;
	}
	/* The hundredth event of a kind writes nothing at all. */
	bool ok = (due == other.due_ms && !payload) || set_waiting(q, &other, due, payload, e);
	job_clear(&other);
	return ok;
}

/* ---- the run ---- */

int queue_take(struct queue *q, int64_t lease_for_ms, int generation, struct job *out,
	       struct err *e)
{
	int64_t now = WORLD_NOW(db_world(q->db));
	struct stmt *s = db_stmt(q->db, "queue.take",
				 "select " COLUMNS " from job where state = 0 and due_ms <= ?1"
				 " order by due_ms, id limit 1");
	stmt_int(s, 1, now);
	int got = stmt_row(s, e);
	if (got != 1) {
		return got;
	}
	queue_get(s, out);
	stmt_reset(s);

	out->lease_ms = now + (lease_for_ms > 0 ? lease_for_ms : 1);
	out->generation = generation;
	s = db_stmt(q->db, "queue.lease",
		    "update job set state = 2, lease_ms = ?2, generation = ?3 where id = ?1");
	stmt_int(s, 1, out->id);
	stmt_int(s, 2, out->lease_ms);
	stmt_int(s, 3, generation);
	if (!stmt_write(s, NULL, e)) {
		job_clear(out);
		return -1;
	}
	return 1;
}

static bool drop(struct queue *q, int64_t id, struct err *e)
{
	struct stmt *s = db_stmt(q->db, "queue.drop", "delete from job where id = ?1");
	stmt_int(s, 1, id);
	return stmt_write(s, NULL, e);
}

/* Reads a job that is to leave its state; states from `from` to `to` may. */
static bool find_in(struct queue *q, int64_t id, int from, int to, struct job *j, struct err *e)
{
	int state;
	int got = queue_find(q, id, j, &state, e);
	if (got == 1 && from <= state && state <= to) {
		return true;
	}
	if (got == 1) {
		job_clear(j);
	}
	if (got >= 0) {
		err_set(e, ERR_ABSENT, "job %" PRId64 " is %s", id,
			got == 0 ? "not there (any more)" : "in another state");
	}
	return false;
}

/* Dead letters of the same key are over: this job, younger than they, says how the matter stands. */
static bool supersede(struct queue *q, const struct job *j, struct err *e)
{
	if (j->key[0] == '\0') {
		return true;
	}
	struct stmt *s = db_stmt(q->db, "queue.supersede",
				 "delete from job where key <> '' and key = ?1 and state = 3"
				 " and id <> ?2");
	stmt_text(s, 1, j->key);
	stmt_int(s, 2, j->id);
	return stmt_write(s, NULL, e);
}

/* A waiting job is not done, even if an earlier run of it ends now: more may have come since. */
bool queue_done(struct queue *q, int64_t id, struct err *e)
{
	struct job j;
	if (!find_in(q, id, RUNNING, RUNNING, &j, e)) {
		return false;
	}
	bool ok = drop(q, id, e) && supersede(q, &j, e) && settle(q, j.lane, e);
	job_clear(&j);
	return ok;
}

/* A waiting job of the same key becomes part of j: the earlier due time, the newer payload. */
static bool absorb(struct queue *q, struct job *j, struct err *e)
{
	struct job other;
	bool same = false;
	int got = *j->key ? waiting_of_key(q, j->key, j->payload, &other, &same, e) : 0;
	if (got != 1) {
		return got == 0;
	}
	if (other.id == j->id) {
		job_clear(&other);
		return true;
	}
	if (other.due_ms < j->due_ms) {
		j->due_ms = other.due_ms;
	}
	bool ok = true;
	if (other.id > j->id && !same) {
		struct stmt *s =
			db_stmt(q->db, "queue.absorb",
				"update job set payload = (select payload from job where id = ?2)"
				" where id = ?1");
		stmt_int(s, 1, j->id);
		stmt_int(s, 2, other.id);
		ok = stmt_write(s, NULL, e);
	}
	ok = ok && drop(q, other.id, e) && settle(q, other.lane, e);
	job_clear(&other);
	return ok;
}

bool queue_wait(struct queue *q, struct job *j, const char *lane, struct err *e)
{
	if (!absorb(q, j, e)) {
		return false;
	}
	struct stmt *s = db_stmt(q->db, "queue.wait",
				 "update job set state = ?2, lease_ms = 0, lane = ?3, due_ms = ?4,"
				 " attempt = ?5, why = ?6, text = ?7 where id = ?1");
	stmt_int(s, 1, j->id);
	stmt_int(s, 2, *lane ? BEHIND : READY);
	stmt_text(s, 3, lane);
	stmt_int(s, 4, j->due_ms);
	stmt_int(s, 5, j->attempt);
	stmt_text(s, 6, queue_why(j->why));
	stmt_text(s, 7, j->text);
	return stmt_write(s, NULL, e) && settle(q, j->lane, e) &&
	       (strcmp(lane, j->lane) == 0 || settle(q, lane, e));
}

static void blame(struct job *j, const struct err *why)
{
	if (why) {
		free(j->text);
		j->text = xstrdup(why->text);
		j->why = why->kind;
	}
}

bool queue_again(struct queue *q, int64_t id, int64_t due_ms, bool count, const struct err *why,
		 struct err *e)
{
	struct job j;
	if (!find_in(q, id, READY, RUNNING, &j, e)) {
		return false;
	}
	blame(&j, why);
	j.due_ms = due_ms > 0 ? due_ms : WORLD_NOW(db_world(q->db));
	j.attempt += count;
	bool ok = queue_wait(q, &j, j.lane, e);
	job_clear(&j);
	return ok;
}

bool queue_bury(struct queue *q, int64_t id, const struct err *why, struct err *e)
{
	struct job j;
	if (!find_in(q, id, READY, RUNNING, &j, e)) {
		return false;
	}
	blame(&j, why);
	struct stmt *s = db_stmt(q->db, "queue.bury",
				 "update job set state = 3, lease_ms = 0, why = ?2, text = ?3"
				 " where id = ?1");
	stmt_int(s, 1, id);
	stmt_text(s, 2, queue_why(j.why));
	stmt_text(s, 3, j.text);
	bool ok = stmt_write(s, NULL, e) && supersede(q, &j, e) && settle(q, j.lane, e);
	job_clear(&j);
	return ok;
}

/* Its due time stays: it has waited its turn. */
bool queue_move(struct queue *q, int64_t id, const char *lane, struct err *e)
{
	struct job j;
	if (!find_in(q, id, READY, RUNNING, &j, e)) {
		return false;
	}
	bool ok = queue_wait(q, &j, lane, e);
	job_clear(&j);
	return ok;
}

struct queue *queue_new(struct db *d)
{
	struct queue *q = NEW(struct queue);
	q->db = d;
	return q;
}

void queue_free(struct queue *q)
{
	free(q);
}
