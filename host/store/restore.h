/*
 * A backup becomes the state file.  For a process that has no state file open, on a path that no
 * other process holds.
 */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include "base/buf.h"
#include "base/world.h"

struct restore {
	const char *from, *to;
	const char *key_file; /* what its secrets are sealed with should be here */
	bool aside;           /* what stands at `to` gets another name; else it is an error */
};

/* Appends {"file":..,"aside":..,"key":"none"|"fits"|"other"|"missing","schema":.. ...}: aside is the
 * new name of what stood there, "" if nothing did.  On false nothing has changed. */
bool restore_run(const struct restore *r, const struct world *w, struct buf *json,
		 struct err *e) MUST_USE;

#endif
