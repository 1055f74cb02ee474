/*
 * One row a run, the newest `keep` of them.  Owns the table run.
 */
#include "store/runs.h"

#include "base/buf.h"

#include <stdlib.h>

#define COLUMNS                                                                                \
	"id, at_ms, flow, link, cause, outcome, ms, requests, operations, calls, generation, " \
	"detail"

struct runs {
	struct db *db;
	int64_t keep;
};

static void bind_text(struct stmt *s, int at, const char *v, const char *otherwise)
{
	stmt_text(s, at, v ? v : otherwise);
}

static bool insert(struct runs *r, const struct run *in, struct err *e)
{
	struct stmt *s = db_stmt(r->db, "runs.add",
				 "insert into run (at_ms, flow, link, cause, outcome, ms, requests,"
				 " operations, calls, generation, detail)"
				 " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
	stmt_int(s, 1, in->at_ms);
	bind_text(s, 2, in->flow, "");
	stmt_int(s, 3, in->link);
	bind_text(s, 4, in->trigger, "");
	bind_text(s, 5, in->outcome, "");
	stmt_int(s, 6, in->ms);
	stmt_int(s, 7, in->requests);
	stmt_int(s, 8, in->operations);
	bind_text(s, 9, in->calls, "{}");
	stmt_int(s, 10, in->generation);
	bind_text(s, 11, in->detail, "{}");
	return stmt_write(s, NULL, e);
}

bool runs_add(struct runs *r, const struct run *in, int64_t *id, struct err *e)
{
	if (!insert(r, in, e)) {
		return false;
	}
	*id = db_last_id(r->db);
	/* Numbers follow each other without gaps: mostly this is one row by its key. */
	struct stmt *s = db_stmt(r->db, "runs.trim", "delete from run where id <= ?1");
	stmt_int(s, 1, *id - r->keep);
	return stmt_write(s, NULL, e);
}

static void get_run(struct stmt *s, struct run *row)
{
	*row = (struct run){
		.id = stmt_get_int(s, 0),
		.at_ms = stmt_get_int(s, 1),
		.flow = stmt_get_text(s, 2),
		.link = stmt_get_int(s, 3),
		.trigger = stmt_get_text(s, 4),
		.outcome = stmt_get_text(s, 5),
		.ms = stmt_get_int(s, 6),
		.requests = stmt_get_int(s, 7),
		.operations = stmt_get_int(s, 8),
		.calls = stmt_get_text(s, 9),
		.generation = (int)stmt_get_int(s, 10),
		.detail = stmt_get_text(s, 11),
	};
}

/* Four orders of reading; the partial index run_link wants its own condition in the query. */
static struct stmt *reader(struct db *d, bool newest_first, bool of_link)
{
	if (newest_first) {
		return of_link ? db_stmt(d, "runs.newest_of",
					 "select " COLUMNS
					 " from run where link <> 0 and link = ?3 and"
					 " id > ?1 order by id desc limit ?2")
			       : db_stmt(d, "runs.newest",
					 "select " COLUMNS " from run where id > ?1"
					 " order by id desc limit ?2");
	}
	return of_link ? db_stmt(d, "runs.after_of",
				 "select " COLUMNS " from run where link <> 0 and link = ?3 and"
				 " id > ?1 order by id limit ?2")
		       : db_stmt(d, "runs.after",
				 "select " COLUMNS " from run where id > ?1 order by id limit ?2");
}

bool runs_list(struct runs *r, int64_t link, int64_t after, int most,
	       bool (*each)(void *arg, const struct run *row), void *arg, struct err *e)
{
	struct stmt *s = reader(r->db, after == 0, link != 0);
	stmt_int(s, 1, after);
	stmt_int(s, 2, most > 0 ? most : -1);
	if (link != 0) {
		stmt_int(s, 3, link);
	}

	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		struct run row;
		get_run(s, &row);
		if (!each(arg, &row)) {
			stmt_reset(s);
			return true;
		}
	}
	return got == 0;
}

/* Reads no detail but those of the last failures. */
#define BY_FLOW                                                                                \
	"with last as (select iif(flow = '', coalesce(detail ->> '$.job', ''), flow) as name," \
	" max(iif(outcome <> 'failed', id, 0)) as good,"                                       \
	" max(iif(outcome = 'failed', id, 0)) as bad,"                                         \
	" sum(outcome = 'failed' and at_ms >= ?1) as failed from run group by name)"           \
	" select name, coalesce(g.at_ms, 0), coalesce(b.at_ms, 0), b.detail, last.failed"      \
	" from last left join run g on g.id = good left join run b on b.id = bad"              \
	" order by name"

bool runs_flows(struct runs *r, int64_t since_ms,
		bool (*each)(void *arg, const struct runs_flow *f), void *arg, struct err *e)
{
	struct stmt *s = db_stmt(r->db, "runs.flows", BY_FLOW);
	stmt_int(s, 1, since_ms);
	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		const struct runs_flow f = {
			.flow = stmt_get_text(s, 0),
			.ok_ms = stmt_get_int(s, 1),
			.failed_ms = stmt_get_int(s, 2),
			.detail = stmt_get_int(s, 2) ? stmt_get_text(s, 3) : NULL,
			.failed = stmt_get_int(s, 4),
		};
		if (!each(arg, &f)) {
			stmt_reset(s);
			return true;
		}
	}
	return got == 0;
}

struct runs *runs_new(struct db *d, int64_t keep)
{
	struct runs *r = NEW(struct runs);
	r->db = d;
	r->keep = keep > 0 ? keep : 1;
	return r;
}

void runs_free(struct runs *r)
{
	free(r);
}
