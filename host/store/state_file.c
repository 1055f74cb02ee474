/*
 * Opens the state file.  Owns the settings of the connection and the order of the checks.
 *
 * Nobody but sqlite may open the file in this process once sqlite has it: a close elsewhere drops
 * its POSIX locks.  So the file is made before sqlite sees it, and later only asked about by stat.
 */
#include "store/state_file.h"

#include "store/migrations.h"
#include "store/private_file.h"
#include "store/trouble.h"

#include <sqlite3.h>

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct setting {
	const char *set;
	const char *read;
	const char *want;
	bool file_only; /* has no meaning for a state in memory */
};

/* One connection that checkpoints by hand (db_idle) also keeps clear of sqlite's WAL-reset defect
 * (3.7.0 to 3.51.2), which needs two connections. */
static const struct setting settings[] = {
	{"pragma journal_mode=wal", "pragma journal_mode", "wal", true},
	{"pragma synchronous=full", "pragma synchronous", "2", false},
	{"pragma wal_autocheckpoint=0", "pragma wal_autocheckpoint", "0", true},
	{"pragma journal_size_limit=67108864", "pragma journal_size_limit", "67108864", true},
	{"pragma mmap_size=0", "pragma mmap_size", "0", true},
	{"pragma foreign_keys=on", "pragma foreign_keys", "1", false},
	{"pragma trusted_schema=off", "pragma trusted_schema", "0", false},
	{"pragma cell_size_check=on", "pragma cell_size_check", "1", false},
	{"pragma secure_delete=fast", "pragma secure_delete", "2", false},
	{"pragma temp_store=memory", "pragma temp_store", "2", false},
};

bool state_file_in_memory(const char *path)
{
	return strcmp(path, ":memory:") == 0;
}

static bool failed(sqlite3 *sql, const char *path, struct err *e)
{
	int rc = sqlite3_extended_errcode(sql);
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		err_set(e, ERR_CONFIG, "%s: held by another cosell (or open in a sqlite shell)",
			path);
		break;
	case SQLITE_NOTADB:
		err_set(e, ERR_CONFIG, "%s: is not a state file of cosell", path);
		break;
	case SQLITE_CANTOPEN: err_set(e, ERR_CONFIG, "%s: cannot be opened", path); break;
	default: err_set(e, ERR_STORE, "%s: %s", path, sqlite3_errmsg(sql));
	}
	e->end = trouble_of(sql, rc);
	return false;
}

/* The first column of the first row, "" if there is none. */
static bool ask(sqlite3 *sql, const char *text, char *out, size_t size)
{
	sqlite3_stmt *st = NULL;
	out[0] = '\0';
	if (sqlite3_prepare_v2(sql, text, -1, &st, NULL) != SQLITE_OK) {
		return false;
	}
	if (sqlite3_step(st) == SQLITE_ROW) {
		const unsigned char *v = sqlite3_column_text(st, 0);
		sqlite3_snprintf((int)size, out, "%s", v ? (const char *)v : "");
	}
	return sqlite3_finalize(st) == SQLITE_OK;
}

/* Locks and sync cannot be trusted over a network. */
static bool is_local(const char *path, struct err *e)
{
	struct statfs fs;
	if (statfs(path, &fs) != 0) {
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	}
	switch ((unsigned long)fs.f_type & 0xffffffffUL) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
		return err_set(e, ERR_CONFIG, "%s: lies on a network file system; it must be local",
			       path);
	default: return true;
	}
}

static bool prepare_file(const char *path, struct err *e)
{
	bool made;
	if (!private_file_make(path, "", 0, &made, e)) {
		return false;
	}

	struct stat st;
	if (stat(path, &st) != 0) {
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(e, ERR_CONFIG, "%s: not a plain file", path);
	}
	if (st.st_mode & 0077) {
		return err_set(e, ERR_CONFIG,
			       "%s: others can read or write it (mode %04o): chmod 600 %s", path,
			       (unsigned)(st.st_mode & 07777), path);
	}
	if (access(path, W_OK) != 0) {
		err_set(e, ERR_CONFIG, "%s: cannot be written: %s", path, strerror(errno));
		e->end = TROUBLE_READ_ONLY;
		return false;
	}
	return is_local(path, e);
}

/* In exclusive mode the lock of this empty transaction stays until the file is closed. */
static bool take_lock(sqlite3 *sql, const char *path, struct err *e)
{
	char mode[32];
	if (!ask(sql, "pragma locking_mode=exclusive", mode, sizeof(mode)) ||
	    sqlite3_exec(sql, "begin exclusive; commit", NULL, NULL, NULL) != SQLITE_OK) {
		return failed(sql, path, e);
	}
	if (strcmp(mode, "exclusive") != 0) {
		return err_set(e, ERR_STORE, "%s: sqlite refuses to lock the file", path);
	}
	if (sqlite3_db_readonly(sql, "main") == 1) {
		err_set(e, ERR_CONFIG, "%s: cannot be written", path);
		e->end = TROUBLE_READ_ONLY;
		return false;
	}
	return true;
}

static bool apply_settings(sqlite3 *sql, const char *path, struct err *e)
{
	sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	/* Or a bound value that meets a partial index makes sqlite prepare the statement anew
	 * each time (measured: 40 us in place of 7 for a put into a lane). */
	sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const struct setting *s = &settings[i];
		char got[64];
		if (s->file_only && state_file_in_memory(path)) {
			continue;
		}
		if (!ask(sql, s->set, got, sizeof(got)) || !ask(sql, s->read, got, sizeof(got))) {
			return failed(sql, path, e);
		}
		if (strcmp(got, s->want) != 0) {
			return err_set(e, ERR_STORE, "%s: sqlite did not take \"%s\": it says %s",
				       path, s->set, got);
		}
	}
	return true;
}

static bool check(sqlite3 *sql, const char *path, struct err *e)
{
	char found[256];
	if (!ask(sql, "pragma quick_check(1)", found, sizeof(found))) {
		return failed(sql, path, e);
	}
	if (strcmp(found, "ok") != 0) {
		err_set(e, ERR_STORE, "%s: damaged (%s): keep this file, restore a backup", path,
			found);
		e->end = TROUBLE_DAMAGED;
		return false;
	}
	return true;
}

struct sqlite3 *state_file_open(const char *path, struct err *e)
{
	bool memory = state_file_in_memory(path);
	if (!memory && !prepare_file(path, e)) {
		return NULL;
	}

	sqlite3 *sql = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, &sql, flags, NULL) != SQLITE_OK) {
		failed(sql, path, e);
		goto fail;
	}
	/* Who it belongs to is asked before the first change. */
	if (take_lock(sql, path, e) && migrations_judge(sql, path, e) &&
	    apply_settings(sql, path, e) && check(sql, path, e) && migrations_apply(sql, path, e)) {
		return sql;
	}
fail:
	sqlite3_close(sql);
	return NULL;
}
