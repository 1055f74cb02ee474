/*
 * The state file: one sqlite connection, WAL, synchronous FULL, exclusive.  A round of the loop is
 * a transaction: it opens on the first write, db_commit ends it, and what waited for the commit
 * (answers, requests) is then released.  No SQL above this floor.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/world.h"

struct db;
struct stmt;

/* path ":memory:" for a throw-away state.  Creates the file with mode 0600, migrates it forward,
 * reads the pragmas back.  ERR_CONFIG: held by another host, newer schema, not ours; ERR_STORE. */
struct db *db_open(const char *path, const struct world *w, struct err *e) MUST_USE;
void db_close(struct db *d); /* rolls back what is open, checkpoints, tells waiters false */

/* A task step or callback: what is written between begin and end is kept or undone as one. Steps do
 * not nest.  The SAVEPOINT is only made when something is written. */
void db_step_begin(struct db *d);
void db_step_end(struct db *d, bool keep);
bool db_step_wrote(const struct db *d); /* something was written since db_step_begin */

/* Called after this round's commit: ok = true, or false if the round died (nothing of it is on
 * disk).  With no write in the round it is called at db_commit all the same.  Order is kept. */
typedef void db_release(void *arg, bool ok);
void db_after_commit(struct db *d, db_release *f, void *arg);

/* Ends the round: COMMIT if anything was written, then the waiters.  false with *e (ERR_STORE) if
 * the round is dead; the next round starts fresh, unless the file is damaged.  e->end says what
 * befell the file (store/trouble.h).  Returns true for nothing to do. */
bool db_commit(struct db *d, struct err *e) MUST_USE;
bool db_dead(const struct db *d);        /* this round is dead: every write fails until db_commit */
void db_idle(struct db *d);              /* call in an idle round: checkpoint if the WAL grew */
bool db_replaced(const struct db *d);    /* a path no longer names our file or its WAL (by stat) */
uint64_t db_commits(const struct db *d); /* commits with writes since open */

/* Test build: end the process at the k-th commit from now (k > 0), just `before` it or just after.
 * Elsewhere does nothing. */
void db_kill_at(struct db *d, uint64_t k, bool before);

const struct world *db_world(const struct db *d);

/* ---- for the other files of this floor ---- */

/* A statement by its name: prepared once, kept.  sql must be a string constant. */
struct stmt *db_stmt(struct db *d, const char *name, const char *sql);
void stmt_int(struct stmt *s, int at, int64_t v);
void stmt_text(struct stmt *s, int at,
	       const char *v); /* NULL binds null; not copied until step ends */
void stmt_textn(struct stmt *s, int at, const char *v, size_t n);
void stmt_blob(struct stmt *s, int at, const void *v, size_t n);
/* Runs a statement that writes (opens the transaction and the step's savepoint first) to its end.
 * Resets it. changes (may be NULL): rows changed.  A broken unique key is ERR_CONFLICT. */
bool stmt_write(struct stmt *s, int64_t *changes, struct err *e) MUST_USE;
/* Runs a reading statement: 1 a row, 0 the end (reset), -1 *e (reset). */
int stmt_row(struct stmt *s, struct err *e) MUST_USE;
void stmt_reset(struct stmt *s); /* when one stops reading before the end */
int64_t stmt_get_int(struct stmt *s, int col);
const char *stmt_get_text(struct stmt *s, int col); /* NULL for null; dies at the next step */
const void *stmt_get_blob(struct stmt *s, int col, size_t *n);
int64_t db_last_id(struct db *d);

#endif
