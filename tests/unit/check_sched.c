/* The scheduler: jobs become tasks of main.lua, and their rows follow the outcome; dead rounds. */
#include "app/sched.h"

#include "script/json.h"
#include "store/links.h"
#include "tests.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static int64_t wall = 1940000000000;
static int64_t behind; /* by how much the wall clock was put back so far */

static int64_t wall_now(void *ctx)
{
	(void)ctx;
	return wall;
}

static int64_t mono_now(void *ctx)
{
	(void)ctx;
	return (wall + behind) * 1000;
}

static void put_clock(int64_t ms)
{
	wall += ms;
	behind -= ms;
}

static void all_seven(void *ctx, void *out, size_t n)
{
	(void)ctx;
	memset(out, 7, n);
}

static const struct world world = {.now_ms = wall_now, .mono_us = mono_now, .random = all_seven};

struct rig {
	struct loop *loop;
	struct db *db;
	struct queue *queue;
	struct runs *runs;
	struct links *links;
	struct vm *vm;
	struct tasks *ts;
	struct sched *sched;
};

static struct rig *rig_now;

static int l_mark(lua_State *L)
{
	struct err e;
	bool ok =
		links_mark_set(rig_now->links, luaL_checkstring(L, 1), luaL_checkstring(L, 2), &e);
	return ok ? 0 : luaL_error(L, "%s", e.text);
}

static struct ticket pause_ticket;

static int l_pause(lua_State *L)
{
	struct task *t = task_of(L);
	pause_ticket = task_ticket(t);
	return task_wait(L, t, false, NULL, NULL);
}

static int l_install(lua_State *L)
{
	json_open(L);
	lua_pushglobaltable(L);
	lua_pushliteral(L, "mark");
	lua_pushcfunction(L, l_mark);
	lua_rawset(L, -3);
	lua_pushliteral(L, "pause");
	lua_pushcfunction(L, l_pause);
	lua_rawset(L, -3);
	return 0;
}

static const char script[] =
	"local M = { ticks = { beat = 5 } }\n"
	"local J = {}\n"
	"function J.ok() return true end\n"
	"function J.again() return 1500 end\n"
	"function J.beat() return true end\n"
	"function J.net() return nil, { kind = 'net', text = 'refused' } end\n"
	"function J.remote(p) return nil, { kind = 'remote', text = 'no ' .. p.n } end\n"
	"function J.report(p) mark('report', p.job .. ' ' .. p.kind .. ' ' .. p.payload.n) end\n"
	"function J.raises() mark('raised', 'x') error('boom') end\n"
	"function J.big() mark('big', ('x'):rep(4000000)) end\n"
	"function J.waits() pause() mark('waited', 'x') end\n"
	"function J.late() pause() error('boom') end\n"
	"function M.job(a) return J[a.kind](a.payload, a.meta) end\n"
	"return M\n";

static int discard(lua_State *co, void *arg)
{
	(void)co;
	(void)arg;
	return 0;
}

static struct rig *rig_new(void)
{
	const struct vm_config c = {.requires = true, .strict = true};
	struct rig *r = NEW(struct rig);
	struct err e;
	rig_now = r;
	r->loop = loop_new(&e);
	char *path = xasprintf("%s/state.db", tests_tempdir());
	r->db = db_open(path, &world, &e);
	free(path);
	if (!CHECK(r->db != NULL))
		exit(1);
	r->queue = queue_new(r->db);
	r->runs = runs_new(r->db, 100);
	r->links = links_new(r->db);
	r->vm = vm_new(&c);
	vm_file(r->vm, "main", "main.lua", script, strlen(script));
	lua_pushcfunction(vm_lua(r->vm), l_install);
	CHECK(vm_call(r->vm, vm_lua(r->vm), 0, 0, 0, &e));
	r->ts = tasks_new(r->vm, r->db, &world);
	const struct sched_env env = {r->loop, &world, r->queue, r->runs};
	r->sched = sched_new(&env);
	CHECK(sched_use(r->sched, r->vm, r->ts, 3, 4, &e));
	return r;
}

static void rig_free(struct rig *r)
{
	tasks_free(r->ts);
	sched_free(r->sched);
	vm_free(r->vm);
	links_free(r->links);
	runs_free(r->runs);
	queue_free(r->queue);
	db_close(r->db);
	loop_free(r->loop);
	free(r);
}

static int64_t put(struct rig *r, const char *kind)
{
	const struct queue_put p = {.kind = kind, .lane = "l", .key = "", .payload = "{\"n\":7}"};
	struct err e;
	int64_t id = 0;
	CHECK(queue_put(r->queue, &p, &id, &e));
	sched_look(r->sched);
	return id;
}

/* What a round of the site does. */
static bool round_once(struct rig *r)
{
	struct err e;
	sched_round(r->sched);
	while (tasks_run(r->ts, INT64_MAX))
		;
	bool ok = db_commit(r->db, &e);
	tasks_round_over(r->ts, ok);
	sched_round_over(r->sched, ok);
	return ok;
}

struct seen {
	int64_t id;
	struct job job;
	bool there;
};

static bool see(void *arg, const struct job *j)
{
	struct seen *s = arg;
	if (j->id == s->id) {
		s->job = *j; /* its texts die: only numbers are looked at */
		s->there = true;
	}
	return true;
}

static struct seen look_at(struct rig *r, int64_t id)
{
	struct seen s = {.id = id};
	struct err e;
	CHECK(queue_list(r->queue, NULL, 0, 100, see, &s, &e));
	return s;
}

static bool marked(struct rig *r, const char *name, const char *value)
{
	struct err e;
	char *got = NULL;
	bool same = links_mark_get(r->links, name, &got, &e) &&
		    (value ? got && strcmp(got, value) == 0 : !got);
	free(got);
	return same;
}

static bool count_run(void *arg, const struct run *row)
{
	int *n = arg;
	CHECK_STR(row->outcome, "failed");
	++*n;
	return true;
}

static int runs_of(struct rig *r)
{
	struct err e;
	int n = 0;
	CHECK(runs_list(r->runs, 0, 0, 100, count_run, &n, &e));
	return n;
}

static void pages(struct rig *r, const char *sql)
{
	struct err e;
	struct stmt *s = db_stmt(r->db, sql, sql);
	CHECK(stmt_row(s, &e) == 1);
	stmt_reset(s);
}

static void say(struct rig *r, const char *sql)
{
	struct err e;
	CHECK(stmt_write(db_stmt(r->db, sql, sql), NULL, &e));
}

static void check_outcomes(void)
{
	CASE ("sched_job_done_is_gone_without_a_record") {
		struct rig *r = rig_new();
		int64_t id = put(r, "ok");
		CHECK(round_once(r));
		CHECK(!look_at(r, id).there);
		CHECK_INT(runs_of(r), 0);
		CHECK_INT(sched_running(r->sched), 0);
		rig_free(r);
	}
	CASE ("sched_number_runs_the_same_row_again_in_that_time") {
		struct rig *r = rig_new();
		int64_t id = put(r, "again");
		CHECK(round_once(r));
		struct seen s = look_at(r, id);
		CHECK(s.there && s.job.attempt == 0 && s.job.lease_ms == 0);
		CHECK_INT(s.job.due_ms, wall + 1500);
		rig_free(r);
	}
	CASE ("sched_net_counts_the_attempt_and_leaves_a_record") {
		struct rig *r = rig_new();
		int64_t id = put(r, "net");
		CHECK(round_once(r));
		struct seen s = look_at(r, id);
		CHECK(s.there && s.job.attempt == 1 && s.job.why == ERR_NET && !s.job.dead);
		CHECK(s.job.due_ms >= wall && s.job.due_ms <= wall + 1000);
		CHECK_INT(runs_of(r), 1);
		rig_free(r);
	}
	CASE ("sched_remote_is_buried_and_reported_in_its_lane") {
		struct rig *r = rig_new();
		int64_t id = put(r, "remote");
		CHECK(round_once(r));
		CHECK(look_at(r, id).job.dead);
		CHECK(round_once(r));
		CHECK(marked(r, "report", "remote remote 7"));
		rig_free(r);
	}
	CASE ("sched_raise_loses_its_writes_and_keeps_generation_and_reason") {
		struct rig *r = rig_new();
		int64_t id = put(r, "raises");
		CHECK(round_once(r));
		struct seen s = look_at(r, id);
		CHECK(s.job.dead && s.job.why == ERR_SCRIPT && s.job.generation == 3);
		CHECK(marked(r, "raised", NULL));
		rig_free(r);
	}
	CASE ("sched_what_an_old_generation_could_not_do_is_the_new_ones_to_try") {
		struct rig *r = rig_new();
		struct err e;
		int64_t id = put(r, "late");
		CHECK(round_once(r));
		CHECK(sched_use(r->sched, r->vm, r->ts, 4, 4, &e));
		task_wake(pause_ticket, discard, NULL);
		CHECK(round_once(r));
		struct seen s = look_at(r, id);
		CHECK(s.there && !s.job.dead && s.job.attempt == 0 && s.job.due_ms == wall);
		CHECK(round_once(r));
		task_wake(pause_ticket, discard, NULL);
		CHECK(round_once(r));
		s = look_at(r, id);
		CHECK(s.job.dead && s.job.generation == 4);
		rig_free(r);
	}
	CASE ("sched_tick_is_there_once_and_comes_again_when_done") {
		struct rig *r = rig_new();
		struct err e;
		CHECK(sched_use(r->sched, r->vm, r->ts, 4, 4, &e));
		struct queue_stats q;
		CHECK(queue_stats(r->queue, &q, &e));
		CHECK_INT(q.waiting, 1);
		wall += 6000;
		sched_look(r->sched);
		CHECK(round_once(r));
		CHECK(queue_stats(r->queue, &q, &e));
		CHECK_INT(q.waiting, 1);
		CHECK_INT(q.due, 0);
		rig_free(r);
	}
	CASE ("sched_most_bounds_the_jobs_at_once_and_a_lane_runs_one") {
		struct rig *r = rig_new();
		put(r, "waits");
		put(r, "waits");
		CHECK(round_once(r));
		CHECK_INT(sched_running(r->sched), 1);
		rig_free(r);
	}
	CASE ("sched_stopped_takes_nothing") {
		struct rig *r = rig_new();
		int64_t id = put(r, "ok");
		sched_stop(r->sched);
		CHECK(round_once(r));
		CHECK(look_at(r, id).there);
		rig_free(r);
	}
}

static void check_lost(void)
{
	CASE ("sched_job_of_a_dead_round_is_due_again_under_store") {
		struct rig *r = rig_new();
		CHECK(round_once(r));
		pages(r, "pragma max_page_count=60");
		put(r, "ok");
		CHECK(round_once(r));
		int64_t id = put(r, "big");
		struct err e;
		CHECK(db_commit(r->db, &e));
		CHECK(!round_once(r));
		CHECK_INT(sched_running(r->sched), 0);
		CHECK(marked(r, "big", NULL));
		CHECK(round_once(r)); /* fresh: it is put back */
		struct seen s = look_at(r, id);
		CHECK(s.there && s.job.why == ERR_STORE && s.job.lease_ms == 0 && !s.job.dead);
		pages(r, "pragma max_page_count=100000");
		wall += 300000;
		sched_look(r->sched);
		CHECK(round_once(r));
		CHECK(!look_at(r, id).there);
		CHECK(!marked(r, "big", NULL));
		rig_free(r);
	}
	CASE ("sched_job_done_in_a_round_that_was_not_written_is_due_again") {
		struct rig *r = rig_new();
		struct err e;
		int64_t id = put(r, "ok");
		CHECK(db_commit(r->db, &e));
		say(r, "pragma defer_foreign_keys=on");
		say(r, "insert into alias values ('crm', 'k', 999)"); /* no such link */
		CHECK(!round_once(r));
		CHECK(round_once(r)); /* fresh: it is put back */
		struct seen s = look_at(r, id);
		CHECK(s.there && s.job.why == ERR_STORE && s.job.lease_ms == 0 && !s.job.dead);
		wall += 300000;
		sched_look(r->sched);
		CHECK(round_once(r));
		CHECK(!look_at(r, id).there);
		rig_free(r);
	}
	CASE ("sched_job_whose_lease_was_lost_with_the_round_is_not_run_twice") {
		struct rig *r = rig_new();
		struct err e;
		pages(r, "pragma max_page_count=60");
		int64_t id = put(r, "waits");
		CHECK(db_commit(r->db, &e));
		sched_round(r->sched); /* takes it; its task suspends without a write */
		while (tasks_run(r->ts, INT64_MAX))
			;
		char *big = xmalloc(4000001);
		memset(big, 'x', 4000000);
		big[4000000] = '\0';
		CHECK(!links_mark_set(r->links, "big", big, &e));
		free(big);
		bool ok = db_commit(r->db, &e);
		CHECK(!ok);
		tasks_round_over(r->ts, ok);
		sched_round_over(r->sched, ok);
		CHECK_INT(tasks_count(r->ts), 0);
		task_wake(pause_ticket, discard, NULL);
		CHECK(round_once(r));
		CHECK_INT(look_at(r, id).job.why, ERR_STORE);
		CHECK(marked(r, "waited", NULL));
		rig_free(r);
	}
	CASE ("sched_job_of_a_closed_task_waits_again_at_once_uncounted") {
		struct rig *r = rig_new();
		int64_t id = put(r, "waits");
		CHECK(round_once(r));
		tasks_free(r->ts);
		r->ts = tasks_new(r->vm, r->db, &world);
		struct err e;
		CHECK(sched_use(r->sched, r->vm, r->ts, 4, 4, &e));
		sched_stop(r->sched);
		CHECK(round_once(r));
		struct seen s = look_at(r, id);
		CHECK(s.there && s.job.attempt == 0 && s.job.lease_ms == 0 && s.job.due_ms <= wall);
		CHECK_INT(sched_running(r->sched), 0);
		rig_free(r);
	}
}

void check_sched(void);
/* "net" waits for its next try, "again" and a tick for their time. */
static void wait_three(struct rig *r, int64_t id[2])
{
	id[0] = put(r, "net");
	id[1] = put(r, "again");
	CHECK(round_once(r));
	CHECK(round_once(r));
}

static const int64_t jumps[] = {-86400000, -315576000000, -3600000, 86400000, 315576000000};
enum { JUMPS = sizeof(jumps) / sizeof(jumps[0]) };

static void check_clock(void)
{
	CASE ("guard 5: a clock put back or forward: what waits comes in its time, each once") {
		for (size_t i = 0; i < JUMPS; i++) {
			struct rig *r = rig_new();
			int64_t id[2];
			wait_three(r, id);
			put_clock(jumps[i]);
			wall += 6000; /* all three are due by now */
			sched_look(r->sched);
			CHECK(round_once(r));
			CHECK(round_once(r));
			CHECK_INT(look_at(r, id[0]).job.attempt, 2);
			CHECK_INT(look_at(r, id[1]).job.due_ms, wall + 1500);
			struct queue_stats q;
			struct err e;
			CHECK(queue_stats(r->queue, &q, &e));
			CHECK_INT(q.due, 0);
			CHECK_INT(q.waiting, 3);
			rig_free(r);
		}
	}
	CASE ("guard 5: a clock put back while the host was down: what waits comes in its time") {
		struct rig *r = rig_new();
		int64_t id[2];
		wait_three(r, id);
		const struct sched_env env = {r->loop, &world, r->queue, r->runs};
		sched_free(r->sched);
		put_clock(-315576000000);
		behind = -wall; /* a machine that was started anew */
		r->sched = sched_new(&env);
		struct err e;
		CHECK(sched_use(r->sched, r->vm, r->ts, 3, 4, &e));
		CHECK(round_once(r));
		wall += 6000;
		sched_look(r->sched);
		CHECK(round_once(r));
		CHECK(round_once(r));
		CHECK_INT(look_at(r, id[0]).job.attempt, 2);
		CHECK_INT(look_at(r, id[1]).job.due_ms, wall + 1500);
		rig_free(r);
	}
	CASE ("guard 5: a clock put back in a round that dies is put right in the next") {
		struct rig *r = rig_new();
		int64_t id[2];
		wait_three(r, id);
		pages(r, "pragma max_page_count=60");
		put(r, "big"); /* due at once */
		put_clock(-86400000);
		wall += 6000;
		CHECK(!round_once(r));
		pages(r, "pragma max_page_count=100000");
		sched_look(r->sched);
		CHECK(round_once(r));
		CHECK(round_once(r));
		CHECK_INT(look_at(r, id[1]).job.due_ms, wall + 1500);
		rig_free(r);
	}
}

void check_sched(void)
{
	check_outcomes();
	check_lost();
	check_clock();
}
