/*
 * Files of sqlite in memory, as sqlite's default file system: quick, and lost with the process.
 *
 * Owns the bytes.  They outlive the connection that wrote them, so a host that was killed finds
 * what it had written, and nothing else: a commit that was killed before its first byte is not
 * there, one that was killed after its sync is.
 */
#include "world.h"

#include "base/buf.h"

#include <sqlite3.h>

#include <stdlib.h>
#include <string.h>

struct file {
	struct file *next;
	char *name;
	unsigned char *data;
	size_t len, cap;
	bool log; /* the WAL */
};

struct handle {
	sqlite3_file base;
	struct file *file;
};

static struct file *files;
static sqlite3_vfs *under; /* names, times and the rest are its */
static int64_t kill_in;
static enum disk_moment kill_when;

void disk_kill_in(int64_t commits, enum disk_moment m)
{
	kill_in = commits;
	kill_when = m;
}

/* Called at each write and sync of a WAL. */
static void fuse(const struct file *f, bool synced)
{
	if (!f->log || kill_in == 0)
		return;
	bool before = kill_when == DISK_BEFORE;
	if (kill_in == 1 && before != synced) {
		kill_in = 0;
		world_die();
	}
	if (synced)
		kill_in--;
}

/* ---- one file ---- */

static struct file *of(sqlite3_file *f)
{
	return ((struct handle *)(void *)f)->file;
}

static int x_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static int x_read(sqlite3_file *h, void *to, int n, sqlite3_int64 at)
{
	const struct file *f = of(h);
	size_t want = (size_t)n;
	size_t from = (size_t)at;
	size_t have = from >= f->len ? 0 : f->len - from;
	size_t part = have < want ? have : want;
	if (part > 0)
		memcpy(to, f->data + from, part);
	if (part == want)
		return SQLITE_OK;
	memset((char *)to + part, 0, want - part);
	return SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *h, const void *from, int n, sqlite3_int64 at)
{
	struct file *f = of(h);
	size_t end = (size_t)at + (size_t)n;
	fuse(f, false);
	if (end > f->cap) {
		f->cap = end * 2;
		f->data = xrealloc(f->data, f->cap);
	}
	if ((size_t)at > f->len)
		memset(f->data + f->len, 0, (size_t)at - f->len);
	memcpy(f->data + at, from, (size_t)n);
	f->len = end > f->len ? end : f->len;
	return SQLITE_OK;
}

static int x_truncate(sqlite3_file *h, sqlite3_int64 size)
{
	struct file *f = of(h);
	if ((size_t)size < f->len)
		f->len = (size_t)size;
	return SQLITE_OK;
}

static int x_sync(sqlite3_file *h, int flags)
{
	(void)flags;
	fuse(of(h), true);
	return SQLITE_OK;
}

static int x_size(sqlite3_file *h, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)of(h)->len;
	return SQLITE_OK;
}

/* One process, one connection a file: nobody else can hold it. */
static int x_lock(sqlite3_file *h, int level)
{
	(void)h;
	(void)level;
	return SQLITE_OK;
}

static int x_reserved(sqlite3_file *h, int *held)
{
	(void)h;
	*held = 0;
	return SQLITE_OK;
}

static int x_control(sqlite3_file *h, int op, void *arg)
{
	(void)h;
	if (op != SQLITE_FCNTL_MMAP_SIZE)
		return SQLITE_NOTFOUND;
	*(sqlite3_int64 *)arg = 0; /* it is asked for, and read back */
	return SQLITE_OK;
}

static int x_sector(sqlite3_file *h)
{
	(void)h;
	return 4096;
}

static int x_traits(sqlite3_file *h)
{
	(void)h;
	return 0;
}

/* ---- the folder ---- */

static struct file *find(const char *name)
{
	struct file *f = files;
	while (f && strcmp(f->name, name) != 0)
		f = f->next;
	return f;
}

static int x_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *h, int flags, int *out)
{
	/* version 1: no shared memory, so the WAL's index is in the heap (exclusive mode) */
	static const sqlite3_io_methods methods = {
		.iVersion = 1,
		.xClose = x_close,
		.xRead = x_read,
		.xWrite = x_write,
		.xTruncate = x_truncate,
		.xSync = x_sync,
		.xFileSize = x_size,
		.xLock = x_lock,
		.xUnlock = x_lock,
		.xCheckReservedLock = x_reserved,
		.xFileControl = x_control,
		.xSectorSize = x_sector,
		.xDeviceCharacteristics = x_traits,
	};
	(void)v;
	struct file *f = name ? find(name) : NULL;
	if (!f) {
		f = NEW(struct file);
		f->name = xstrdup(name ? name : "");
		f->log = (flags & SQLITE_OPEN_WAL) != 0;
		f->next = files;
		files = f;
	}
	*(struct handle *)(void *)h = (struct handle){{&methods}, f};
	if (out)
		*out = flags;
	return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *v, const char *name, int sync)
{
	(void)v;
	(void)sync;
	struct file *f = find(name);
	if (f)
		f->len = 0;
	return SQLITE_OK;
}

static int x_access(sqlite3_vfs *v, const char *name, int flags, int *yes)
{
	(void)v;
	(void)flags;
	const struct file *f = find(name);
	*yes = f && f->len > 0;
	return SQLITE_OK;
}

static int x_full_name(sqlite3_vfs *v, const char *name, int n, char *out)
{
	(void)v;
	return under->xFullPathname(under, name, n, out);
}

static int x_random(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	memset(out, 0, (size_t)n); /* salts of the WAL: alike in every run */
	return n;
}

static int x_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	(void)us;
	return 0;
}

static int x_now(sqlite3_vfs *v, double *days)
{
	(void)v;
	*days = (double)world_now_us() / 86400e6 + 2440587.5;
	return SQLITE_OK;
}

static int x_last_error(sqlite3_vfs *v, int n, char *text)
{
	(void)v;
	(void)n;
	(void)text;
	return 0;
}

void disk_open(void)
{
	static sqlite3_vfs memory = {
		.iVersion = 1,
		.szOsFile = (int)sizeof(struct handle),
		.mxPathname = 1024,
		.zName = "world",
		.xOpen = x_open,
		.xDelete = x_delete,
		.xAccess = x_access,
		.xFullPathname = x_full_name,
		.xRandomness = x_random,
		.xSleep = x_sleep,
		.xCurrentTime = x_now,
		.xGetLastError = x_last_error,
	};
	under = sqlite3_vfs_find(NULL);
	if (sqlite3_vfs_register(&memory, 1) != SQLITE_OK)
		abort();
}
