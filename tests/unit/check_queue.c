/*
 * The queue: what is taken in which order, one run a lane, coalescing of what waits, that a long
 * lane behind a busy job costs the others nothing, and a long random run against a plain model.
 */
#include "queue_kit.h"

void check_queue(void);

static void check_order(void)
{
	CASE ("queue_take_is_in_order_of_due_then_id_and_not_before") {
		start();
		int64_t late = put_in("", kit_now + 500);
		int64_t second = put_in("", 0);
		int64_t third = put_in("", 0);
		int64_t first = put_in("", kit_now - 1);
		CHECK_INT(take(), first);
		CHECK_INT(take(), second);
		CHECK_INT(take(), third);
		CHECK_INT(take(), 0);
		CHECK_INT(queue_next_due(q), kit_now + 500);
		kit_now += 500;
		CHECK_INT(take(), late);
		CHECK_INT(queue_next_due(q), -1);
		stop();
	}

	CASE ("queue_take_hands_over_every_field") {
		start();
		struct err e;
		struct job j;
		int64_t id =
			put_job((struct queue_put){"look", "link:7", "k", "{\"a\":1}", 0, false});
		int64_t put_at = kit_now;
		kit_now += 10;
		CHECK_INT(queue_take(q, 60000, 3, &j, &e), 1);
		CHECK_INT(j.id, id);
		CHECK_STR(j.kind, "look");
		CHECK_STR(j.lane, "link:7");
		CHECK_STR(j.key, "k");
		CHECK_STR(j.payload, "{\"a\":1}");
		CHECK_STR(j.text, "");
		CHECK_INT(j.due_ms, put_at);
		CHECK_INT(j.created_ms, put_at);
		CHECK_INT(j.attempt, 0);
		CHECK_INT(j.lease_ms, kit_now + 60000);
		CHECK_INT(j.generation, 3);
		CHECK(!j.dead && j.why == ERR_NONE);
		job_clear(&j);
		stop();
	}

	CASE ("queue_number_of_a_finished_job_is_not_given_again") {
		start();
		int64_t a = put_in("", 0);
		CHECK_INT(take(), a);
		CHECK(done(a));
		CHECK(put_in("", 0) > a);
		CHECK(!done(a)); /* a late end hits nobody */
		CHECK_INT(stats().waiting, 1);
		stop();
	}

	CASE ("queue_put_in_an_undone_step_is_gone") {
		start();
		put_in("link:1", 0);
		db_step_begin(d);
		put_in("link:1", kit_now - 5); /* would go first */
		db_step_end(d, false);
		CHECK_INT(stats().waiting, 1);
		CHECK_INT(take(), 1);
		stop();
	}
}

static void check_lanes(void)
{
	CASE ("queue_lane_runs_one_at_a_time_and_others_pass") {
		start();
		int64_t a = put_in("link:1", 0), b = put_in("link:1", 0), c = put_in("link:2", 0);
		CHECK_INT(take(), a);
		CHECK_INT(take(), c);
		CHECK_INT(take(), 0);
		CHECK_INT(queue_next_due(q), -1); /* b is due but cannot run: nobody need wake */
		CHECK(done(a));
		CHECK(queue_next_due(q) >= 0);
		CHECK_INT(take(), b);
		CHECK_INT(take(), 0);
		stop();
	}

	CASE ("queue_without_lane_never_blocks") {
		start();
		int64_t a = put_in("", 0), b = put_in("", 0);
		CHECK_INT(take(), a);
		CHECK_INT(take(), b);
		stop();
	}

	CASE ("queue_lane_put_while_running_waits") {
		start();
		int64_t a = put_in("link:1", 0);
		CHECK_INT(take(), a);
		int64_t b = put_in("link:1", 0);
		CHECK_INT(take(), 0);
		CHECK(bury(a, ERR_REMOTE)); /* a dead job frees its lane */
		CHECK_INT(take(), b);
		stop();
	}

	CASE ("queue_lane_earlier_due_goes_first_whatever_came_first") {
		start();
		int64_t late = put_in("link:1", kit_now + 900);
		int64_t soon = put_in("link:1", kit_now - 9);
		int64_t sooner = put_in("link:1", kit_now - 10);
		CHECK_INT(take(), sooner);
		CHECK(again(sooner, kit_now + 100)); /* its back-off does not hold up the lane */
		CHECK_INT(take(), soon);
		CHECK(done(soon));
		CHECK_INT(take(), 0);
		CHECK_INT(queue_next_due(q), kit_now + 100);
		kit_now += 1000;
		CHECK_INT(take(), sooner);
		CHECK(done(sooner));
		CHECK_INT(take(), late);
		stop();
	}

	CASE ("queue_move_waits_at_once_in_the_other_lane") {
		start();
		struct err e;
		int64_t a = put_in("", 0), b = put_in("link:1", 0), c = put_in("link:1", 0);
		CHECK_INT(take(), a);
		CHECK_INT(take(), b);
		CHECK(queue_move(q, a, "link:1", &e));
		CHECK_INT(take(), 0);
		CHECK(done(b));
		CHECK_INT(take(), a); /* it is the older one */
		struct job j = look(a);
		CHECK_STR(j.lane, "link:1");
		CHECK_INT(j.attempt, 0);
		job_clear(&j);
		CHECK(done(a));
		CHECK_INT(take(), c);
		stop();
	}

	CASE ("queue_move_frees_the_lane_it_leaves") {
		start();
		struct err e;
		int64_t a = put_in("x", 0), b = put_in("x", 0);
		CHECK_INT(take(), a);
		CHECK(queue_move(q, a, "y", &e));
		CHECK_INT(take(), a);
		CHECK_INT(take(), b);
		stop();
	}

	/* 40,000 jobs behind a busy one: looking at each for every take would be minutes. */
	CASE ("queue_take_beside_a_long_busy_lane_is_quick") {
		start();
		int64_t busy = put_in("link:1", kit_now - 2);
		CHECK_INT(take(), busy);
		for (int i = 0; i < 40000; i++) {
			put_in("link:1", kit_now - 1);
		}
		for (int i = 0; i < 2000; i++) {
			put_in("link:2", 0);
		}
		for (int i = 0; i < 2000; i++) {
			int64_t id = take();
			CHECK(id > 40000 && done(id));
		}
		CHECK_INT(take(), 0);
		CHECK(done(busy));
		CHECK_INT(take(), busy + 1);
		stop();
	}
}

static void check_coalescing(void)
{
	CASE ("queue_put_same_key_waiting_is_one_job_with_the_newer_payload") {
		start();
		int64_t a = put_key("k", "1");
		CHECK_INT(put_key("k", "2"), a);
		CHECK(put_key("other", "1") != a);
		struct job j = look(a);
		CHECK_STR(j.payload, "2");
		job_clear(&j);
		CHECK_INT(stats().waiting, 2);
		stop();
	}

	CASE ("queue_put_without_key_never_coalesces") {
		start();
		CHECK(put_key("", "1") != put_key("", "1"));
		CHECK(put_key(NULL, "1") != put_key(NULL, "1"));
		CHECK_INT(stats().waiting, 4);
		stop();
	}

	CASE ("queue_put_same_key_keeps_payload_if_asked_and_the_earlier_due") {
		start();
		struct queue_put p = {"deal", "", "k", "first", kit_now + 100, false};
		int64_t a = put_job(p);
		p = (struct queue_put){"deal", "", "k", "second", kit_now + 50, true};
		CHECK_INT(put_job(p), a);
		p = (struct queue_put){"deal", "", "k", "third", kit_now + 70, true};
		CHECK_INT(put_job(p), a);
		struct job j = look(a);
		CHECK_STR(j.payload, "first");
		CHECK_INT(j.due_ms, kit_now + 50);
		job_clear(&j);
		stop();
	}

	CASE ("queue_put_same_again_writes_nothing") {
		start();
		put_key("k", "1");
		CHECK(commit(d));
		uint64_t before = db_commits(d);
		kit_now += 5;
		put_key("k", "1");
		CHECK(commit(d));
		CHECK_INT(db_commits(d), before);
		stop();
	}

	CASE ("queue_put_same_key_earlier_overtakes_its_lane") {
		start();
		int64_t first = put_in("link:1", kit_now - 5);
		struct queue_put p = {"deal", "link:1", "k", "1", kit_now, false};
		int64_t keyed = put_job(p);
		p.due_ms = kit_now - 10;
		CHECK_INT(put_job(p), keyed);
		CHECK_INT(take(), keyed);
		CHECK_INT(take(), 0);
		CHECK(done(keyed));
		CHECK_INT(take(), first);
		stop();
	}

	CASE ("queue_put_same_key_while_running_is_one_more_job") {
		start();
		int64_t a = put_key("k", "1");
		CHECK_INT(take(), a);
		int64_t b = put_key("k", "2");
		CHECK(b != a);
		CHECK_INT(put_key("k", "3"), b);
		CHECK(done(a));
		CHECK_INT(take(), b);
		stop();
	}

	CASE ("queue_again_takes_in_what_came_while_it_ran") {
		start();
		int64_t a = put_key("k", "1");
		CHECK_INT(take(), a);
		put_key("k", "2");
		CHECK(again(a, kit_now + 1000));
		CHECK_INT(stats().waiting, 1);
		struct job j = look(a);
		CHECK_STR(j.payload, "2");
		CHECK_INT(j.due_ms, kit_now); /* the new event does not sit out the back-off */
		CHECK_INT(j.attempt, 1);
		job_clear(&j);
		stop();
	}

	CASE ("queue_move_takes_in_what_came_while_it_ran") {
		start();
		struct err e;
		int64_t a = put_key("k", "1");
		CHECK_INT(take(), a);
		put_key("k", "2");
		CHECK(queue_move(q, a, "link:1", &e));
		CHECK_INT(take(), a);
		CHECK_INT(take(), 0);
		stop();
	}
}

/* ---- against a plain model ---- */

enum { MODEL_JOBS = 4000, MODEL_LANES = 5 };

struct model {
	int64_t due;
	int lane; /* 0: none */
	enum { GONE, WAITS, RUNS, BURIED } state;
};

static struct model model[MODEL_JOBS];
static int64_t top;

static uint32_t chance(uint32_t below)
{
	static uint32_t x = 12345;
	x = x * 1664525 + 1013904223;
	return (x >> 8) % below;
}

static int64_t model_take(void)
{
	int64_t best = 0;
	for (int64_t i = 1; i <= top; i++) {
		bool may = model[i].state == WAITS && model[i].due <= kit_now;
		for (int64_t k = 1; may && model[i].lane && k <= top; k++) {
			may = model[k].state != RUNS || model[k].lane != model[i].lane;
		}
		if (may && (!best || model[i].due < model[best].due)) {
			best = i;
		}
	}
	return best;
}

static const char *const lanes[MODEL_LANES] = {"", "a", "b", "c", "d"};

/* One that is in that state, or 0. */
static int64_t any(int state)
{
	for (int tries = 0; top > 0 && tries < 50; tries++) {
		int64_t id = 1 + chance((uint32_t)top);
		if ((int)model[id].state == state) {
			return id;
		}
	}
	return 0;
}

static void model_step(void)
{
	struct err e;
	int64_t due = kit_now - 20 + chance(40);
	int64_t running = any(RUNS);
	int lane = (int)chance(MODEL_LANES);

	switch (chance(8)) {
	case 0:
	case 1:
	case 2:
		top = put_in(lanes[lane], due);
		model[top] = (struct model){due, lane, WAITS};
		break;
	case 3:
		if (running && CHECK(done(running))) {
			model[running].state = GONE;
		}
		break;
	case 4:
		if (running && CHECK(again(running, due))) {
			model[running].state = WAITS;
			model[running].due = due;
		}
		break;
	case 5:
		if (running && CHECK(queue_move(q, running, lanes[lane], &e))) {
			model[running].state = WAITS;
			model[running].lane = lane;
		}
		break;
	case 6:
		if (running && CHECK(bury(running, ERR_REMOTE))) {
			model[running].state = BURIED;
		}
		break;
	default:
		running = any(BURIED);
		if (running && CHECK_INT(revive(running, ERR_NONE, 0), 1)) {
			model[running].state = WAITS;
			model[running].due = kit_now;
		}
	}
}

static void check_model(void)
{
	CASE ("queue_any_sequence_takes_what_a_plain_search_would") {
		start();
		for (int i = 0; i < 3000; i++) {
			model_step();
			kit_now += chance(3);
			if (chance(2) == 0) {
				int64_t want = model_take();
				if (!CHECK_INT(take(), want)) {
					break;
				}
				model[want].state = want ? RUNS : GONE;
			}
		}
		CHECK(top > 500);
		stop();
	}
}

void check_queue(void)
{
	check_order();
	check_lanes();
	check_coalescing();
	check_model();
}
