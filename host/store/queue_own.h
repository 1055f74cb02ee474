/*
 * What queue.c (one job) and queue_many.c (many jobs) share.  No other file includes this.
 *
 * In the queries of both the terms "state < 2", "state >= 2", "lane <> ''" and "key <> ''" stand
 * word for word: sqlite uses a partial index only if it finds the index's own condition there.
 */
#ifndef STORE_QUEUE_OWN_H
#define STORE_QUEUE_OWN_H

#include "store/queue.h"

#define COLUMNS                                                                                   \
	"id, kind, lane, key, payload, due_ms, created_ms, attempt, lease_ms, state, why, text, " \
	"generation"

enum {
	READY,   /* waits; may be taken when due */
	BEHIND,  /* waits, but another job of its lane comes first */
	RUNNING, /* leased */
	DEAD,    /* kept with its reason */
};

struct queue {
	struct db *db;
	int64_t last_id; /* 0: not asked yet; a number is not used twice: a late queue_done must not hit a new job */
};

/* Failures are stored by name (numbers may change from version to version), none as "". */
const char *queue_why(enum err_kind kind);

/* Copies the row of COLUMNS at hand; its state. */
int queue_get(struct stmt *s, struct job *j);
/* 1 found, 0 not, -1 *e. */
int queue_find(struct queue *q, int64_t id, struct job *j, int *state, struct err *e) MUST_USE;
/* Makes j, as it stands in memory, a waiting job in `lane`; one of its key becomes part of it. */
bool queue_wait(struct queue *q, struct job *j, const char *lane, struct err *e) MUST_USE;

#endif
