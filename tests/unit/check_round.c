/*
 * The round: what a commit, a step and a waiter keep or undo, how a round dies, and what is on disk
 * after the process was killed at a commit.
 */
#include "store_kit.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void check_round(void);

struct heard {
	struct db *d;
	char said[64];
	bool ok;
	bool more; /* write and wait again when told */
};

static void add_letter(struct heard *h, char letter)
{
	size_t n = strlen(h->said);
	CHECK(n + 1 < sizeof(h->said));
	h->said[n] = letter;
}

static void hear(void *arg, bool ok)
{
	struct heard *h = arg;
	h->ok = ok;
	add_letter(h, 'a');
}

static void hear_b(void *arg, bool ok)
{
	struct heard *h = arg;
	h->ok = ok;
	add_letter(h, 'b');
	if (h->more) {
		h->more = false;
		CHECK(put(h->d, 77));
		db_after_commit(h->d, hear, h);
	}
}

static void check_rounds(void)
{
	CASE ("db_commit_without_writes_releases_and_counts_nothing") {
		struct db *d = open_db(":memory:");
		struct heard h = {.d = d};
		db_after_commit(d, hear, &h);
		CHECK_STR(h.said, "");
		CHECK(commit(d));
		CHECK_STR(h.said, "a");
		CHECK(h.ok);
		CHECK_INT(db_commits(d), 0);
		db_close(d);
	}

	CASE ("db_waiters_keep_order_and_their_own_wishes_wait_a_round") {
		struct db *d = open_db(":memory:");
		CHECK(make_table(d));
		struct heard h = {.d = d, .more = true};
		db_after_commit(d, hear_b, &h);
		db_after_commit(d, hear, &h);
		db_after_commit(d, hear_b, &h);
		CHECK(put(d, 1) && commit(d));
		CHECK_STR(h.said, "bab");
		CHECK_INT(db_commits(d), 2);
		CHECK(commit(d));
		CHECK_STR(h.said, "baba");
		CHECK_INT(db_commits(d), 3);
		CHECK_INT(count(d), 2);
		db_close(d);
	}

	CASE ("db_close_open_round_is_undone_and_waiters_hear_false") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		struct heard h = {.d = d, .ok = true};
		CHECK(make_table(d) && put(d, 1));
		db_after_commit(d, hear, &h);
		db_close(d);
		CHECK_STR(h.said, "a");
		CHECK(!h.ok);
		d = open_db(path);
		CHECK_INT(count(d), 0);
		db_close(d);
		free(path);
	}

	CASE ("db_step_undone_loses_only_its_own_writes") {
		struct db *d = open_db(":memory:");
		CHECK(make_table(d));
		CHECK(put(d, 1));
		db_step_begin(d);
		CHECK(!db_step_wrote(d));
		CHECK(put(d, 2) && put(d, 3));
		CHECK(db_step_wrote(d));
		db_step_end(d, false);
		db_step_begin(d);
		CHECK(!db_step_wrote(d));
		CHECK(put(d, 4));
		db_step_end(d, true);
		CHECK(commit(d));
		char *ids = ask(d, "select group_concat(id) from (select id from t order by id)");
		CHECK_STR(ids, "1,4");
		free(ids);
		db_close(d);
	}

	CASE ("db_round_of_undone_steps_commits_nothing") {
		struct db *d = open_db(":memory:");
		CHECK(make_table(d));
		db_step_begin(d);
		CHECK(put(d, 1));
		db_step_end(d, false);
		CHECK(commit(d));
		CHECK_INT(db_commits(d), 1);
		CHECK_INT(count(d), 0);
		CHECK(put(d, 1) && commit(d));
		CHECK_INT(db_commits(d), 2);
		db_close(d);
	}

	CASE ("db_write_broken_key_is_conflict_and_the_round_lives") {
		struct db *d = open_db(":memory:");
		struct err e = {0};
		CHECK(make_table(d) && put(d, 1));
		struct stmt *s = db_stmt(d, "test.twice", "insert into t values (1, 'y')");
		CHECK(!stmt_write(s, NULL, &e));
		CHECK_STR(err_kind_name(e.kind), "conflict");
		CHECK(!db_dead(d));
		CHECK(put(d, 2) && commit(d));
		CHECK_INT(count(d), 2);
		db_close(d);
	}

	CASE ("db_reader_left_open_does_not_hold_the_commit") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		struct err e;
		CHECK(make_table(d) && put(d, 1) && put(d, 2));
		struct stmt *s = db_stmt(d, "test.read", "select id from t");
		CHECK_INT(stmt_row(s, &e), 1);
		CHECK(commit(d));
		CHECK(db_stmt(d, "test.read", "select id from t") ==
		      s); /* free to be asked again */
		CHECK_INT(count(d), 2);
		db_close(d);
		free(path);
	}
}

/* ---- dead rounds ---- */

/* Room for a few pages more than there are. */
static void limit_pages(struct db *d)
{
	free(ask(d, "pragma max_page_count=40"));
}

static void lift_limit(struct db *d)
{
	free(ask(d, "pragma max_page_count=100000"));
}

static void check_dead(void)
{
	CASE ("db_round_disk_full_dies_whole_and_the_next_is_fresh") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		struct err e = {0};
		struct heard h = {.d = d, .ok = true};
		CHECK(make_table(d) && put(d, 1) && commit(d));
		limit_pages(d);

		CHECK(put(d, 2));
		db_after_commit(d, hear, &h);
		CHECK(!put_much(d, &e));
		CHECK_STR(err_kind_name(e.kind), "store");
		CHECK(strstr(e.text, "full") != NULL);
		CHECK(db_dead(d));
		CHECK(!put(d, 3)); /* there is room for it, but the round is over */
		CHECK_INT(count(d), -1);
		uint64_t before = db_commits(d);
		CHECK(!db_commit(d, &e));
		CHECK_STR(err_kind_name(e.kind), "store");
		CHECK_INT(db_commits(d), before);
		CHECK_STR(h.said, "a");
		CHECK(!h.ok);

		CHECK(!db_dead(d));
		CHECK_INT(count(d), 1);
		lift_limit(d);
		CHECK(put_much(d, &e) && commit(d));
		db_close(d);
		d = open_db(path);
		CHECK_INT(count(d), 2);
		db_close(d);
		free(path);
	}

	CASE ("db_round_that_dies_in_a_step_takes_the_steps_before_with_it") {
		struct db *d = open_db(":memory:");
		struct err e;
		CHECK(make_table(d));
		limit_pages(d);
		db_step_begin(d);
		CHECK(put(d, 1));
		db_step_end(d, true);
		db_step_begin(d);
		CHECK(put(d, 2));
		CHECK(!put_much(d, &e));
		db_step_end(d, false);
		CHECK(db_dead(d));
		db_step_begin(d);
		CHECK(!put(d, 3));
		db_step_end(d, true);
		CHECK(!commit(d));
		CHECK_INT(count(d), 0);
		db_step_begin(d);
		CHECK(put(d, 4));
		db_step_end(d, true);
		CHECK(commit(d));
		CHECK_INT(count(d), 1);
		db_close(d);
	}

	/* The failure is a mild one, and yet everything since the last commit is gone. */
	CASE ("db_round_that_sqlite_rolled_back_is_dead") {
		struct db *d = open_db(":memory:");
		struct heard h = {.d = d, .ok = true};
		CHECK(make_table(d) && put(d, 1) && commit(d));
		CHECK(put(d, 2));
		db_after_commit(d, hear, &h);
		CHECK(!say(d, "insert or rollback into t values (1, 'y')"));
		CHECK(db_dead(d));
		CHECK(!put(d, 3));
		CHECK(!commit(d));
		CHECK(!h.ok);
		CHECK_INT(count(d), 1);
		db_close(d);
	}

	CASE ("db_commit_refused_by_sqlite_kills_the_round") {
		struct db *d = open_db(":memory:");
		struct heard h = {.d = d, .ok = true};
		CHECK(make_table(d));
		CHECK(put(d, 1));
		CHECK(say(d, "pragma defer_foreign_keys=on"));
		CHECK(say(d, "insert into alias values ('crm', 'k', 999)")); /* no such link */
		db_after_commit(d, hear, &h);
		CHECK(!commit(d));
		CHECK(!h.ok);
		CHECK_INT(count(d), 0);
		CHECK(put(d, 2) && commit(d));
		CHECK_INT(count(d), 1);
		db_close(d);
	}

	/* The file system says no while COMMIT writes the WAL. */
	CASE ("db_commit_that_cannot_write_kills_the_round_and_keeps_what_was_acknowledged") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		CHECK(make_table(d) && put(d, 1) && commit(d));
		struct stat st;
		char *wal = xasprintf("%s-wal", path);
		CHECK(stat(wal, &st) == 0);
		free(wal);
		struct rlimit was, low;
		signal(SIGXFSZ, SIG_IGN);
		CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0);
		low = was;
		low.rlim_cur = (rlim_t)st.st_size + 100;
		CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
		CHECK(put(d, 2)); /* in memory so far */
		CHECK(!commit(d));
		CHECK(!put(d, 3) || !commit(d)); /* still no room */
		CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
		(void)commit(d);
		CHECK_INT(count(d), 1);
		CHECK(put(d, 4) && commit(d));
		db_close(d);
		d = open_db(path);
		CHECK_INT(count(d), 2);
		char *ok = ask(d, "pragma integrity_check");
		CHECK_STR(ok, "ok");
		free(ok);
		db_close(d);
		free(path);
	}
}

/* ---- killed ---- */

#ifdef COSELL_TEST

static int report_to;

static void acknowledge(void *arg, bool ok)
{
	int64_t v = (int64_t)(intptr_t)arg;
	if (ok && write(report_to, &v, sizeof(v)) != (ssize_t)sizeof(v)) {
		abort();
	}
}

enum { ROUNDS = 12, PER_ROUND = 3 };

/* Rows 1, 2, 3, ... three a round, each acknowledged after its commit. */
static pid_t start_writer(const char *path, uint64_t k, bool before)
{
	pid_t pid = fork();
	if (pid != 0) {
		return pid;
	}
	struct db *d = open_db(path);
	if (!make_table(d)) {
		_exit(1);
	}
	db_kill_at(d, k, before);
	for (int64_t v = 1; v <= (int64_t)ROUNDS * PER_ROUND; v++) {
		if (!put(d, v)) {
			_exit(2);
		}
		db_after_commit(d, acknowledge, (void *)(intptr_t)v);
		if (v % PER_ROUND == 0 && !commit(d)) {
			_exit(3);
		}
	}
	_exit(4);
}

static void kill_at(uint64_t k, bool before)
{
	char *path = in_tempdir("state.db");
	int pipes[2], status;
	CHECK(pipe(pipes) == 0);
	report_to = pipes[1];
	pid_t pid = start_writer(path, k, before);
	close(pipes[1]);
	int64_t v, acked = 0;
	while (read(pipes[0], &v, sizeof(v)) == (ssize_t)sizeof(v)) {
		acked++;
		CHECK_INT(v, acked);
	}
	close(pipes[0]);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	struct db *d = open_db(path);
	CHECK_INT(acked, (int64_t)(k - 1) * PER_ROUND);
	CHECK_INT(count(d), before ? acked : acked + PER_ROUND);
	db_close(d);
	free(path);
}

static void check_kill(void)
{
	CASE ("db_killed_before_a_commit_has_what_was_acknowledged") {
		kill_at(1, true);
		kill_at(7, true);
	}

	CASE ("db_killed_after_a_commit_has_that_round_too") {
		kill_at(1, false);
		kill_at(ROUNDS, false);
	}
}

#endif

void check_round(void)
{
	check_rounds();
	check_dead();
#ifdef COSELL_TEST
	check_kill();
#endif
}
