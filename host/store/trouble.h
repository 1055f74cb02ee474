/*
 * What can befall the state file, by name.  Each is an exit status of its own and has a way back
 * that is printed with it; struct err carries it as `end`.
 */
#ifndef STORE_TROUBLE_H
#define STORE_TROUBLE_H

#include "base/err.h"

enum trouble {
	TROUBLE_NONE = 0,
	/* 1 failed and 2 usage are taken */
	TROUBLE_HELD = 3,  /* another host, or a reader outside, has it open */
	TROUBLE_FULL,      /* no space left; a running host waits for some */
	TROUBLE_READ_ONLY, /* may not be written */
	TROUBLE_IO,        /* the disk failed to read, write or sync */
	TROUBLE_DAMAGED,   /* what it holds contradicts itself */
	TROUBLE_GONE,      /* the path names no file, or another one */
	TROUBLE_FOREIGN,   /* not ours, or a newer cosell's */
	TROUBLE_END
};

struct sqlite3;

enum trouble trouble_of(struct sqlite3 *sql, int rc); /* of what just failed; sql may be NULL */
enum trouble trouble_of_errno(int error);
/* A running host cannot go on: what sqlite holds of the file is not to be trusted any more. */
bool trouble_ends(enum trouble t);

const char *trouble_name(int end);   /* "state full"; NULL for another status */
const char *trouble_advice(int end); /* the way back, one sentence */

#endif
