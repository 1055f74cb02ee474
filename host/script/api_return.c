/*
 * host.sign_in.listen: where a browser of this machine is sent back to after a person has signed in.
 *
 * It takes GET of one path, hands its query to the script that waits, and shows the person a page.
 * On loopback only, for one command, closed by it.  Owns its listener through userdata.  Must never
 * log a query: a code stands in it.
 */
#include "base/crypto.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_MOST 16384
#define LAST_MS     1000 /* for a page on its way, once the script is done */

static const char back_type[] = "cosell.back";
static const char page[] =
	"<!DOCTYPE html><meta charset=\"utf-8\"><title>cosell</title>"
	"<p>cosell has got the answer of the sign-in page. This window can be closed: how it went "
	"stands where the command was given.</p>\n";

struct back {
	struct http_server *http;
	char *path;
	char *query; /* that nobody has taken yet; NULL: none */
	struct ticket ticket;
	bool waits, closing;
	struct loop_timer *timer;
};

static int push_query(lua_State *co, void *arg)
{
	char *query = arg;
	if (!co)
		crypto_drop(&query);
	else if (query)
		lua_pushstring(co, query);
	else
		lua_pushnil(co);
	return 1;
}

/* query: handed on; NULL: too late. */
static void end_wait(struct back *b, char *query)
{
	b->waits = false;
	loop_timer_clear(b->timer);
	task_wake(b->ticket, push_query, query);
}

static void close_now(struct back *b)
{
	if (b->http)
		http_server_free(b->http);
	b->http = NULL;
}

/* Too late; or it had come before anybody waited; or the page is with the browser by now. */
static void on_timer(void *arg)
{
	struct back *b = arg;
	char *query = b->query;
	if (b->closing) {
		close_now(b);
		return;
	}
	b->query = NULL;
	if (b->waits)
		end_wait(b, query);
}

static void on_call(void *ctx, struct http_call *call)
{
	static const struct web_header headers[] = {
		{"Content-Type", "text/html; charset=utf-8"},
		{"Cache-Control", "no-store"},
		{"Referrer-Policy", "no-referrer"},
		{"Content-Security-Policy", "default-src 'none'"},
	};
	struct back *b = ctx;
	const char *target = http_call_target(call);
	size_t path = strcspn(target, "?");
	if (strlen(target) > TARGET_MOST || target[path] != '?' || path != strlen(b->path) ||
	    strncmp(target, b->path, path) != 0) {
		http_call_answer(call, 404, NULL, 0, "", 0);
		return;
	}
	if (b->waits) {
		end_wait(b, xstrdup(target + path + 1));
	} else {
		crypto_drop(&b->query);
		b->query = xstrdup(target + path + 1);
	}
	http_call_answer(call, 200, headers, sizeof(headers) / sizeof(headers[0]), page,
			 strlen(page));
}

/* Who gave the command has left: the port is free at once, not when the script's object goes. */
static void wait_dropped(void *arg)
{
	struct back *b = arg;
	b->waits = false;
	loop_timer_clear(b->timer);
	close_now(b);
}

static struct back *check_back(lua_State *L)
{
	struct back **box = luaL_checkudata(L, 1, back_type);
	if (!*box || !(*box)->http || (*box)->closing)
		luaL_argerror(L, 1, "the listener is closed");
	return *box;
}

/* listener:wait(timeout_ms) (suspends) -> query | nil: too late */
static int l_wait(lua_State *L)
{
	struct back *b = check_back(L);
	lua_Integer ms = luaL_checkinteger(L, 2);
	struct task *t = task_of(L);
	if (b->waits)
		return luaL_error(L, "somebody waits already");
	b->ticket = task_ticket(t);
	b->waits = true;
	loop_timer_set(b->timer, b->query || ms < 0 ? 0 : ms);
	return task_wait(L, t, false, wait_dropped, b);
}

static int l_port(lua_State *L)
{
	lua_pushinteger(L, http_server_port(check_back(L)->http));
	return 1;
}

static int l_gc(lua_State *L)
{
	struct back **box = luaL_checkudata(L, 1, back_type);
	struct back *b = *box;
	*box = NULL;
	if (b) {
		if (b->waits)
			end_wait(b, NULL);
		close_now(b);
		loop_timer_free(b->timer);
		crypto_drop(&b->query);
		free(b->path);
		free(b);
	}
	return 0;
}

/* listener:close(): takes no more; the page that was answered still gets to the browser */
static int l_close(lua_State *L)
{
	struct back **box = luaL_checkudata(L, 1, back_type);
	struct back *b = *box;
	if (b && b->http && !b->closing) {
		if (b->waits)
			end_wait(b, NULL);
		b->closing = true;
		http_server_pause(b->http);
		loop_timer_set(b->timer, LAST_MS);
	}
	return 0;
}

/* host.sign_in.listen{address=, port=, path=} -> listener | nil, err; port 0: any free one */
static int l_listen(lua_State *L)
{
	static const char *const keys[] = {"address", "port", "path", NULL};
	struct services *s = api_services(L);
	api_check_keys(L, 1, keys);
	const char *address = api_need_string(L, 1, "address");
	const char *path = api_need_string(L, 1, "path");
	int64_t port = api_opt_int(L, 1, "port", 0);
	bool loopback = strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0;
	luaL_argcheck(L, loopback, 1, "address: 127.0.0.1 or ::1");
	luaL_argcheck(L, port >= 0 && port <= 65535, 1, "port: from 0 to 65535");
	void **box = api_box(L, back_type);
	const struct http_server_config c = {.address = address,
					     .port = (int)port,
					     .methods = "GET",
					     .max_body = 1024,
					     .max_connections = 16};
	struct err e;
	struct back *b = *box = NEW(struct back);
	b->path = xstrdup(path);
	b->timer = loop_timer_new(s->loop, on_timer, b);
	b->http = http_server_new(s->loop, &c, on_call, b, &e);
	return b->http ? 1 : vm_fail(L, &e);
}

/* Into the table host.sign_in, which stands in `host` on top. */
void api_return_open(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"wait", l_wait}, {"port", l_port}, {"close", l_close}, {NULL, NULL}};
	luaL_newmetatable(L, back_type);
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	lua_getfield(L, -1, "sign_in");
	lua_pushcfunction(L, l_listen);
	lua_setfield(L, -2, "listen");
	lua_pop(L, 1);
}
