/*
 * Workbooks (.xlsx): a sheet read piece by piece, a table written whole.  Mechanism only: what the
 * cells mean is for scripts.
 *
 * Bounds: a file of 32 MiB, parts that unpack to 64 MiB, 100,000 rows, 256 columns, 128 KiB a cell,
 * 64 MiB of text altogether; what lies beyond is an error that names its row and column.
 */
#ifndef IO_SHEET_H
#define IO_SHEET_H

#include "base/err.h"

#include <stddef.h>

#define SHEET_FILE_MOST    (32u << 20)
#define SHEET_ROWS_MOST    100000
#define SHEET_COLUMNS_MOST 256

struct sheet;

/* A cell that holds something, counted from 1.  kind: t text, n number, d date (days since the end
 * of 1899, as a number), b boolean ("0" or "1"), e error ("#N/A").  A formula gives its last value.
 * Rows come in order, the cells of a row in any. */
typedef void sheet_got(void *arg, int row, int column, char kind, const char *text, size_t n);

/* wanted: the sheet's name, or NULL: the first that is not hidden. */
struct sheet *sheet_open(const char *path, const char *wanted, struct err *e) MUST_USE;
const char *sheet_name(const struct sheet *s);
/* Reads one more piece of it; *more becomes false at the end. */
bool sheet_read(struct sheet *s, sheet_got *got, void *arg, bool *more, struct err *e) MUST_USE;
void sheet_close(struct sheet *s);

/* ---- writing ---- */

/* rows * columns texts, each with a NUL behind it, the first row is the headings. */
struct sheet_table {
	const char *name; /* of the sheet */
	int rows, columns;
	const char *cells;
};

/* Whole or not at all; ERR_CONFIG if the file is there, unless `cover`. */
bool sheet_write(const char *path, const struct sheet_table *t, bool cover, struct err *e) MUST_USE;
/* The same for any bytes. */
bool sheet_write_bytes(const char *path, const char *p, size_t n, bool cover,
		       struct err *e) MUST_USE;
/* Makes a folder in one that is there; fine if it is there itself. */
bool sheet_folder(const char *path, struct err *e) MUST_USE;
/* A file's bytes for a reader of text; *to grows. */
bool sheet_read_bytes(const char *path, char **to, size_t *n, struct err *e) MUST_USE;

#endif
