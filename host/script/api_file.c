/*
 * host.file: files for commands that run here.
 *
 * Plain and synchronous.  A write is whole or not at all (a new file, renamed).  Must never be used
 * on an open state file: opening and closing it elsewhere drops sqlite's locks.
 */
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST (64u << 20)

static int fail_errno(lua_State *L, const char *path, int error)
{
	struct err e;
	err_set(&e, error == ENOENT ? ERR_ABSENT : ERR_CONFIG, "%s: %s", path, strerror(error));
	return vm_fail(L, &e);
}

static int outcome(lua_State *L, const char *path, bool ok)
{
	if (!ok)
		return fail_errno(L, path, errno);
	lua_pushboolean(L, true);
	return 1;
}

/* Appends the file's bytes; errno on false. */
static bool read_whole(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	char part[16384];
	ssize_t n = 0;
	while (b->len <= FILE_MOST && (n = read(fd, part, sizeof(part))) > 0)
		buf_add(b, part, (size_t)n);
	int error = b->len > FILE_MOST ? EFBIG : n < 0 ? errno : 0;
	close(fd);
	errno = error;
	return error == 0;
}

/* host.file.read(path) -> text | nil, err */
static int l_read(lua_State *L)
{
	struct services *s = api_local(L);
	const char *path = luaL_checkstring(L, 1);
	struct buf *b = api_scratch(s);
	if (!read_whole(path, b))
		return fail_errno(L, path, errno);
	lua_pushlstring(L, b->len ? b->data : "", b->len);
	return 1;
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return true;
}

/* Of mode; if that is below 0, of the mode of the file that is there, else 0644. */
static bool write_whole(const char *path, const char *next, const char *p, size_t n, int mode)
{
	struct stat st;
	bool kept = mode < 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
	mode_t first = kept ? st.st_mode & 0777 : mode < 0 ? 0644 : (mode_t)mode;
	int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, first);
	if (fd < 0)
		return false;
	bool ok = (!kept || fchmod(fd, first) == 0) && write_all(fd, p, n);
	int error = errno;
	ok = close(fd) == 0 && ok;
	if (ok && rename(next, path) == 0)
		return true;
	error = ok ? errno : error;
	(void)unlink(next);
	errno = error;
	return false;
}

/* host.file.write(path, text, mode?) -> true | nil, err */
static int l_write(lua_State *L)
{
	api_local(L);
	size_t n = 0;
	const char *path = luaL_checkstring(L, 1);
	const char *text = luaL_checklstring(L, 2, &n);
	lua_Integer mode = luaL_optinteger(L, 3, -1);
	luaL_argcheck(L, lua_isnoneornil(L, 3) || (mode >= 0 && mode <= 0777), 3,
		      "a mode such as 0x180 (0600)");
	const char *next = lua_pushfstring(L, "%s.%d.new", path, (int)getpid());
	return outcome(L, path, write_whole(path, next, text, n, (int)mode));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder as JSON in b; errno on false. */
static bool list_names(const char *path, struct buf *b)
{
	char *names[4096];
	size_t n = 0;
	DIR *d = opendir(path);
	if (!d)
		return false;
	for (struct dirent *i = readdir(d); i && n < 4096; i = readdir(d))
		if (strcmp(i->d_name, ".") != 0 && strcmp(i->d_name, "..") != 0)
			names[n++] = xstrdup(i->d_name);
	closedir(d);
	qsort(names, n, sizeof(*names), by_name);
	buf_addc(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(b, ',');
		buf_add_json(b, names[i], strlen(names[i]));
		free(names[i]);
	}
	buf_addc(b, ']');
	return true;
}

/* host.file.list(folder) -> names, sorted | nil, err */
static int l_list(lua_State *L)
{
	struct services *s = api_local(L);
	const char *path = luaL_checkstring(L, 1);
	struct buf *b = api_scratch(s);
	if (!list_names(path, b))
		return fail_errno(L, path, errno);
	return api_push_json(L, b->data, b->len);
}

/* host.file.exists(path) -> "file" | "folder" | "other" | false */
static int l_exists(lua_State *L)
{
	api_local(L);
	struct stat st;
	if (stat(luaL_checkstring(L, 1), &st) != 0)
		lua_pushboolean(L, false);
	else
		lua_pushstring(L, S_ISREG(st.st_mode)   ? "file"
				  : S_ISDIR(st.st_mode) ? "folder"
							: "other");
	return 1;
}

/* host.file.mkdir(path, mode?) -> true | nil, err; fine if it is there */
static int l_mkdir(lua_State *L)
{
	api_local(L);
	const char *path = luaL_checkstring(L, 1);
	lua_Integer mode = luaL_optinteger(L, 2, 0755);
	struct stat st;
	bool ok = mkdir(path, (mode_t)mode) == 0 ||
		  (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode));
	return outcome(L, path, ok);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* host.file.remove(path) -> true | nil, err; a folder goes with all that is in it */
static int l_remove(lua_State *L)
{
	api_local(L);
	const char *path = luaL_checkstring(L, 1);
	luaL_argcheck(L, path[strspn(path, "/.")] != '\0', 1, "not a folder that others live in");
	return outcome(L, path, nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0);
}

/* host.file.tempdir() -> path of a new folder of mode 0700 */
static int l_tempdir(lua_State *L)
{
	api_local(L);
	char path[512];
	const char *base = getenv("TMPDIR");
	snprintf(path, sizeof(path), "%s/cosell-XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(path))
		return fail_errno(L, path, errno);
	lua_pushstring(L, path);
	return 1;
}

/* host.file.cwd() -> path */
static int l_cwd(lua_State *L)
{
	api_local(L);
	char path[4096];
	if (!getcwd(path, sizeof(path)))
		return fail_errno(L, ".", errno);
	lua_pushstring(L, path);
	return 1;
}

/* host.file.getenv(name) -> string | nil */
static int l_getenv(lua_State *L)
{
	api_local(L);
	lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
	return 1;
}

void api_file_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"read", l_read},     {"write", l_write},   {"list", l_list},
		{"exists", l_exists}, {"mkdir", l_mkdir},   {"remove", l_remove},
		{"cwd", l_cwd},       {"getenv", l_getenv}, {"tempdir", l_tempdir},
		{NULL, NULL},
	};
	api_table(L, "file", functions);
}
