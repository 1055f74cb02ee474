/*
 * Texts of the state by place, and the file without what was in it before.  Owns no table: each
 * place is another file's, whose rows are only rewritten here.  It must never know what it erases.
 */
#include "store/erase.h"

#include "base/buf.h"
#include "store/db_own.h"
#include "store/trouble.h"

#include <sqlite3.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- rows ---- */

/* ?1 the key behind which to go on, ?2 how many; ?1 the key, ?2 the text. */
#define BEHIND(id) " where " id " > cast(?1 as integer) order by " id " limit ?2"

static const struct place {
	const char *name, *list_name, *list, *set_name, *set;
} places[] = {
	{"link", "erase.links", "select id, '', doc from link" BEHIND("id"), "erase.link",
	 "update link set doc = ?2 where id = cast(?1 as integer)"},
	{"base", "erase.bases", "select rowid, link, doc from base" BEHIND("rowid"), "erase.base",
	 "update base set doc = ?2 where rowid = cast(?1 as integer)"},
	{"note", "erase.notes", "select id, kind, doc from note" BEHIND("id"), "erase.note",
	 "update note set doc = ?2 where id = cast(?1 as integer)"},
	{"run", "erase.runs", "select id, flow, detail from run" BEHIND("id"), "erase.run",
	 "update run set detail = ?2 where id = cast(?1 as integer)"},
	{"job", "erase.jobs", "select id, kind, payload from job" BEHIND("id"), "erase.job",
	 "update job set payload = ?2 where id = cast(?1 as integer)"},
	{"failure", "erase.failures", "select id, kind, text from job" BEHIND("id"),
	 "erase.failure", "update job set text = ?2 where id = cast(?1 as integer)"},
	{"mark", "erase.marks",
	 "select name, '', value from mark where name > ?1 order by name limit ?2", "erase.mark",
	 "update mark set value = ?2 where name = ?1"},
	{"file", "erase.files",
	 "select hash, (select min(role) from generation_file g where g.hash = t.hash), text"
	 " from file_text t where hash > ?1 order by hash limit ?2",
	 "erase.file", "update file_text set text = cast(?2 as blob) where hash = ?1"},
	{"doc", "erase.docs", "select rowid, collection, body from doc" BEHIND("rowid"),
	 "erase.doc", "update doc set body = ?2 where rowid = cast(?1 as integer)"},
};

static const struct place *place_named(const char *name, struct err *e)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (strcmp(places[i].name, name) == 0)
			return &places[i];
	err_set(e, ERR_DATA, "the state has no place '%s'", name);
	return NULL;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

bool erase_list(struct db *d, const char *place, const char *after, int most,
		bool (*each)(void *arg, const struct erase_row *row), void *arg, struct err *e)
{
	const struct place *p = place_named(place, e);
	if (!p)
		return false;
	struct stmt *s = db_stmt(d, p->list_name, p->list);
	stmt_text(s, 1, after);
	stmt_int(s, 2, most > 0 ? most : -1);
	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		struct erase_row row = {.key = or_empty(stmt_get_text(s, 0)),
					.what = or_empty(stmt_get_text(s, 1))};
		row.text = stmt_get_blob(s, 2, &row.len);
		if (!each(arg, &row)) {
			stmt_reset(s);
			return true;
		}
	}
	return got == 0;
}

bool erase_set(struct db *d, const char *place, const char *key, const char *text, size_t len,
	       struct err *e)
{
	const struct place *p = place_named(place, e);
	if (!p)
		return false;
	struct stmt *s = db_stmt(d, p->set_name, p->set);
	stmt_text(s, 1, key);
	stmt_textn(s, 2, text, len);
	return stmt_write(s, NULL, e);
}

/* ---- bytes ---- */

struct bytes {
	struct db *d;
	void (*done)(void *arg, const struct err *e);
	void *arg;
};

static bool run(struct db *d, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(d->sql, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return true;
	err_set(e, ERR_STORE, "state file: %s: %s", sql, sqlite3_errmsg(d->sql));
	e->end = trouble_of(d->sql, rc);
	return false;
}

/* What is in the WAL goes into the file, and the WAL to nothing. */
static bool empty_wal(struct db *d, struct err *e)
{
	struct stat st;
	int rc = sqlite3_wal_checkpoint_v2(d->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (rc != SQLITE_OK) {
		err_set(e, ERR_STORE, "state file: checkpoint: %s", sqlite3_errmsg(d->sql));
		e->end = trouble_of(d->sql, rc);
		return false;
	}
	d->wal_pages = 0;
	if (d->wal_path && stat(d->wal_path, &st) == 0 && st.st_size > 0)
		return err_set(e, ERR_STORE, "state file: the WAL could not be emptied");
	return true;
}

/* On disk, not in memory as other temporary things: it is as large as the state. */
static bool anew(struct db *d, struct err *e)
{
	struct err other;
	bool ok = run(d, "pragma temp_store=file", e) && run(d, "vacuum", e);
	return run(d, "pragma temp_store=memory", ok ? e : &other) && ok && empty_wal(d, e);
}

static void committed(void *arg, bool ok)
{
	struct bytes *b = arg;
	struct err e;
	if (!ok)
		err_set(&e, ERR_STORE, "the round could not be written");
	else
		ok = anew(b->d, &e);
	b->done(b->arg, ok ? NULL : &e);
	free(b);
}

void erase_bytes(struct db *d, void (*done)(void *arg, const struct err *e), void *arg)
{
	struct bytes *b = NEW(struct bytes);
	*b = (struct bytes){d, done, arg};
	db_after_commit(d, committed, b);
}
