/*
 * The strict reader in front of evhttp: it sees every byte of a connection first, finds where each
 * request ends, and refuses a doubtful head.  Pure: bytes in, a verdict out; it knows no socket.
 * What it passes evhttp frames in the same way, so no byte of one request becomes another.
 */
#ifndef IO_HTTP_GATE_H
#define IO_HTTP_GATE_H

#include <stddef.h>

#include "base/buf.h"

enum http_gate_verdict {
	HTTP_GATE_MORE,   /* sound so far, the request is not whole yet */
	HTTP_GATE_WHOLE,  /* the request ended; what follows waits for http_gate_next */
	HTTP_GATE_REFUSE, /* answer `status` and close; nothing more is read */
};

struct http_gate {
	const char *methods; /* "GET POST"; lives as long as the gate */
	size_t max_body;
	enum http_gate_verdict verdict;
	int status; /* of a refusal: 400, 405, 413, 414, 417, 431, 505 */

	int at;          /* what is read now, see http_gate.c */
	struct buf line; /* of the head, or of a chunk's frame */
	size_t head;     /* bytes of the head so far */
	int headers;
	int hosts;
	int lengths;
	bool chunked;
	bool old;     /* HTTP/1.0 */
	bool no_body; /* the method allows none */
	size_t left;  /* bytes of body or chunk still to come */
	size_t body;  /* bytes of chunks so far */
};

void http_gate_init(struct http_gate *g, const char *methods, size_t max_body);
void http_gate_free(struct http_gate *g);

/* Reads on; returns how many of the n bytes belong to the present request.  0 unless the verdict
 * was HTTP_GATE_MORE. */
size_t http_gate_read(struct http_gate *g, const void *p, size_t n);

/* Has any byte of the present request arrived? */
bool http_gate_started(const struct http_gate *g);

/* After HTTP_GATE_WHOLE: the next request may begin. */
void http_gate_next(struct http_gate *g);

#endif
