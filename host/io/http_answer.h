/*
 * What has come of an answer so far: body and headers, with their caps.  Only io/http_client uses
 * this.
 */
#ifndef IO_HTTP_ANSWER_H
#define IO_HTTP_ANSWER_H

#include "base/buf.h"
#include "base/world.h"

struct http_answer {
	size_t max_body;
	struct buf body;
	struct buf head; /* NAME NUL value NUL ... */
	size_t nheaders;
	size_t head_bytes;
	bool ended;           /* the head did; curl takes one that was cut for a whole one */
	const char *too_much; /* why no more was taken */
};

/* Both: false if it is more than allowed.  A line is one of the head, or a trailer. */
bool http_answer_take_body(struct http_answer *a, const char *p, size_t n) MUST_USE;
bool http_answer_take_line(struct http_answer *a, const char *p, size_t n) MUST_USE;

/* nheaders of them, to be freed; they point into the answer. */
struct web_header *http_answer_headers(const struct http_answer *a);

void http_answer_free(struct http_answer *a);

#endif
