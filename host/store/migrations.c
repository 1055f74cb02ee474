/*
 * The schema of the state file.  Owns application_id and user_version.  A step that was released is
 * never edited: what changes is a new step at the end.
 */
#include "store/migrations.h"

#include "base/buf.h"
#include "store/trouble.h"

#include <sqlite3.h>

#include <stdlib.h>

#define APPLICATION_ID 0x434f5345 /* "COSE" */

/* job.state: 0 ready, 1 behind, 2 running, 3 dead; queue_own.h says what they mean.  The first
 * three indexes are all that an arriving job touches, job_lane and job_key only if it has a lane
 * and a key.  job_running finds nothing: it is the proof that no lane runs twice.  job_due carries
 * the state so that counting needs no rows. */
static const char step_1[] =
	"create table job ("
	" id integer primary key,"
	" kind text not null,"
	" lane text not null,"
	" key text not null,"
	" payload text not null,"
	" due_ms integer not null,"
	" created_ms integer not null,"
	" attempt integer not null default 0 check (attempt >= 0),"
	" lease_ms integer not null default 0,"
	" state integer not null check (state between 0 and 3),"
	" why text not null default '',"
	" text text not null default '',"
	" generation integer not null default 0,"
	" check ((state = 2) = (lease_ms > 0)),"
	" check (state <> 1 or lane <> '')"
	") strict;"
	"create index job_due on job (state, due_ms) where state = 0;"
	"create unique index job_key on job (key) where state < 2 and key <> '';"
	"create index job_lane on job (lane, state, due_ms) where lane <> '';"
	"create unique index job_running on job (lane) where state = 2 and lane <> '';"
	"create index job_held on job (state) where state >= 2;"
	"create index job_dead on job (key) where state = 3 and key <> '';"

	"create table link (id integer primary key, doc text not null) strict;"
	"create table alias ("
	" remote text not null,"
	" key text not null,"
	" link integer not null references link (id),"
	" primary key (remote, key)"
	") strict, without rowid;"
	"create table base ("
	" link integer not null references link (id),"
	" side text not null,"
	" doc text not null,"
	" primary key (link, side)"
	") strict;"
	/* A dropped note's number never names another note: scripts may keep it. */
	"create table note ("
	" id integer primary key autoincrement,"
	" link integer not null,"
	" at_ms integer not null,"
	" kind text not null,"
	" doc text not null"
	") strict;"
	"create index note_link on note (link);"
	"create index note_kind on note (kind);"
	"create table mark (name text primary key, value text not null) strict, without rowid;"

	"create table run ("
	" id integer primary key,"
	" at_ms integer not null,"
	" flow text not null,"
	" link integer not null,"
	" cause text not null,"
	" outcome text not null,"
	" ms integer not null,"
	" requests integer not null,"
	" operations integer not null,"
	" calls text not null,"
	" generation integer not null,"
	" detail text not null"
	") strict;"
	"create index run_link on run (link) where link <> 0;"

	"create table secret (name text primary key, sealed blob not null) strict, without rowid;"

	"create table doc_counter (one integer primary key check (one = 1), tag integer not null)"
	" strict;"
	"insert into doc_counter values (1, 0);"
	"create table doc ("
	" collection text not null,"
	" id text not null,"
	" tag integer not null,"
	" body text not null,"
	" k1 text, k2 text, k3 text, k4 text,"
	" primary key (collection, id)"
	") strict;"
	"create unique index doc_tag on doc (collection, tag);"
	"create index doc_k1 on doc (collection, k1, id) where k1 is not null;"
	"create index doc_k2 on doc (collection, k2, id) where k2 is not null;"
	"create index doc_k3 on doc (collection, k3, id) where k3 is not null;"
	"create index doc_k4 on doc (collection, k4, id) where k4 is not null;";

/* The administrator's files of the last generations (filesets.c). */
static const char step_2[] =
	"create table generation (id integer primary key, at_ms integer not null) strict;"
	"create table generation_file ("
	" generation integer not null,"
	" role text not null,"
	" hash text not null,"
	" primary key (generation, role)"
	") strict, without rowid;"
	"create index generation_file_hash on generation_file (hash);"
	"create table file_text (hash text primary key, text blob not null) strict, without rowid;";

static const char *const steps[] = {step_1, step_2};
#define STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

#ifdef COSELL_TEST
const char *migrations_next; /* one more step, of the tests */
int migrations_stop = -1;    /* no step above this: a state as an older cosell left it */
#else
static const char *const migrations_next = NULL;
enum { migrations_stop = -1 };
#endif

int migrations_last(void)
{
	return migrations_stop >= 0 ? migrations_stop : STEPS + (migrations_next ? 1 : 0);
}

static bool foreign(const char *path, struct err *e)
{
	err_set(e, ERR_CONFIG, "%s: is not a state file of cosell", path);
	e->end = TROUBLE_FOREIGN;
	return false;
}

static bool failed(sqlite3 *sql, const char *path, struct err *e)
{
	int rc = sqlite3_extended_errcode(sql);
	if (rc == SQLITE_NOTADB) {
		return foreign(path, e);
	}
	err_set(e, ERR_STORE, "%s: %s", path, sqlite3_errmsg(sql));
	e->end = trouble_of(sql, rc);
	return false;
}

static bool ask(sqlite3 *sql, const char *text, int *out)
{
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v2(sql, text, -1, &st, NULL) != SQLITE_OK) {
		return false;
	}
	if (sqlite3_step(st) == SQLITE_ROW) {
		*out = sqlite3_column_int(st, 0);
	}
	return sqlite3_finalize(st) == SQLITE_OK;
}

bool migrations_judge(struct sqlite3 *sql, const char *path, struct err *e)
{
	int id = 0, version = 0, tables = 0;
	if (!ask(sql, "pragma application_id", &id) || !ask(sql, "pragma user_version", &version) ||
	    !ask(sql, "select count(*) from sqlite_schema", &tables)) {
		return failed(sql, path, e);
	}
	bool empty = id == 0 && version == 0 && tables == 0;
	if (!empty && id != APPLICATION_ID) {
		return foreign(path, e);
	}
	if (version > migrations_last()) {
		err_set(e, ERR_CONFIG,
			"%s: was written by a newer cosell (schema %d, this one knows %d)", path,
			version, migrations_last());
		e->end = TROUBLE_FOREIGN;
		return false;
	}
	return true;
}

static bool apply(sqlite3 *sql, int version)
{
	char *text =
		xasprintf("begin immediate; %s pragma application_id=%d; pragma user_version=%d;"
			  " commit",
			  version < STEPS ? steps[version] : migrations_next, APPLICATION_ID,
			  version + 1);
	bool ok = sqlite3_exec(sql, text, NULL, NULL, NULL) == SQLITE_OK;
	free(text);
	return ok;
}

bool migrations_apply(struct sqlite3 *sql, const char *path, struct err *e)
{
	int version = 0;
	if (!ask(sql, "pragma user_version", &version)) {
		return failed(sql, path, e);
	}
	for (; version < migrations_last(); version++) {
		if (!apply(sql, version)) {
			return failed(sql, path, e); /* the caller closes: the step is undone */
		}
	}
	return true;
}
