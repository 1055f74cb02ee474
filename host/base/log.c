/*
 * One line a message on standard error, each in a single write so that lines of parent and child
 * never mix.  Escapes control bytes, so no value can forge a line.  Never fails and never blocks
 * the caller's work: what cannot be written is lost.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error"};
static enum log_level least_level = LOG_INFO;

void log_level_set(enum log_level least)
{
	least_level = least;
}

bool log_level_from(const char *name, enum log_level *out)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (strcmp(name, LEVEL_NAMES[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* Copies text with control bytes as \xNN; returns the length, always below size. */
static size_t escape(char *out, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && n + 5 < size;
	     p++) {
		if (*p >= 0x20 && *p != 0x7f) {
			out[n++] = (char)*p;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[*p >> 4];
		out[n++] = hex[*p & 15];
	}
	return n;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	if (level < least_level) {
		return;
	}
	char text[2000];
	char line[4096];
	char when[CLOCK_ISO];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	clock_iso(clock_wall_ms(), when);
	int head = snprintf(line, sizeof line, "%s %-5s ", when, LEVEL_NAMES[level]);
	size_t n = (size_t)head + escape(line + head, sizeof line - (size_t)head - 1, text);
	line[n++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, n);
	(void)written;
}
