/*
 * Run records: what goes in comes out, in either order, and old ones go.
 */
#include "store/runs.h"

#include "store_kit.h"

void check_runs(void);

static struct db *d;
static struct runs *r;

static void start(int64_t keep)
{
	d = open_db(":memory:");
	r = runs_new(d, keep);
}

static void stop(void)
{
	CHECK(commit(d));
	runs_free(r);
	db_close(d);
}

static int64_t add(int64_t link)
{
	struct err e;
	struct run in = {.flow = "f", .link = link, .outcome = "equal"};
	int64_t id = 0;
	CHECK(runs_add(r, &in, &id, &e));
	return id;
}

static bool join(void *arg, const struct run *row)
{
	buf_addf(arg, "%d:%d ", (int)row->id, (int)row->link);
	return true;
}

static void are(int64_t link, int64_t after, int most, const char *want)
{
	struct err e;
	struct buf b = {0};
	CHECK(runs_list(r, link, after, most, join, &b, &e));
	char *got = buf_take(&b);
	CHECK_STR(got, want);
	free(got);
}

static bool check_fields(void *arg, const struct run *row)
{
	*(int *)arg += 1;
	CHECK_INT(row->id, 1);
	CHECK_INT(row->at_ms, 5);
	CHECK_STR(row->flow, "flow");
	CHECK_INT(row->link, 6);
	CHECK_STR(row->trigger, "callback");
	CHECK_STR(row->outcome, "created");
	CHECK_INT(row->ms, 7);
	CHECK_INT(row->requests, 8);
	CHECK_INT(row->operations, 9);
	CHECK_STR(row->calls, "{\"crm\":8}");
	CHECK_INT(row->generation, 10);
	CHECK_STR(row->detail, "{\"a\":1}");
	return false;
}

static void add_outcome(const char *flow, int64_t at_ms, const char *outcome, const char *detail)
{
	struct err e;
	struct run in = {.at_ms = at_ms, .flow = flow, .outcome = outcome, .detail = detail};
	int64_t id = 0;
	CHECK(runs_add(r, &in, &id, &e));
}

static bool join_flow(void *arg, const struct runs_flow *f)
{
	buf_addf(arg, "%s ok %d bad %d x%d %s; ", f->flow, (int)f->ok_ms, (int)f->failed_ms,
		 (int)f->failed, f->detail ? f->detail : "-");
	return true;
}

static void flows_are(int64_t since_ms, const char *want)
{
	struct err e;
	struct buf b = {0};
	CHECK(runs_flows(r, since_ms, join_flow, &b, &e));
	char *got = buf_take(&b);
	CHECK_STR(got ? got : "", want);
	free(got);
}

void check_runs(void)
{
	CASE ("runs_add_keeps_every_field") {
		start(10);
		struct err e;
		struct run in = {0, 5, "flow",        6,  "callback", "created", 7,
				 8, 9, "{\"crm\":8}", 10, "{\"a\":1}"};
		int64_t id;
		int seen = 0;
		CHECK(runs_add(r, &in, &id, &e));
		CHECK_INT(id, 1);
		add(6);
		CHECK(runs_list(r, 6, -1, 9, check_fields, &seen, &e));
		CHECK_INT(seen, 1);
		stop();
	}

	CASE ("runs_list_newest_first_or_on_from_a_number") {
		start(100);
		add(1), add(2), add(0), add(1), add(2);
		are(0, 0, 2, "5:2 4:1 ");
		are(0, 0, 0, "5:2 4:1 3:0 2:2 1:1 ");
		are(0, 2, 2, "3:0 4:1 ");
		are(0, 5, 9, "");
		are(1, 0, 9, "4:1 1:1 ");
		are(2, 2, 9, "5:2 ");
		stop();
	}

	CASE ("runs_add_beyond_keep_drops_the_oldest") {
		start(3);
		for (int i = 0; i < 10; i++) {
			add(1);
		}
		are(0, 0, 0, "10:1 9:1 8:1 ");
		runs_free(r);
		r = runs_new(d, 1); /* a profile that keeps fewer */
		add(2);
		are(0, 0, 0, "11:2 ");
		stop();
	}

	CASE ("runs_flows_tells_the_last_good_and_the_last_failed_of_each") {
		start(100);
		flows_are(0, "");
		add_outcome("in", 1, "created", NULL);
		add_outcome("in", 2, "failed", "{\"text\":\"first\"}");
		add_outcome("in", 3, "failed", "{\"text\":\"second\"}");
		add_outcome("in", 4, "equal", NULL);
		add_outcome("out", 5, "updated", NULL);
		add_outcome("", 6, "failed", "{\"job\":\"tick\"}");
		add_outcome("", 7, "equal", NULL);
		flows_are(3, " ok 7 bad 0 x0 -; "
			     "in ok 4 bad 3 x1 {\"text\":\"second\"}; "
			     "out ok 5 bad 0 x0 -; "
			     "tick ok 0 bad 6 x1 {\"job\":\"tick\"}; ");
		stop();
	}
}
