/*
 * Documents by collection and id, for the practice environment, and JSON edited as text.  Owns the
 * tables doc and doc_counter.  Bodies are kept as they came, byte for byte.
 */
#include "store/docs.h"

#include <assert.h>
#include <stdlib.h>

struct docs {
	struct db *db;
};

#define COLUMNS "id, body, tag, k1, k2, k3, k4"

static void get_doc(struct stmt *s, struct doc *d)
{
	*d = (struct doc){
		.id = stmt_get_text(s, 0),
		.body = stmt_get_text(s, 1),
		.tag = stmt_get_int(s, 2),
	};
	for (int i = 0; i < DOCS_KEYS; i++) {
		d->key[i] = stmt_get_text(s, 3 + i);
	}
}

static bool each_row(struct stmt *s, docs_each *each, void *arg, struct err *e)
{
	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		struct doc d;
		get_doc(s, &d);
		if (!each(arg, &d)) {
			stmt_reset(s);
			return true;
		}
	}
	return got == 0;
}

/* ---- writing ---- */

static bool next_tag(struct docs *s, int64_t *tag, struct err *e)
{
	struct stmt *st = db_stmt(s->db, "docs.count_on", "update doc_counter set tag = tag + 1");
	if (!stmt_write(st, NULL, e)) {
		return false;
	}
	st = db_stmt(s->db, "docs.counter", "select tag from doc_counter");
	if (stmt_row(st, e) < 0) {
		return false;
	}
	*tag = stmt_get_int(st, 0);
	stmt_reset(st);
	return true;
}

bool docs_put(struct docs *s, const char *collection, const struct doc *in, int64_t *tag,
	      struct err *e)
{
	*tag = in->tag;
	if (in->tag == 0 && !next_tag(s, tag, e)) {
		return false;
	}
	struct stmt *st = db_stmt(s->db, "docs.put",
				  "insert into doc (collection, id, tag, body, k1, k2, k3, k4)"
				  " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
				  " on conflict (collection, id) do update set tag = excluded.tag,"
				  " body = excluded.body, k1 = excluded.k1, k2 = excluded.k2,"
				  " k3 = excluded.k3, k4 = excluded.k4");
	stmt_text(st, 1, collection);
	stmt_text(st, 2, in->id);
	stmt_int(st, 3, *tag);
	stmt_text(st, 4, in->body);
	for (int i = 0; i < DOCS_KEYS; i++) {
		stmt_text(st, 5 + i, in->key[i]);
	}
	return stmt_write(st, NULL, e);
}

bool docs_drop(struct docs *s, const char *collection, const char *id, bool *was, struct err *e)
{
	int64_t changes = 0;
	struct stmt *st =
		db_stmt(s->db, "docs.drop", "delete from doc where collection = ?1 and id = ?2");
	stmt_text(st, 1, collection);
	stmt_text(st, 2, id);
	bool ok = stmt_write(st, &changes, e);
	*was = changes > 0;
	return ok;
}

/* ---- reading ---- */

bool docs_get(struct docs *s, const char *collection, const char *id, docs_each *each, void *arg,
	      struct err *e)
{
	struct stmt *st = db_stmt(s->db, "docs.get",
				  "select " COLUMNS " from doc where collection = ?1 and id = ?2");
	stmt_text(st, 1, collection);
	stmt_text(st, 2, id);
	return each_row(st, each, arg, e);
}

/* ?1 collection, ?2 after (id or tag), ?3 most, ?4 key.  One statement for each index. */
#define FIND   "select " COLUMNS " from doc where collection = ?1 and "
#define BY_ID  "id > ?2 order by id limit ?3"
#define BY_TAG "tag > ?2 order by tag limit ?3"

struct question {
	const char *name;
	const char *sql;
};

/* [0]: all; else by key [at + 1]. */
static const struct question by_id[1 + DOCS_KEYS] = {
	{"docs.find", FIND BY_ID},
	{"docs.find1", FIND "k1 = ?4 and " BY_ID},
	{"docs.find2", FIND "k2 = ?4 and " BY_ID},
	{"docs.find3", FIND "k3 = ?4 and " BY_ID},
	{"docs.find4", FIND "k4 = ?4 and " BY_ID},
};

static const struct question by_tag[1 + DOCS_KEYS] = {
	{"docs.since", FIND BY_TAG},
	{"docs.since1", FIND "k1 = ?4 and " BY_TAG},
	{"docs.since2", FIND "k2 = ?4 and " BY_TAG},
	{"docs.since3", FIND "k3 = ?4 and " BY_TAG},
	{"docs.since4", FIND "k4 = ?4 and " BY_TAG},
};

/* Behind (key ?4, id ?2): one way or the other along the index. */
#define UP(k) FIND k " is not null and (" k ", id) > (?4, ?2) order by " k ", id limit ?3"
#define DOWN(k) \
	FIND k " is not null and (" k ", id) < (?4, ?2) order by " k " desc, id desc limit ?3"

static const struct question by_key[2][DOCS_KEYS] = {
	{
		{"docs.up1", UP("k1")},
		{"docs.up2", UP("k2")},
		{"docs.up3", UP("k3")},
		{"docs.up4", UP("k4")},
	},
	{
		{"docs.down1", DOWN("k1")},
		{"docs.down2", DOWN("k2")},
		{"docs.down3", DOWN("k3")},
		{"docs.down4", DOWN("k4")},
	},
};

static bool in_order(struct docs *s, const char *collection, const struct docs_query *q,
		     docs_each *each, void *arg, struct err *e)
{
	assert(q->at >= 0 && q->at < DOCS_KEYS);
	const struct question *ask = &by_key[q->order == DOCS_DOWN][q->at];
	struct stmt *st = db_stmt(s->db, ask->name, ask->sql);
	stmt_text(st, 1, collection);
	stmt_text(st, 2, q->after ? q->after : "");
	stmt_int(st, 3, q->most > 0 ? q->most : -1);
	stmt_text(st, 4, q->key ? q->key : "");
	return each_row(st, each, arg, e);
}

bool docs_find(struct docs *s, const char *collection, const struct docs_query *q, docs_each *each,
	       void *arg, struct err *e)
{
	if (q->order != DOCS_PLAIN) {
		return in_order(s, collection, q, each, arg, e);
	}
	assert(!q->key || (q->at >= 0 && q->at < DOCS_KEYS));
	int which = q->key ? q->at + 1 : 0;
	const struct question *ask = q->after_tag >= 0 ? &by_tag[which] : &by_id[which];
	struct stmt *st = db_stmt(s->db, ask->name, ask->sql);
	stmt_text(st, 1, collection);
	if (q->after_tag >= 0) {
		stmt_int(st, 2, q->after_tag);
	} else {
		stmt_text(st, 2, q->after ? q->after : "");
	}
	stmt_int(st, 3, q->most > 0 ? q->most : -1);
	if (q->key) {
		stmt_text(st, 4, q->key);
	}
	return each_row(st, each, arg, e);
}

bool docs_count(struct docs *s, const char *collection, int64_t *n, struct err *e)
{
	struct stmt *st =
		db_stmt(s->db, "docs.size", "select count(*) from doc where collection = ?1");
	stmt_text(st, 1, collection);
	*n = 0;
	int got = stmt_row(st, e);
	if (got == 1) {
		*n = stmt_get_int(st, 0);
		stmt_reset(st);
	}
	return got >= 0;
}

/* ---- JSON as text ---- */

/* The first column; a text or path that sqlite refuses is the caller's. */
static bool edited(struct docs *s, struct stmt *st, char **out, bool *lost, struct err *e)
{
	*out = NULL;
	int got = stmt_row(st, e);
	if (got < 0) {
		e->kind = db_dead(s->db) ? ERR_STORE : ERR_DATA;
		return false;
	}
	const char *text = got == 1 ? stmt_get_text(st, 0) : NULL;
	*lost = got == 1 && stmt_get_int(st, 1) != 0;
	*out = xstrdup(text);
	stmt_reset(st);
	return *out || err_set(e, ERR_DATA, "no JSON text or path was given");
}

/* json(?3): a value bound as it is would become a string, or a number cut to 15 digits.  sqlite
 * does nothing, without a word, where the path has no place (below a number, behind an array's
 * end): that must not pass for an edit. */
bool docs_json_set(struct docs *s, const char *json, const char *path, const char *value,
		   char **out, struct err *e)
{
	bool lost = false;
	struct stmt *st = db_stmt(s->db, "docs.json_set",
				  "select j, json_type(j, ?2) is null and j = json(?1)"
				  " from (select json_set(?1, ?2, json(?3)) as j)");
	stmt_text(st, 1, json);
	stmt_text(st, 2, path);
	stmt_text(st, 3, value);
	if (!edited(s, st, out, &lost, e)) {
		return false;
	}
	if (lost) {
		free(*out);
		*out = NULL;
		return err_set(e, ERR_DATA, "the JSON text has no place for %s", path);
	}
	return true;
}

bool docs_json_remove(struct docs *s, const char *json, const char *path, char **out, struct err *e)
{
	bool lost;
	struct stmt *st = db_stmt(s->db, "docs.json_remove", "select json_remove(?1, ?2), 0");
	stmt_text(st, 1, json);
	stmt_text(st, 2, path);
	return edited(s, st, out, &lost, e);
}

struct docs *docs_new(struct db *d)
{
	struct docs *s = NEW(struct docs);
	s->db = d;
	return s;
}

void docs_free(struct docs *s)
{
	free(s);
}
