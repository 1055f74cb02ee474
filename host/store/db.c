/*
 * The state file's connection, the round's transaction, the step's savepoint, and who waits for the
 * commit.  Owns the only sqlite connection of the process, and ends all its statements with it.
 *
 * A round dies when sqlite fails in a way that may leave a group of writes half done (disk, memory,
 * damage): everything since the last commit is rolled back and no statement runs until db_commit
 * has told the waiters.  A broken constraint undoes its own statement only and the round goes on.
 *
 * It must never open or close the state file itself (see state_file.c).
 */
#include "store/db_own.h"

#include "base/buf.h"
#include "store/state_file.h"
#include "store/trouble.h"

#include <sqlite3.h>

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	WAL_IDLE = 1000,  /* pages (4 KiB) in the WAL that make an idle round checkpoint */
	WAL_MOST = 16384, /* ... that make a busy one do it, or the file grows without end */
};

/* ---- what is said to sqlite here ---- */

static int say(struct db *d, enum db_word word)
{
	static const char *const sql[DB_WORDS] = {
		[DB_BEGIN] = "begin immediate", [DB_COMMIT] = "commit",
		[DB_ROLLBACK] = "rollback",     [DB_SAVE] = "savepoint step",
		[DB_KEEP] = "release step",     [DB_UNDO] = "rollback to step",
	};
	sqlite3_stmt **st = &d->words[word];
	if (!*st) {
		int rc = sqlite3_prepare_v3(d->sql, sql[word], -1, SQLITE_PREPARE_PERSISTENT, st,
					    NULL);
		if (rc != SQLITE_OK) {
			return rc;
		}
	}
	sqlite3_step(*st);
	return sqlite3_reset(*st);
}

/* Ends every reading.  The bindings go too: they point into memory of the caller. */
static void stop_readers(struct db *d)
{
	sqlite3_stmt *st = NULL;
	while ((st = sqlite3_next_stmt(d->sql, st))) {
		if (sqlite3_stmt_busy(st)) {
			sqlite3_reset(st);
			sqlite3_clear_bindings(st);
		}
	}
}

static void drop_statements(struct db *d)
{
	sqlite3_stmt *st;
	while ((st = sqlite3_next_stmt(d->sql, NULL))) {
		sqlite3_finalize(st);
	}
}

/* ---- failures ---- */

/* Only the statement is undone and the fault is in what it was given. */
static bool is_mild(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_ERROR: /* raised by an SQL function: malformed JSON */
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH: return true;
	default: return false;
	}
}

static enum err_kind kind_of(int rc)
{
	switch (rc) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID: return ERR_CONFLICT;
	default: break;
	}
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH: return ERR_DATA;
	default: return ERR_STORE;
	}
}

static void die(struct db *d, const struct err *why)
{
	stop_readers(d);
	if (!sqlite3_get_autocommit(d->sql)) {
		sqlite3_exec(d->sql, "rollback", NULL, NULL,
			     NULL); /* sqlite may have done it itself */
	}
	d->dead = true;
	d->spoilt |= why->end == TROUBLE_DAMAGED;
	d->why = *why;
}

bool db_fail(struct db *d, int rc, const char *what, struct err *e)
{
	err_set(e, kind_of(rc), "state file: %s: %s", what,
		sqlite3_extended_errcode(d->sql) == rc ? sqlite3_errmsg(d->sql)
						       : sqlite3_errstr(rc));
	e->end = trouble_of(d->sql, rc);
	bool lost = d->open && sqlite3_get_autocommit(d->sql);
	if (!d->dead && (lost || trouble_ends(e->end) || (d->open && !is_mild(rc)))) {
		die(d, e);
	}
	return false;
}

bool db_alive(const struct db *d, struct err *e)
{
	if (!d->dead) {
		return true;
	}
	err_set(e, ERR_STORE, "nothing more runs in this round: %s", d->why.text);
	e->end = d->why.end;
	return false;
}

bool db_before_write(struct db *d, struct err *e)
{
	if (!db_alive(d, e)) {
		return false;
	}
	if (!d->open) {
		d->open = true; /* from here on a failure is the round's */
		int rc = say(d, DB_BEGIN);
		if (rc != SQLITE_OK) {
			return db_fail(d, rc, "begin", e);
		}
	}
	if (d->in_step && !d->saved) {
		int rc = say(d, DB_SAVE);
		if (rc != SQLITE_OK) {
			return db_fail(d, rc, "savepoint", e);
		}
		d->saved = true;
	}
	return true;
}

void db_wrote(struct db *d)
{
	if (d->in_step) {
		d->step_wrote = true;
	} else {
		d->wrote = true;
	}
}

/* ---- the step ---- */

void db_step_begin(struct db *d)
{
	assert(!d->in_step);
	d->in_step = true;
	d->saved = false;
	d->step_wrote = false;
}

static bool undo_step(struct db *d, struct err *e)
{
	stop_readers(d);
	int rc = say(d, DB_UNDO);
	return rc == SQLITE_OK || db_fail(d, rc, "undo of a step", e);
}

void db_step_end(struct db *d, bool keep)
{
	assert(d->in_step);
	d->in_step = false;
	if (!d->saved) {
		return;
	}
	d->saved = false;

	struct err e;
	if (d->dead || (!keep && !undo_step(d, &e))) {
		return;
	}
	int rc = say(d, DB_KEEP);
	if (rc != SQLITE_OK) {
		db_fail(d, rc, "end of a step", &e);
		return;
	}
	if (keep && d->step_wrote) {
		d->wrote = true;
	}
}

bool db_step_wrote(const struct db *d)
{
	return d->step_wrote;
}

/* ---- the round ---- */

void db_after_commit(struct db *d, db_release *f, void *arg)
{
	if (d->nwaiters == d->capwaiters) {
		d->capwaiters = d->capwaiters ? d->capwaiters * 2 : 16;
		d->waiters = xrealloc(d->waiters, d->capwaiters * sizeof(*d->waiters));
	}
	d->waiters[d->nwaiters++] = (struct waiter){f, arg};
}

/* The list is taken first: what a waiter adds or writes belongs to the next round. */
static void release(struct db *d, bool ok)
{
	struct waiter *list = d->waiters;
	size_t n = d->nwaiters;
	d->waiters = NULL;
	d->nwaiters = d->capwaiters = 0;
	for (size_t i = 0; i < n; i++) {
		list[i].f(list[i].arg, ok);
	}
	free(list);
}

void db_kill_at(struct db *d, uint64_t k, bool before)
{
#ifdef COSELL_TEST
	d->kill_in = k;
	d->kill_before = before;
#else
	(void)d;
	(void)k;
	(void)before;
#endif
}

static void kill_point(struct db *d, bool before)
{
#ifdef COSELL_TEST
	if (d->kill_in == 1 && before == d->kill_before) {
		raise(SIGKILL);
	}
	if (d->kill_in > 0 && !before) {
		d->kill_in--;
	}
#else
	(void)d;
	(void)before;
#endif
}

/* Passive is enough: with no other connection and no reader it moves every page, and the next
 * write starts the WAL from its beginning.  A full disk costs nothing but another try; what else
 * fails here ends the round that begins. */
static void checkpoint(struct db *d)
{
	struct err e;
	int rc = sqlite3_wal_checkpoint_v2(d->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc == SQLITE_OK) {
		d->wal_pages = 0;
	} else {
		db_fail(d, rc, "checkpoint", &e);
	}
}

static bool commit(struct db *d, struct err *e)
{
	if (d->dead) {
		*e = d->why;
		return false;
	}
	if (!d->open) {
		return true;
	}
	stop_readers(d); /* a reader left open would hold the WAL */
	if (!d->wrote) {
		/* every step was undone: no reason to sync */
		int rc = say(d, DB_ROLLBACK);
		return rc == SQLITE_OK || db_fail(d, rc, "rollback", e);
	}

	if (db_replaced(d)) {
		err_set(e, ERR_STORE, "the state file was replaced or removed while it was open");
		e->end = TROUBLE_GONE;
		die(d, e);
		return false;
	}
	kill_point(d, true);
	int rc = say(d, DB_COMMIT);
	if (rc != SQLITE_OK) {
		db_fail(d, rc, "commit", e);
		if (!d->dead) {
			die(d, e);
		}
		return false;
	}
	d->commits++;
	kill_point(d, false);
	return true;
}

bool db_commit(struct db *d, struct err *e)
{
	assert(!d->in_step);
	struct err why;
	bool ok = commit(d, &why);
	d->open = false;
	d->wrote = false;
	d->dead = d->spoilt;
	if (ok && d->wal_pages > WAL_MOST) {
		checkpoint(d);
	}
	release(d, ok);
	if (!ok) {
		*e = why;
	}
	return ok;
}

bool db_dead(const struct db *d)
{
	return d->dead;
}

void db_idle(struct db *d)
{
	if (!d->open && !d->dead && d->wal_pages > WAL_IDLE) {
		stop_readers(d);
		checkpoint(d);
	}
}

uint64_t db_commits(const struct db *d)
{
	return d->commits;
}

/* ---- open and close ---- */

static void learn(const char *path, struct file_id *id)
{
	struct stat st;
	if (stat(path, &st) == 0) {
		*id = (struct file_id){st.st_dev, st.st_ino};
	}
}

static int on_wal(void *arg, sqlite3 *sql, const char *name, int pages)
{
	(void)sql;
	(void)name;
	struct db *d = arg;
	d->wal_pages = pages;
	if (!d->wal_id.ino) {
		learn(d->wal_path, &d->wal_id);
	}
	return SQLITE_OK;
}

struct db *db_open(const char *path, const struct world *w, struct err *e)
{
	sqlite3 *sql = state_file_open(path, e);
	if (!sql) {
		return NULL;
	}
	sqlite3_extended_result_codes(sql, 1);

	struct db *d = NEW(struct db);
	d->w = w;
	d->sql = sql;
	if (!state_file_in_memory(path)) {
		d->path = xstrdup(path);
		d->wal_path = xasprintf("%s-wal", path);
		learn(path, &d->id);
		sqlite3_wal_hook(sql, on_wal, d);
	}
	return d;
}

void db_close(struct db *d)
{
	if (!d) {
		return;
	}
	struct err why;
	err_set(&why, ERR_STORE, "the state file is being closed");
	die(d, &why);
	while (d->nwaiters > 0) {
		release(d, false);
	}
	free(d->waiters);
	drop_statements(d);
	int rc = sqlite3_close(d->sql); /* checkpoints and removes the WAL */
	assert(rc == SQLITE_OK);
	(void)rc;
	free(d->path);
	free(d->wal_path);
	free(d);
}

static bool moved(const char *path, const struct file_id *id)
{
	struct stat st;
	return id->ino && (stat(path, &st) != 0 || st.st_dev != id->dev || st.st_ino != id->ino);
}

/* The newest rows are in the WAL alone, so it counts as well. */
bool db_replaced(const struct db *d)
{
	return d->path && (moved(d->path, &d->id) || moved(d->wal_path, &d->wal_id));
}

const struct world *db_world(const struct db *d)
{
	return d->w;
}
