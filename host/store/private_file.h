/*
 * Files that only we may read, or only we may write: made, judged and read in one place.
 */
#ifndef STORE_PRIVATE_FILE_H
#define STORE_PRIVATE_FILE_H

#include "base/buf.h"

/* Makes the file with mode 0600 and these bytes, safe on disk with its folder's entry.  A file that
 * stands there already is not opened: true with *made false.  ERR_CONFIG names the path. */
bool private_file_make(const char *path, const void *p, size_t n, bool *made,
		       struct err *e) MUST_USE;

/* The folder's entries are on disk after this; errno on false. */
bool private_file_sync_folder(const char *path);

/* Whether private_file_read would take it, without opening it: may be asked of the state file. */
bool private_file_check(const char *path, struct err *e) MUST_USE;

/* Appends the file to out.  ERR_CONFIG if it is missing, no plain file, longer than `most`, someone
 * else's, or open to others.  A systemd credential may be root's and readable by its group. */
bool private_file_read(const char *path, size_t most, struct buf *out, struct err *e) MUST_USE;

/* The same for what is no secret but must be ours: others may read it, and it may be root's. */
bool private_file_read_shown(const char *path, size_t most, struct buf *out,
			     struct err *e) MUST_USE;

#endif
