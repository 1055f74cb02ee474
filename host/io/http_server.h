/*
 * An HTTP/1.1 listener on libevent's evhttp, made strict: a cap on connections (the oldest one
 * without a whole request goes), a total deadline for a request to arrive, one Content-Length, one
 * Host, no doubtful head (400 and close).  Without descriptors it waits, and leaves one to others.  A request is held until it is answered, which may be
 * much later: that is how "commit, then answer" is done.  With a certificate it speaks TLS alone, and
 * all of that holds there too, the handshake's time included.
 */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H

#include <stddef.h>

#include "base/crypto_tls.h"
#include "base/world.h"
#include "io/loop.h"

struct http_server;
struct http_call; /* one request that waits for its answer */

struct http_server_config {
	const char *address;          /* "127.0.0.1" */
	int port;                     /* 0: any free one */
	const char *methods;          /* "GET POST"; others get 405 */
	int other_method;             /* what others get instead; 0 = 405 */
	size_t max_body;              /* bytes; larger gets 413 */
	int max_connections;          /* 0 = 256; fewer if descriptors are few */
	int max_per_address;          /* 0: as many as come; a proxy in front is one address */
	int deadline_ms;              /* for a whole request to arrive; 0 = 10,000 */
	int idle_ms;                  /* keep-alive; 0 = 5,000 */
	const struct crypto_tls *tls; /* NULL: plain.  Lives until another is given */
};

/* Called once for each whole, sound request, from the loop.  The handler (or someone later) must
 * end it with exactly one http_call_answer or http_call_drop. */
typedef void http_handler(void *ctx, struct http_call *call);

/* *e: ERR_CONFIG with address and port if it cannot be bound. */
struct http_server *http_server_new(struct loop *l, const struct http_server_config *c,
				    http_handler *h, void *ctx, struct err *e) MUST_USE;
int http_server_port(const struct http_server *s);
/* New callers of a TLS listener are greeted with this one; who is here keeps what he has. */
void http_server_greet(struct http_server *s, const struct crypto_tls *tls);
/* How many callers no TLS came about with, and why with the last one ("" if none). */
uint64_t http_server_ungreeted(const struct http_server *s, const char **why);
/* Stops accepting; open calls stay valid and may be answered. */
void http_server_pause(struct http_server *s);
/* Calls that are still held are dropped (connection closed). */
void http_server_free(struct http_server *s);

const char *http_call_method(const struct http_call *c);
const char *http_call_target(const struct http_call *c); /* path and query as received, from '/' */
const char *http_call_host(const struct http_call *c);   /* the Host header */
/* The i-th header (0...) in order of arrival, or name NULL behind the last. */
struct web_header http_call_header_at(const struct http_call *c, size_t i);
const char *http_call_header(const struct http_call *c, const char *name); /* the first, or NULL */
size_t http_call_header_count(const struct http_call *c, const char *name);
const void *http_call_body(const struct http_call *c, size_t *len); /* NUL behind it */

/* status with headers and body (copied).  Content-Length is set here; for 204 and 304 no body is
 * sent.  The call is gone afterwards. */
void http_call_answer(struct http_call *c, int status, const struct web_header *h, size_t n,
		      const void *body, size_t len);
/* Closes the connection without an answer (a fault of the practice environment, shutdown). */
void http_call_drop(struct http_call *c);

#endif
