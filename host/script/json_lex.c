/*
 * The strict scan before lua-cjson, and the text forms of numbers and strings.
 *
 * It owns nothing.  After the scan cjson can no longer find a mistake: what it would accept in its own
 * way (numbers, bytes, depth) is refused or marked here.  No message quotes the text, which may hold
 * personal values: the place is enough.  Numbers are read in the C locale, the only one in this house.
 */
#include "script/json_lex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_DIGITS 15 /* any decimal of so many digits survives a double */

enum expects { VALUE, NAME, NAME_OR_END, COLON, COMMA_OR_END, NOTHING };

struct scan {
	const char *s;
	size_t n;
	size_t i;      /* the byte looked at */
	size_t copied; /* up to here it is in out */
	struct buf *out;
	enum expects expects;
	int depth;
	bool object[JSON_DEPTH];
	struct err *e;
};

static bool fail(const struct scan *sc, const char *why)
{
	int line = 1;
	size_t start = 0;
	for (size_t i = 0; i < sc->i && i < sc->n; i++) {
		if (sc->s[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	return err_set(sc->e, ERR_DATA, "JSON, line %d, column %zu: %s", line, sc->i - start + 1,
		       why);
}

/* Copies what is due up to here. */
static void flush(struct scan *sc)
{
	buf_add(sc->out, sc->s + sc->copied, sc->i - sc->copied);
	sc->copied = sc->i;
}

/* ---- numbers ---- */

static size_t digits(const char *s, size_t n, size_t i)
{
	while (i < n && s[i] >= '0' && s[i] <= '9') {
		i++;
	}
	return i;
}

size_t json_lex_number(const char *s, size_t n)
{
	size_t i = n > 0 && s[0] == '-' ? 1 : 0;
	size_t whole = digits(s, n, i);
	if (whole == i || (s[i] == '0' && whole > i + 1)) {
		return 0;
	}
	i = whole;
	if (i < n && s[i] == '.') {
		size_t end = digits(s, n, i + 1);
		if (end == i + 1) {
			return 0;
		}
		i = end;
	}
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		size_t from = i + 1 < n && (s[i + 1] == '+' || s[i + 1] == '-') ? i + 2 : i + 1;
		size_t end = digits(s, n, from);
		if (end == from) {
			return 0;
		}
		i = end;
	}
	return i;
}

/* A number as 0.DIGITS * 10^exponent, without zeros at either end. */
struct decimal {
	char digit[20]; /* more than any shortest double has */
	size_t count;   /* may be larger than fits: then it equals no double */
	long exponent;
};

static struct decimal decimal_of(const char *s)
{
	struct decimal d = {.count = 0};
	size_t zeros = 0; /* not yet known to be inside */
	bool fraction = false;
	for (size_t i = 0; s[i] != '\0'; i++) {
		if (s[i] == '.') {
			fraction = true;
		} else if (s[i] == 'e' || s[i] == 'E') {
			long x = strtol(s + i + 1, NULL,
					10); /* clamped by strtol, far beyond any double */
			d.exponent += x > 1000000 ? 1000000 : x < -1000000 ? -1000000 : x;
			break;
		} else if (s[i] >= '0' && s[i] <= '9') {
			bool leading = d.count == 0 && s[i] == '0';
			d.exponent += (fraction ? 0 : !leading) - (fraction && leading ? 1 : 0);
			if (s[i] == '0') {
				zeros += !leading;
				continue;
			}
			for (; zeros > 0; zeros--, d.count++) {
				if (d.count < sizeof(d.digit)) {
					d.digit[d.count] = '0';
				}
			}
			if (d.count < sizeof(d.digit)) {
				d.digit[d.count] = s[i];
			}
			d.count++;
		}
	}
	return d;
}

static bool same_value(const char *a, const char *b)
{
	struct decimal x = decimal_of(a);
	struct decimal y = decimal_of(b);
	if (x.count == 0 || y.count == 0) {
		return x.count == y.count;
	}
	return x.count == y.count && x.exponent == y.exponent && x.count <= sizeof(x.digit) &&
	       memcmp(x.digit, y.digit, x.count) == 0;
}

bool json_lex_float(double x, char out[JSON_NUMBER])
{
	if (!isfinite(x)) {
		return false;
	}
	for (int digits_kept = PLAIN_DIGITS; digits_kept <= 17; digits_kept++) {
		snprintf(out, JSON_NUMBER, "%.*g", digits_kept, x);
		if (strtod(out, NULL) == x) {
			break;
		}
	}
	if (strpbrk(out, ".e") == NULL) {
		memcpy(out + strlen(out), ".0", sizeof(".0"));
	}
	return true;
}

/* A short whole number, or a short one with a true fraction: the usual case, cjson reads it truly. */
static bool is_plain(const char *s, size_t n)
{
	size_t whole = digits(s, n, s[0] == '-' ? 1 : 0);
	if (n > PLAIN_DIGITS) {
		return false;
	}
	size_t i = whole + 1;
	while (i < n && s[i] == '0') {
		i++;
	}
	return whole == n || (s[whole] == '.' && i < n && digits(s, n, i) == n);
}

/* The mark for the NUL terminated number, 0 if cjson reads it truly, -1 if it is no number here. */
static int number_mark(const char *s)
{
	char back[JSON_NUMBER];
	double x = strtod(s, NULL);
	snprintf(back, sizeof(back), "%lld", strtoll(s, NULL, 10)); /* out of range: not the same */
	if (strcmp(back, s) == 0) {
		return JSON_MARK_INTEGER;
	}
	if (!json_lex_float(x, back)) {
		return -1;
	}
	if (!same_value(s, back)) {
		return JSON_MARK_DECIMAL;
	}
	return x == floor(x) ? JSON_MARK_FLOAT : 0;
}

static bool scan_number(struct scan *sc)
{
	size_t n = json_lex_number(sc->s + sc->i, sc->n - sc->i);
	if (n == 0) {
		return fail(sc, "not a JSON number");
	}
	int mark = 0;
	if (!is_plain(sc->s + sc->i, n)) {
		char *text = xmemdup0(sc->s + sc->i, n);
		mark = number_mark(text);
		free(text);
	}
	if (mark < 0) {
		return fail(sc, "a number beyond all bounds");
	}
	if (mark > 0) {
		flush(sc);
		buf_addf(sc->out, "\"\\u0001%c", mark);
		buf_add(sc->out, sc->s + sc->i, n);
		buf_addc(sc->out, '"');
		sc->copied += n;
	}
	sc->i += n;
	return true;
}

/* ---- strings ---- */

size_t json_lex_utf8(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0;
	while (i < n) {
		if (p[i] < 0x80) {
			i++;
			continue;
		}
		size_t more = p[i] >= 0xf0 ? 3 : p[i] >= 0xe0 ? 2 : 1;
		if (p[i] < 0xc2 || p[i] > 0xf4 || i + more >= n) {
			return i;
		}
		/* overlong forms, surrogates, beyond U+10FFFF: all told by the second byte */
		unsigned low = p[i] == 0xe0 ? 0xa0 : p[i] == 0xf0 ? 0x90 : 0x80;
		unsigned high = p[i] == 0xed ? 0x9f : p[i] == 0xf4 ? 0x8f : 0xbf;
		if (p[i + 1] < low || p[i + 1] > high) {
			return i;
		}
		for (size_t k = 2; k <= more; k++) {
			if ((p[i + k] & 0xc0) != 0x80) {
				return i;
			}
		}
		i += more + 1;
	}
	return n;
}

void json_lex_quote(struct buf *out, const char *s, size_t n)
{
	size_t from = 0;
	buf_addc(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			continue;
		}
		buf_add(out, s + from, i - from);
		from = i + 1;
		switch (c) {
		case '"':
		case '\\':
			buf_addc(out, '\\');
			buf_addc(out, (char)c);
			break;
		case '\n': buf_adds(out, "\\n"); break;
		case '\r': buf_adds(out, "\\r"); break;
		case '\t': buf_adds(out, "\\t"); break;
		default: buf_addf(out, "\\u%04x", c); break;
		}
	}
	buf_add(out, s + from, n - from);
	buf_addc(out, '"');
}

/* The four digits of \uXXXX at offset i (of the backslash), or -1. */
static long unicode_escape(const struct scan *sc, size_t i)
{
	char hex[5] = "";
	if (i + 6 > sc->n || sc->s[i] != '\\' || sc->s[i + 1] != 'u') {
		return -1;
	}
	memcpy(hex, sc->s + i + 2, 4);
	return strspn(hex, "0123456789abcdefABCDEF") == 4 ? strtol(hex, NULL, 16) : -1;
}

/*
 * NUL, or half of a surrogate pair: other programs cut texts in the middle of a character.  One text of
 * one record must not make the whole answer unreadable, so U+FFFD stands for it.
 */
static void replace_character(struct scan *sc)
{
	flush(sc);
	buf_adds(sc->out, "\\ufffd");
	sc->i += 6;
	sc->copied = sc->i;
}

/* sc->i is at a backslash; steps over the escape. */
static bool scan_escape(struct scan *sc)
{
	char c = sc->i + 1 < sc->n ? sc->s[sc->i + 1] : '\0';
	if (c != 'u') {
		if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL) {
			return fail(sc, "unknown escape in a string");
		}
		sc->i += 2;
		return true;
	}
	long code = unicode_escape(sc, sc->i);
	if (code < 0) {
		return fail(sc, "broken \\u escape");
	}
	bool high = code >= 0xd800 && code < 0xdc00;
	long low = high ? unicode_escape(sc, sc->i + 6) : -1;
	if (low >= 0xdc00 && low <= 0xdfff) {
		sc->i += 12;
	} else if (code == 0 || high || (code >= 0xdc00 && code <= 0xdfff)) {
		replace_character(sc);
	} else {
		sc->i += 6;
	}
	return true;
}

static bool scan_string(struct scan *sc, bool name)
{
	sc->i++;
	if (!name && unicode_escape(sc, sc->i) == JSON_MARK) {
		flush(sc);
		buf_addf(sc->out, "\\u0001%c", JSON_MARK_STRING);
	}
	while (sc->i < sc->n && sc->s[sc->i] != '"') {
		if ((unsigned char)sc->s[sc->i] < 0x20) {
			return fail(sc, "a control byte in a string");
		}
		if (sc->s[sc->i] != '\\') {
			sc->i++;
		} else if (!scan_escape(sc)) {
			return false;
		}
	}
	if (sc->i == sc->n) {
		return fail(sc, "a string without an end");
	}
	sc->i++;
	return true;
}

/* ---- structure ---- */

static size_t skip_space(const struct scan *sc, size_t i)
{
	while (i < sc->n && strchr(" \t\r\n", sc->s[i]) != NULL && sc->s[i] != '\0') {
		i++;
	}
	return i;
}

static bool open_container(struct scan *sc, bool object)
{
	if (sc->depth == JSON_DEPTH) {
		return fail(sc, "nested deeper than 64");
	}
	size_t end = skip_space(sc, sc->i + 1);
	if (!object && end < sc->n && sc->s[end] == ']') {
		flush(sc);
		buf_addf(sc->out, "\"\\u0001%c\"", JSON_MARK_ARRAY);
		sc->i = sc->copied = end + 1;
		return true;
	}
	sc->object[sc->depth++] = object;
	sc->expects = object ? NAME_OR_END : VALUE;
	sc->i++;
	return true;
}

static bool scan_word(struct scan *sc)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++) {
		size_t n = strlen(words[k]);
		if (n <= sc->n - sc->i && memcmp(sc->s + sc->i, words[k], n) == 0) {
			sc->i += n;
			return true;
		}
	}
	return fail(sc, "a value is expected");
}

static bool scan_value(struct scan *sc)
{
	char c = sc->s[sc->i];
	sc->expects = sc->depth == 0 ? NOTHING : COMMA_OR_END;
	if (c == '{' || c == '[') {
		return open_container(sc, c == '{');
	}
	if (c == '"') {
		return scan_string(sc, false);
	}
	return c == '-' || (c >= '0' && c <= '9') ? scan_number(sc) : scan_word(sc);
}

static bool scan_name(struct scan *sc)
{
	if (sc->s[sc->i] != '"') {
		return fail(sc, "a name in quotes is expected");
	}
	sc->expects = COLON;
	return scan_string(sc, true);
}

static bool scan_comma_or_end(struct scan *sc)
{
	bool object = sc->object[sc->depth - 1];
	char c = sc->s[sc->i];
	if (c == ',') {
		sc->expects = object ? NAME : VALUE;
	} else if (c == (object ? '}' : ']')) {
		sc->depth--;
		sc->expects = sc->depth == 0 ? NOTHING : COMMA_OR_END;
	} else {
		return fail(sc, object ? "',' or '}' is expected" : "',' or ']' is expected");
	}
	sc->i++;
	return true;
}

static bool scan_token(struct scan *sc)
{
	switch (sc->expects) {
	case VALUE: return scan_value(sc);
	case NAME_OR_END: return sc->s[sc->i] == '}' ? scan_comma_or_end(sc) : scan_name(sc);
	case NAME: return scan_name(sc);
	case COLON:
		if (sc->s[sc->i] != ':') {
			return fail(sc, "':' is expected");
		}
		sc->expects = VALUE;
		sc->i++;
		return true;
	case COMMA_OR_END: return scan_comma_or_end(sc);
	case NOTHING: break;
	}
	return fail(sc, "text behind the end");
}

bool json_lex_scan(const char *text, size_t len, struct buf *marked, struct err *e)
{
	struct scan sc = {.s = text, .n = len, .out = marked, .expects = VALUE, .e = e};
	if (len > JSON_MAX) {
		return err_set(e, ERR_DATA, "JSON: longer than 16 MiB");
	}
	sc.i = json_lex_utf8(text, len);
	if (sc.i < len) {
		return fail(&sc, "invalid UTF-8");
	}
	for (sc.i = skip_space(&sc, 0); sc.i < len; sc.i = skip_space(&sc, sc.i)) {
		if (!scan_token(&sc)) {
			return false;
		}
	}
	if (sc.expects != NOTHING) {
		return fail(&sc, "it ends too early");
	}
	flush(&sc);
	return true;
}
