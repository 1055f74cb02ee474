/*
 * Upgrades: a state of every schema version so far, filled, becomes one of this version and of one
 * more that stands for the next release.  No row is lost; a step that fails, or is cut off anywhere,
 * leaves the version before it.
 */
#include "fault_vfs.h"
#include "trouble_kit.h"

#include "store/links.h"
#include "store/migrations.h"
#include "store/queue.h"
#include "store/runs.h"
#include "store/trouble.h"
#include "store/vault.h"

#include <sys/stat.h>

void check_upgrade(void);

enum { LAST = 2 }; /* the schema of this version */

/* What a next release may do: a column more, rows moved into a new table. */
#define NEXT                                                                    \
	"alter table link add column stage text not null default 'open';"       \
	"create table kept (id integer primary key, doc text not null) strict;" \
	"insert into kept select id, doc from link;"                            \
	"create index kept_doc on kept (doc);"

/* Rows of every table, as an older cosell of that version could have written them.  A table of a
 * later version has a line of its own here. */
static const struct {
	int since;
	const char *sql;
} rows[] = {
	{1, "insert into link values (1, '{\"name\":\"a\"}'), (7, '{\"name\":\"b\"}')"},
	{1, "insert into alias values ('crm', 'k1', 1), ('partner', 'k2', 7)"},
	{1, "insert into base values (1, 'crm', '{\"v\":1.10}'), (7, 'partner', '{}')"},
	{1, "insert into note (link, at_ms, kind, doc) values (1, 5, 'conflict', '{}'), "
	    "(0, 6, 'differs', '{}')"},
	{1, "delete from note where link = 0"},
	{1, "insert into mark values ('generation', '4 abc')"},
	{1,
	 "insert into job (kind, lane, key, payload, due_ms, created_ms, lease_ms, state) values "
	 "('deal', 'l1', 'x', '{}', 9, 1, 0, 0), ('deal', 'l1', 'x', '{}', 9, 1, 77, 2), "
	 "('deal', 'l1', 'y', '{}', 9, 1, 0, 1), ('poll', '', 'z', '{}', 9, 1, 0, 3)"},
	{1, "insert into run values (3, 1, 'f', 1, 'event', 'updated', 4, 2, 2, '{}', 1, '{}')"},
	{1, "insert into secret values ('token', x'0102')"},
	{1, "insert into doc values ('c', 'i', 1, '{}', 'a', null, null, null)"},
	{1, "update doc_counter set tag = 1"},
	{2, "insert into generation values (4, 9)"},
	{2, "insert into generation_file values (4, 'details', 'abc')"},
	{2, "insert into file_text values ('abc', x'72657475726e')"},
};

static const struct {
	int since;
	const char *name;
} tables[] = {{1, "link"},
	      {1, "alias"},
	      {1, "base"},
	      {1, "note"},
	      {1, "mark"},
	      {1, "job"},
	      {1, "run"},
	      {1, "secret"},
	      {1, "doc"},
	      {1, "doc_counter"},
	      {1, "sqlite_sequence"},
	      {2, "generation"},
	      {2, "generation_file"},
	      {2, "file_text"}};

/* A statement is known by where its text lies: the first text that reads so, for good. */
static const char *kept(char *text)
{
	static char *all[64];
	size_t i = 0;
	while (i < sizeof(all) / sizeof(*all) && all[i] && strcmp(all[i], text) != 0) {
		i++;
	}
	if (i == sizeof(all) / sizeof(*all)) {
		abort();
	}
	if (all[i]) {
		free(text);
	} else {
		all[i] = text;
	}
	return all[i];
}

/* All rows of the tables that this version has, as one text; only the columns it has. */
static char *all_rows(struct db *d, int v)
{
	struct buf b = {0};
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		const char *table = tables[i].name;
		if (tables[i].since > v) {
			continue;
		}
		char *names = ask(
			d, kept(xasprintf(
				   "select group_concat('quote(' || name || ')', '||'';''||') from "
				   "pragma_table_info('%s') where name <> 'stage'",
				   table)));
		char *got = ask(d, kept(xasprintf("select coalesce(group_concat(r, '|'), '') from "
						  "(select %s as r from %s order by 1)",
						  names, table)));
		CHECK(got != NULL);
		buf_addf(&b, "%s: %s\n", table, got ? got : "");
		free(got);
		free(names);
	}
	return buf_take(&b);
}

static char *version(struct db *d)
{
	return ask(d, "pragma user_version");
}

/* A state as the cosell of that version left it; *held is what it holds. */
static char *state_of(int v, char **held)
{
	char *path = in_tempdir("state.db");
	migrations_stop = v;
	struct db *d = open_db(path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK(rows[i].since > v || say(d, rows[i].sql));
	}
	CHECK(commit(d));
	*held = v > 0 ? all_rows(d, v) : NULL;
	db_close(d);
	migrations_stop = -1;
	return path;
}

static void is_upgraded(const char *path, int from, int to, const char *held)
{
	struct db *d = open_db(path);
	char *v = version(d), *want = xasprintf("%d", to);
	CHECK_STR(v, want);
	char *whole = ask(d, "pragma integrity_check");
	CHECK_STR(whole, "ok");
	if (held) {
		char *now = all_rows(d, from);
		CHECK_STR(now, held);
		free(now);
	}
	db_close(d);
	free(whole);
	free(want);
	free(v);
}

static void check_versions(void)
{
	CASE ("guard 6: a state of every schema version so far becomes one of this version") {
		for (int v = 0; v <= migrations_last(); v++) {
			char *held, *path = state_of(v, &held);
			is_upgraded(path, v, migrations_last(), held);
			free(held);
			free(path);
		}
	}

	CASE ("guard 6: every version so far takes the step of a next release, no row lost") {
		for (int v = 0; v <= LAST; v++) {
			migrations_next = NULL;
			char *held, *path = state_of(v, &held);
			migrations_next = NEXT;
			is_upgraded(path, v, migrations_last(), held);
			struct db *d = open_db(path);
			char *kept = ask(d, "select count(*) from kept join link using (id)");
			CHECK_STR(kept, v > 0 ? "2" : "0");
			free(kept);
			db_close(d);
			migrations_next = NULL;
			struct err e = {0}; /* the older program says so and leaves it alone */
			CHECK(db_open(path, &kit_world, &e) == NULL);
			CHECK_STR(trouble_name(e.end), "state foreign");
			free(held);
			free(path);
		}
	}

	CASE ("guard 6: what works on the state works on an upgraded one") {
		char *held, *path = state_of(1, &held);
		migrations_next = NEXT;
		struct db *d = open_db(path);
		struct err e;
		struct links *l = links_new(d);
		struct queue *q = queue_new(d);
		int64_t id = 0, n = 0;
		char *doc = NULL;
		CHECK(links_add(l, "{}", &id, &e) && id == 8);
		CHECK(links_alias_get(l, "crm", "k1", &id, &e) && id == 1);
		CHECK(links_base_get(l, 1, "crm", &doc, &e));
		CHECK_STR(doc, "{\"v\":1.10}");
		CHECK(queue_release(q, 0, &n, &e) && n == 1);
		CHECK(commit(d));
		free(doc);
		queue_free(q);
		links_free(l);
		db_close(d);
		free(held);
		free(path);
	}
}

static void check_cut_off(void)
{
	CASE ("guard 6: a step that fails halfway leaves the version before it, whole") {
		char *held, *path = state_of(LAST, &held);
		struct err e = {0};
		migrations_next = NEXT "create table job (id integer);"; /* there is one */
		CHECK(db_open(path, &kit_world, &e) == NULL);
		CHECK_STR(err_kind_name(e.kind), "store");
		migrations_next = NULL;
		is_upgraded(path, LAST, LAST, held);
		migrations_next = NEXT;
		is_upgraded(path, LAST, LAST + 1, held);
		free(held);
		free(path);
	}

	CASE ("guard 6: power lost at any write of an upgrade: the old version or the new one") {
		fault_install();
		char *held, *first = state_of(LAST, &held);
		char *path = in_tempdir("state.db");
		migrations_next = NEXT;
		uint32_t seed = seed_of();
		int old = 0, new = 0;
		for (int64_t at = 1; new == 0 && CHECK(at < 300); at++) {
			struct err e;
			fault.nfiles = 0;
			copy_file(first, path);
			fault_set(FAULT_POWER, at, seed + (uint32_t)at);
			struct db *d = db_open(path, &kit_world, &e);
			db_close(d);
			fault_power_back(false);
			migrations_next = NULL;
			d = db_open(path, &kit_world, &e);
			old += d ? 1 : 0;
			new += !d &&e.end == TROUBLE_FOREIGN ? 1 : 0;
			CHECK(d || e.end == TROUBLE_FOREIGN);
			db_close(d);
			migrations_next = NEXT;
			is_upgraded(path, LAST, LAST + 1, held);
		}
		CHECK(old > 10);
		free(held);
		free(path);
		free(first);
	}
}

void check_upgrade(void)
{
	check_versions();
	check_cut_off();
}
