/*
 * Files that only we may read.  Owns no state.  It must never open the state file: closing it again
 * would drop sqlite's locks on it (see state_file.c), so making never opens what exists.
 */
#include "store/private_file.h"

#include "store/trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The new name must be on disk as well as the bytes. */
bool private_file_sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = xstrdup(".");
	if (slash) {
		free(folder);
		folder = xmemdup0(path, slash == path ? 1 : (size_t)(slash - path));
	}

	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (fd < 0) {
		return false;
	}
	/* Some file systems cannot sync a folder and say EINVAL: nothing more can be done there. */
	bool ok = fsync(fd) == 0 || errno == EINVAL;
	close(fd);
	return ok;
}

static bool write_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	while (n > 0) {
		ssize_t did = write(fd, at, n);
		if (did < 0 && errno == EINTR) {
			continue;
		}
		if (did <= 0) {
			return false;
		}
		at += did;
		n -= (size_t)did;
	}
	return true;
}

static bool failed(const char *path, const char *what, int error, struct err *e)
{
	err_set(e, ERR_CONFIG, "%s: %s: %s", path, what, strerror(error));
	e->end = trouble_of_errno(error);
	return false;
}

bool private_file_make(const char *path, const void *p, size_t n, bool *made, struct err *e)
{
	*made = false;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		return errno == EEXIST || failed(path, "cannot be made", errno, e);
	}

	bool ok = write_all(fd, p, n) && fsync(fd) == 0;
	int why = errno;
	if (close(fd) != 0 && ok) {
		ok = false;
		why = errno;
	}
	if (ok && !private_file_sync_folder(path)) {
		ok = false;
		why = errno;
	}
	if (!ok) {
		unlink(path); /* half a key is worse than none */
		return failed(path, "cannot be written", why, e);
	}
	*made = true;
	return true;
}

/* Directly in the folder that systemd made for our credentials? */
static bool is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!folder || folder[0] != '/') {
		return false;
	}
	size_t n = strlen(folder);
	while (n > 1 && folder[n - 1] == '/') {
		n--;
	}
	return strncmp(path, folder, n) == 0 && path[n] == '/' && path[n + 1] != '\0' &&
	       !strchr(path + n + 1, '/');
}

/* shown: others may read it. */
static bool judge(const char *path, const struct stat *st, bool shown, struct err *e)
{
	bool credential = is_credential(path);
	uid_t me = geteuid();

	if (!S_ISREG(st->st_mode)) {
		return err_set(e, ERR_CONFIG, "%s: not a plain file", path);
	}
	if (st->st_uid != me && !((credential || shown) && st->st_uid == 0)) {
		return err_set(
			e, ERR_CONFIG,
			"%s: belongs to user %u, but this program runs as user %u: chown %u %s",
			path, (unsigned)st->st_uid, (unsigned)me, (unsigned)me, path);
	}
	if (shown && st->st_mode & 0022) {
		return err_set(e, ERR_CONFIG, "%s: others can write it (mode %04o): chmod 644 %s",
			       path, (unsigned)(st->st_mode & 07777), path);
	}
	/* systemd opens its credentials to us by an ACL, whose mask shows as the group's bits. */
	if (!shown && st->st_mode & (credential ? 0037 : 0077)) {
		return err_set(e, ERR_CONFIG,
			       "%s: others can read or write it (mode %04o): chmod 600 %s", path,
			       (unsigned)(st->st_mode & 07777), path);
	}
	return true;
}

static bool read_all(int fd, const char *path, size_t most, struct buf *out, struct err *e)
{
	char piece[4096];
	size_t total = 0;
	bool ok = true;

	while (ok) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			ok = err_set(e, ERR_CONFIG, "%s: cannot be read: %s", path,
				     strerror(errno));
		} else if (n == 0) {
			break;
		} else if ((size_t)n > most - total) {
			ok = err_set(e, ERR_CONFIG, "%s: longer than %zu bytes", path, most);
		} else {
			buf_add(out, piece, (size_t)n);
			total += (size_t)n;
		}
	}
	explicit_bzero(piece, sizeof(piece));
	return ok;
}

bool private_file_check(const char *path, struct err *e)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	return judge(path, &st, false, e);
}

static bool read_file(const char *path, size_t most, bool shown, struct buf *out, struct err *e)
{
	/* O_NONBLOCK: a pipe in this place must not hold us up. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return err_set(e, ERR_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
	}

	struct stat st;
	bool ok = false;
	if (fstat(fd, &st) != 0) {
		err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	} else if (judge(path, &st, shown, e)) {
		ok = read_all(fd, path, most, out, e);
	}
	close(fd);
	return ok;
}

bool private_file_read(const char *path, size_t most, struct buf *out, struct err *e)
{
	return read_file(path, most, false, out, e);
}

bool private_file_read_shown(const char *path, size_t most, struct buf *out, struct err *e)
{
	return read_file(path, most, true, out, e);
}
