/*
 * Copies of a state file: made private, compared with what they were made of, put in place without
 * ever covering another file.  Shared by backup.c and restore.c.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "base/buf.h"
#include "base/err.h"

struct sqlite3;

struct copy_table {
	char *name;
	int64_t rows;
};

/* What a state file holds, counted. */
struct copy_counts {
	struct copy_table *tables;
	size_t n;
	int schema;
	int64_t secrets; /* all sealed */
};

bool copy_count(struct sqlite3 *sql, const char *path, struct copy_counts *out,
		struct err *e) MUST_USE;
void copy_counts_clear(struct copy_counts *c);
bool copy_same(const struct copy_counts *a, const struct copy_counts *b, const char *path,
	       struct err *e) MUST_USE;
/* "schema":1,"secrets":2,"rows":40,"tables":{"alias":2, ...} */
void copy_report(const struct copy_counts *c, struct buf *json);

/* integrity_check of one table, or of all (NULL), and its references. */
bool copy_check(struct sqlite3 *sql, const char *path, const char *table, struct err *e) MUST_USE;

/* A new empty file of mode 0600, opened; NULL with *e. */
struct sqlite3 *copy_open(const char *path, struct err *e) MUST_USE;
/* A file of its own again, no WAL beside it; closes.  NULL is fine and false. */
bool copy_close(struct sqlite3 *sql, const char *path, struct err *e) MUST_USE;
/* Onto the disk, then renamed; refuses if `to` is there. */
bool copy_place(const char *from, const char *to, struct err *e) MUST_USE;
void copy_remove(const char *path); /* with what sqlite left beside it */

bool copy_fail(struct sqlite3 *sql, int rc, const char *path, struct err *e);

#endif
