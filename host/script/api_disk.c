/*
 * host.disk: what can be asked of a path without opening it, so that even the state file may be
 * meant.  It must never open, read or write one.
 */
#include "script/api_kit.h"
#include "script/api_parts.h"
#include "store/private_file.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

/* host.disk.private(path) -> true | nil, err: what its reader would say of it, and the cure */
static int l_private(lua_State *L)
{
	struct err e;
	if (!private_file_check(luaL_checkstring(L, 1), &e))
		return vm_fail(L, &e);
	lua_pushboolean(L, true);
	return 1;
}

/* host.disk.room(path) -> bytes that are free for us on its disk | nil, err */
static int l_room(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct statvfs disk;
	struct err e;
	if (statvfs(path, &disk) != 0) {
		err_set(&e, ERR_STORE, "%s: %s", path, strerror(errno));
		return vm_fail(L, &e);
	}
	lua_pushinteger(L, (lua_Integer)disk.f_bavail * (lua_Integer)disk.f_frsize);
	return 1;
}

void api_disk_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"private", l_private}, {"room", l_room}, {NULL, NULL}};
	api_table(L, "disk", functions);
}
