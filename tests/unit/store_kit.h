/*
 * What the tests of the store share: a world with a clock that is set by hand, a fresh path, a
 * state that opens or says why not, SQL said and asked (the text is its own name), a table t.
 */
#ifndef STORE_KIT_H
#define STORE_KIT_H

#include "store/db.h"

#include "base/buf.h"
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t kit_now = 1000000;

static inline int64_t kit_clock(void *ctx)
{
	(void)ctx;
	return kit_now;
}

/* Never the same twice, and told apart from a real key in a dump. */
static inline void kit_random(void *ctx, void *out, size_t n)
{
	static unsigned char next = 1;
	(void)ctx;
	unsigned char *at = out;
	while (n-- > 0) {
		*at++ = next++;
	}
}

static const struct world kit_world = {.now_ms = kit_clock, .random = kit_random};

static inline char *in_tempdir(const char *name)
{
	return xasprintf("%s/%s", tests_tempdir(), name);
}

static inline struct db *open_db(const char *path)
{
	struct err e;
	struct db *d = db_open(path, &kit_world, &e);
	if (!d) {
		printf("# %s\n", e.text);
		abort();
	}
	return d;
}

static inline bool commit(struct db *d)
{
	struct err e;
	return db_commit(d, &e);
}

static inline bool say(struct db *d, const char *sql)
{
	struct err e;
	return stmt_write(db_stmt(d, sql, sql), NULL, &e);
}

/* The first value, to be freed; NULL if there is none or it failed. */
static inline char *ask(struct db *d, const char *sql)
{
	struct err e;
	struct stmt *s = db_stmt(d, sql, sql);
	if (stmt_row(s, &e) != 1) {
		return NULL;
	}
	char *text = xstrdup(stmt_get_text(s, 0));
	stmt_reset(s);
	return text;
}

static inline bool make_table(struct db *d)
{
	return say(d, "create table t (id integer primary key, v text)") && commit(d);
}

static inline bool put(struct db *d, int64_t id)
{
	struct err e;
	struct stmt *s = db_stmt(d, "kit.put", "insert into t values (?1, 'x')");
	stmt_int(s, 1, id);
	return stmt_write(s, NULL, &e);
}

/* About 100 pages. */
static inline bool put_much(struct db *d, struct err *e)
{
	return stmt_write(db_stmt(d, "kit.much", "insert into t (v) values (zeroblob(400000))"),
			  NULL, e);
}

/* -1 if it cannot be asked. */
static inline int64_t count(struct db *d)
{
	char *text = ask(d, "select count(*) from t");
	int64_t n = text ? strtoll(text, NULL, 10) : -1;
	free(text);
	return n;
}

#endif
