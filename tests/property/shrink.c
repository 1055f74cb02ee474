/*
 * The fewest steps that still fail: leaves out halves, quarters ... single steps, as long as the
 * same kind of violation stays.  A step keeps its number, so what is left can be run again.
 */
#include "run.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MOST 300

/* What was violated, as one word: the word behind "violation". */
static void kind_of(const char *said, char out[40])
{
	const char *at = strstr(said, "violation ");
	const char *from = at ? at + 10 : said;
	snprintf(out, 40, "%.*s", (int)strcspn(from, ":\n"), from);
}

static char *skip_list(const bool *out, int n)
{
	struct buf b = {0};
	for (int i = 0; i < n; i++)
		if (out[i])
			buf_addf(&b, "%s%d", b.len ? "," : "", i + 1);
	return buf_take(&b);
}

static bool still_fails(const struct run *first, const char *kind, const bool *out, int n)
{
	char found[40];
	char *skip = skip_list(out, n);
	struct run r = {.seed = first->seed, .skip = skip};
	run_world(&r);
	kind_of(r.said, found);
	bool fails = !r.good && strcmp(found, kind) == 0;
	run_clear(&r);
	free(skip);
	return fails;
}

/* Leaves out steps in blocks of `size`; true if any could go. */
static bool pass(const struct run *first, const char *kind, bool *out, int n, int size, int *tries)
{
	bool gained = false;
	bool *next = xcalloc((size_t)n, sizeof(*next));
	for (int at = 0; at < n && *tries < TRIES_MOST; at += size) {
		bool any = false;
		memcpy(next, out, (size_t)n * sizeof(*next));
		for (int i = at; i < n && i < at + size; i++) {
			any |= !next[i];
			next[i] = true;
		}
		if (!any)
			continue;
		++*tries;
		if (still_fails(first, kind, next, n)) {
			memcpy(out, next, (size_t)n * sizeof(*next));
			gained = true;
		}
	}
	free(next);
	return gained;
}

void run_report(const struct run *r, long seeds)
{
	char kind[40];
	int tries = 0;
	int n = r->steps;
	bool *out = xcalloc((size_t)n + 1, sizeof(*out));
	kind_of(r->said, kind);
	printf("seed %llu fails (%ld seeds were run):\n%s\n", (unsigned long long)r->seed, seeds,
	       r->said);
	(void)fflush(stdout);
	for (int size = n > 1 ? n / 2 : 1; n > 0 && size >= 1; size /= 2)
		while (pass(r, kind, out, n, size, &tries) && size == 1) {
		}
	char *skip = skip_list(out, n);
	struct run last = {.seed = r->seed, .skip = skip};
	run_world(&last);
	printf("shrunk in %d tries: --seed %llu --skip %s\n%s", tries, (unsigned long long)r->seed,
	       skip[0] ? skip : "0", last.said);
	run_clear(&last);
	free(skip);
	free(out);
}
