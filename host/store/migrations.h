/*
 * The schema of the state file, as numbered steps forward.  state_file.c runs them;
 * restore.c asks whose file it is.
 */
#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include "base/err.h"

struct sqlite3;

int migrations_last(void); /* the schema version of this cosell */

#ifdef COSELL_TEST
extern const char *migrations_next;
extern int migrations_stop;
#endif

/* Reads only.  ERR_CONFIG for a file of another program or of a newer cosell. */
bool migrations_judge(struct sqlite3 *sql, const char *path, struct err *e) MUST_USE;

/* Runs what is missing, each step in a transaction of its own. */
bool migrations_apply(struct sqlite3 *sql, const char *path, struct err *e) MUST_USE;

#endif
