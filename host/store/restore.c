/*
 * Restore: judge the backup, copy it, prove the copy by opening it as a host would, then put it in
 * place.  The backup itself is only read.  Nothing is ever covered: what stands in the way is moved
 * aside if that was asked for, and moved back if the last step fails.
 */
#include "store/restore.h"

#include "base/clock.h"
#include "store/copy.h"
#include "store/db.h"
#include "store/migrations.h"
#include "store/private_file.h"
#include "store/trouble.h"
#include "store/vault.h"

#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What may stand beside a state file.  A WAL of another file would be read as if it were ours. */
static const char *const ends[] = {"", "-wal", "-journal", "-shm"};
#define ENDS (sizeof(ends) / sizeof(*ends))

static bool is_there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static bool is_beside(const char *path, const char *end)
{
	char *one = xasprintf("%s%s", path, end);
	bool yes = is_there(one);
	free(one);
	return yes;
}

/* ---- before ---- */

/* Any lock where sqlite keeps its own: another process has the file open and in use. */
static bool is_free(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		return true; /* then it holds nobody's lock that we could disturb */
	}
	struct flock l = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};
	bool held = fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK;
	close(fd);
	if (held) {
		err_set(e, ERR_CONFIG, "%s: held by another cosell (or open in a sqlite shell)",
			path);
		e->end = TROUBLE_HELD;
	}
	return !held;
}

static bool judge_place(const struct restore *r, struct err *e)
{
	struct stat a, b;
	if (stat(r->from, &a) == 0 && stat(r->to, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino) {
		return err_set(e, ERR_CONFIG, "%s: is the state file itself", r->from);
	}
	if (!is_free(r->to, e)) {
		return false;
	}
	for (size_t i = 0; i < ENDS && !r->aside; i++) {
		if (is_beside(r->to, ends[i])) {
			return err_set(e, ERR_CONFIG,
				       "%s%s: is there already; with --aside it is kept under "
				       "another name",
				       r->to, ends[i]);
		}
	}
	return true;
}

/* A copy of a live file without its WAL lacks the newest rows and does not show it. */
static bool judge_source(const struct restore *r, struct err *e)
{
	struct stat st;
	if (stat(r->from, &st) != 0) {
		return err_set(e, ERR_ABSENT, "%s: %s", r->from, strerror(errno));
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(e, ERR_CONFIG, "%s: not a plain file", r->from);
	}
	if (is_beside(r->from, "-wal") || is_beside(r->from, "-journal")) {
		return err_set(e, ERR_CONFIG,
			       "%s: a -wal or -journal stands beside it, so it is no backup but a "
			       "state file at work; make one with cosell backup",
			       r->from);
	}
	return true;
}

/* ---- the copy ---- */

static sqlite3 *open_source(const char *path, struct err *e)
{
	sqlite3 *sql = NULL;
	int rc = sqlite3_open_v2(path, &sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(sql, 1);
		if (migrations_judge(sql, path, e)) {
			return sql;
		}
	} else {
		copy_fail(sql, rc, path, e);
	}
	sqlite3_close(sql);
	return NULL;
}

static bool copy_pages(sqlite3 *from, sqlite3 *to, const char *half, struct err *e)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	if (b) {
		(void)sqlite3_backup_step(b, -1);
	}
	int rc = b ? sqlite3_backup_finish(b) : sqlite3_extended_errcode(to);
	return rc == SQLITE_OK || copy_fail(to, rc, half, e);
}

static bool verify(sqlite3 *from, sqlite3 *to, const char *path, struct copy_counts *c,
		   struct err *e)
{
	struct copy_counts got = {0};
	bool ok = copy_check(to, path, NULL, e) && copy_count(from, path, c, e) &&
		  copy_count(to, path, &got, e) && copy_same(c, &got, path, e);
	copy_counts_clear(&got);
	return ok;
}

static bool copy(const struct restore *r, const char *half, struct copy_counts *c, struct err *e)
{
	sqlite3 *from = open_source(r->from, e);
	sqlite3 *to = from ? copy_open(half, e) : NULL;
	bool ok = to && copy_pages(from, to, half, e) && verify(from, to, r->from, c, e);
	if (ok) {
		ok = copy_close(to, half, e);
	} else {
		sqlite3_close(to);
	}
	if (to && !ok) {
		copy_remove(half);
	}
	sqlite3_close(from);
	return ok;
}

/* ---- the proof ---- */

static const char *key_word(struct db *d, const char *key_file, int64_t secrets, struct err *e)
{
	if (secrets == 0) {
		return "none";
	}
	if (!key_file || !is_there(key_file)) {
		return "missing";
	}
	bool fits;
	return !vault_fits(d, key_file, &fits, e) ? NULL : fits ? "fits" : "other";
}

/* As a host opens it: checks, newer schema.  Tells how the key and its secrets get on. */
static const char *prove(const char *half, const struct restore *r, const struct world *w,
			 int64_t secrets, struct err *e)
{
	struct db *d = db_open(half, w, e);
	const char *key = d ? key_word(d, r->key_file, secrets, e) : NULL;
	db_close(d);
	return key;
}

/* ---- in place ---- */

static bool move_all(const char *from, const char *to, struct err *e)
{
	for (size_t i = 0; i < ENDS; i++) {
		char *a = xasprintf("%s%s", from, ends[i]);
		char *b = xasprintf("%s%s", to, ends[i]);
		bool ok = !is_there(a) ||
			  renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE) == 0 ||
			  err_set(e, ERR_STORE, "%s: cannot be put aside: %s", a, strerror(errno));
		free(a);
		free(b);
		if (!ok) {
			return false;
		}
	}
	return true;
}

static bool anything_at(const char *path)
{
	bool any = false;
	for (size_t i = 0; i < ENDS; i++) {
		any |= is_beside(path, ends[i]);
	}
	return any;
}

static char *aside_name(const char *path, const struct world *w)
{
	char when[CLOCK_ISO];
	clock_iso(WORLD_NOW(w), when);
	char *name = xasprintf("%s.aside-%.19s", path, when);
	for (char *c = name + strlen(path); *c; c++) {
		*c = *c == ':' ? '.' : *c;
	}
	char *one = xstrdup(name);
	for (int n = 2; anything_at(one); n++) { /* a second one within a second */
		free(one);
		one = xasprintf("%s-%d", name, n);
	}
	free(name);
	return one;
}

static bool put_in_place(const struct restore *r, const char *half, const char *aside,
			 struct err *e)
{
	struct err other;
	if (!is_free(r->to, e)) { /* once more: proving took its time */
		return false;
	}
	if (*aside && !move_all(r->to, aside, e)) {
		(void)move_all(aside, r->to, &other);
		return false;
	}
	if (copy_place(half, r->to, e)) {
		return true;
	}
	if (*aside) {
		(void)move_all(aside, r->to, &other);
	}
	return false;
}

static void report(const struct restore *r, const char *aside, const char *key,
		   const struct copy_counts *c, struct buf *json)
{
	buf_adds(json, "{\"file\":");
	buf_add_json(json, r->to, strlen(r->to));
	buf_adds(json, ",\"aside\":");
	buf_add_json(json, aside, strlen(aside));
	buf_addf(json, ",\"key\":\"%s\",", key);
	copy_report(c, json);
	buf_addc(json, '}');
}

bool restore_run(const struct restore *r, const struct world *w, struct buf *json, struct err *e)
{
	if (!judge_source(r, e) || !judge_place(r, e)) {
		return false;
	}
	struct copy_counts c = {0};
	char *half = xasprintf("%s.%d.half", r->to, (int)getpid());
	char *aside = anything_at(r->to) ? aside_name(r->to, w) : xstrdup("");
	bool made = copy(r, half, &c, e);
	const char *key = made ? prove(half, r, w, c.secrets, e) : NULL;
	bool ok = key && put_in_place(r, half, aside, e);
	if (ok) {
		report(r, aside, key, &c, json);
	} else if (made) {
		copy_remove(half);
	}
	copy_counts_clear(&c);
	free(aside);
	free(half);
	return ok;
}
