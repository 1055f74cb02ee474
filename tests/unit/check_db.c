/*
 * The state file: who may open it, how it is set up, and how its WAL is kept small.  The rounds are
 * in check_round.c.
 */
#include "store_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void check_db(void);

/* Expects db_open to refuse; the text is to be freed. */
static char *refusal(const char *path, enum err_kind kind)
{
	struct err e = {0};
	struct db *d = db_open(path, &kit_world, &e);
	CHECK(d == NULL);
	CHECK_STR(err_kind_name(e.kind), err_kind_name(kind));
	db_close(d);
	return xstrdup(e.text);
}

static void refused(const char *path, enum err_kind kind, const char *because)
{
	char *text = refusal(path, kind);
	CHECK(strstr(text, path) != NULL);
	if (!CHECK(strstr(text, because) != NULL)) {
		printf("# %s\n", text);
	}
	free(text);
}

/* ---- opening ---- */

static void check_open(void)
{
	CASE ("db_open_fresh_file_is_private") {
		char *path = in_tempdir("state.db");
		umask(0);
		struct db *d = open_db(path);
		CHECK(make_table(d));
		struct stat st;
		char *wal = xasprintf("%s-wal", path);
		CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
		CHECK(stat(wal, &st) == 0 && (st.st_mode & 07777) == 0600);
		db_close(d);
		CHECK(stat(wal, &st) != 0);
		free(wal);
		free(path);
	}

	CASE ("db_open_settings_are_read_back") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		static const struct {
			const char *sql, *want;
		} settings[] = {
			{"pragma user_version", "2"},
			{"pragma synchronous", "2"},
			{"pragma locking_mode", "exclusive"},
			{"pragma foreign_keys", "1"},
			{"pragma trusted_schema", "0"},
			{"pragma cell_size_check", "1"},
			{"pragma wal_autocheckpoint", "0"},
			{"pragma application_id", "1129272133"},
			{"pragma secure_delete", "2"},
		};
		for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
			char *got = ask(d, settings[i].sql);
			CHECK_STR(got, settings[i].want);
			free(got);
		}
		db_close(d);
		free(path);
	}

	CASE ("db_open_again_keeps_the_rows") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		CHECK(make_table(d) && put(d, 1) && commit(d));
		db_close(d);
		d = open_db(path);
		CHECK_INT(count(d), 1);
		db_close(d);
		free(path);
	}

	CASE ("db_open_without_folder_is_config") {
		char *path = in_tempdir("none/state.db");
		refused(path, ERR_CONFIG, "No such file");
		free(path);
	}

	CASE ("db_open_readable_by_others_is_config") {
		char *path = in_tempdir("state.db");
		db_close(open_db(path));
		CHECK(chmod(path, 0640) == 0);
		refused(path, ERR_CONFIG, "chmod 600");
		free(path);
	}

	CASE ("db_open_folder_is_config") {
		const char *path = tests_tempdir();
		refused(path, ERR_CONFIG, "not a plain file");
	}

	CASE ("db_open_other_kind_of_file_is_config") {
		char *path = in_tempdir("state.db");
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		for (int i = 0; i < 400; i++) {
			CHECK(write(fd, "not a database, ", 16) == 16);
		}
		close(fd);
		refused(path, ERR_CONFIG, "not a state file");
		free(path);
	}

	CASE ("db_open_other_programs_file_is_config") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		CHECK(say(d, "pragma application_id=7") && commit(d));
		db_close(d);
		refused(path, ERR_CONFIG, "not a state file");
		free(path);
	}

	CASE ("db_open_newer_schema_is_config") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		CHECK(say(d, "pragma user_version=99") && commit(d));
		db_close(d);
		refused(path, ERR_CONFIG, "newer cosell (schema 99");
		free(path);
	}

	CASE ("db_open_damaged_file_is_store") {
		char *path = in_tempdir("state.db");
		db_close(open_db(path));
		int fd = open(path, O_WRONLY);
		for (int page = 1; page < 10; page++) {
			CHECK(pwrite(fd, "\x0dgarbage garbage", 16, (off_t)page * 4096) == 16);
		}
		close(fd);
		char *text = refusal(path, ERR_STORE);
		CHECK(strstr(text, path) != NULL);
		free(text);
		free(path);
	}

	CASE ("db_open_second_in_process_is_refused") {
		char *path = in_tempdir("state.db");
		struct db *d = open_db(path);
		refused(path, ERR_CONFIG, "held by another cosell");
		CHECK(make_table(d)); /* the first is as it was */
		db_close(d);
		free(path);
	}
}

/* ---- two processes ---- */

static void send(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

static bool receive(int fd)
{
	char c;
	return read(fd, &c, 1) == 1;
}

/* A host in a process of its own: opens, says so, waits to be killed. */
static pid_t start_holder(const char *path, int ready)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct db *d = open_db(path);
		if (d && make_table(d)) {
			send(ready);
		}
		for (;;) {
			pause();
		}
	}
	return pid;
}

/* Waits for a word, then tries to open and exits 0 if it was refused. */
static pid_t start_intruder(const char *path, int go)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct err e = {0};
		bool refused_it = receive(go) && db_open(path, &kit_world, &e) == NULL &&
				  e.kind == ERR_CONFIG &&
				  strstr(e.text, "held by another cosell") != NULL;
		_exit(refused_it ? 0 : 1);
	}
	return pid;
}

static void check_two_hosts(void)
{
	CASE ("db_open_held_by_other_process_is_refused_until_it_dies") {
		char *path = in_tempdir("state.db");
		int ready[2];
		CHECK(pipe(ready) == 0);
		pid_t pid = start_holder(path, ready[1]);
		CHECK(receive(ready[0]));
		refused(path, ERR_CONFIG, "held by another cosell");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);

		struct db *d = open_db(path);
		CHECK(d != NULL && count(d) == 0); /* from the dead one's WAL */
		db_close(d);
		free(path);
	}

	CASE ("db_lock_holds_after_everything_we_ask_of_the_path") {
		char *path = in_tempdir("state.db");
		int go[2], status;
		CHECK(pipe(go) == 0);
		pid_t pid = start_intruder(path, go[0]);
		struct db *d = open_db(path);
		CHECK(make_table(d) && put(d, 1) && commit(d));
		CHECK(!db_replaced(d));
		refused(path, ERR_CONFIG, "held by another cosell");
		db_idle(d);
		send(go[1]);
		waitpid(pid, &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK(put(d, 2) && commit(d));
		db_close(d);
		free(path);
	}

	CASE ("db_replaced_new_file_in_its_place_is_seen") {
		char *path = in_tempdir("state.db");
		char *aside = xasprintf("%s.aside", path);
		struct db *d = open_db(path);
		CHECK(!db_replaced(d));
		CHECK(rename(path, aside) == 0);
		CHECK(db_replaced(d));
		close(open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
		CHECK(db_replaced(d));
		CHECK(unlink(path) == 0 && rename(aside, path) == 0);
		CHECK(!db_replaced(d));
		db_close(d);
		free(aside);
		free(path);
	}
}

/* ---- the WAL ---- */

#define PAGE ((off_t)4096)

static off_t size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void check_wal(void)
{
	CASE ("db_idle_moves_a_grown_wal_into_the_file") {
		char *path = in_tempdir("state.db");
		char *wal = xasprintf("%s-wal", path);
		struct db *d = open_db(path);
		struct err e;
		CHECK(make_table(d));
		for (int i = 0; i < 15; i++) {
			CHECK(put_much(d, &e) && commit(d));
		}
		off_t grown = size_of(wal);
		CHECK(grown > 1000 * PAGE);
		CHECK(size_of(path) < 1000 * PAGE);
		db_idle(d);
		CHECK(size_of(path) > 1000 * PAGE);
		for (int i = 0; i < 10; i++) {
			CHECK(put_much(d, &e) && commit(d));
		}
		CHECK(size_of(wal) <= grown); /* written from its beginning again */
		CHECK_INT(count(d), 25);
		db_close(d);
		free(wal);
		free(path);
	}

	CASE ("db_busy_host_checkpoints_before_the_wal_grows_without_end") {
		char *path = in_tempdir("state.db");
		char *wal = xasprintf("%s-wal", path);
		struct db *d = open_db(path);
		CHECK(make_table(d));
		for (int i = 0; i < 40; i++) { /* 160 MB in all, and no idle round */
			CHECK(say(d, "insert or replace into t values (1, zeroblob(4000000))") &&
			      commit(d));
		}
		CHECK(size_of(wal) < 20000 * PAGE);
		db_close(d);
		free(wal);
		free(path);
	}
}

void check_db(void)
{
	check_open();
	check_two_hosts();
	check_wal();
}
