/*
 * What an HTTP answer means, as far as the kinds of errors go: shared by tokens and remotes.
 */
#ifndef REMOTE_ANSWER_H
#define REMOTE_ANSWER_H

#include "base/world.h"
#include "store/db.h"

enum {
	ANSWER_LEAST_WAIT_MS = 1000,
	ANSWER_MOST_WAIT_MS = 3600 * 1000,
	ANSWER_USUAL_WAIT_MS = 5000 /* 429 that does not say how long */
};

/* false for 408, 429 and 5xx: *e is ERR_BUSY with wait_ms (within the limits above) or ERR_NET,
 * with the status.  Every other status is true. */
bool answer_served(const struct web_answer *a, int64_t now_ms, struct err *e);

/* The same of a mail relay's reply: false for all but 2xx; *e is ERR_NET if it may be taken later,
 * ERR_AUTH if the relay wants another sign-in, else ERR_REMOTE. */
bool answer_mailed(const struct web_answer *a, struct err *e);

/* The string or number at a path of a JSON body, to be freed; NULL if there is none, the body is
 * not JSON or is too long to be looked into. */
char *answer_member(struct db *d, const struct web_answer *a, const char *path);

/* The deepest error code of the body, cleaned so that it may be shown; "" if there is none. */
#define ANSWER_CODE 64
void answer_code(struct db *d, const struct web_answer *a, char out[ANSWER_CODE]);
void answer_add_code(struct db *d, const struct web_answer *a, struct err *e); /* to e's text */
/* Is it one of the body's codes, at any depth? */
bool answer_has_code(struct db *d, const struct web_answer *a, const char *code);

#endif
