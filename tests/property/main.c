/*
 * cosell-world: the property test.  Makes one world in which the host is signed in and at rest,
 * then forks it for each seed: a child draws its steps, plays them, and says what it found.
 *
 *   loop net wire mapping watch   the floor io/, simulated
 *   disk steady dice trace        files in memory; the same again; chance; what happened
 *   chunks keys                   scripts compiled once, the signer's key read once
 *   host practice                 the two sides
 *   run                           one world, forked
 *   shrink                        the fewest steps that still fail
 *   world.lua draw people course judge    makes it; steps; who acts; to the end; what must hold
 *   seen forms                    how people read and write on either side
 *
 * It must never wait, and never depend on what a run before it did.
 */
#include "run.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
	uint64_t from;
	long seeds;
	bool one;
	const char *skip; /* "1,4": steps left out */
	long past;        /* failing seeds that are only named */
};

static int usage(void)
{
	fputs("cosell-world --seeds N [--from S] [--past FAILURES] | --seed S [--skip I,I...]\n",
	      stderr);
	return 2;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		const char *value = argv[i + 1];
		if (strcmp(argv[i], "--seeds") == 0) {
			o->seeds = strtol(value, NULL, 10);
		} else if (strcmp(argv[i], "--from") == 0) {
			o->from = strtoull(value, NULL, 10);
		} else if (strcmp(argv[i], "--seed") == 0) {
			o->one = true;
			o->from = strtoull(value, NULL, 10);
		} else if (strcmp(argv[i], "--skip") == 0) {
			o->skip = value;
		} else if (strcmp(argv[i], "--past") == 0) {
			o->past = strtol(value, NULL, 10);
		} else {
			return false;
		}
	}
	return argc % 2 == 1 && (o->one || o->seeds > 0);
}

static double seconds(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One line, for who wants to see how many seeds fail, and of what. */
static void name(const struct run *r)
{
	const char *at = strstr(r->said, "violation ");
	const char *from = at ? at + 10 : r->said;
	printf("seed %llu: %.*s\n", (unsigned long long)r->seed, (int)strcspn(from, "\n"), from);
}

static int many(const struct options *o)
{
	double began = seconds();
	double told = began;
	long failed = 0;
	for (long i = 0; i < o->seeds; i++) {
		struct run r = {.seed = o->from + (uint64_t)i};
		run_world(&r);
		if (!r.good && failed++ >= o->past) {
			run_report(&r, i + 1);
			return 1;
		}
		if (!r.good)
			name(&r);
		run_clear(&r);
		if (seconds() - told > 5) {
			told = seconds();
			printf("%ld seeds, %.1f a second\n", i + 1,
			       (double)(i + 1) / (told - began));
			(void)fflush(stdout);
		}
	}
	printf("%ld seeds, %ld violations, %.1f seeds a second\n", o->seeds, failed,
	       (double)o->seeds / (seconds() - began));
	return failed > 0;
}

static int single(const struct options *o)
{
	struct run r = {.seed = o->from, .skip = o->skip ? o->skip : "", .show = true};
	run_world(&r);
	printf("%s%s\nseed %llu: trace %016llx\n", r.said, r.good ? "no violation" : "VIOLATION",
	       (unsigned long long)r.seed, (unsigned long long)r.hash);
	return r.good ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options o = {.from = 1};
	struct err e;
	if (!read_options(argc, argv, &o))
		return usage();
	if (!run_prepare(&e)) {
		fprintf(stderr, "cosell-world: %s\n", e.text);
		run_end();
		return 1;
	}
	int status = o.one ? single(&o) : many(&o);
	run_end();
	return status;
}
