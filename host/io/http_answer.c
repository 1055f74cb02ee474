/*
 * Collects an answer as it comes.  Owns the bytes and overwrites them at the end, for they may hold
 * a token.  Keeps only the headers of the final answer: not those before it, not trailers.
 */
#include "io/http_answer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MOST_HEADERS = 64 << 10 };

bool http_answer_take_body(struct http_answer *a, const char *p, size_t n)
{
	if (n > a->max_body - a->body.len) {
		a->too_much = "the answer is larger than allowed";
		return false;
	}
	buf_add(&a->body, p, n);
	return true;
}

static void keep_header(struct http_answer *a, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	if (colon == NULL || memchr(p, '\0', n) != NULL) {
		return;
	}
	const char *v = colon + 1;
	const char *end = p + n;
	while (v < end && isspace((unsigned char)*v)) {
		v++;
	}
	while (end > v && isspace((unsigned char)end[-1])) {
		end--;
	}
	for (; p < colon; p++) {
		buf_addc(&a->head, (char)tolower((unsigned char)*p));
	}
	buf_addc(&a->head, '\0');
	buf_add(&a->head, v, (size_t)(end - v));
	buf_addc(&a->head, '\0');
	a->nheaders++;
}

/* libcurl unpacks such a body by itself, and takes one that was cut for whole. */
static bool is_packed(const char *p, size_t n)
{
	static const char name[] = "transfer-encoding:";
	static const char plain[] = "chunked";
	if (n < sizeof name - 1 || strncasecmp(p, name, sizeof name - 1) != 0) {
		return false;
	}
	const char *end = p + n;
	for (p += sizeof name - 1; p < end && isspace((unsigned char)*p); p++) {
	}
	while (end > p && isspace((unsigned char)end[-1])) {
		end--;
	}
	return (size_t)(end - p) != sizeof plain - 1 ||
	       strncasecmp(p, plain, sizeof plain - 1) != 0;
}

bool http_answer_take_line(struct http_answer *a, const char *p, size_t n)
{
	a->head_bytes += n;
	if (a->head_bytes > MOST_HEADERS) {
		a->too_much = "the answer's headers are larger than allowed";
		return false;
	}
	if (!a->ended && is_packed(p, n)) {
		a->too_much = "the answer is packed, which nobody asked for";
		return false;
	}
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) { /* a new head, after "100 Continue" */
		a->head.len = 0;
		a->nheaders = 0;
		a->ended = false;
	} else if (n <= 2 && (p[0] == '\r' || p[0] == '\n')) {
		a->ended = true;
	} else if (!a->ended) {
		keep_header(a, p, n);
	}
	return true;
}

struct web_header *http_answer_headers(const struct http_answer *a)
{
	struct web_header *h = xcalloc(a->nheaders + 1, sizeof *h);
	const char *p = a->head.data;
	for (size_t i = 0; i < a->nheaders; i++) {
		h[i].name = p;
		p += strlen(p) + 1;
		h[i].value = p;
		p += strlen(p) + 1;
	}
	return h;
}

void http_answer_free(struct http_answer *a)
{
	buf_wipe(&a->body);
	buf_wipe(&a->head);
}
