/*
 * Callbacks of one site: path secret, signature, row on disk, then 200.  503 with Retry-After when
 * it cannot be stored or its certificate not be had; an empty 401 for everything else that is not
 * proved to come from whom we trust.  A call for another path is not taken.
 */
#ifndef REMOTE_INBOX_H
#define REMOTE_INBOX_H

#include "io/http_server.h"
#include "remote/verify.h"
#include "store/queue.h"

struct inbox;

struct inbox_config {
	const char *path;      /* "/callback/SECRET": compared in constant time */
	const char *job_kind;  /* kind of the row, e.g. "event"; payload = {"body": <text>} */
	struct verify *verify; /* NULL: unsigned callbacks are accepted (never from a profile) */
	void (*stored)(void *ctx); /* a row was put: look at the queue */
	/* no, by 401 or 503, and why: for the log alone. May be NULL. */
	void (*refused)(void *ctx, bool unproved, const struct err *why);
	void *ctx;
};
struct inbox *inbox_new(struct db *d, struct queue *q, const struct inbox_config *c);
/* An http_handler's work: true if the path is this inbox's (the call is then answered by it). */
bool inbox_take(struct inbox *b, struct http_call *c);
void inbox_free(struct inbox *b); /* calls still held get 503; before the http_server goes */

struct inbox_state {
	uint64_t stored, rejected, refused; /* 200, 401, 503 */
	uint64_t rejected_in_a_row;         /* since one was last proved */
};
void inbox_state(const struct inbox *b, struct inbox_state *out);

#endif
