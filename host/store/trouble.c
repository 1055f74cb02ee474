/*
 * The troubles of a state file, in one table: name and way back.  Owns no state; never judges a
 * file by itself, only what sqlite or the system said about it.
 */
#include "store/trouble.h"

#include <sqlite3.h>

#include <errno.h>
#include <stddef.h>

static const struct {
	const char *name, *advice;
} troubles[TROUBLE_END] = {
	[TROUBLE_HELD] =
		{"state held",
		 "end the other cosell or sqlite shell that has it open, then start again"},
	[TROUBLE_FULL] = {"state full",
			  "make room on that disk; what was acknowledged is safe, and the rest is"
			  " done again"},
	[TROUBLE_READ_ONLY] = {"state read-only",
			       "make file and file system writable (mount, chmod, chown), then"
			       " start again"},
	[TROUBLE_IO] = {"state unreliable",
			"look at the disk (dmesg), then start again: the file is checked at each"
			" start; if it is damaged: cosell restore BACKUP --aside"},
	[TROUBLE_DAMAGED] = {"state damaged",
			     "keep the file and its -wal; cosell restore BACKUP --aside puts them"
			     " aside and a backup in their place"},
	[TROUBLE_GONE] = {"state gone",
			  "put the file back with its -wal, or cosell restore BACKUP --aside, then"
			  " start again"},
	[TROUBLE_FOREIGN] = {"state foreign",
			     "set `state` in profile.lua to a file of this cosell, install the"
			     " newer one, or cosell restore BACKUP --aside"},
};

enum trouble trouble_of_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT: return TROUBLE_FULL;
	case EROFS: return TROUBLE_READ_ONLY;
	case EIO:
	case EFBIG: return TROUBLE_IO;
	default: return TROUBLE_NONE;
	}
}

/* What the system said, of the WAL or else of the file: sqlite3_system_errno is not told of what
 * fails inside a COMMIT. */
static int system_error(struct sqlite3 *sql)
{
	sqlite3_file *wal = NULL;
	int error = 0;
	if (sql &&
	    sqlite3_file_control(sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK &&
	    wal && wal->pMethods) {
		(void)wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error);
	}
	if (sql && error == 0) {
		(void)sqlite3_file_control(sql, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
	}
	return error;
}

enum trouble trouble_of(struct sqlite3 *sql, int rc)
{
	enum trouble t;
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return TROUBLE_HELD;
	case SQLITE_FULL: return TROUBLE_FULL;
	case SQLITE_READONLY:
		return rc == SQLITE_READONLY_DBMOVED ? TROUBLE_GONE : TROUBLE_READ_ONLY;
	case SQLITE_IOERR: /* a full or read-only disk may show as such when it is synced */
		t = trouble_of_errno(system_error(sql));
		return t == TROUBLE_READ_ONLY || t == TROUBLE_FULL ? t : TROUBLE_IO;
	case SQLITE_CORRUPT: return TROUBLE_DAMAGED;
	case SQLITE_NOTADB: return TROUBLE_FOREIGN;
	default: return TROUBLE_NONE;
	}
}

bool trouble_ends(enum trouble t)
{
	return t != TROUBLE_NONE && t != TROUBLE_HELD && t != TROUBLE_FULL;
}

static bool known(int end)
{
	return end >= TROUBLE_HELD && end < TROUBLE_END;
}

const char *trouble_name(int end)
{
	return known(end) ? troubles[end].name : NULL;
}

const char *trouble_advice(int end)
{
	return known(end) ? troubles[end].advice : NULL;
}
