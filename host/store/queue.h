/*
 * Work as rows.  A job waits until it is due, runs under a lease, and ends done (the row goes),
 * waiting again, or dead (kept, with the reason).  One job runs per lane; a coalescing key covers
 * waiting jobs only, so what arrives while a job runs makes one more row.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "base/buf.h"
#include "store/db.h"

struct queue;

struct job {
	int64_t id;
	char *kind;    /* which handler */
	char *lane;    /* "" : its own */
	char *key;     /* coalescing key, "" : none */
	char *payload; /* JSON text */
	int64_t due_ms;
	int64_t created_ms;
	int attempt;      /* 0 on the first run */
	int64_t lease_ms; /* until when the run is trusted; 0 = not running */
	bool dead;
	enum err_kind why; /* of the last failure */
	char *text;        /* its text, "" at first */
	int generation;    /* that failed or runs it */
};
void job_clear(struct job *j);

struct queue *queue_new(struct db *d);
void queue_free(struct queue *q);

/* Adds a waiting job.  With a key: if a waiting job of that key exists, that one stays (due = the
 * earlier of both, payload = the new one unless keep_payload) and *id names it. */
struct queue_put {
	const char *kind, *lane, *key, *payload;
	int64_t due_ms; /* 0: now */
	bool keep_payload;
};
bool queue_put(struct queue *q, const struct queue_put *p, int64_t *id, struct err *e) MUST_USE;

/* Leases the first due job whose lane has none running: 1, 0 none, -1 *e. */
int queue_take(struct queue *q, int64_t lease_for_ms, int generation, struct job *out,
	       struct err *e) MUST_USE;
/* Only a running job can be done: ERR_ABSENT for any other.  Done or buried, it supersedes the dead
 * letters of its key: they are dropped. */
bool queue_done(struct queue *q, int64_t id, struct err *e) MUST_USE;
/* Waiting again at due_ms; attempt + 1 if `count`. */
bool queue_again(struct queue *q, int64_t id, int64_t due_ms, bool count, const struct err *why,
		 struct err *e) MUST_USE;
bool queue_bury(struct queue *q, int64_t id, const struct err *why, struct err *e) MUST_USE;
/* Moves a running job to another lane and makes it wait there at once (it found its link). */
bool queue_move(struct queue *q, int64_t id, const char *lane, struct err *e) MUST_USE;

/* Every lease is void: jobs of a dead process are due again (start). `older_than_ms` 0: all. */
bool queue_release(struct queue *q, int64_t older_than_ms, int64_t *n, struct err *e) MUST_USE;
/* Dead letters back to waiting, due now, attempt 0: one (id > 0), all of these kinds of failure
 * (id 0, why != ERR_NONE), or all (id 0, ERR_NONE); of another generation only, if generation > 0. */
bool queue_revive(struct queue *q, int64_t id, enum err_kind why, int generation, int64_t *n,
		  struct err *e) MUST_USE;

/* All that waits after this kind of failure is due now. */
bool queue_hurry(struct queue *q, enum err_kind why, struct err *e) MUST_USE;
/* All that waits is due by so much earlier. */
bool queue_earlier(struct queue *q, int64_t ms, struct err *e) MUST_USE;

int64_t queue_next_due(struct queue *q); /* wall ms of the earliest runnable job, or -1 */

struct queue_stats {
	int64_t waiting, due, running, dead;
	int64_t oldest_due_ms; /* of those that are due; 0: none */
};
bool queue_stats(struct queue *q, struct queue_stats *out, struct err *e) MUST_USE;
/* Jobs that wait or run in lanes whose names begin so. */
bool queue_count_lanes(struct queue *q, const char *prefix, int64_t *n, struct err *e) MUST_USE;
/* Reads jobs for people: state "waiting" "running" "dead" or NULL, ids after `after`. */
bool queue_list(struct queue *q, const char *state, int64_t after, int most,
		bool (*each)(void *arg, const struct job *j), void *arg, struct err *e) MUST_USE;

#endif
