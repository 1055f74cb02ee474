/*
 * The inside of a call of io/http_server; the public half is in its header.  Only io/http_server
 * uses this.
 */
#ifndef IO_HTTP_CALL_H
#define IO_HTTP_CALL_H

#include <stddef.h>
#include <sys/queue.h>

#include "io/http_server.h"

struct evhttp_request;
struct http_conn;

struct http_call {
	struct http_conn *conn;
	struct evhttp_request *req;
	const void *body;
	size_t len;
	bool fresh; /* no handler has seen it yet */
	LIST_ENTRY(http_call) link;
};

/* evhttp's flags for "GET POST ...". */
unsigned http_call_methods(const char *names);

#endif
