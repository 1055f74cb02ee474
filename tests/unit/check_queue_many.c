/*
 * The queue: how jobs end and come back, one or many at once, and what is said about them.
 */
#include "queue_kit.h"

void check_queue_many(void);

static void check_ends(void)
{
	CASE ("queue_done_of_a_waiting_job_is_refused") {
		start();
		struct err e = {0};
		int64_t a = put_in("", 0);
		CHECK(!queue_done(q, a, &e));
		CHECK_STR(err_kind_name(e.kind), "absent");
		CHECK_INT(take(), a);
		stop();
	}

	CASE ("queue_again_keeps_reason_and_counts_if_asked") {
		start();
		struct err e;
		int64_t a = put_in("", 0);
		CHECK_INT(take(), a);
		CHECK(again(a, kit_now + 10));
		struct job j = look(a);
		CHECK_INT(j.attempt, 1);
		CHECK_INT(j.due_ms, kit_now + 10);
		CHECK_INT(j.lease_ms, 0);
		CHECK_INT(j.why, ERR_NET);
		CHECK_STR(j.text, "refused");
		job_clear(&j);
		kit_now += 10;
		CHECK_INT(take(), a);
		CHECK(queue_again(q, a, kit_now, false, NULL, &e));
		j = look(a);
		CHECK_INT(j.attempt, 1);
		CHECK_STR(j.text, "refused");
		job_clear(&j);
		stop();
	}

	/* A round dies after the take: the row waits again when its failure is told. */
	CASE ("queue_again_of_a_waiting_job_puts_it_off") {
		start();
		int64_t a = put_in("link:1", 0), b = put_in("link:1", 0);
		CHECK(again(a, kit_now + 10));
		CHECK_INT(take(), b);
		CHECK(done(b));
		CHECK_INT(take(), 0);
		kit_now += 10;
		CHECK_INT(take(), a);
		stop();
	}

	CASE ("queue_bury_keeps_the_job_with_its_reason") {
		start();
		int64_t a = put_key("k", "1");
		CHECK_INT(take(), a);
		CHECK(bury(a, ERR_DATA));
		CHECK_INT(take(), 0);
		struct job j = look(a);
		CHECK(j.dead);
		CHECK_INT(j.why, ERR_DATA);
		CHECK_STR(j.text, "no good");
		CHECK_INT(j.generation, 3);
		job_clear(&j);
		CHECK(put_key("k", "2") != a); /* the dead do not coalesce */
		CHECK(!bury(a, ERR_DATA));
		stop();
	}

	CASE ("queue_release_voids_leases_all_or_the_old_ones") {
		start();
		int64_t a = put_in("link:1", 0), b = put_in("link:1", 0), c = put_in("", 0);
		CHECK_INT(take(), a);
		kit_now += 1000;
		CHECK_INT(take(), c);
		CHECK_INT(release(kit_now), 0); /* leases run for a minute */
		CHECK_INT(release(kit_now + 59500), 1);
		CHECK_INT(take(), a);
		CHECK_INT(release(0), 2);
		CHECK_INT(release(0), 0);
		CHECK_INT(take(), a);
		CHECK_INT(take(), c);
		CHECK_INT(take(), 0);
		CHECK(done(a));
		CHECK_INT(take(), b);
		stop();
	}

	CASE ("queue_release_after_a_dead_process_makes_its_jobs_due") {
		char *path = in_tempdir("state.db");
		d = open_db(path);
		q = queue_new(d);
		int64_t a = put_in("link:1", 0);
		CHECK_INT(take(), a);
		stop();
		d = open_db(path);
		q = queue_new(d);
		CHECK_INT(take(), 0);
		CHECK_INT(release(0), 1);
		CHECK_INT(take(), a);
		CHECK(put_in("", 0) > a);
		stop();
		free(path);
	}
}

static void bury_some(void)
{
	static const enum err_kind kinds[] = {ERR_DATA, ERR_REMOTE, ERR_DATA};
	for (int i = 0; i < 3; i++) {
		put_in("link:1", 0);
		CHECK(bury(take(), kinds[i]));
	}
}

static void check_revive(void)
{
	CASE ("queue_revive_one_starts_afresh") {
		start();
		bury_some();
		kit_now += 7;
		CHECK_INT(revive(2, ERR_NONE, 0), 1);
		CHECK_INT(revive(2, ERR_NONE, 0), 0);
		struct job j = look(2);
		CHECK(!j.dead);
		CHECK_INT(j.attempt, 0);
		CHECK_INT(j.due_ms, kit_now);
		job_clear(&j);
		CHECK_INT(take(), 2);
		CHECK_INT(take(), 0);
		stop();
	}

	CASE ("queue_revive_of_a_kind_takes_that_kind") {
		start();
		bury_some();
		CHECK_INT(revive(0, ERR_DATA, 0), 2);
		CHECK_INT(stats().dead, 1);
		CHECK_INT(take(), 1);
		CHECK_INT(take(), 0); /* one lane */
		stop();
	}

	CASE ("queue_hurry_makes_due_what_waits_for_that") {
		start();
		int64_t signed_out = put_in("a", 0);
		int64_t slow = put_in("b", 0);
		struct err e, why;
		CHECK_INT(take(), signed_out);
		CHECK_INT(take(), slow);
		err_set(&why, ERR_AUTH, "no sign-in");
		CHECK(queue_again(q, signed_out, INT64_MAX / 2, false, &why, &e));
		CHECK(again(slow, INT64_MAX / 2));
		CHECK_INT(take(), 0);
		CHECK(queue_hurry(q, ERR_AUTH, &e));
		CHECK_INT(take(), signed_out);
		CHECK_INT(take(), 0);
		stop();
	}

	CASE ("queue_revive_all_and_of_other_generations") {
		start();
		bury_some();
		CHECK_INT(revive(0, ERR_NONE, 3), 0); /* 3 is what failed */
		CHECK_INT(revive(0, ERR_NONE, 4), 3);
		CHECK_INT(revive(0, ERR_NONE, 0), 0);
		stop();
	}

	CASE ("queue_a_younger_job_of_a_key_supersedes_its_dead_letters") {
		start();
		put_key("deal:1", "{}");
		CHECK(bury(take(), ERR_DATA));
		put_key("deal:2", "{}");
		CHECK(bury(take(), ERR_DATA));
		put_key("deal:1", "{}");
		CHECK_INT(stats().dead, 2); /* while it waits the old letter stands */
		CHECK(bury(take(), ERR_REMOTE));
		CHECK_INT(stats().dead, 2);
		put_key("deal:1", "{}");
		CHECK(done(take()));
		CHECK_INT(stats().dead, 1);
		stop();
	}

	CASE ("queue_revive_of_one_key_makes_one_job_with_the_newest_payload") {
		start();
		put_key("k", "1");
		CHECK(bury(take(), ERR_DATA));
		put_key("k", "2");
		CHECK_INT(revive(0, ERR_NONE, 0), 1);
		CHECK_INT(stats().waiting, 1);
		CHECK_INT(stats().dead, 0);
		struct err e;
		struct job j;
		CHECK_INT(queue_take(q, 1, 1, &j, &e), 1);
		CHECK_STR(j.payload, "2");
		job_clear(&j);
		stop();
	}
}

static void check_looking(void)
{
	CASE ("queue_stats_count_each_state") {
		start();
		struct queue_stats s = stats();
		CHECK_INT(s.waiting + s.due + s.running + s.dead + s.oldest_due_ms, 0);
		bury_some();
		put_in("link:1", kit_now - 50);
		put_in("link:1", kit_now - 40);
		put_in("link:1", kit_now - 30);
		put_in("link:2", kit_now + 90);
		take();
		s = stats();
		CHECK_INT(s.waiting, 3);
		CHECK_INT(s.due, 2);
		CHECK_INT(s.running, 1);
		CHECK_INT(s.dead, 3);
		CHECK_INT(s.oldest_due_ms, kit_now - 40); /* though it must wait for its lane */
		stop();
	}

	CASE ("queue_list_by_state_after_and_most") {
		start();
		struct err e = {0};
		bury_some();
		for (int i = 4; i <= 7; i++) {
			put_in("link:1", 0);
		}
		CHECK_INT(take(), 4);
		static const struct {
			const char *state;
			int64_t after;
			int most;
			const char *want;
		} asks[] = {
			{NULL, 0, 0, "1 2 3 4 5 6 7 "},
			{NULL, 2, 3, "3 4 5 "},
			{"waiting", 0, 0, "5 6 7 "},
			{"waiting", 5, 1, "6 "},
			{"running", 0, 10, "4 "},
			{"dead", 0, 2, "1 2 "},
			{"dead", 3, 2, ""},
		};
		for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
			char *got = list(asks[i].state, asks[i].after, asks[i].most);
			CHECK_STR(got, asks[i].want);
			free(got);
		}
		CHECK(!queue_list(q, "asleep", 0, 1, join_ids, NULL, &e));
		CHECK_STR(err_kind_name(e.kind), "data");
		stop();
	}
}

void check_queue_many(void)
{
	check_ends();
	check_revive();
	check_looking();
}
