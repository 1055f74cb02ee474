/*
 * The real world's request side: libcurl's multi interface in the loop.  Kept connections, http and
 * https only (http only to loopback and only where the request allows it), no redirects, TLS always
 * verified, caps on size and time, no proxy and no netrc from the environment.
 */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

#include "base/world.h"
#include "io/loop.h"

struct http_client;

/* ca_file: NULL = the system's. max_in_flight: further requests wait inside. */
struct http_client *http_client_new(struct loop *l, const char *ca_file, int max_in_flight,
				    struct err *e) MUST_USE;
void http_client_free(struct http_client *c); /* open calls end with ERR_NET first */

/* The real world: this client, the system's clocks (with the test offset), OpenSSL's random. */
struct world http_client_world(struct http_client *c);

#endif
