/*
 * Backup: copy, count, check table by table, place.  Owns the half-made file and its connection; the
 * state file it only reads, through the connection that db.c owns.
 *
 * Secrets travel sealed as they are; the key is never in a backup.
 */
#include "store/backup.h"

#include "store/copy.h"
#include "store/db_own.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGES = 256 /* a step: 1 MiB */ };

struct backup {
	struct db *db;
	char *path, *half; /* half: what it is called until it is done */
	sqlite3 *sql;
	sqlite3_backup *copy; /* NULL: all pages are there */
	struct copy_counts counts;
	size_t checked; /* tables */
	bool placed;
	int64_t bytes;
};

static bool is_there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

struct backup *backup_begin(struct db *d, const char *path, struct err *e)
{
	if (is_there(path)) {
		err_set(e, ERR_CONFIG, "%s: is there already; it is never covered", path);
		return NULL;
	}
	struct backup *b = NEW(struct backup);
	b->db = d;
	b->path = xstrdup(path);
	b->half = xasprintf("%s.%d.half", path, (int)getpid());
	b->sql = copy_open(b->half, e);
	if (b->sql) {
		b->copy = sqlite3_backup_init(b->sql, "main", d->sql, "main");
		if (b->copy) {
			return b;
		}
		copy_fail(b->sql, sqlite3_extended_errcode(b->sql), b->half, e);
	}
	backup_free(b);
	return NULL;
}

/* Both are counted before another round can write. */
static bool end_copy(struct backup *b, struct err *e)
{
	struct copy_counts got = {0};
	int rc = sqlite3_backup_finish(b->copy);
	b->copy = NULL;
	if (rc != SQLITE_OK) {
		return copy_fail(b->sql, rc, b->half, e);
	}
	bool ok = copy_count(b->db->sql, "state file", &b->counts, e) &&
		  copy_count(b->sql, b->half, &got, e) && copy_same(&b->counts, &got, b->path, e);
	copy_counts_clear(&got);
	return ok;
}

static bool copy_pages(struct backup *b, struct err *e)
{
	int rc = sqlite3_backup_step(b->copy, PAGES);
	if (rc == SQLITE_OK) {
		return true;
	}
	return rc == SQLITE_DONE ? end_copy(b, e) : copy_fail(b->sql, rc, b->half, e);
}

static bool place(struct backup *b, struct err *e)
{
	struct stat st;
	bool ok = copy_close(b->sql, b->half, e);
	b->sql = NULL;
	if (!ok || !copy_place(b->half, b->path, e)) {
		return false;
	}
	b->placed = true;
	b->bytes = stat(b->path, &st) == 0 ? (int64_t)st.st_size : 0;
	return true;
}

int backup_step(struct backup *b, struct err *e)
{
	bool ok;
	if (b->copy) {
		ok = copy_pages(b, e);
	} else if (b->checked < b->counts.n) {
		ok = copy_check(b->sql, b->half, b->counts.tables[b->checked++].name, e);
	} else {
		ok = place(b, e);
	}
	return !ok ? -1 : b->placed ? 0 : 1;
}

void backup_report(const struct backup *b, struct buf *json)
{
	buf_adds(json, "{\"file\":");
	buf_add_json(json, b->path, strlen(b->path));
	buf_addf(json, ",\"bytes\":%lld,", (long long)b->bytes);
	copy_report(&b->counts, json);
	buf_addc(json, '}');
}

void backup_free(struct backup *b)
{
	if (!b) {
		return;
	}
	if (b->copy) {
		(void)sqlite3_backup_finish(b->copy);
	}
	sqlite3_close(b->sql);
	if (!b->placed && b->half) {
		copy_remove(b->half);
	}
	copy_counts_clear(&b->counts);
	free(b->half);
	free(b->path);
	free(b);
}
