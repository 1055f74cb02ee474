/*
 * Writing workbooks, and other files that people take away.
 *
 * A file is whole or not there: it gets another name first, is on disk, and only then takes its
 * own.  Every cell is written as text, so no program reads a number, a date or a formula into it.
 */
#include "io/sheet.h"

#include "base/buf.h"

#include <xlsxwriter.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH_LEAST 12
#define WIDTH_MOST  60

/* ---- a name of its own, and then its place ---- */

/* A new empty file beside `path`; to be freed. */
static char *beside(const char *path, struct err *e)
{
	char *name = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		(void)err_set(e, ERR_CONFIG, "%s", strerror(errno));
		free(name);
		return NULL;
	}
	(void)fchmod(fd, 0644);
	(void)close(fd);
	return name;
}

static bool on_disk(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool ok = fd >= 0 && fsync(fd) == 0;
	int error = errno;
	if (fd >= 0)
		(void)close(fd);
	return ok || err_set(e, ERR_CONFIG, "%s", strerror(error));
}

/* Of the name, so that it is there after a power cut as well; some file systems can't. */
static void folder_on_disk(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? xasprintf("%.*s", (int)(slash - path + 1), path) : xstrdup(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		(void)close(fd);
	}
	free(folder);
}

static bool put(const char *from, const char *to, bool cover)
{
	if (cover)
		return rename(from, to) == 0;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false; /* else a file system that knows only the older way */
	return link(from, to) == 0 && unlink(from) == 0;
}

static bool put_in_place(const char *from, const char *to, bool cover, struct err *e)
{
	struct stat st;
	if (!on_disk(from, e))
		return false;
	if (cover && lstat(to, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "something that is no file has this name");
	if (!put(from, to, cover))
		return err_set(e, ERR_CONFIG, "%s",
			       errno == EEXIST ? "the file is there already" : strerror(errno));
	folder_on_disk(to);
	return true;
}

/* ---- bytes ---- */

static bool write_all(const char *path, const char *p, size_t n, struct err *e)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	bool ok = fd >= 0;
	while (ok && n > 0) {
		ssize_t done = write(fd, p, n);
		ok = done >= 0 || errno == EINTR;
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	int error = errno;
	if (fd >= 0 && close(fd) != 0 && ok) {
		ok = false;
		error = errno;
	}
	return ok || err_set(e, ERR_CONFIG, "%s", strerror(error));
}

bool sheet_write_bytes(const char *path, const char *p, size_t n, bool cover, struct err *e)
{
	char *name = beside(path, e);
	if (!name)
		return false;
	bool ok = write_all(name, p, n, e) && put_in_place(name, path, cover, e);
	if (!ok)
		(void)unlink(name);
	free(name);
	return ok;
}

bool sheet_read_bytes(const char *path, char **to, size_t *n, struct err *e)
{
	char piece[16384];
	struct buf b = {0};
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(e, errno == ENOENT ? ERR_ABSENT : ERR_CONFIG, "%s", strerror(errno));
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!ok)
		(void)err_set(e, ERR_CONFIG, "it is no file");
	ssize_t got = 0;
	while (ok && b.len <= SHEET_FILE_MOST && (got = read(fd, piece, sizeof(piece))) > 0)
		buf_add(&b, piece, (size_t)got);
	if (ok && got < 0)
		ok = err_set(e, ERR_CONFIG, "%s", strerror(errno));
	if (ok && b.len > SHEET_FILE_MOST)
		ok = err_set(e, ERR_DATA, "the file is larger than %u MiB", SHEET_FILE_MOST >> 20);
	(void)close(fd);
	*n = b.len;
	*to = buf_take(&b);
	if (ok)
		return true;
	free(*to);
	*to = NULL;
	return false;
}

bool sheet_folder(const char *path, struct err *e)
{
	return mkdir(path, 0755) == 0 || errno == EEXIST ||
	       err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
}

/* ---- workbooks ---- */

static lxw_error fill(lxw_workbook *book, lxw_worksheet *sheet, const struct sheet_table *t)
{
	lxw_format *bold = workbook_add_format(book);
	format_set_bold(bold);
	const char *cell = t->cells;
	for (int row = 0; row < t->rows; row++) {
		for (int column = 0; column < t->columns; column++) {
			lxw_error bad =
				worksheet_write_string(sheet, (lxw_row_t)row, (lxw_col_t)column,
						       cell, row == 0 ? bold : NULL);
			if (bad)
				return bad;
			cell += strlen(cell) + 1;
		}
	}
	return LXW_NO_ERROR;
}

/* As wide as the longest text, within reason; people want the headings to stay. */
static void dress(lxw_worksheet *sheet, const struct sheet_table *t)
{
	size_t width[SHEET_COLUMNS_MOST] = {0};
	const char *cell = t->cells;
	for (int i = 0; i < t->rows * t->columns; i++) {
		size_t n = strlen(cell);
		if (n > width[i % t->columns])
			width[i % t->columns] = n;
		cell += n + 1;
	}
	for (int i = 0; i < t->columns; i++) {
		size_t w = width[i] + 2;
		w = w < WIDTH_LEAST ? WIDTH_LEAST : w > WIDTH_MOST ? WIDTH_MOST : w;
		worksheet_set_column(sheet, (lxw_col_t)i, (lxw_col_t)i, (double)w, NULL);
	}
	worksheet_freeze_panes(sheet, 1, 0);
	worksheet_autofilter(sheet, 0, 0, (lxw_row_t)(t->rows - 1), (lxw_col_t)(t->columns - 1));
}

static bool write_book(const char *path, const struct sheet_table *t, struct err *e)
{
	lxw_workbook *book = workbook_new(path);
	if (!book)
		return err_set(e, ERR_CONFIG, "a workbook cannot be made");
	lxw_worksheet *sheet = workbook_add_worksheet(book, t->name);
	lxw_error bad = sheet ? LXW_NO_ERROR : LXW_ERROR_SHEETNAME_LENGTH_EXCEEDED;
	if (sheet) {
		dress(sheet, t);
		bad = fill(book, sheet, t);
	}
	lxw_error end = workbook_close(book); /* frees it in every case */
	bad = bad ? bad : end;
	return !bad || err_set(e, ERR_CONFIG, "%s", lxw_strerror(bad));
}

bool sheet_write(const char *path, const struct sheet_table *t, bool cover, struct err *e)
{
	if (t->rows < 1 || t->rows > SHEET_ROWS_MOST || t->columns < 1 ||
	    t->columns > SHEET_COLUMNS_MOST)
		return err_set(e, ERR_DATA, "at most %d rows and %d columns are written",
			       SHEET_ROWS_MOST, SHEET_COLUMNS_MOST);
	char *name = beside(path, e);
	if (!name)
		return false;
	bool ok = write_book(name, t, e) && put_in_place(name, path, cover, e);
	if (!ok)
		(void)unlink(name);
	free(name);
	return ok;
}
