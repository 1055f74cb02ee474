/*
 * Making, judging and placing copies of a state file.  Owns no state.  It must never be handed the
 * path of a state file that this process has open: it opens and closes what it is handed.
 */
#include "store/copy.h"

#include "store/private_file.h"
#include "store/trouble.h"

#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool copy_fail(struct sqlite3 *sql, int rc, const char *path, struct err *e)
{
	bool known = sql && sqlite3_extended_errcode(sql) == rc;
	err_set(e, ERR_STORE, "%s: %s", path, known ? sqlite3_errmsg(sql) : sqlite3_errstr(rc));
	e->end = trouble_of(sql, rc);
	return false;
}

static bool file_fail(const char *path, const char *what, int error, struct err *e)
{
	err_set(e, ERR_STORE, "%s: %s: %s", path, what, strerror(error));
	e->end = trouble_of_errno(error);
	return false;
}

/* ---- what it holds ---- */

/* The number that a statement of one row tells; name goes in as ?1 or is NULL. */
static bool number(sqlite3 *sql, const char *text, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, text, -1, &st, NULL) == SQLITE_OK &&
		  sqlite3_step(st) == SQLITE_ROW;
	if (ok) {
		*out = sqlite3_column_int64(st, 0);
	}
	return sqlite3_finalize(st) == SQLITE_OK && ok;
}

static bool rows_of(sqlite3 *sql, const char *table, int64_t *out)
{
	char *text = sqlite3_mprintf("select count(*) from \"%w\"", table);
	bool ok = number(sql, text, out);
	sqlite3_free(text);
	return ok;
}

static bool add_table(sqlite3 *sql, const char *name, struct copy_counts *c)
{
	c->tables = xrealloc(c->tables, (c->n + 1) * sizeof(*c->tables));
	struct copy_table *t = &c->tables[c->n++];
	*t = (struct copy_table){.name = xstrdup(name)};
	return rows_of(sql, name, &t->rows);
}

static bool count_tables(sqlite3 *sql, struct copy_counts *c)
{
	static const char names[] =
		"select name from sqlite_schema where type = 'table' order by name";
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, names, -1, &st, NULL) == SQLITE_OK;
	while (ok && sqlite3_step(st) == SQLITE_ROW) {
		ok = add_table(sql, (const char *)sqlite3_column_text(st, 0), c);
	}
	return sqlite3_finalize(st) == SQLITE_OK && ok;
}

bool copy_count(struct sqlite3 *sql, const char *path, struct copy_counts *out, struct err *e)
{
	int64_t schema = 0;
	*out = (struct copy_counts){0};
	if (!number(sql, "pragma user_version", &schema) || !count_tables(sql, out)) {
		copy_counts_clear(out);
		return copy_fail(sql, sqlite3_extended_errcode(sql), path, e);
	}
	out->schema = (int)schema;
	for (size_t i = 0; i < out->n; i++) {
		if (strcmp(out->tables[i].name, "secret") == 0) {
			out->secrets = out->tables[i].rows;
		}
	}
	return true;
}

void copy_counts_clear(struct copy_counts *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->tables[i].name);
	}
	free(c->tables);
	*c = (struct copy_counts){0};
}

bool copy_same(const struct copy_counts *a, const struct copy_counts *b, const char *path,
	       struct err *e)
{
	bool same = a->n == b->n && a->schema == b->schema;
	for (size_t i = 0; i < a->n && same; i++) {
		const struct copy_table *x = &a->tables[i];
		const struct copy_table *y = &b->tables[i];
		if (strcmp(x->name, y->name) != 0 || x->rows != y->rows) {
			return err_set(
				e, ERR_STORE,
				"%s: the copy holds %lld rows of %s, the original %lld of %s", path,
				(long long)y->rows, y->name, (long long)x->rows, x->name);
		}
	}
	return same || err_set(e, ERR_STORE, "%s: the copy has another schema", path);
}

void copy_report(const struct copy_counts *c, struct buf *json)
{
	int64_t rows = 0;
	for (size_t i = 0; i < c->n; i++) {
		rows += c->tables[i].rows;
	}
	buf_addf(json, "\"schema\":%d,\"secrets\":%lld,\"rows\":%lld,\"tables\":{", c->schema,
		 (long long)c->secrets, (long long)rows);
	for (size_t i = 0; i < c->n; i++) {
		buf_addf(json, "%s\"%s\":%lld", i > 0 ? "," : "", c->tables[i].name,
			 (long long)c->tables[i].rows);
	}
	buf_addc(json, '}');
}

/* ---- is it whole ---- */

/* No row, or "ok": fine.  Else *e tells the first row. */
static bool all_well(sqlite3 *sql, const char *path, const char *text, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(sql, text, -1, &st, NULL);
	bool bad = false;
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *said = (const char *)sqlite3_column_text(st, 0);
		bad = !said || strcmp(said, "ok") != 0;
		if (bad) {
			err_set(e, ERR_STORE, "%s: damaged (%s)", path, said ? said : "?");
			e->end = TROUBLE_DAMAGED;
		}
	} else if (rc != SQLITE_OK && rc != SQLITE_DONE) {
		bad = true;
		copy_fail(sql, sqlite3_extended_errcode(sql), path, e);
	}
	sqlite3_finalize(st);
	return !bad;
}

bool copy_check(struct sqlite3 *sql, const char *path, const char *table, struct err *e)
{
	char *whole = table ? sqlite3_mprintf("pragma integrity_check(\"%w\")", table)
			    : sqlite3_mprintf("pragma integrity_check");
	char *keys = table ? sqlite3_mprintf("pragma foreign_key_check(\"%w\")", table)
			   : sqlite3_mprintf("pragma foreign_key_check");
	bool ok = all_well(sql, path, whole, e) && all_well(sql, path, keys, e);
	sqlite3_free(whole);
	sqlite3_free(keys);
	return ok;
}

/* ---- the file ---- */

struct sqlite3 *copy_open(const char *path, struct err *e)
{
	bool made;
	if (!private_file_make(path, "", 0, &made, e)) {
		return NULL;
	}
	if (!made) {
		err_set(e, ERR_CONFIG, "%s: is there already; another backup or restore?", path);
		return NULL;
	}
	sqlite3 *sql = NULL;
	int rc = sqlite3_open_v2(path, &sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(sql, 1);
		/* Nobody relies on it before copy_place has synced it. */
		rc = sqlite3_exec(sql, "pragma synchronous=off; pragma locking_mode=exclusive",
				  NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		copy_fail(sql, rc, path, e);
		sqlite3_close(sql);
		copy_remove(path);
		return NULL;
	}
	return sql;
}

bool copy_close(struct sqlite3 *sql, const char *path, struct err *e)
{
	if (!sql) {
		return false;
	}
	int rc = sqlite3_exec(sql, "pragma journal_mode=delete", NULL, NULL, NULL);
	bool ok = rc == SQLITE_OK || copy_fail(sql, rc, path, e);
	rc = sqlite3_close(sql);
	return ok && (rc == SQLITE_OK || copy_fail(NULL, rc, path, e));
}

static bool sync_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok = fd >= 0 && fsync(fd) == 0;
	int why = errno;
	if (fd >= 0) {
		close(fd);
	}
	return ok || file_fail(path, "cannot be synced", why, e);
}

/* Some file systems know no rename that refuses; there a second name does the same. */
static bool move(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
		return true;
	}
	if (errno != EINVAL && errno != ENOSYS) {
		return false;
	}
	return link(from, to) == 0 && unlink(from) == 0;
}

bool copy_place(const char *from, const char *to, struct err *e)
{
	if (!sync_file(from, e)) {
		return false;
	}
	if (!move(from, to)) {
		return errno == EEXIST ? err_set(e, ERR_CONFIG,
						 "%s: is there already; it is never covered", to)
				       : file_fail(to, "cannot be made", errno, e);
	}
	return private_file_sync_folder(to) || file_fail(to, "cannot be synced", errno, e);
}

void copy_remove(const char *path)
{
	static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		char *one = xasprintf("%s%s", path, ends[i]);
		(void)unlink(one);
		free(one);
	}
}
