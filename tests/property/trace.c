/*
 * What happened in the world, line by line: its hash says whether two runs were alike, and with
 * `show` the lines are printed.
 */
#include "world.h"

#include "base/buf.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MOST 2000 /* of a line that is printed; the hash takes the whole */

static bool shown;
static uint64_t hash = 0xcbf29ce484222325u;

void trace_begin(bool show)
{
	shown = show;
	hash = 0xcbf29ce484222325u;
}

uint64_t trace_hash(void)
{
	return hash;
}

static void add(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
}

static void line(const char *text)
{
	int64_t now = world_now_us();
	char at[32];
	size_t n = (size_t)snprintf(at, sizeof(at), "%lld ", (long long)now);
	add(at, n);
	for (n = 0; text[n]; n++) {
	}
	add(text, n);
	if (shown)
		fprintf(stderr, "%6lld.%03lld %.*s\n", (long long)(now / 1000000 % 1000000),
			(long long)(now / 1000 % 1000), LINE_MOST, text);
}

void trace(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	line(text);
	free(text);
}

/* The program's own log is a part of it (the linker's --wrap). */
void __wrap_log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

void __wrap_log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (level > LOG_DEBUG)
		trace("log %s %s", names[level], text);
	free(text);
}
