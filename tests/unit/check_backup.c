/*
 * Backup while rounds go on, and restore: what they copy, what they refuse, what they leave behind
 * when they fail (nothing), and what a backup holds of secrets (only sealed).
 */
#include "fault_vfs.h"
#include "trouble_kit.h"

#include "store/backup.h"
#include "store/restore.h"
#include "store/trouble.h"
#include "store/vault.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

void check_backup(void);

#define CANARY "canary-of-a-refresh-token"

/* ---- kit ---- */

struct place {
	char *dir, *state, *key, *file; /* file: the backup */
};

static char *in_dir(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static struct place place_new(void)
{
	const char *dir = tests_tempdir();
	return (struct place){xstrdup(dir), in_dir(dir, "state.db"), in_dir(dir, "state.db.key"),
			      in_dir(dir, "backup.db")};
}

static void place_free(struct place *p)
{
	free(p->dir);
	free(p->state);
	free(p->key);
	free(p->file);
}

/* A state with rows and a secret. */
static struct db *begin(const struct place *p)
{
	struct err e;
	struct db *d = open_db(p->state);
	struct vault *v = vault_open(d, p->key, &e);
	CHECK(make_table(d) && v && vault_set(v, "token", CANARY, strlen(CANARY), &e));
	for (int i = 1; i <= 20; i++) {
		CHECK(put(d, i));
	}
	CHECK(commit(d));
	vault_free(v);
	return d;
}

static bool back_up(struct db *d, const char *to, struct err *e)
{
	struct backup *b = backup_begin(d, to, e);
	int got = b ? 1 : -1;
	while (got == 1) {
		got = backup_step(b, e);
	}
	backup_free(b);
	return got == 0;
}

static struct place with_backup(void)
{
	struct err e = {0};
	struct place p = place_new();
	struct db *d = begin(&p);
	if (!CHECK(back_up(d, p.file, &e))) {
		printf("# %s\n", e.text);
	}
	db_close(d);
	return p;
}

/* How many entries of the folder have this in their name. */
static int entries(const char *dir, const char *part)
{
	int n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *i = readdir(d); i; i = readdir(d)) {
		n += i->d_name[0] != '.' && strstr(i->d_name, part) ? 1 : 0;
	}
	closedir(d);
	return n;
}

static bool holds_text(const char *path, const char *text, size_t n)
{
	struct buf b = {0};
	fault_read_file(path, &b);
	bool has = b.len >= n && memmem(b.data, b.len, text, n) != NULL;
	buf_free(&b);
	return has;
}

static int64_t rows_in(const char *path)
{
	struct db *d = open_db(path);
	int64_t n = count(d);
	db_close(d);
	return n;
}

static bool run_restore(const struct place *p, bool aside, struct buf *json, struct err *e)
{
	const struct restore r = {
		.from = p->file, .to = p->state, .key_file = p->key, .aside = aside};
	return restore_run(&r, &kit_world, json, e);
}

static void restores(const struct place *p, bool aside, const char *key)
{
	struct err e = {0};
	struct buf json = {0};
	char *want = xasprintf("\"key\":\"%s\"", key);
	if (!CHECK(run_restore(p, aside, &json, &e))) {
		printf("# %s\n", e.text);
	}
	CHECK(json.data && strstr(json.data, want) != NULL);
	buf_free(&json);
	free(want);
}

static void refused(const struct place *p, bool aside, const char *because)
{
	struct err e = {0};
	struct buf json = {0};
	int before = entries(p->dir, ".aside");
	CHECK(!run_restore(p, aside, &json, &e));
	if (!CHECK(strstr(e.text, because) != NULL)) {
		printf("# %s\n", e.text);
	}
	CHECK_INT(json.len, 0);
	CHECK_INT(entries(p->dir, ".half"), 0);
	CHECK_INT(entries(p->dir, ".aside"), before);
}

/* ---- backup ---- */

static void check_making(void)
{
	CASE ("guard 6: a backup holds what rounds write while it is made") {
		struct place p = place_new();
		struct err e = {0};
		struct db *d = begin(&p);
		for (int i = 0; i < 12; i++) {
			CHECK(put_much(d, &e) && commit(d));
		}
		struct backup *b = backup_begin(d, p.file, &e);
		int steps = 0, got;
		while ((got = backup_step(b, &e)) == 1) {
			if (steps++ < 4) { /* every page of t has been copied once, some since */
				CHECK(put(d, 5000 + steps) &&
				      say(d, "update t set v = 'y' where id < 9"));
				CHECK(commit(d));
			}
			CHECK_INT(entries(p.dir, "backup.db"), entries(p.dir, ".half"));
		}
		CHECK_INT(got, 0);
		struct buf json = {0};
		backup_report(b, &json);
		CHECK(strstr(json.data, "\"t\":36") != NULL);
		CHECK(strstr(json.data, "\"secrets\":1") != NULL);
		backup_free(b);
		buf_free(&json);
		struct stat st;
		CHECK(stat(p.file, &st) == 0 && (st.st_mode & 07777) == 0600);
		CHECK_INT(entries(p.dir, "backup.db"), 1); /* nothing beside it */
		CHECK_INT(count(d), 36);
		db_close(d);
		d = open_db(p.file);
		char *changed = ask(d, "select count(*) from t where v = 'y'");
		CHECK_STR(changed, "8");
		CHECK_INT(count(d), 36);
		free(changed);
		db_close(d);
		place_free(&p);
	}

	CASE ("guard 6: the state stays ours alone after a backup") {
		struct place p = place_new();
		struct err e;
		struct db *d = begin(&p);
		CHECK(back_up(d, p.file, &e));
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			sqlite3 *sql = NULL;
			sqlite3_open(p.state, &sql);
			_exit(sqlite3_exec(sql, "select * from t", NULL, NULL, NULL) == SQLITE_BUSY
				      ? 0
				      : 1);
		}
		waitpid(pid, &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK(put(d, 99) && commit(d));
		db_close(d);
		place_free(&p);
	}

	CASE ("guard 6: a backup never covers a file, and one that fails leaves none") {
		struct place p = place_new();
		struct err e = {0};
		struct db *d = begin(&p);
		CHECK(!back_up(d, p.state, &e));
		CHECK(strstr(e.text, "never covered") != NULL);
		CHECK(symlink("/nowhere/at/all", p.file) == 0);
		CHECK(!back_up(d, p.file, &e));
		CHECK(strstr(e.text, "never covered") != NULL);
		CHECK(unlink(p.file) == 0);
		char *none = in_dir(p.dir, "none/backup.db");
		CHECK(!back_up(d, none, &e));
		CHECK(strstr(e.text, "No such file") != NULL);
		free(none);
		struct backup *b = backup_begin(d, p.file, &e);
		CHECK(backup_step(b, &e) == 1);
		close(open(p.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)); /* meanwhile */
		int got;
		while ((got = backup_step(b, &e)) == 1) {
		}
		CHECK_INT(got, -1);
		CHECK(strstr(e.text, "never covered") != NULL);
		backup_free(b);
		b = backup_begin(d, "/dev/null/x", &e);
		CHECK(b == NULL);
		CHECK_INT(entries(p.dir, ".half"), 0);
		db_close(d);
		place_free(&p);
	}

	CASE ("guard 6: no space at any write of a backup: it is undone, and the state goes on") {
		fault_install();
		struct place p = place_new();
		struct err e = {0};
		struct db *d = begin(&p);
		bool done = false;
		for (int64_t at = 1; !done && CHECK(at < 1000); at += 3) {
			fault_set(FAULT_FULL, at, 1);
			done = back_up(d, p.file, &e);
			fault_set(FAULT_NONE, 0, 1);
			CHECK(done || e.end == TROUBLE_FULL);
			CHECK_INT(entries(p.dir, "backup.db"), done ? 1 : 0);
			CHECK(put(d, 100 + at) && commit(d));
		}
		db_close(d);
		place_free(&p);
	}

	CASE ("guard 7: a backup holds secrets only sealed, and no key") {
		struct place p = with_backup();
		struct buf key = {0};
		fault_read_file(p.key, &key);
		CHECK_INT(key.len, 65);
		CHECK(holds_text(p.file, "token", 5)); /* the name is there */
		CHECK(!holds_text(p.file, CANARY, 12));
		CHECK(!holds_text(p.file, key.data, 64));
		unsigned char raw[32];
		for (size_t i = 0; i < sizeof(raw); i++) {
			char two[3] = {key.data[2 * i], key.data[2 * i + 1]}, *end;
			raw[i] = (unsigned char)strtoul(two, &end, 16);
			CHECK(end == two + 2);
		}
		CHECK(!holds_text(p.file, (const char *)raw, sizeof(raw)));
		buf_free(&key);
		place_free(&p);
	}
}

/* ---- restore ---- */

static void check_restoring(void)
{
	CASE ("guard 6: what a backup held is the state again, its secrets open with the key") {
		struct place p = with_backup();
		CHECK(unlink(p.state) == 0);
		restores(&p, false, "fits");
		CHECK_INT(rows_in(p.state), 20);
		struct stat st;
		CHECK(stat(p.state, &st) == 0 && (st.st_mode & 07777) == 0600);
		CHECK_INT(entries(p.dir, ".half"), 0);
		place_free(&p);
	}

	CASE ("guard 6: restore covers nothing; aside keeps the file with its WAL") {
		struct place p = with_backup();
		struct db *d = open_db(p.state);
		CHECK(put(d, 777) && commit(d));
		db_close(d);
		refused(&p, false, "--aside");
		char *wal = in_dir(p.dir, "state.db-wal");
		copy_file(p.file, wal); /* of a host that was killed */
		restores(&p, true, "fits");
		CHECK_INT(entries(p.dir, "state.db.aside"), 2);
		CHECK(access(wal, F_OK) != 0);
		CHECK_INT(rows_in(p.state), 20);
		restores(&p, true, "fits"); /* and within the same second */
		CHECK_INT(entries(p.dir, "state.db.aside"), 3);
		CHECK(unlink(p.state) == 0);
		copy_file(p.file, wal); /* a WAL alone is as bad */
		refused(&p, false, "state.db-wal: is there already");
		free(wal);
		place_free(&p);
	}

	CASE ("guard 6: restore says when the key is missing or another") {
		struct place p = with_backup();
		CHECK(unlink(p.state) == 0 && unlink(p.key) == 0);
		restores(&p, false, "missing");
		CHECK(access(p.key, F_OK) != 0); /* none was made */
		CHECK(unlink(p.state) == 0);
		FILE *f = fopen(p.key, "w");
		for (int i = 0; i < 32; i++) {
			fputs("ab", f);
		}
		fclose(f);
		CHECK(chmod(p.key, 0600) == 0);
		restores(&p, false, "other");
		place_free(&p);
	}

	CASE ("guard 6: restore leaves alone a state that a host holds") {
		struct place p = with_backup();
		int ready[2];
		CHECK(pipe(ready) == 0);
		pid_t pid = fork();
		if (pid == 0) {
			struct db *d = open_db(p.state);
			CHECK(d && write(ready[1], "x", 1) == 1);
			for (;;) {
				pause();
			}
		}
		char c;
		CHECK(read(ready[0], &c, 1) == 1);
		struct err e = {0};
		struct buf json = {0};
		CHECK(!run_restore(&p, true, &json, &e));
		CHECK_STR(trouble_name(e.end), "state held");
		CHECK_INT(entries(p.dir, ".aside"), 0);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		restores(&p, true, "fits");
		place_free(&p);
	}

	CASE ("guard 6: restore refuses what is no backup") {
		struct place p = with_backup();
		char *good = in_dir(p.dir, "good.db");
		char *wal = in_dir(p.dir, "backup.db-wal");
		copy_file(p.file, good);
		CHECK(unlink(p.state) == 0);
		copy_file(good, wal);
		refused(&p, false, "make one with cosell backup");
		CHECK(unlink(wal) == 0);
		CHECK(unlink(p.file) == 0);
		refused(&p, false, "No such file");
		copy_file("/proc/self/exe", p.file);
		refused(&p, false, "not a state file");
		CHECK(unlink(p.file) == 0 && link(good, p.file) == 0);
		CHECK(unlink(good) == 0 && rename(p.file, p.state) == 0);
		CHECK(link(p.state, p.file) == 0);
		refused(&p, true, "is the state file itself");
		free(good);
		free(wal);
		place_free(&p);
	}

	CASE ("guard 6: a backup with a spoilt page, each in turn, changes nothing") {
		struct place p = with_backup();
		char *good = in_dir(p.dir, "good.db");
		copy_file(p.file, good);
		struct stat st;
		CHECK(stat(good, &st) == 0);
		for (off_t at = 0; at < st.st_size; at += 4096) {
			copy_file(good, p.file);
			int fd = open(p.file, O_RDWR | O_CLOEXEC);
			unsigned char page[4096];
			CHECK(pread(fd, page, sizeof(page), at) == (ssize_t)sizeof(page));
			for (size_t i = 0; i < sizeof(page); i++) {
				page[i] ^= (unsigned char)(0x5a + i);
			}
			CHECK(pwrite(fd, page, sizeof(page), at) == (ssize_t)sizeof(page));
			close(fd);
			struct err e = {0};
			struct buf json = {0};
			if (!CHECK(!run_restore(&p, true, &json, &e))) {
				printf("# page %d\n", (int)(at / 4096) + 1);
			}
			CHECK(e.end == TROUBLE_DAMAGED || e.end == TROUBLE_FOREIGN);
			CHECK_INT(entries(p.dir, ".half") + entries(p.dir, ".aside"), 0);
		}
		CHECK_INT(rows_in(p.state), 20);
		free(good);
		place_free(&p);
	}

	CASE ("guard 6: no space at any write of a restore: the old state stands as it was") {
		fault_install();
		struct place p = with_backup();
		struct db *d = open_db(p.state);
		CHECK(put(d, 777) && commit(d));
		db_close(d);
		struct err e = {0};
		bool done = false;
		for (int64_t at = 1; !done && CHECK(at < 1000); at += 3) {
			struct buf json = {0};
			fault.nfiles = 0;
			fault_set(FAULT_FULL, at, 1);
			done = run_restore(&p, true, &json, &e);
			fault_set(FAULT_NONE, 0, 1);
			CHECK_INT(rows_in(p.state), done ? 20 : 21);
			CHECK_INT(entries(p.dir, ".half"), 0);
			buf_free(&json);
		}
		place_free(&p);
	}
}

void check_backup(void)
{
	check_making();
	check_restoring();
}
