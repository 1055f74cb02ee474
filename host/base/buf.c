/*
 * Memory that never fails and a byte string that grows.  Every allocation of the program goes
 * through here, so out of memory has one end: abort.  Knows nothing about what the bytes mean,
 * except that buf_add_json writes them as a JSON string.
 */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p, size_t n)
{
	if (p == NULL && n != 0) {
		(void)fprintf(stderr, "out of memory (%zu bytes)\n", n);
		abort();
	}
	return p;
}

void *xmalloc(size_t n)
{
	if (n == 0) {
		n = 1;
	}
	return must(malloc(n), n);
}

void *xcalloc(size_t n, size_t size)
{
	if (n == 0 || size == 0) {
		n = size = 1;
	}
	return must(calloc(n, size), n);
}

void *xrealloc(void *p, size_t n)
{
	if (n == 0) {
		n = 1;
	}
	return must(realloc(p, n), n);
}

char *xstrdup(const char *s)
{
	return s != NULL ? xmemdup0(s, strlen(s)) : NULL;
}

char *xmemdup0(const void *p, size_t n)
{
	char *copy = xmalloc(n + 1);
	if (n > 0) {
		memcpy(copy, p, n);
	}
	copy[n] = '\0';
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return must(n >= 0 ? s : NULL, 1);
}

/* Makes room for n more bytes and the NUL. */
static void reserve(struct buf *b, size_t n)
{
	if (n > SIZE_MAX / 2 - b->len) {
		must(NULL, n);
	}
	size_t need = b->len + n + 1;
	if (need <= b->cap) {
		return;
	}
	size_t cap = b->cap < 32 ? 64 : b->cap * 2;
	b->cap = cap > need ? cap : need;
	b->data = xrealloc(b->data, b->cap);
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	reserve(b, n);
	if (n > 0) {
		memcpy(b->data + b->len, p, n);
	}
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_list again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		abort(); /* only a wrong format string does that */
	}
	reserve(b, (size_t)n);
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
}

void buf_drop_front(struct buf *b, size_t n)
{
	if (n >= b->len) {
		n = b->len;
	}
	if (n == 0) {
		return;
	}
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

char *buf_take(struct buf *b)
{
	char *data = b->data != NULL ? b->data : xmemdup0("", 0);
	*b = (struct buf){0};
	return data;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

void buf_wipe(struct buf *b)
{
	if (b->data != NULL) {
		explicit_bzero(b->data, b->cap);
	}
	buf_free(b);
}

/* The length of the well-formed UTF-8 character at s, or 0. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	if (s[0] < 0x80) {
		return 1;
	}
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n < len) {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool surrogate = s[0] == 0xed && s[1] > 0x9f;
	bool beyond = s[0] == 0xf4 && s[1] > 0x8f;
	return overlong || surrogate || beyond ? 0 : len;
}

static void add_json_control(struct buf *b, unsigned char c)
{
	switch (c) {
	case '\n': buf_add(b, "\\n", 2); break;
	case '\r': buf_add(b, "\\r", 2); break;
	case '\t': buf_add(b, "\\t", 2); break;
	default: buf_addf(b, "\\u%04x", c); break;
	}
}

void buf_add_json(struct buf *b, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	buf_addc(b, '"');
	for (size_t i = 0; i < n;) {
		size_t len = p[i] != '\0' ? utf8_length(p + i, n - i) : 0;
		if (len == 0) {
			buf_adds(b, "\xef\xbf\xbd");
			len = 1;
		} else if (p[i] < 0x20) {
			add_json_control(b, p[i]);
		} else if (p[i] == '"' || p[i] == '\\') {
			buf_addc(b, '\\');
			buf_addc(b, (char)p[i]);
		} else {
			buf_add(b, p + i, len);
		}
		i += len;
	}
	buf_addc(b, '"');
}
