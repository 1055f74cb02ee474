/*
 * The table `host`: its parts put together, and the end of what they hold.  Knows no policy.
 */
#include "script/api.h"

#include "base/log.h"
#include "script/api_kit.h"
#include "script/api_parts.h"
#include "script/json.h"

#include <stdlib.h>
#include <string.h>

static int l_open(lua_State *L)
{
	struct services *s = lua_touserdata(L, 1);
	api_keep_services(L, s);
	json_open(L);
	lua_pushglobaltable(L);
	lua_pushliteral(L, "host");
	lua_newtable(L);
	lua_pushliteral(L, COSELL_VERSION);
	lua_setfield(L, -2, "version");
	api_host_open(L);
	api_http_open(L);
	api_store_open(L);
	api_docs_open(L);
	api_disk_open(L);
	api_erase_open(L);
	api_serve_open(L);
	api_control_open(L);
	api_file_open(L);
	api_child_open(L);
	api_crypto_open(L);
	api_sheet_open(L);
	api_sign_in_open(L);
	api_watch_open(L);
	if (s->more)
		s->more(L);
	lua_rawset(L, -3);
	return 0;
}

void api_open(struct vm *v, struct services *s)
{
	lua_State *L = vm_lua(v);
	struct err e;
	lua_pushcfunction(L, l_open);
	lua_pushlightuserdata(L, s);
	if (!vm_call(v, L, 1, 0, 0, &e)) {
		log_error("host table: %s", e.text);
		abort(); /* a bug, or a state too small for its own library */
	}
}

struct description {
	const struct services *s;
	const char *profile;
	const struct api_addresses *addresses;
};

static void set_text(lua_State *L, const char *name, const char *value)
{
	if (value) {
		lua_pushstring(L, value);
		lua_setfield(L, -2, name);
	}
}

static int l_describe(lua_State *L)
{
	const struct description *d = lua_touserdata(L, 1);
	struct err e;
	lua_pushglobaltable(L);
	lua_pushliteral(L, "host");
	lua_rawget(L, -2);
	lua_pushinteger(L, d->s->generation);
	lua_setfield(L, -2, "generation");
	if (d->s->defaults) {
		lua_pushstring(L, d->s->defaults);
		lua_setfield(L, -2, "defaults");
	}
	if (d->profile) {
		if (!json_decode(L, d->profile, strlen(d->profile), &e))
			return luaL_error(L, "host.profile: %s", e.text);
		lua_setfield(L, -2, "profile");
	}
	if (d->addresses && lua_getfield(L, -1, "profile") == LUA_TTABLE) {
		set_text(L, "callback_path", d->addresses->callback_path);
		set_text(L, "hint_path", d->addresses->hint_path);
		set_text(L, "forward", d->addresses->forward);
	}
	return 0;
}

bool api_describe(struct vm *v, const struct services *s, const char *profile,
		  const struct api_addresses *a, struct err *e)
{
	struct description d = {s, profile, a};
	lua_State *L = vm_lua(v);
	lua_pushcfunction(L, l_describe);
	lua_pushlightuserdata(L, &d);
	return vm_call(v, L, 1, 0, 0, e);
}

void api_close(struct services *s)
{
	buf_free(&s->scratch);
	api_hold(s, 0, NULL);
	api_hold(s, 1, NULL);
}
