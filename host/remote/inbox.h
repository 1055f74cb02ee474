/*
 * Callbacks of one site: path secret, signature, row on disk, then 200.  503 with Retry-After when
 * it cannot be stored or its certificate not be had; an empty 401 for everything else that is not
 * proved to come from whom we trust.  A call for another path is not taken.  An inbox of hints
 * believes whoever knows its path, for a hint proves nothing and carries nothing.
 *
 * Where callbacks also go on to another receiver, the same commit holds a second row for it, with
 * the body and the headers that prove it as they came.
 */
#ifndef REMOTE_INBOX_H
#define REMOTE_INBOX_H

#include "io/http_server.h"
#include "remote/verify.h"
#include "store/queue.h"

struct inbox;

/* Stands in what is passed on; what came with it is not passed on again, or two hosts that know of
 * each other would never end. */
#define INBOX_PASSED_ON "X-Cosell-Passed-On"

struct inbox_config {
	const char *path;      /* "/callback/SECRET": compared in constant time */
	const char *job_kind;  /* kind of the row, e.g. "event"; payload = {"body": <text>} */
	struct verify *verify; /* NULL: who knows the path is believed (hints) */
	/* Hints: the members of a JSON body that are kept as the payload, short texts only; NULL
	 * terminated, NULL: the whole body. */
	const char *const *keep;
	/* Kind of the second row, or NULL: none; payload = {"body": <base64>, "headers": {...}}. */
	const char *pass_kind;
	int pass_most;             /* of these may wait; what comes above it is not passed on */
	void (*stored)(void *ctx); /* a row was put: look at the queue */
	/* no, by 401 or 503, and why: for the log alone. May be NULL. */
	void (*refused)(void *ctx, bool unproved, const struct err *why);
	void (*not_passed)(void *ctx); /* it was kept and has no second row: too many wait */
	void *ctx;
};
struct inbox *inbox_new(struct db *d, struct queue *q, const struct inbox_config *c);
/* An http_handler's work: true if the path is this inbox's (the call is then answered by it). */
bool inbox_take(struct inbox *b, struct http_call *c);
void inbox_free(struct inbox *b); /* calls still held get 503; before the http_server goes */

struct inbox_state {
	uint64_t stored, rejected, refused; /* 200, 401, 503 */
	uint64_t rejected_in_a_row;         /* since one was last proved */
	uint64_t passed, not_passed;        /* second rows; those that there was no room for */
	int64_t not_passed_ms;              /* when there was none last, wall */
};
void inbox_state(const struct inbox *b, struct inbox_state *out);
/* How many second rows are not worked off; false: none are kept, or they cannot be counted. */
bool inbox_waiting(struct inbox *b, int64_t *n) MUST_USE;

#endif
