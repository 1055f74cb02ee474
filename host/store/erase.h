/*
 * Taking something out of the state for good: the places in which texts stand, row by row, and the
 * file made anew so that no byte of what was there is left in it.
 */
#ifndef STORE_ERASE_H
#define STORE_ERASE_H

#include "store/db.h"

struct erase_row {
	const char *key;  /* for erase_set, and to go on behind it */
	const char *what; /* the link, kind of note or job, flow, file's role; may be "" */
	const char *text;
	size_t len;
};

/* The rows of a place behind a key ("": from the first), most of them at a time.  each returns
 * false to stop.  ERR_DATA: there is no such place.  Places: link, base, note, run, job (its payload),
 * failure (a job's text), mark, file, doc. */
bool erase_list(struct db *d, const char *place, const char *after, int most,
		bool (*each)(void *arg, const struct erase_row *row), void *arg,
		struct err *e) MUST_USE;
bool erase_set(struct db *d, const char *place, const char *key, const char *text, size_t len,
	       struct err *e) MUST_USE;

/* Once this round is committed the file is written anew, without what was deleted or overwritten
 * in it ever, and its WAL emptied.  Holds the loop meanwhile.  done once, in db_commit: NULL, or
 * why not; what the round wrote stands all the same. */
void erase_bytes(struct db *d, void (*done)(void *arg, const struct err *e), void *arg);

#endif
