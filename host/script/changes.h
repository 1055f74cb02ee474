/*
 * What differs between two sets of files, in words.  A set is kept as text, a line a file (hash and
 * name), long after its files are gone.
 */
#ifndef SCRIPT_CHANGES_H
#define SCRIPT_CHANGES_H

#include "base/buf.h"
#include "script/files.h"

char *changes_set(const struct files *f); /* to be freed */

/* "details.lua changed", "fixtures/a.json new", "country.lua removed": at most a screenful, as a
 * JSON list appended to json, and the first few in one line appended to text (nothing if nothing
 * differs).  Names lose `folder` in front.  A set that is NULL or "" is unknown: nothing is said.
 */
void changes_tell(const char *was, const char *now, const char *folder, struct buf *json,
		  struct buf *text);

/* text, with every name that begins with the folder shortened; to be freed. */
char *changes_short(const char *text, const char *folder);

#endif
