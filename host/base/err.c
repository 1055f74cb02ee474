/*
 * Errors as values: filled, prefixed with context, named.  Keeps the text one bounded line, so that
 * whatever a server or a file put into it can be logged and shown.  Owns nothing, allocates
 * nothing.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const KIND_NAMES[ERR_KINDS] = {
	[ERR_NONE] = "none",     [ERR_NET] = "net",       [ERR_BUSY] = "busy",
	[ERR_AUTH] = "auth",     [ERR_ABSENT] = "absent", [ERR_CONFLICT] = "conflict",
	[ERR_REMOTE] = "remote", [ERR_SCRIPT] = "script", [ERR_DATA] = "data",
	[ERR_STORE] = "store",   [ERR_CONFIG] = "config",
};

/* Takes off a UTF-8 character that the end of the buffer has cut. */
static void trim_cut_character(char *text)
{
	size_t n = strlen(text);
	size_t back = 0;
	while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xc0) == 0x80) {
		back++;
	}
	if (back >= n) {
		return;
	}
	unsigned char first = (unsigned char)text[n - 1 - back];
	size_t want = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
	if (back < want) {
		text[n - 1 - back] = '\0';
	}
}

static void one_line(char *text)
{
	for (char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			*p = ' ';
		}
	}
}

static void put_text(struct err *e, const char *context, const char *text)
{
	int n = snprintf(e->text, sizeof e->text, "%s%s%s", context, *context != '\0' ? ": " : "",
			 text);
	if (n >= (int)sizeof e->text) {
		trim_cut_character(e->text);
	}
	one_line(e->text);
}

bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	char text[sizeof e->text + 4]; /* a few more, so that put_text sees that it cuts */
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	*e = (struct err){.kind = kind};
	put_text(e, "", text);
	return false;
}

bool err_add(struct err *e, const char *fmt, ...)
{
	char context[sizeof e->text];
	char text[sizeof e->text];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	memcpy(text, e->text, sizeof text);
	text[sizeof text - 1] = '\0';
	put_text(e, context, text);
	return false;
}

const char *err_kind_name(enum err_kind kind)
{
	return (unsigned)kind < ERR_KINDS ? KIND_NAMES[kind] : "script";
}

enum err_kind err_kind_from(const char *name)
{
	for (int i = 0; name != NULL && i < ERR_KINDS; i++) {
		if (strcmp(name, KIND_NAMES[i]) == 0) {
			return (enum err_kind)i;
		}
	}
	return ERR_SCRIPT;
}
