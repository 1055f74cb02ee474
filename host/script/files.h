/*
 * One consistent set of files: scripts, shipped mappings, the profile folder.  Read twice, by name,
 * stamp and contents, so that a set half written by an editor is not taken for whole.
 */
#ifndef SCRIPT_FILES_H
#define SCRIPT_FILES_H

#include <stddef.h>

#include "base/err.h"

struct files;

/* Where they are; NULL: not wanted. */
struct files_source {
	const char *scripts;   /* folder */
	const char *commands;  /* another folder of commands (tests) */
	const char *defaults;  /* mappings/default */
	const char *countries; /* countries.lua */
	const char *profile;   /* the profile folder, absolute */
	const char *shown;     /* the same as the user wrote it, for messages */
	const char *mapping;   /* the mapping's files are in this folder, absolute, not there */
	const char *mapping_shown;
	bool lent; /* for a trial: what stands beside the profile is left out, not wrong */
	const struct files *kept; /* these in place of what is in the profile folder */
};

struct files_one {
	char *name;  /* module of a script ("flows.helper"), else role ("default.details") */
	char *shown; /* "scripts/flows/helper.lua" */
	char *path;
	char *text;
	size_t len;
};

struct files {
	struct files_one *scripts, *mapping;
	size_t nscripts, nmapping;
	char hash[65]; /* of names and contents */
};

/* false and *e (ERR_CONFIG): not there, not a plain file, too large, writable by everybody, still
 * changing, or a mapping's file beside a profile whose mapping is elsewhere. */
bool files_read(struct files *out, const struct files_source *in, struct err *e) MUST_USE;
void files_clear(struct files *f);
/* One more file that is not on any disk: role, as in a profile folder, and text are copied. */
void files_add(struct files *f, const char *role, const char *text, size_t len);
/* Whether the administrator wrote it: it is of the profile folder, neither shipped nor made. */
bool files_own(const struct files_one *f);
const struct files_one *files_mapping(const struct files *f, const char *role); /* or NULL */

#endif
