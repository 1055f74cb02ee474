/*
 * Rounds of two rows each on a state file, with somebody who waits for the acknowledgement; and a
 * seed that is printed.
 */
#ifndef TROUBLE_KIT_H
#define TROUBLE_KIT_H

#include "store_kit.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { BEGUN = 2, ROUNDS = 6, A_ROUND = 2 /* rows */ };

static inline uint32_t seed_of(void)
{
	const char *given = getenv("SEED");
	uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : (uint32_t)time(NULL);
	printf("# seed %u\n", seed);
	return seed;
}

struct went {
	int acked;      /* rounds */
	int said;       /* waiters that heard true */
	int end;        /* what the first failure was called */
	bool in_flight; /* a round was under way when it ended */
};

static inline void heard_it(void *arg, bool ok)
{
	((struct went *)arg)->said += ok ? 1 : 0;
}

static inline char *begun(const char *name)
{
	char *path = in_tempdir(name);
	struct db *d = open_db(path);
	CHECK(make_table(d));
	for (int i = 0; i < BEGUN; i++) {
		CHECK(put(d, 1000 + i) && commit(d));
	}
	db_close(d);
	return path;
}

/* One round: two rows, a waiter.  false: nothing of it may be taken for granted. */
static inline bool round_of(struct db *d, int number, struct went *w)
{
	struct err e = {0};
	struct stmt *s;
	db_after_commit(d, heard_it, w);
	bool ok = true;
	for (int i = 0; i < A_ROUND && ok; i++) {
		s = db_stmt(d, "trouble.put", "insert into t values (?1, hex(randomblob(3000)))");
		stmt_int(s, 1, (int64_t)number * A_ROUND + i);
		ok = stmt_write(s, NULL, &e);
	}
	ok = db_commit(d, &e) && ok;
	if (!ok && !w->end) {
		w->end = e.end;
	}
	return ok;
}

static inline void copy_file(const char *from, const char *to)
{
	char part[16384];
	ssize_t n = 0;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while ((n = read(in, part, sizeof(part))) > 0) {
		CHECK(write(out, part, (size_t)n) == n);
	}
	CHECK(n == 0);
	close(in);
	close(out);
}

#endif
