/*
 * The outside, as plain data and four verbs: what time it is, random bytes, start a request,
 * cancel it.  It is made at the bottom (io/http_client for the real one) and handed down at start;
 * nothing above io/ reads a clock, a random number or a socket in any other way, so a whole host
 * can run in a simulated world.
 */
#ifndef BASE_WORLD_H
#define BASE_WORLD_H

#include <stddef.h>

#include "base/err.h"

struct web_header {
	const char *name;
	const char *value;
};

/* Who a message to a mail relay is from and for: then the address is smtp:// or smtps://, and the
 * body is the message as it goes over the wire. */
struct web_mail {
	const char *from;
	const char *const *to;       /* NULL behind the last */
	const char *user, *password; /* NULL: nobody signs in */
};

/* All pointers need to live only until start() returns. */
struct web_request {
	const char *method; /* "GET" "POST" "PATCH" "PUT" "DELETE" */
	const char *url;    /* absolute; http only where plain_ok */
	const struct web_header *headers;
	size_t nheaders;
	const void *body; /* NULL: none */
	size_t len;
	int timeout_ms;    /* whole request; 0 = 60,000 */
	size_t max_answer; /* bytes of body; 0 = 16 MiB */
	bool plain_ok; /* http:// or smtp:// without TLS allowed, to 127.0.0.1, localhost, [::1] */
	const struct web_mail *mail; /* NULL: a request by HTTP */
};

struct web_answer {
	int status; /* of a mail relay: the code of its last reply, no body and no headers */
	struct web_header *headers; /* names in lower case; repeated headers stay repeated */
	size_t nheaders;
	const char *body; /* NUL behind it */
	size_t len;
	int64_t ms;
};

/* Called exactly once per started call that was not cancelled, from the loop, never from inside
 * start().  answer is NULL and *e filled (ERR_NET) if no whole answer came; both die on return. */
typedef void web_done(void *arg, const struct web_answer *answer, const struct err *e);

struct web_call;

struct world {
	void *ctx;
	int64_t (*now_ms)(void *ctx);  /* wall clock */
	int64_t (*mono_us)(void *ctx); /* for measuring */
	void (*random)(void *ctx, void *out, size_t n);
	/* NULL and *e (ERR_CONFIG) if the request may not be made at all (scheme, host, control bytes in
	 * a header); every other end comes through done. */
	struct web_call *(*start)(void *ctx, const struct web_request *rq, web_done *done,
				  void *arg, struct err *e);
	void (*cancel)(void *ctx, struct web_call *call); /* done is not called any more */
};

#define WORLD_NOW(w) ((w)->now_ms((w)->ctx))

/* The first header of that name (any case), or NULL. */
const char *web_header_get(const struct web_header *h, size_t n, const char *name);

/* A version 4 GUID from the world's random bytes, lower case, NUL terminated. */
void world_uuid(const struct world *w, char out[37]);

#endif
