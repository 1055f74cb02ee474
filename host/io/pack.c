/*
 * Zip archives by libzip.
 *
 * Owns the descriptor and the library's handle.  A part's size is judged before it is unpacked and
 * while it is: archives come from anybody.  Knows nothing of what the parts mean.
 */
#include "io/pack.h"

#include "base/buf.h"

#include <zip.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_MOST 10000

struct pack {
	zip_t *zip;
};

struct pack_part {
	zip_file_t *file;
	size_t left;
};

static bool too_large(struct err *e, const char *what, size_t most)
{
	return err_set(e, ERR_DATA, "%s is larger than %zu MiB", what, most >> 20);
}

/* What a password or an older program makes of a workbook. */
static const unsigned char compound[8] = {0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1};

static bool judge(int fd, size_t most, struct err *e)
{
	struct stat st;
	unsigned char head[sizeof(compound)] = {0};
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "it is no file");
	if ((uintmax_t)st.st_size > most)
		return too_large(e, "the file", most);
	if (pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    memcmp(head, compound, sizeof(head)) == 0)
		return err_set(
			e, ERR_DATA,
			"it has a password, or is an old .xls: save it as .xlsx without one");
	return true;
}

static zip_t *refused(zip_error_t *why, struct err *e)
{
	(void)err_set(e, ERR_DATA, "it is no .xlsx file: %s", zip_error_strerror(why));
	zip_error_fini(why);
	return NULL;
}

/* Takes over fd.  Not by zip_fdopen: its copy of the descriptor would live on in children. */
static zip_t *open_zip(int fd, struct err *e)
{
	zip_error_t why;
	zip_error_init(&why);
	FILE *f = fdopen(fd, "rb");
	if (!f) {
		(void)close(fd);
		(void)err_set(e, ERR_CONFIG, "%s", strerror(errno));
		return NULL;
	}
	zip_source_t *source = zip_source_filep_create(f, 0, -1, &why);
	if (!source) {
		(void)fclose(f);
		return refused(&why, e);
	}
	zip_t *zip = zip_open_from_source(source, ZIP_RDONLY, &why);
	if (!zip) {
		zip_source_free(source); /* closes f */
		return refused(&why, e);
	}
	zip_error_fini(&why);
	return zip;
}

struct pack *pack_open(const char *path, size_t most, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		(void)err_set(e, errno == ENOENT ? ERR_ABSENT : ERR_CONFIG, "%s", strerror(errno));
		return NULL;
	}
	if (!judge(fd, most, e)) {
		(void)close(fd);
		return NULL;
	}
	zip_t *zip = open_zip(fd, e);
	if (!zip)
		return NULL;
	if (zip_get_num_entries(zip, 0) > ENTRIES_MOST) {
		(void)err_set(e, ERR_DATA, "it holds more than %d parts", ENTRIES_MOST);
		zip_discard(zip);
		return NULL;
	}
	struct pack *p = NEW(struct pack);
	p->zip = zip;
	return p;
}

void pack_close(struct pack *p)
{
	if (!p)
		return;
	zip_discard(p->zip);
	free(p);
}

struct pack_part *pack_part_open(struct pack *p, const char *name, size_t most, struct err *e)
{
	zip_stat_t st;
	zip_int64_t at = zip_name_locate(p->zip, name, 0);
	if (at < 0 || zip_stat_index(p->zip, (zip_uint64_t)at, 0, &st) != 0) {
		(void)err_set(e, ERR_ABSENT, "the file has no part '%s'", name);
		return NULL;
	}
	if (!(st.valid & ZIP_STAT_SIZE) || st.size > most) {
		(void)too_large(e, name, most);
		return NULL;
	}
	zip_file_t *file = zip_fopen_index(p->zip, (zip_uint64_t)at, 0);
	if (!file) {
		(void)err_set(e, ERR_DATA, "%s cannot be unpacked: %s", name, zip_strerror(p->zip));
		return NULL;
	}
	struct pack_part *f = NEW(struct pack_part);
	f->file = file;
	f->left = most;
	return f;
}

bool pack_part_read(struct pack_part *f, void *to, size_t room, size_t *got, struct err *e)
{
	zip_int64_t n = zip_fread(f->file, to, room);
	if (n < 0)
		return err_set(e, ERR_DATA, "the file is damaged: %s",
			       zip_error_strerror(zip_file_get_error(f->file)));
	if ((size_t)n > f->left)
		return err_set(e, ERR_DATA, "a part is larger than it says");
	f->left -= (size_t)n;
	*got = (size_t)n;
	return true;
}

void pack_part_close(struct pack_part *f)
{
	if (!f)
		return;
	(void)zip_fclose(f->file);
	free(f);
}
