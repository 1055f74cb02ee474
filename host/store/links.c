/*
 * Links and what hangs on them.  Owns the tables link, alias, base, note and mark; the documents in
 * them are the scripts' and are never looked into.
 */
#include "store/links.h"

#include <inttypes.h>
#include <stdlib.h>

struct links {
	struct db *db;
};

/* The text of the first row, to be freed; NULL if there is no row. */
static bool one_text(struct stmt *s, char **out, struct err *e)
{
	*out = NULL;
	int got = stmt_row(s, e);
	if (got == 1) {
		*out = xstrdup(stmt_get_text(s, 0));
		stmt_reset(s);
	}
	return got >= 0;
}

static bool no_link(int64_t id, struct err *e)
{
	return err_set(e, ERR_DATA, "there is no link %" PRId64, id);
}

/* ---- links ---- */

bool links_add(struct links *l, const char *doc, int64_t *id, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.add", "insert into link (doc) values (?1)");
	stmt_text(s, 1, doc);
	if (!stmt_write(s, NULL, e)) {
		return false;
	}
	*id = db_last_id(l->db);
	return true;
}

bool links_set(struct links *l, int64_t id, const char *doc, struct err *e)
{
	int64_t changes = 0;
	struct stmt *s = db_stmt(l->db, "links.set", "update link set doc = ?2 where id = ?1");
	stmt_int(s, 1, id);
	stmt_text(s, 2, doc);
	return stmt_write(s, &changes, e) && (changes == 1 || no_link(id, e));
}

bool links_get(struct links *l, int64_t id, char **doc, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.get", "select doc from link where id = ?1");
	stmt_int(s, 1, id);
	return one_text(s, doc, e);
}

bool links_list(struct links *l, int64_t after, int most,
		bool (*each)(void *arg, int64_t id, const char *doc), void *arg, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.list",
				 "select id, doc from link where id > ?1 order by id limit ?2");
	stmt_int(s, 1, after);
	stmt_int(s, 2, most > 0 ? most : -1);

	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		if (!each(arg, stmt_get_int(s, 0), stmt_get_text(s, 1))) {
			stmt_reset(s);
			return true;
		}
	}
	return got == 0;
}

bool links_count(struct links *l, int64_t *n, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.count", "select count(*) from link");
	int got = stmt_row(s, e);
	if (got != 1)
		return false;
	*n = stmt_get_int(s, 0);
	stmt_reset(s);
	return true;
}

/* ---- aliases ---- */

bool links_alias_get(struct links *l, const char *remote, const char *key, int64_t *id,
		     struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.alias_get",
				 "select link from alias where remote = ?1 and key = ?2");
	stmt_text(s, 1, remote);
	stmt_text(s, 2, key);
	int got = stmt_row(s, e);
	*id = 0;
	if (got == 1) {
		*id = stmt_get_int(s, 0);
		stmt_reset(s);
	}
	return got >= 0;
}

/* Asked first, so that the error names the owner; the primary key stands behind it. */
bool links_alias_set(struct links *l, int64_t id, const char *remote, const char *key,
		     struct err *e)
{
	int64_t owner, changes = 0;
	if (!links_alias_get(l, remote, key, &owner, e)) {
		return false;
	}
	if (owner != 0) {
		return owner == id || err_set(e, ERR_CONFLICT, "%s %s belongs to link %" PRId64,
					      remote, key, owner);
	}
	struct stmt *s = db_stmt(l->db, "links.alias_set",
				 "insert into alias (remote, key, link)"
				 " select ?1, ?2, id from link where id = ?3");
	stmt_text(s, 1, remote);
	stmt_text(s, 2, key);
	stmt_int(s, 3, id);
	return stmt_write(s, &changes, e) && (changes == 1 || no_link(id, e));
}

bool links_alias_move(struct links *l, int64_t from, int64_t to, struct err *e)
{
	struct stmt *s =
		db_stmt(l->db, "links.alias_move", "update alias set link = ?2 where link = ?1");
	int64_t changes = 0;
	stmt_int(s, 1, from);
	stmt_int(s, 2, to);
	return stmt_write(s, &changes, e);
}

bool links_alias_drop(struct links *l, const char *remote, const char *key, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.alias_drop",
				 "delete from alias where remote = ?1 and key = ?2");
	stmt_text(s, 1, remote);
	stmt_text(s, 2, key);
	return stmt_write(s, NULL, e);
}

/* ---- bases ---- */

bool links_base_set(struct links *l, int64_t id, const char *side, const char *doc, struct err *e)
{
	int64_t changes = 0;
	struct stmt *s = db_stmt(l->db, "links.base_set",
				 "insert into base (link, side, doc)"
				 " select id, ?2, ?3 from link where id = ?1"
				 " on conflict (link, side) do update set doc = excluded.doc");
	stmt_int(s, 1, id);
	stmt_text(s, 2, side);
	stmt_text(s, 3, doc);
	return stmt_write(s, &changes, e) && (changes == 1 || no_link(id, e));
}

bool links_base_get(struct links *l, int64_t id, const char *side, char **doc, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.base_get",
				 "select doc from base where link = ?1 and side = ?2");
	stmt_int(s, 1, id);
	stmt_text(s, 2, side);
	return one_text(s, doc, e);
}

/* ---- notes ---- */

bool links_note_add(struct links *l, int64_t id, const char *kind, const char *doc, int64_t *note,
		    struct err *e)
{
	struct stmt *s =
		db_stmt(l->db, "links.note_add",
			"insert into note (link, at_ms, kind, doc) values (?1, ?2, ?3, ?4)");
	stmt_int(s, 1, id);
	stmt_int(s, 2, WORLD_NOW(db_world(l->db)));
	stmt_text(s, 3, kind);
	stmt_text(s, 4, doc);
	if (!stmt_write(s, NULL, e)) {
		return false;
	}
	*note = db_last_id(l->db);
	return true;
}

bool links_note_drop(struct links *l, int64_t note, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.note_drop", "delete from note where id = ?1");
	stmt_int(s, 1, note);
	return stmt_write(s, NULL, e);
}

/* One statement for each question, so that each has its index. */
static struct stmt *notes(struct db *d, bool of_link, bool of_kind)
{
#define NOTES  "select id, link, at_ms, kind, doc from note"
#define NEWEST " order by id desc limit ?1"
	if (of_link) {
		return of_kind ? db_stmt(d, "links.notes_link_kind",
					 NOTES " where link = ?2 and +kind = ?3" NEWEST)
			       : db_stmt(d, "links.notes_link", NOTES " where link = ?2" NEWEST);
	}
	return of_kind ? db_stmt(d, "links.notes_kind", NOTES " where kind = ?3" NEWEST)
		       : db_stmt(d, "links.notes", NOTES NEWEST);
}

bool links_note_list(struct links *l, int64_t id, const char *kind, int most,
		     bool (*each)(void *arg, const struct links_note *n), void *arg, struct err *e)
{
	struct stmt *s = notes(l->db, id >= 0, kind != NULL);
	stmt_int(s, 1, most > 0 ? most : -1);
	if (id >= 0) {
		stmt_int(s, 2, id);
	}
	if (kind) {
		stmt_text(s, 3, kind);
	}

	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		struct links_note n = {
			.note = stmt_get_int(s, 0),
			.link = stmt_get_int(s, 1),
			.at_ms = stmt_get_int(s, 2),
			.kind = stmt_get_text(s, 3),
			.doc = stmt_get_text(s, 4),
		};
		if (!each(arg, &n)) {
			stmt_reset(s);
			return true;
		}
	}
	return got == 0;
}

/* ---- marks ---- */

bool links_mark_set(struct links *l, const char *name, const char *value, struct err *e)
{
	struct stmt *s =
		value ? db_stmt(l->db, "links.mark_set",
				"insert into mark (name, value) values (?1, ?2)"
				" on conflict (name) do update set value = excluded.value")
		      : db_stmt(l->db, "links.mark_drop", "delete from mark where name = ?1");
	stmt_text(s, 1, name);
	if (value) {
		stmt_text(s, 2, value);
	}
	return stmt_write(s, NULL, e);
}

bool links_mark_get(struct links *l, const char *name, char **value, struct err *e)
{
	struct stmt *s = db_stmt(l->db, "links.mark_get", "select value from mark where name = ?1");
	stmt_text(s, 1, name);
	return one_text(s, value, e);
}

struct links *links_new(struct db *d)
{
	struct links *l = NEW(struct links);
	l->db = d;
	return l;
}

void links_free(struct links *l)
{
	free(l);
}
