/*
 * The schema of the state file, as numbered steps forward.  Only state_file.c calls this.
 */
#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include "base/err.h"

struct sqlite3;

/* Reads only.  ERR_CONFIG for a file of another program or of a newer cosell. */
bool migrations_judge(struct sqlite3 *sql, const char *path, struct err *e) MUST_USE;

/* Runs what is missing, each step in a transaction of its own. */
bool migrations_apply(struct sqlite3 *sql, const char *path, struct err *e) MUST_USE;

#endif
