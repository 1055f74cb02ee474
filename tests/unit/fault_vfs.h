/*
 * A disk for the tests: sqlite's own VFS, with faults.  It counts the writes, truncations and syncs;
 * the one numbered `at` fails as told.  It also remembers of each file what was synced and what was
 * written since, so that power can be lost: each unsynced write is then there, torn or missing.
 *
 * sqlite must be told of it before it opens anything: fault_install().
 */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

#include "base/buf.h"
#include "tests.h"

#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_EIO,       /* once */
	FAULT_TORN,      /* once: some sectors of a write are there, and it fails */
	FAULT_FULL,      /* from then on: no space for writes */
	FAULT_READ_ONLY, /* from then on */
	FAULT_POWER,     /* from then on nothing works; fault_power_back */
	FAULT_LOST_SYNC, /* once: a sync fails, and what it was to sync never arrives */
};

struct fault_op {
	int64_t at; /* -1: a truncation to len */
	size_t len;
	char *data;
};

struct fault_shadow {
	char *path;
	struct buf synced;
	struct fault_op *ops;
	size_t nops, cap;
};

enum { FAULT_FILES = 8, SECTOR = 512 };

static struct {
	sqlite3_vfs vfs, *real;
	enum fault_kind kind;
	int64_t at, ops; /* at: 0 never */
	int error;       /* errno to be told of */
	bool on;         /* it has begun */
	uint32_t dice;
	struct fault_shadow files[FAULT_FILES];
	size_t nfiles;
} fault;

struct fault_file {
	sqlite3_file base;
	struct fault_shadow *shadow;
	sqlite3_file *real;
};

static inline uint32_t fault_dice(uint32_t most)
{
	fault.dice = fault.dice * 1664525U + 1013904223U;
	return (fault.dice >> 8) % most;
}

static inline struct fault_shadow *fault_shadow(const char *path)
{
	for (size_t i = 0; i < fault.nfiles; i++) {
		if (strcmp(fault.files[i].path, path) == 0) {
			return &fault.files[i];
		}
	}
	if (fault.nfiles == FAULT_FILES) {
		abort();
	}
	struct fault_shadow *s = &fault.files[fault.nfiles++];
	free(s->path); /* of a file that was forgotten */
	s->path = xstrdup(path);
	return s;
}

/* ---- what is remembered ---- */

static inline void fault_apply(struct buf *image, const struct fault_op *o, size_t len)
{
	static const char zeros[SECTOR];
	if (o->at < 0) {
		image->len = o->len < image->len ? o->len : image->len;
		return;
	}
	while (image->len < (size_t)o->at) {
		size_t gap = (size_t)o->at - image->len;
		buf_add(image, zeros, gap < SECTOR ? gap : SECTOR);
	}
	size_t over = image->len - (size_t)o->at;
	size_t in = len < over ? len : over;
	if (in > 0) {
		memcpy(image->data + o->at, o->data, in);
	}
	if (len > in) {
		buf_add(image, o->data + in, len - in);
	}
}

static inline void fault_forget(struct fault_shadow *s)
{
	for (size_t i = 0; i < s->nops; i++) {
		free(s->ops[i].data);
	}
	s->nops = 0;
}

static inline void fault_remember(struct fault_shadow *s, int64_t at, const void *p, size_t n)
{
	if (s->nops == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->ops = xrealloc(s->ops, s->cap * sizeof(*s->ops));
	}
	s->ops[s->nops++] = (struct fault_op){at, n, p ? xmemdup0(p, n) : NULL};
}

static inline void fault_synced(struct fault_shadow *s)
{
	for (size_t i = 0; i < s->nops; i++) {
		fault_apply(&s->synced, &s->ops[i], s->ops[i].len);
	}
	fault_forget(s);
}

/* ---- the faults ---- */

static inline bool fault_now(void)
{
	fault.ops++;
	bool hit = fault.at > 0 && fault.ops == fault.at;
	bool lasting = fault.kind == FAULT_FULL || fault.kind == FAULT_READ_ONLY ||
		       fault.kind == FAULT_POWER;
	fault.on |= hit;
	return hit || (lasting && fault.on);
}

static inline int fault_fail(int rc, int error)
{
	fault.error = error;
	return rc;
}

static inline int fault_write_fails(struct fault_file *f, const void *p, int n, sqlite3_int64 at)
{
	switch (fault.kind) {
	case FAULT_FULL: return fault_fail(SQLITE_FULL, ENOSPC);
	case FAULT_READ_ONLY: return fault_fail(SQLITE_IOERR_WRITE, EROFS);
	case FAULT_TORN: {
		int part = (int)fault_dice((uint32_t)n / SECTOR + 1) * SECTOR;
		if (part > 0) {
			f->real->pMethods->xWrite(f->real, p, part, at);
			fault_remember(f->shadow, at, p, (size_t)part);
		}
		return fault_fail(SQLITE_IOERR_WRITE, EIO);
	}
	case FAULT_POWER: fault_remember(f->shadow, at, p, (size_t)n); break;
	default: break;
	}
	return fault_fail(SQLITE_IOERR_WRITE, EIO);
}

static inline int fault_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct fault_file *f = (struct fault_file *)file;
	bool sync_only = fault.kind == FAULT_LOST_SYNC;
	if (!sync_only && fault_now()) {
		return fault_write_fails(f, p, n, at);
	}
	fault_remember(f->shadow, at, p, (size_t)n);
	return f->real->pMethods->xWrite(f->real, p, n, at);
}

static inline int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct fault_file *f = (struct fault_file *)file;
	bool sync_only = fault.kind == FAULT_LOST_SYNC;
	if (!sync_only && fault_now()) {
		return fault_fail(SQLITE_IOERR_TRUNCATE,
				  fault.kind == FAULT_READ_ONLY ? EROFS : EIO);
	}
	fault_remember(f->shadow, -1, NULL, (size_t)size);
	return f->real->pMethods->xTruncate(f->real, size);
}

static inline int fault_sync(sqlite3_file *file, int flags)
{
	struct fault_file *f = (struct fault_file *)file;
	(void)flags;
	if (fault_now()) {
		if (fault.kind == FAULT_LOST_SYNC) {
			fault_forget(f->shadow); /* the system believes them clean now */
		}
		int error = fault.kind == FAULT_READ_ONLY ? EROFS
			    : fault.kind == FAULT_FULL    ? ENOSPC
							  : EIO;
		return fault_fail(SQLITE_IOERR_FSYNC, error);
	}
	fault_synced(f->shadow);
	return SQLITE_OK; /* nobody cuts the power of this machine: it may stay in its cache */
}

static inline int fault_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct fault_file *f = (struct fault_file *)file;
	if (fault.on && fault.kind == FAULT_POWER) {
		return fault_fail(SQLITE_IOERR_READ, EIO);
	}
	return f->real->pMethods->xRead(f->real, p, n, at);
}

/* ---- what is passed on ---- */

#define REAL(file) (((struct fault_file *)(file))->real)

static inline int fault_close(sqlite3_file *file)
{
	return REAL(file)->pMethods->xClose(REAL(file));
}

static inline int fault_size(sqlite3_file *file, sqlite3_int64 *out)
{
	return REAL(file)->pMethods->xFileSize(REAL(file), out);
}

static inline int fault_lock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xLock(REAL(file), level);
}

static inline int fault_unlock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static inline int fault_reserved(sqlite3_file *file, int *out)
{
	return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out);
}

static inline int fault_control(sqlite3_file *file, int op, void *arg)
{
	if (op == SQLITE_FCNTL_LAST_ERRNO) {
		*(int *)arg = fault.error;
		return SQLITE_OK;
	}
	return REAL(file)->pMethods->xFileControl(REAL(file), op, arg);
}

static inline int fault_sector(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

static inline int fault_traits(sqlite3_file *file)
{
	(void)file;
	return 0; /* it promises nothing */
}

static const sqlite3_io_methods fault_methods = {
	.iVersion = 1, /* no shared memory: one connection, exclusive, needs none */
	.xClose = fault_close,
	.xRead = fault_read,
	.xWrite = fault_write,
	.xTruncate = fault_truncate,
	.xSync = fault_sync,
	.xFileSize = fault_size,
	.xLock = fault_lock,
	.xUnlock = fault_unlock,
	.xCheckReservedLock = fault_reserved,
	.xFileControl = fault_control,
	.xSectorSize = fault_sector,
	.xDeviceCharacteristics = fault_traits,
};

static inline void fault_read_file(const char *path, struct buf *out)
{
	char part[4096];
	FILE *in = fopen(path, "re");
	size_t n = 0;
	buf_free(out);
	while (in && (n = fread(part, 1, sizeof(part), in)) > 0) {
		buf_add(out, part, n);
	}
	if (in) {
		(void)fclose(in);
	}
}

static inline int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
			     int *out)
{
	(void)vfs;
	struct fault_file *f = (struct fault_file *)file;
	*f = (struct fault_file){.real = (sqlite3_file *)&f[1]};
	struct fault_shadow *s = fault_shadow(name ? name : "temporary");
	fault_forget(s);
	if (name) {
		fault_read_file(name, &s->synced);
	}
	int rc = fault.real->xOpen(fault.real, name, f->real, flags, out);
	f->shadow = s;
	f->base.pMethods = f->real->pMethods ? &fault_methods : NULL;
	return rc;
}

static inline int fault_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	if (fault.on && fault.kind == FAULT_POWER) {
		return fault_fail(SQLITE_IOERR_DELETE, EIO);
	}
	struct fault_shadow *s = fault_shadow(name);
	fault_forget(s);
	buf_free(&s->synced);
	(void)sync;
	return fault.real->xDelete(fault.real, name, 0);
}

static inline void fault_install(void)
{
	sqlite3_initialize();
	fault.real = sqlite3_vfs_find(NULL);
	fault.vfs = *fault.real;
	fault.vfs.zName = "fault";
	fault.vfs.szOsFile = (int)sizeof(struct fault_file) + fault.real->szOsFile;
	fault.vfs.pNext = NULL;
	fault.vfs.xOpen = fault_open;
	fault.vfs.xDelete = fault_delete;
	sqlite3_vfs_register(&fault.vfs, 1);
}

/* Counts from nothing; the op numbered `at` will fail. */
static inline void fault_set(enum fault_kind kind, int64_t at, uint32_t seed)
{
	fault.kind = kind;
	fault.at = at;
	fault.ops = 0;
	fault.on = false;
	fault.error = 0;
	fault.dice = seed;
}

/* The files become what a disk would hold: what was synced, and of the rest whatever came. */
static inline void fault_power_back(bool all_lost)
{
	for (size_t i = 0; i < fault.nfiles; i++) {
		struct fault_shadow *s = &fault.files[i];
		for (size_t j = 0; j < s->nops; j++) {
			struct fault_op *o = &s->ops[j];
			uint32_t fate = all_lost ? 1 : fault_dice(3);
			size_t sectors = o->len / SECTOR + 1;
			if (fate == 0) {
				fault_apply(&s->synced, o, o->len);
			} else if (fate == 2 && o->at >= 0) {
				size_t part = fault_dice((uint32_t)sectors) * SECTOR;
				fault_apply(&s->synced, o, part < o->len ? part : o->len);
			}
		}
		fault_forget(s);
		int fd = open(s->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
		if (fd >= 0) {
			CHECK(write(fd, s->synced.data ? s->synced.data : "", s->synced.len) ==
			      (ssize_t)s->synced.len);
			close(fd);
		}
	}
	fault_set(FAULT_NONE, 0, fault.dice);
}

#endif
