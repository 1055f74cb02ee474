/*
 * The grammar of a request as strictly as RFC 9112 lets a server be: CRLF line ends only, one Host,
 * one plain Content-Length or one "chunked", no folding, no control bytes, a target that begins
 * with a slash.  Owns one line's bytes.  Never guesses: what is not surely sound is refused.
 */
#include "io/http_gate.h"

#include <string.h>
#include <strings.h>

enum {
	MOST_REQUEST_LINE = 8192,
	MOST_HEAD = 16384,
	MOST_HEADERS = 64,
	MOST_CHUNK_LINE = 10, /* eight digits and CRLF */
};

enum { AT_REQUEST, AT_HEADERS, AT_BODY, AT_CHUNK_SIZE, AT_CHUNK, AT_CHUNK_END, AT_LAST };

void http_gate_init(struct http_gate *g, const char *methods, size_t max_body)
{
	*g = (struct http_gate){.methods = methods, .max_body = max_body};
}

void http_gate_free(struct http_gate *g)
{
	buf_free(&g->line);
}

bool http_gate_started(const struct http_gate *g)
{
	return g->at != AT_REQUEST || g->line.len > 0;
}

void http_gate_next(struct http_gate *g)
{
	struct buf line = g->line;
	line.len = 0;
	http_gate_init(g, g->methods, g->max_body);
	g->line = line;
}

static void refuse(struct http_gate *g, int status)
{
	g->verdict = HTTP_GATE_REFUSE;
	g->status = status;
}

static bool all_of(const char *s, size_t n, const char *extra, bool (*ok)(unsigned char))
{
	for (size_t i = 0; i < n; i++) {
		if (!ok((unsigned char)s[i]) && (s[i] == '\0' || strchr(extra, s[i]) == NULL)) {
			return false;
		}
	}
	return true;
}

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_visible(unsigned char c)
{
	return c > 0x20 && c < 0x7f;
}

static bool is_text(unsigned char c)
{
	return c >= 0x20 && c != 0x7f;
}

static bool is_token(const char *s, size_t n)
{
	return n > 0 && all_of(s, n, "!#$%&'*+-.^_`|~", is_alnum);
}

static bool is_one_of(const char *words, const char *s, size_t n)
{
	for (const char *p = words; *p != '\0';) {
		size_t len = strcspn(p, " ");
		if (len == n && memcmp(p, s, n) == 0) {
			return true;
		}
		p += len + strspn(p + len, " ");
	}
	return false;
}

/* METHOD SP target SP HTTP/1.x, single spaces, without the line end. */
static void take_request_line(struct http_gate *g, const char *line, size_t n)
{
	const char *end = line + n;
	const char *target = memchr(line, ' ', n);
	const char *version =
		target != NULL ? memchr(target + 1, ' ', (size_t)(end - target - 1)) : NULL;
	if (version == NULL || !is_token(line, (size_t)(target - line))) {
		refuse(g, 400);
		return;
	}
	size_t method_len = (size_t)(target - line);
	size_t target_len = (size_t)(version - target - 1);
	target++;
	version++;
	bool sound = target_len > 0 && target[0] == '/' && target[1] != '/' &&
		     all_of(target, target_len, "", is_visible) &&
		     memchr(target, '#', target_len) == NULL && end - version == 8 &&
		     memcmp(version, "HTTP/", 5) == 0;
	if (!sound) {
		refuse(g, 400);
		return; /* the version may be shorter than it is read below */
	}
	if (memcmp(version, "HTTP/1.1", 8) != 0 && memcmp(version, "HTTP/1.0", 8) != 0) {
		refuse(g, 505);
	} else if (!is_one_of(g->methods, line, method_len)) {
		refuse(g, 405);
	}
	g->old = version[7] == '0';
	g->no_body = is_one_of("HEAD TRACE", line, method_len);
	g->at = AT_HEADERS;
}

static bool is_name(const char *line, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(line, name, n) == 0;
}

/* Digits only, few enough to fit. */
static void take_length(struct http_gate *g, const char *v, size_t n)
{
	size_t length = 0;
	bool sound = n > 0 && n <= 18 && ++g->lengths == 1 && !g->chunked;
	for (size_t i = 0; i < n && sound; i++) {
		sound = v[i] >= '0' && v[i] <= '9';
		length = length * 10 + (size_t)(v[i] - '0');
	}
	if (!sound) {
		refuse(g, 400);
	} else if (length > g->max_body) {
		refuse(g, 413);
	}
	g->left = length;
}

static void take_coding(struct http_gate *g, const char *v, size_t n)
{
	bool sound = !g->chunked && g->lengths == 0 && !g->old && is_name(v, n, "chunked");
	if (!sound) {
		refuse(g, 400);
	}
	g->chunked = true;
}

/* NAME ":" value; a space before the colon or a folded line fails the token test. */
static void take_header(struct http_gate *g, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t len = colon != NULL ? (size_t)(colon - line) : 0;
	if (!is_token(line, len) || !all_of(colon, n - len, "\t", is_text)) {
		refuse(g, 400);
		return;
	}
	if (++g->headers > MOST_HEADERS) {
		refuse(g, 431);
		return;
	}
	const char *v = colon + 1;
	size_t left = n - len - 1;
	while (left > 0 && *v == ' ') {
		v++;
		left--;
	}
	if (is_name(line, len, "content-length")) {
		take_length(g, v, left);
	} else if (is_name(line, len, "transfer-encoding")) {
		take_coding(g, v, left);
	} else if (is_name(line, len, "host")) {
		g->hosts++;
		if (left == 0 || !all_of(v, left, "-._~:[]%", is_alnum)) {
			refuse(g, 400);
		}
	} else if (is_name(line, len, "expect") && !is_name(v, left, "100-continue")) {
		refuse(g, 417);
	}
}

static void end_head(struct http_gate *g)
{
	if (g->hosts != 1 || (g->no_body && (g->chunked || g->left > 0))) {
		refuse(g, 400);
	} else if (g->chunked) {
		g->at = AT_CHUNK_SIZE;
	} else if (g->left > 0) {
		g->at = AT_BODY;
	} else {
		g->verdict = HTTP_GATE_WHOLE;
	}
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at =
		c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

/* Hexadecimal digits and nothing else: no sign, no space, no extension. */
static void take_chunk_size(struct http_gate *g, const char *line, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_digit(line[i]);
		if (digit < 0) {
			refuse(g, 400);
			return;
		}
		size = size * 16 + (size_t)digit;
	}
	if (n == 0) {
		refuse(g, 400);
	} else if (size > g->max_body - g->body) {
		refuse(g, 413);
	} else {
		g->body += size;
		g->left = size;
		g->at = size > 0 ? AT_CHUNK : AT_LAST;
	}
}

static void take_line(struct http_gate *g, const char *line, size_t n)
{
	switch (g->at) {
	case AT_REQUEST: take_request_line(g, line, n); break;
	case AT_HEADERS:
		if (n > 0) {
			take_header(g, line, n);
		} else {
			end_head(g);
		}
		break;
	case AT_CHUNK_SIZE: take_chunk_size(g, line, n); break;
	case AT_CHUNK_END:
		g->at = AT_CHUNK_SIZE;
		if (n > 0) {
			refuse(g, 400);
		}
		break;
	default: /* AT_LAST: no trailers */
		g->verdict = HTTP_GATE_WHOLE;
		if (n > 0) {
			refuse(g, 400);
		}
		break;
	}
}

/* Refuses a line that is already too long, whether or not its end has come. */
static void check_size(struct http_gate *g, size_t added)
{
	if (g->at == AT_REQUEST || g->at == AT_HEADERS) {
		g->head += added;
		if (g->at == AT_REQUEST && g->line.len > MOST_REQUEST_LINE) {
			refuse(g, 414);
		} else if (g->head > MOST_HEAD) {
			refuse(g, 431);
		}
	} else if (g->line.len > MOST_CHUNK_LINE) {
		refuse(g, 400);
	}
}

static size_t read_line(struct http_gate *g, const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);
	size_t used = lf != NULL ? (size_t)(lf - p) + 1 : n;
	buf_add(&g->line, p, used);
	check_size(g, used);
	if (lf == NULL || g->verdict != HTTP_GATE_MORE) {
		return used;
	}
	size_t len = g->line.len;
	if (len < 2 || g->line.data[len - 2] != '\r') {
		refuse(g, 400); /* a bare LF */
		return used;
	}
	g->line.len = 0;
	take_line(g, g->line.data, len - 2);
	return used;
}

static size_t read_bytes(struct http_gate *g, size_t n)
{
	size_t used = n < g->left ? n : g->left;
	g->left -= used;
	if (g->left == 0 && g->at == AT_BODY) {
		g->verdict = HTTP_GATE_WHOLE;
	} else if (g->left == 0) {
		g->at = AT_CHUNK_END;
	}
	return used;
}

size_t http_gate_read(struct http_gate *g, const void *p, size_t n)
{
	size_t used = 0;
	while (used < n && g->verdict == HTTP_GATE_MORE) {
		if (g->at == AT_BODY || g->at == AT_CHUNK) {
			used += read_bytes(g, n - used);
		} else {
			used += read_line(g, (const char *)p + used, n - used);
		}
	}
	return used;
}
