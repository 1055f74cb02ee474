/*
 * What a profile reaches and is reached by: its remotes with their sign-in, and the listener for
 * callbacks.  Made once at start; a change needs a restart.
 */
#ifndef APP_ENDPOINTS_H
#define APP_ENDPOINTS_H

#include "io/loop.h"
#include "remote/inbox.h"
#include "remote/remote.h"
#include "remote/sign_in.h"
#include "script/api.h"
#include "script/profile.h"

struct endpoints;

struct endpoints_env {
	struct loop *loop;
	const struct world *world;
	struct db *db;
	struct vault *vault;
	struct queue *queue;
	void (*stored)(void *ctx);    /* a callback became a job */
	void (*signed_in)(void *ctx); /* while it runs */
	void *ctx;
};

/* p lives as long as they do.  listen: also open the listener, if the profile names a path secret. */
struct endpoints *endpoints_new(const struct endpoints_env *env, const struct profile *p,
				bool listen, struct err *e) MUST_USE;
void endpoints_free(struct endpoints *x);  /* NULL is fine */
void endpoints_pause(struct endpoints *x); /* accept no more callbacks */
void endpoints_look(struct endpoints *x);  /* maybe the listener's certificate was renewed */

struct remotes *endpoints_remotes(struct endpoints *x);
struct sign_ins endpoints_sign_ins(struct endpoints *x); /* as long as x */
/* "/callback/SECRET"; "/push?code=SECRET"; the whole address that callbacks go on to.  NULL: there
 * is none. */
struct api_addresses endpoints_addresses(const struct endpoints *x);
/* The origin besides https from which certificates may come: for practice only; or NULL. */
const char *endpoints_practice(const struct endpoints *x);
int endpoints_port(const struct endpoints *x); /* 0: no listener */
bool endpoints_tls(const struct endpoints *x); /* the listener speaks TLS itself */
/* "remotes":[...],"callbacks":{...},"hints":{...} appended (no braces around). */
void endpoints_status(struct endpoints *x, struct buf *json);

#endif
