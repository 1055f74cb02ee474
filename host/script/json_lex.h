/*
 * JSON as text, without Lua: the strict scan that runs before lua-cjson, numbers, strings.
 * For json.c and json_write.c alone, but for the limits.
 */
#ifndef SCRIPT_JSON_LEX_H
#define SCRIPT_JSON_LEX_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH 64          /* most levels */
#define JSON_MAX   (16u << 20) /* most bytes */

/* A string value that starts with the mark stands for what the letter behind it says. */
#define JSON_MARK '\1'
enum {
	JSON_MARK_ARRAY = 'A',   /* [] */
	JSON_MARK_INTEGER = 'I', /* a whole number over 15 digits; its text follows */
	JSON_MARK_FLOAT = 'F',   /* a float with a whole value: 3.0, 1e3 */
	JSON_MARK_DECIMAL = 'D', /* what a double cannot keep */
	JSON_MARK_STRING = 'S',  /* a true string that starts with byte 1 */
};

/* Checks the whole text (grammar, UTF-8, depth, size) and appends it to marked, with marks. */
bool json_lex_scan(const char *text, size_t len, struct buf *marked, struct err *e) MUST_USE;

/* How many bytes at s are a JSON number; 0 if none. */
size_t json_lex_number(const char *s, size_t n);
/* Where UTF-8 first goes wrong; n if nowhere. */
size_t json_lex_utf8(const char *s, size_t n);
/* A string literal with its quotes; s is valid UTF-8. */
void json_lex_quote(struct buf *out, const char *s, size_t n);

/* The shortest text that reads back as x, always recognisable as a float; false: NaN, infinite. */
#define JSON_NUMBER 40
bool json_lex_float(double x, char out[JSON_NUMBER]) MUST_USE;

#endif
