/*
 * Texts by place, and that the file made anew holds no byte of what was ever taken out of it.
 */
#include "store/erase.h"

#include "store_kit.h"

#include <string.h>
#include <sys/stat.h>

void check_erase(void);

#define NAME "Jana Petersen"

/* ---- places ---- */

static bool join(void *arg, const struct erase_row *row)
{
	buf_addf(arg, "%s %s %.*s;", row->key, row->what, (int)row->len, row->text);
	return true;
}

static void lists(struct db *d, const char *place, const char *after, int most, const char *want)
{
	struct buf b = {0};
	struct err e;
	CHECK(erase_list(d, place, after, most, join, &b, &e));
	CHECK_STR(b.data ? b.data : "", want);
	buf_free(&b);
}

static void set(struct db *d, const char *place, const char *key, const char *text)
{
	struct err e;
	CHECK(erase_set(d, place, key, text, strlen(text), &e));
}

static const char *const rows[] = {
	"insert into link (doc) values ('{\"a\":1}')",
	"insert into base values (1, 'crm', 'base')",
	"insert into note (link, at_ms, kind, doc) values (1, 5, 'audit', 'one'),"
	" (1, 6, 'conflict', 'two'), (0, 7, 'audit', 'three')",
	"insert into run (at_ms, flow, link, cause, outcome, ms, requests, operations, calls,"
	" generation, detail) values (1, 'f', 1, '', '', 0, 0, 0, '{}', 1, 'detail')",
	"insert into job (kind, lane, key, payload, due_ms, created_ms, state, text)"
	" values ('report', '', '', 'payload', 1, 1, 3, 'failure')",
	"insert into mark values ('a', 'mark a'), ('b', 'mark b')",
	"insert into file_text values ('abc', cast('file' as blob))",
	"insert into generation_file values (1, 'details', 'abc'), (2, 'details', 'abc')",
	"insert into doc (collection, id, tag, body) values ('c', 'x', 1, 'body')",
};

static void fill(struct db *d)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK(say(d, rows[i]));
}

static void places(void)
{
	CASE ("erase_each_place_is_listed_and_rewritten") {
		struct db *d = open_db(":memory:");
		fill(d);
		lists(d, "link", "", 9, "1  {\"a\":1};");
		lists(d, "base", "", 9, "1 1 base;");
		lists(d, "run", "", 9, "1 f detail;");
		lists(d, "job", "", 9, "1 report payload;");
		lists(d, "failure", "", 9, "1 report failure;");
		lists(d, "mark", "a", 9, "b  mark b;");
		lists(d, "file", "", 9, "abc details file;");
		lists(d, "doc", "", 9, "1 c body;");
		lists(d, "note", "", 2, "1 audit one;2 conflict two;");
		lists(d, "note", "2", 2, "3 audit three;");
		lists(d, "note", "3", 2, "");
		set(d, "note", "3", "x");
		set(d, "job", "1", "y");
		set(d, "failure", "1", "z");
		set(d, "mark", "b", "m");
		set(d, "file", "abc", "f");
		lists(d, "note", "2", 2, "3 audit x;");
		lists(d, "job", "", 9, "1 report y;");
		lists(d, "failure", "", 9, "1 report z;");
		lists(d, "mark", "", 9, "a  mark a;b  m;");
		lists(d, "file", "", 9, "abc details f;");
		CHECK(commit(d));
		db_close(d);
	}
	CASE ("erase_a_place_nobody_knows_is_refused") {
		struct db *d = open_db(":memory:");
		struct err e;
		CHECK(!erase_list(d, "secret", "", 9, join, NULL, &e));
		CHECK_INT(e.kind, ERR_DATA);
		CHECK(!erase_set(d, "secret", "x", "", 0, &e));
		db_close(d);
	}
}

/* ---- bytes ---- */

static bool file_holds(const char *path, const char *text)
{
	struct buf b = {0};
	FILE *f = fopen(path, "r");
	int c;
	while (f && (c = fgetc(f)) != EOF)
		buf_addc(&b, (char)c);
	if (f)
		fclose(f);
	bool has = b.data && memmem(b.data, b.len, text, strlen(text)) != NULL;
	buf_free(&b);
	return has;
}

static void on_done(void *arg, const struct err *e)
{
	*(int *)arg = e ? 2 : 1;
}

/* Rows whose pages come free when they are deleted: fast as it is, sqlite leaves those. */
static void live_and_die(struct db *d)
{
	CHECK(say(d, "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50)"
		     " insert into note (link, at_ms, kind, doc)"
		     " select 0, 0, 'audit', '" NAME "' || hex(zeroblob(6000)) from n"));
	CHECK(commit(d));
	CHECK(say(d, "delete from note"));
	CHECK(say(d, "insert into mark values ('kept', 'kept whole')"));
	CHECK(commit(d));
}

static void bytes(void)
{
	CASE ("erase_bytes_leaves_nothing_in_file_and_wal") {
		char *path = in_tempdir("state.db");
		char *wal = xasprintf("%s-wal", path);
		struct db *d = open_db(path);
		struct stat st;
		int done = 0;
		live_and_die(d);
		CHECK(file_holds(path, NAME) || file_holds(wal, NAME)); /* or this shows nothing */
		erase_bytes(d, on_done, &done);
		CHECK_INT(done, 0); /* not before the commit */
		CHECK(commit(d));
		CHECK_INT(done, 1);
		CHECK(!file_holds(path, NAME));
		CHECK(!file_holds(wal, NAME));
		CHECK(file_holds(path, "kept whole"));
		CHECK(stat(wal, &st) == 0 && st.st_size == 0);
		CHECK(say(d, "insert into mark values ('later', 'goes on')"));
		CHECK(commit(d));
		CHECK(!db_replaced(d));
		db_close(d);
		d = open_db(path);
		lists(d, "mark", "", 9, "kept  kept whole;later  goes on;");
		db_close(d);
		free(wal);
		free(path);
	}
	CASE ("erase_bytes_after_a_checkpoint_leaves_nothing") {
		char *path = in_tempdir("state.db");
		int done = 0;
		struct db *d = open_db(path);
		live_and_die(d);
		db_close(d); /* what the WAL held is in the file */
		CHECK(file_holds(path, NAME));
		d = open_db(path);
		erase_bytes(d, on_done, &done);
		CHECK(commit(d));
		CHECK_INT(done, 1);
		CHECK(!file_holds(path, NAME));
		db_close(d);
		free(path);
	}
}

void check_erase(void)
{
	places();
	bytes();
}
