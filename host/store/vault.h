/*
 * Secrets that change while we run (tokens), sealed with AES-256-GCM in the state file.  The key comes
 * from outside: a file of mode 0600 (made with random bytes if it does not exist) or a systemd
 * credential; it is never in the state file.
 */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H

#include "base/buf.h"
#include "store/db.h"

struct vault;

/* key_file NULL: a key of its own for this process (throw-away states).  ERR_CONFIG names the file
 * and what is wrong with it: missing folder, readable by others, not ours, wrong size. */
struct vault *vault_open(struct db *d, const char *key_file, struct err *e) MUST_USE;
void vault_free(struct vault *v); /* wipes the key */

bool vault_set(struct vault *v, const char *name, const void *p, size_t n,
	       struct err *e) MUST_USE; /* p NULL: drop */
/* Appends the value to out; *found false and nothing appended if there is none.  ERR_CONFIG if it is
 * there but was sealed with another key. */
bool vault_get(struct vault *v, const char *name, struct buf *out, bool *found,
	       struct err *e) MUST_USE;

/* Whether all secrets of this state open with this key file. */
bool vault_fits(struct db *d, const char *key_file, bool *fits, struct err *e) MUST_USE;

/* A secret that an administrator keeps outside: reads a file whole (at most 64 KiB, trailing line end
 * cut), refusing one that others can read or write or that belongs to someone else. */
bool vault_read_file(const char *path, struct buf *out, struct err *e) MUST_USE;

#endif
