/*
 * Memory and bytes.  Allocation cannot fail: out of memory aborts (host/README.md, note 6).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"

/* Never return NULL. Free with free(). xstrdup(NULL) is NULL. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xmemdup0(const void *p, size_t n); /* a copy with a NUL behind it */
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

#define NEW(type) ((type *)xcalloc(1, sizeof(type)))

/* A growing byte string; always NUL terminated once anything was added. Zero-initialise it. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_drop_front(struct buf *b, size_t n); /* removes the first n bytes */
char *buf_take(struct buf *b); /* hands over the bytes ("" if empty), leaves b empty */
void buf_free(struct buf *b);
void buf_wipe(struct buf *b); /* overwrites, then frees: for secrets */

/* b as a JSON string literal with quotes, appended. Invalid UTF-8 becomes U+FFFD, and
 * so does a NUL: no JSON reader here takes one. */
void buf_add_json(struct buf *b, const char *s, size_t n);

#endif
