/*
 * The way to a usable state file: made if missing, locked for us alone, set up, checked, migrated.
 * Only db.c calls this.
 */
#ifndef STORE_STATE_FILE_H
#define STORE_STATE_FILE_H

#include "base/err.h"

struct sqlite3;

/* NULL with *e: ERR_CONFIG (held by another, newer schema, not ours, not private), ERR_STORE. */
struct sqlite3 *state_file_open(const char *path, struct err *e) MUST_USE;

bool state_file_in_memory(const char *path);

#endif
