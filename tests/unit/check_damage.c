/*
 * What befalls the state file from outside: damage, removal, strangers, other hosts, readers.  It is
 * refused or left by name, and nothing is acknowledged that is not there.
 */
#include "trouble_kit.h"

#include "store/trouble.h"

#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

void check_damage(void);

/* ---- damage ---- */

enum { PAGE = 4096 };

static uint32_t dice;

static uint32_t roll(uint32_t most)
{
	dice = dice * 1664525U + 1013904223U;
	return (dice >> 8) % most;
}

static char *filled(const char *name)
{
	char *path = in_tempdir(name);
	struct db *d = open_db(path);
	CHECK(make_table(d) && say(d, "create index tv on t (v)"));
	for (int i = 0; i < 40; i++) {
		CHECK(say(d, "insert into t (v) values (hex(randomblob(40 * (1 + abs(random()) "
			     "% 60))))"));
	}
	CHECK(say(d, "insert into t (v) values (hex(randomblob(10000)))") && commit(d));
	db_close(d);
	return path;
}

static void spoil(const char *path, int64_t at, size_t n)
{
	unsigned char bytes[PAGE];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(n <= sizeof(bytes) && pread(fd, bytes, n, at) == (ssize_t)n);
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= (unsigned char)(1 + roll(255));
	}
	CHECK(pwrite(fd, bytes, n, at) == (ssize_t)n);
	close(fd);
}

/* Opens what is left and reads all: refused and named, or fine; never a crash, never a false "ok" of
 * a page that is gone. */
static const char *read_all(const char *path)
{
	struct err e = {0};
	struct db *d = db_open(path, &kit_world, &e);
	if (!d) {
		return trouble_name(e.end) ? trouble_name(e.end) : "not named";
	}
	free(ask(d, "select sum(length(v)) from t"));
	free(ask(d, "select count(*) from job"));
	db_close(d);
	return "fine";
}

static bool is_damage(const char *said)
{
	return strcmp(said, "state damaged") == 0 || strcmp(said, "state foreign") == 0;
}

static void check_pages(void)
{
	CASE ("guard 6: a spoilt page, each in turn, is refused and named") {
		dice = seed_of();
		char *first = filled("first.db");
		char *path = in_tempdir("state.db");
		struct stat st;
		CHECK(stat(first, &st) == 0 && st.st_size > (off_t)30 * PAGE);
		for (int64_t page = 0; page < st.st_size / PAGE; page++) {
			copy_file(first, path);
			spoil(path, page * PAGE, PAGE);
			if (!CHECK(is_damage(read_all(path)))) {
				printf("# page %d: %s\n", (int)page + 1, read_all(path));
			}
		}
		free(path);
		free(first);
	}

	CASE ("guard 6: 200 spoilt bytes at random places never end in a crash") {
		dice = seed_of();
		char *first = filled("first.db");
		char *path = in_tempdir("state.db");
		struct stat st;
		int refused = 0;
		CHECK(stat(first, &st) == 0);
		for (int i = 0; i < 200; i++) {
			copy_file(first, path);
			/* the first: what kind of page the second one is */
			spoil(path, i ? roll((uint32_t)st.st_size) : PAGE, 1);
			refused += is_damage(read_all(path)) ? 1 : 0;
		}
		CHECK(refused > 0);
		free(path);
		free(first);
	}

	CASE ("guard 6: damage met while the host runs ends all writing and is named") {
		char *path = filled("state.db");
		static struct db *d; /* the other process leaves it, and is asked what it lost */
		d = open_db(path);
		struct err e = {0};
		struct went w = {0};
		struct stat st;
		CHECK(stat(path, &st) == 0);
		pid_t pid = fork(); /* another process: a close in this one would drop the locks */
		if (pid == 0) {
			for (int64_t page = 40; page < st.st_size / PAGE; page++) {
				spoil(path, page * PAGE, PAGE);
			}
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		free(ask(d, "pragma cache_size=1"));
		free(ask(d, "pragma shrink_memory"));
		db_after_commit(d, heard_it, &w);
		CHECK(ask(d, "select sum(length(v)) from t") == NULL);
		CHECK(db_dead(d));
		CHECK(!db_commit(d, &e));
		CHECK_STR(trouble_name(e.end), "state damaged");
		CHECK_INT(w.said, 0);
		db_after_commit(d, heard_it, &w);
		CHECK(!say(d, "insert into mark values ('a', 'b')"));
		CHECK(!db_commit(d, &e));
		CHECK_STR(trouble_name(e.end), "state damaged");
		CHECK_INT(w.said, 0);
		db_close(d);
		free(path);
	}
}

/* ---- the file goes, or is not ours ---- */

static void gone(const char *what, bool replace)
{
	char *path = begun("state.db");
	char *victim = xasprintf("%s%s", path, what);
	struct db *d = open_db(path);
	struct went w = {0};
	CHECK(round_of(d, 1, &w));
	CHECK(unlink(victim) == 0);
	if (replace) {
		close(open(victim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	}
	CHECK(!round_of(d, 2, &w)); /* at once, not at the next look at the clock */
	CHECK_INT(w.said, 1);
	CHECK_STR(trouble_name(w.end), "state gone");
	db_close(d);
	free(victim);
	free(path);
}

static void named(const char *path, const char *name)
{
	struct err e = {0};
	CHECK(db_open(path, &kit_world, &e) == NULL);
	CHECK_STR(trouble_name(e.end), name);
}

static void check_strangers(void)
{
	CASE ("guard 6: removed or replaced under us: not one more acknowledgement") {
		gone("", false);
		gone("", true);
		gone("-wal", false);
		gone("-wal", true);
	}

	CASE ("guard 6: second host, newer schema, another program's file: each by name") {
		char *path = begun("state.db");
		struct db *d = open_db(path);
		named(path, "state held");
		CHECK(say(d, "pragma user_version=99") && commit(d));
		db_close(d);
		named(path, "state foreign");
		char *text = in_tempdir("text.db");
		copy_file("/proc/self/exe", text);
		named(text, "state foreign");
		free(text);
		free(path);
	}

	CASE ("guard 6: each trouble has an exit status, a name and a way back") {
		for (int i = TROUBLE_HELD; i < TROUBLE_END; i++) {
			CHECK(strncmp(trouble_name(i), "state ", 6) == 0);
			CHECK(strlen(trouble_advice(i)) > 20);
			for (int j = TROUBLE_HELD; j < i; j++) {
				CHECK(strcmp(trouble_name(i), trouble_name(j)) != 0);
			}
		}
		CHECK(!trouble_name(0) && !trouble_name(1) && !trouble_name(2));
		CHECK(!trouble_name(TROUBLE_END) && !trouble_advice(TROUBLE_END));
	}
}

/* ---- a reader outside ---- */

static bool word_from(int fd)
{
	char c;
	return read(fd, &c, 1) == 1;
}

static void word_to(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

/* A host that does whatever touches the path of its file; then, told to, acknowledges one more round,
 * and waits to be killed. */
static pid_t start_host(const char *path, int ready, int go)
{
	pid_t pid = fork();
	if (pid != 0) {
		return pid;
	}
	struct went w = {0};
	struct err e;
	struct db *d = open_db(path);
	CHECK(round_of(d, 1, &w));
	CHECK(!db_replaced(d));
	CHECK(db_open(path, &kit_world, &e) == NULL);
	db_idle(d);
	word_to(ready);
	if (word_from(go) && round_of(d, 2, &w)) {
		word_to(ready);
	}
	for (;;) {
		pause();
	}
}

/* What a person with a sqlite shell does. */
static int from_outside(const char *path, const char *text)
{
	sqlite3 *sql = NULL;
	CHECK(sqlite3_open(path, &sql) == SQLITE_OK);
	int rc = sqlite3_exec(sql, text, NULL, NULL, NULL);
	sqlite3_close(sql); /* the last to leave would move the WAL and delete it */
	return rc;
}

static void check_outside(void)
{
	CASE ("guard 6: a reader outside gets nothing, and no acknowledged row is lost by it") {
		char *path = begun("state.db");
		char *wal = xasprintf("%s-wal", path);
		int ready[2] = {-1, -1}, go[2] = {-1, -1};
		CHECK(pipe(ready) == 0 && pipe(go) == 0);
		pid_t pid = start_host(path, ready[1], go[0]);
		CHECK(word_from(ready[0]));
		struct stat before, after;
		CHECK(stat(wal, &before) == 0);
		static const char *const tries[] = {"select count(*) from t",
						    "pragma wal_checkpoint(truncate)",
						    "pragma journal_mode=delete",
						    "insert into t values (9, 'x')", "vacuum"};
		for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
			CHECK_INT(from_outside(path, tries[i]), SQLITE_BUSY);
		}
		CHECK(stat(wal, &after) == 0 && after.st_ino == before.st_ino);
		word_to(go[1]);
		CHECK(word_from(ready[0]));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		struct db *d = open_db(path);
		CHECK_INT(count(d), BEGUN + 2 * A_ROUND);
		db_close(d);
		free(wal);
		free(path);
	}
}

void check_damage(void)
{
	check_pages();
	check_strangers();
	check_outside();
}
