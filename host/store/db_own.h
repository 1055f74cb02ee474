/*
 * What stmt.c (the statements) needs of db.c (the round).  No other file includes this.
 */
#ifndef STORE_DB_OWN_H
#define STORE_DB_OWN_H

#include "store/db.h"

#include <sqlite3.h>

#include <sys/types.h>

enum { STMT_SLOTS = 256 }; /* a power of two, well above the number of names */

struct stmt {
	struct db *d;
	const char *name; /* NULL: the slot is free */
	sqlite3_stmt *st; /* NULL: could not be prepared, rc says why */
	int rc;
};

/* What the round itself says to sqlite. */
enum db_word { DB_BEGIN, DB_COMMIT, DB_ROLLBACK, DB_SAVE, DB_KEEP, DB_UNDO, DB_WORDS };

struct file_id {
	dev_t dev;
	ino_t ino; /* 0: not known */
};

struct waiter {
	db_release *f;
	void *arg;
};

struct db {
	const struct world *w;
	sqlite3 *sql;
	char *path, *wal_path;     /* NULL: in memory */
	struct file_id id, wal_id; /* wal_id: as of the first commit */

	/* this round */
	bool open;  /* BEGIN was said */
	bool wrote; /* something is to be committed */
	bool dead;
	bool spoilt; /* what ended this round ends every other: the file cannot be trusted */
	struct err why;
	struct waiter *waiters;
	size_t nwaiters, capwaiters;

	/* this step */
	bool in_step;
	bool saved; /* SAVEPOINT was said */
	bool step_wrote;

	int wal_pages;
	uint64_t commits;
#ifdef COSELL_TEST
	uint64_t kill_in; /* commits from now, 0: never */
	bool kill_before;
#endif
	sqlite3_stmt *words[DB_WORDS]; /* NULL: not said yet */
	struct stmt stmts[STMT_SLOTS];
};

/* Fills *e from sqlite's code and lets the round die if it cannot go on.  Always false. */
bool db_fail(struct db *d, int rc, const char *what, struct err *e);
/* ERR_STORE if the round is dead. */
bool db_alive(const struct db *d, struct err *e) MUST_USE;
/* Before a write: the round's transaction, the step's savepoint. */
bool db_before_write(struct db *d, struct err *e) MUST_USE;
void db_wrote(struct db *d);

#endif
