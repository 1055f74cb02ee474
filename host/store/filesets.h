/*
 * What the administrator's files said in the last generations, so that two of them can be compared.
 * Texts are kept once, however many generations hold them.
 */
#ifndef STORE_FILESETS_H
#define STORE_FILESETS_H

#include "base/buf.h"
#include "store/db.h"

#define FILESETS_KEPT 20

struct filesets;
struct filesets *filesets_new(struct db *d);
void filesets_free(struct filesets *f); /* NULL is fine */

struct fileset_file {
	const char *role; /* "details", "fixture:NAME" */
	const char *text;
	size_t len;
};

/* Keeps a generation's files, once; those of generations that are too old go. */
bool filesets_keep(struct filesets *f, int generation, const struct fileset_file *files, size_t n,
		   struct err *e) MUST_USE;
/* Each file of a generation, in order of role; none if the generation is not kept. */
bool filesets_get(struct filesets *f, int generation,
		  void (*each)(void *arg, const struct fileset_file *file), void *arg,
		  struct err *e) MUST_USE;

struct fileset_row {
	int64_t generation, at_ms, files;
	const char *changed; /* JSON list of the roles that differ from the generation before it */
};
/* Newest first. */
bool filesets_list(struct filesets *f, void (*each)(void *arg, const struct fileset_row *row),
		   void *arg, struct err *e) MUST_USE;

#endif
