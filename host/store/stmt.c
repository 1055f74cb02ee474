/*
 * Prepared statements by name.  Owns the slots in struct db: a statement is prepared once and kept
 * until the connection ends.
 * It must never say BEGIN, COMMIT or SAVEPOINT: db.c does that, before and after what runs here.
 */
#include "store/db_own.h"

#include <assert.h>
#include <string.h>

struct stmt *db_stmt(struct db *d, const char *name, const char *sql)
{
	uint32_t at = 2166136261U;
	for (const char *c = name; *c; c++) {
		at = (at ^ (unsigned char)*c) * 16777619U;
	}

	struct stmt *s = NULL;
	for (uint32_t tries = 0; tries < STMT_SLOTS; tries++) {
		s = &d->stmts[(at + tries) & (STMT_SLOTS - 1)];
		if (!s->name || s->name == name || strcmp(s->name, name) == 0) {
			break;
		}
	}
	assert(s && (!s->name || strcmp(s->name, name) == 0));
	if (!s->st) {
		s->d = d;
		s->name = name;
		s->rc = sqlite3_prepare_v3(d->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->st,
					   NULL);
	}
	/* One that is being read must not be bound anew: the reader would start again. */
	assert(!s->st || !sqlite3_stmt_busy(s->st));
	return s;
}

/* A failed bind leaves null, which the schema refuses; it can only be too long a text. */
static void bound(struct stmt *s, int rc)
{
	if (rc != SQLITE_OK && s->rc == SQLITE_OK) {
		s->rc = rc;
	}
}

void stmt_int(struct stmt *s, int at, int64_t v)
{
	bound(s, sqlite3_bind_int64(s->st, at, v));
}

void stmt_text(struct stmt *s, int at, const char *v)
{
	stmt_textn(s, at, v, v ? strlen(v) : 0);
}

void stmt_textn(struct stmt *s, int at, const char *v, size_t n)
{
	bound(s, v ? sqlite3_bind_text64(s->st, at, v, n, SQLITE_STATIC, SQLITE_UTF8)
		   : sqlite3_bind_null(s->st, at));
}

void stmt_blob(struct stmt *s, int at, const void *v, size_t n)
{
	bound(s, sqlite3_bind_blob64(s->st, at, v ? v : "", n, SQLITE_STATIC));
}

/* The bindings go too: they point into memory of the caller. */
void stmt_reset(struct stmt *s)
{
	if (s->st) {
		sqlite3_reset(s->st);
		sqlite3_clear_bindings(s->st);
		s->rc = SQLITE_OK;
	}
}

static bool stmt_fail(struct stmt *s, int rc, struct err *e)
{
	db_fail(s->d, rc, s->name, e);
	stmt_reset(s);
	return false;
}

bool stmt_write(struct stmt *s, int64_t *changes, struct err *e)
{
	struct db *d = s->d;
	if (!db_before_write(d, e)) {
		stmt_reset(s);
		return false;
	}
	if (s->rc != SQLITE_OK) {
		return stmt_fail(s, s->rc, e);
	}

	int rc = sqlite3_step(s->st);
	while (rc == SQLITE_ROW) {
		rc = sqlite3_step(s->st);
	}
	if (rc != SQLITE_DONE) {
		return stmt_fail(s, rc, e);
	}
	if (changes) {
		*changes = sqlite3_changes64(d->sql);
	}
	stmt_reset(s);
	db_wrote(d);
	return true;
}

int stmt_row(struct stmt *s, struct err *e)
{
	if (!db_alive(s->d, e)) {
		stmt_reset(s);
		return -1;
	}
	if (s->rc != SQLITE_OK) {
		stmt_fail(s, s->rc, e);
		return -1;
	}
	assert(sqlite3_stmt_readonly(s->st));

	int rc = sqlite3_step(s->st);
	if (rc == SQLITE_ROW) {
		return 1;
	}
	if (rc != SQLITE_DONE) {
		stmt_fail(s, rc, e);
		return -1;
	}
	stmt_reset(s);
	return 0;
}

int64_t stmt_get_int(struct stmt *s, int col)
{
	return sqlite3_column_int64(s->st, col);
}

const char *stmt_get_text(struct stmt *s, int col)
{
	return (const char *)sqlite3_column_text(s->st, col);
}

const void *stmt_get_blob(struct stmt *s, int col, size_t *n)
{
	const void *p = sqlite3_column_blob(s->st, col);
	*n = (size_t)sqlite3_column_bytes(s->st, col);
	return p;
}

int64_t db_last_id(struct db *d)
{
	return sqlite3_last_insert_rowid(d->sql);
}
