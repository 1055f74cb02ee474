/*
 * Named endpoints.  A remote has a base URL, a way to be signed in (remote/oauth), a cap on
 * requests at once, a budget, and a pause (Retry-After, sign-in needed).  It turns HTTP ends into
 * errors with a kind: 401 once with a fresh token, then ERR_AUTH; 429 and 5xx ERR_BUSY or ERR_NET;
 * other answers, 4xx too, are answers; so is a 401 where nobody signs in.
 */
#ifndef REMOTE_REMOTE_H
#define REMOTE_REMOTE_H

#include "base/world.h"
#include "remote/oauth.h"
#include "store/db.h"

struct remotes;
struct remote;

struct remote_config {
	const char *name;     /* how scripts call it */
	const char *base;     /* "https://host/path/" ; requests may not leave it */
	const char *audience; /* resource or scope the token is asked for */
	struct oauth *oauth;  /* may be shared by several remotes; NULL: no sign-in */
	int in_flight;        /* at once; 0 = 8 */
	int budget;           /* requests in budget_s; 0: none */
	int budget_s;
	bool plain_ok; /* http to loopback */
	/* Of one address alone: base is it, whole, and the path of a request is "". */
	bool exact;
	const char *bearer;          /* a token that never changes; NULL: none */
	const struct web_mail *mail; /* a mail relay; NULL: HTTP */
};

/* Opaque set; the loop is not needed: waiting is done with w->start and timers handed in. */
struct remotes_env {
	const struct world *world;
	struct db *db;
	/* asks for a call of fn(arg) after ms of real time; the answer cancels it through
	 * cancel_later */
	void *(*later)(void *ctx, int64_t ms, void (*fn)(void *), void *arg);
	void (*cancel_later)(void *ctx, void *handle);
	void *ctx;
};
struct remotes *remotes_new(const struct remotes_env *env);
void remotes_free(struct remotes *r); /* open calls end with ERR_NET */
bool remotes_add(struct remotes *r, const struct remote_config *c, struct err *e) MUST_USE;
struct remote *remotes_get(struct remotes *r, const char *name); /* NULL: no such remote */

struct remote_request {
	const char *method;
	const char *path; /* relative to base, or an absolute URL that begins with base */
	const struct web_header *headers; /* with a sign-in Authorization is added here alone */
	size_t nheaders;
	const void *body;
	size_t len;
	size_t max_answer;
};

/* Starts (copies everything).  It leaves after the round's commit (db_after_commit), then waits
 * for a token, for its turn, for a pause shorter than 30 s; a longer pause is ERR_BUSY at once.
 * NULL and *e: it was not started (bad path, pause, sign-in needed) and done is not called. done
 * is called once, from the loop, unless cancelled: answer != NULL (any status but 401, 408, 429,
 * 5xx), or *e.  tries: how many HTTP requests went out for it (token requests apart). */
typedef void remote_done(void *arg, const struct web_answer *answer, int tries,
			 const struct err *e);
struct remote_call;
struct remote_call *remote_start(struct remote *r, const struct remote_request *rq,
				 remote_done *done, void *arg, struct err *e) MUST_USE;
void remote_cancel(struct remote_call *c);

struct remote_state {
	const char *name;
	bool open;               /* nobody signs in */
	bool signed_in;          /* the last sign-in worked */
	bool needs_sign_in;      /* paused until someone acts; text says why */
	int64_t paused_until_ms; /* wall; 0: not paused */
	int in_flight, waiting;
	int budget_left;    /* -1: no budget */
	char text[200];     /* last error, "" if the last request was fine */
	int64_t last_ok_ms; /* wall, 0 never */
};
/* i = 0...; false behind the last. */
bool remotes_state(struct remotes *r, size_t i, struct remote_state *out);
/* Takes away a pause that waits for a person (someone signed in again). */
void remote_resume(struct remote *r);
/* The same for each that is signed in by this grant. */
void remotes_resume(struct remotes *s, const struct oauth *o);
const char *remote_audience(const struct remote *r);

#endif
