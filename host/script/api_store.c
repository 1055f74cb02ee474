/*
 * host.store, host.queue: rows for scripts.
 *
 * A raise never jumps over an open statement (see api_rows.h).  No SQL, no policy.
 */
#include "script/api_kit.h"
#include "script/api_parts.h"
#include "script/api_rows.h"

#include <string.h>

#define MOST_DEFAULT  100
#define DELAY_MOST_MS (366LL * 24 * 3600 * 1000)

/* true | nil, err */
static int outcome(lua_State *L, bool ok, const struct err *e)
{
	if (!ok)
		return vm_fail(L, e);
	lua_pushboolean(L, true);
	return 1;
}

/* The JSON document taken over from the store (NULL: nil), decoded. */
static int push_doc(lua_State *L, struct services *s, bool ok, char *doc, const struct err *e)
{
	if (!ok)
		return vm_fail(L, e);
	api_hold(s, 0, doc);
	if (doc)
		return api_push_json(L, doc, strlen(doc));
	lua_pushnil(L);
	return 1;
}

static struct services *need_links(lua_State *L)
{
	struct services *s = api_services(L);
	API_NEED(L, s, links);
	return s;
}

/* ---- links ---- */

/* host.store.link_add(doc) -> id | nil, err */
static int l_link_add(lua_State *L)
{
	struct services *s = need_links(L);
	luaL_checktype(L, 1, LUA_TTABLE);
	struct err e;
	int64_t id = 0;
	if (!links_add(s->links, api_encode(L, 1), &id, &e))
		return vm_fail(L, &e);
	lua_pushinteger(L, id);
	return 1;
}

/* host.store.link_get(id) -> doc | nil */
static int l_link_get(lua_State *L)
{
	struct services *s = need_links(L);
	struct err e;
	char *doc = NULL;
	bool ok = links_get(s->links, luaL_checkinteger(L, 1), &doc, &e);
	return push_doc(L, s, ok, doc, &e);
}

/* host.store.link_set(id, doc) -> true | nil, err */
static int l_link_set(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer id = luaL_checkinteger(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	struct err e;
	return outcome(L, links_set(s->links, id, api_encode(L, 2), &e), &e);
}

static bool each_link(void *arg, int64_t id, const char *doc)
{
	struct buf *b = arg;
	api_row_begin(b, "id", id);
	api_row_json(b, "doc", doc);
	buf_addc(b, '}');
	return true;
}

/* host.store.link_list(after_id, most) -> { {id=, doc=}, ... } */
static int l_link_list(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer after = luaL_optinteger(L, 1, 0);
	int most = api_check_most(L, luaL_optinteger(L, 2, MOST_DEFAULT));
	struct err e;
	struct buf *b = api_rows_begin(s);
	return api_rows_end(L, b, links_list(s->links, after, most, each_link, b, &e), &e);
}

/* host.store.link_count() -> n | nil, err */
static int l_link_count(lua_State *L)
{
	struct services *s = need_links(L);
	struct err e;
	int64_t n = 0;
	if (!links_count(s->links, &n, &e))
		return vm_fail(L, &e);
	lua_pushinteger(L, n);
	return 1;
}

/* host.store.alias_set(id, remote, key) -> true | nil, err */
static int l_alias_set(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer id = luaL_checkinteger(L, 1);
	const char *remote = luaL_checkstring(L, 2);
	const char *key = luaL_checkstring(L, 3);
	struct err e;
	return outcome(L, links_alias_set(s->links, id, remote, key, &e), &e);
}

/* host.store.alias_get(remote, key) -> id | nil */
static int l_alias_get(lua_State *L)
{
	struct services *s = need_links(L);
	const char *remote = luaL_checkstring(L, 1);
	struct err e;
	int64_t id = 0;
	if (!links_alias_get(s->links, remote, luaL_checkstring(L, 2), &id, &e))
		return vm_fail(L, &e);
	if (id)
		lua_pushinteger(L, id);
	else
		lua_pushnil(L);
	return 1;
}

/* host.store.alias_move(from_id, to_id) -> true | nil, err */
static int l_alias_move(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer from = luaL_checkinteger(L, 1);
	lua_Integer to = luaL_checkinteger(L, 2);
	struct err e;
	return outcome(L, links_alias_move(s->links, from, to, &e), &e);
}

/* host.store.alias_drop(remote, key) -> true | nil, err */
static int l_alias_drop(lua_State *L)
{
	struct services *s = need_links(L);
	const char *remote = luaL_checkstring(L, 1);
	struct err e;
	return outcome(L, links_alias_drop(s->links, remote, luaL_checkstring(L, 2), &e), &e);
}

/* host.store.base_get(id, side) -> table | nil */
static int l_base_get(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer id = luaL_checkinteger(L, 1);
	struct err e;
	char *doc = NULL;
	bool ok = links_base_get(s->links, id, luaL_checkstring(L, 2), &doc, &e);
	return push_doc(L, s, ok, doc, &e);
}

/* host.store.base_set(id, side, table) -> true | nil, err */
static int l_base_set(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer id = luaL_checkinteger(L, 1);
	const char *side = luaL_checkstring(L, 2);
	luaL_checktype(L, 3, LUA_TTABLE);
	struct err e;
	return outcome(L, links_base_set(s->links, id, side, api_encode(L, 3), &e), &e);
}

/* ---- notes and marks ---- */

/* host.store.note_add(id, kind, table) -> note_id */
static int l_note_add(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer id = luaL_checkinteger(L, 1);
	const char *kind = luaL_checkstring(L, 2);
	luaL_checktype(L, 3, LUA_TTABLE);
	struct err e;
	int64_t note = 0;
	if (!links_note_add(s->links, id, kind, api_encode(L, 3), &note, &e))
		return vm_fail(L, &e);
	lua_pushinteger(L, note);
	return 1;
}

/* host.store.note_drop(note_id) -> true | nil, err */
static int l_note_drop(lua_State *L)
{
	struct services *s = need_links(L);
	struct err e;
	return outcome(L, links_note_drop(s->links, luaL_checkinteger(L, 1), &e), &e);
}

static bool each_note(void *arg, const struct links_note *n)
{
	struct buf *b = arg;
	api_row_begin(b, "note", n->note);
	api_row_int(b, "link", n->link);
	api_row_int(b, "at_ms", n->at_ms);
	api_row_text(b, "kind", n->kind);
	api_row_json(b, "doc", n->doc);
	buf_addc(b, '}');
	return true;
}

/* host.store.note_list(id|nil, kind|nil, most) -> newest first */
static int l_note_list(lua_State *L)
{
	struct services *s = need_links(L);
	lua_Integer id = luaL_optinteger(L, 1, -1);
	const char *kind = luaL_optstring(L, 2, NULL);
	int most = api_check_most(L, luaL_optinteger(L, 3, MOST_DEFAULT));
	struct err e;
	struct buf *b = api_rows_begin(s);
	return api_rows_end(L, b, links_note_list(s->links, id, kind, most, each_note, b, &e), &e);
}

/* host.store.mark_get(name) -> string | nil */
static int l_mark_get(lua_State *L)
{
	struct services *s = need_links(L);
	struct err e;
	char *value = NULL;
	if (!links_mark_get(s->links, luaL_checkstring(L, 1), &value, &e))
		return vm_fail(L, &e);
	lua_pushstring(L, api_hold(s, 0, value)); /* NULL pushes nil */
	return 1;
}

/* host.store.mark_set(name, string|nil) -> true | nil, err */
static int l_mark_set(lua_State *L)
{
	struct services *s = need_links(L);
	const char *name = luaL_checkstring(L, 1);
	struct err e;
	return outcome(L, links_mark_set(s->links, name, luaL_optstring(L, 2, NULL), &e), &e);
}

/* ---- runs ---- */

static bool each_run(void *arg, const struct run *r)
{
	struct buf *b = arg;
	api_row_begin(b, "id", r->id);
	api_row_int(b, "at_ms", r->at_ms);
	api_row_text(b, "flow", r->flow);
	api_row_int(b, "link", r->link);
	api_row_text(b, "trigger", r->trigger);
	api_row_text(b, "outcome", r->outcome);
	api_row_int(b, "ms", r->ms);
	api_row_int(b, "requests", r->requests);
	api_row_int(b, "operations", r->operations);
	api_row_json(b, "calls", r->calls);
	api_row_int(b, "generation", r->generation);
	api_row_json(b, "detail", r->detail);
	buf_addc(b, '}');
	return true;
}

/* host.store.run_list{link=, after=, most=} -> { {id=, at_ms=, flow=, ...}, ... } */
static int l_run_list(lua_State *L)
{
	static const char *const keys[] = {"link", "after", "most", NULL};
	struct services *s = api_services(L);
	API_NEED(L, s, runs);
	api_check_keys(L, 1, keys);
	int64_t link = api_opt_int(L, 1, "link", 0);
	int64_t after = api_opt_int(L, 1, "after", 0);
	int most = api_check_most(L, api_opt_int(L, 1, "most", MOST_DEFAULT));
	struct err e;
	struct buf *b = api_rows_begin(s);
	return api_rows_end(L, b, runs_list(s->runs, link, after, most, each_run, b, &e), &e);
}

static bool each_flow(void *arg, const struct runs_flow *f)
{
	struct buf *b = arg;
	api_row_begin(b, "failed", f->failed);
	api_row_text(b, "flow", f->flow);
	if (f->ok_ms)
		api_row_int(b, "ok_ms", f->ok_ms);
	if (f->failed_ms)
		api_row_int(b, "failed_ms", f->failed_ms);
	if (f->detail)
		api_row_json(b, "detail", f->detail);
	buf_addc(b, '}');
	return true;
}

/* host.store.run_flows(since_ms) -> { {flow=, ok_ms=, failed_ms=, detail=, failed=}, ... } */
static int l_run_flows(lua_State *L)
{
	struct services *s = api_services(L);
	API_NEED(L, s, runs);
	int64_t since_ms = luaL_optinteger(L, 1, 0);
	struct err e;
	struct buf *b = api_rows_begin(s);
	return api_rows_end(L, b, runs_flows(s->runs, since_ms, each_flow, b, &e), &e);
}

/* ---- queue ---- */

static struct services *need_queue(lua_State *L)
{
	struct services *s = api_services(L);
	API_NEED(L, s, queue);
	return s;
}

static void tell_queued(struct services *s)
{
	if (s->queued)
		s->queued(s->ctx);
}

/* The option `payload` as JSON in scratch; "{}" if nil. */
static const char *read_payload(lua_State *L)
{
	if (lua_getfield(L, 1, "payload") == LUA_TNIL) {
		lua_pop(L, 1);
		return "{}";
	}
	luaL_argcheck(L, lua_istable(L, -1), 1, "payload: a table expected");
	const char *json = api_encode(L, lua_gettop(L));
	lua_pop(L, 1);
	return json;
}

/* host.queue.put{kind=, lane=, key=, payload=, delay_ms=, keep_payload=} -> id */
static int l_queue_put(lua_State *L)
{
	static const char *const keys[] = {"kind",     "lane",         "key", "payload",
					   "delay_ms", "keep_payload", NULL};
	struct services *s = need_queue(L);
	api_check_keys(L, 1, keys);
	struct queue_put p = {.kind = api_need_string(L, 1, "kind"),
			      .lane = api_opt_string(L, 1, "lane", NULL),
			      .key = api_opt_string(L, 1, "key", NULL),
			      .keep_payload = api_opt_bool(L, 1, "keep_payload")};
	int64_t delay = api_opt_int(L, 1, "delay_ms", 0);
	luaL_argcheck(L, delay >= 0 && delay <= DELAY_MOST_MS, 1, "delay_ms: at most a year");
	p.payload = read_payload(L);
	p.lane = p.lane ? p.lane : "";
	p.key = p.key ? p.key : "";
	p.due_ms = delay > 0 ? WORLD_NOW(s->world) + delay : 0;
	struct err e;
	int64_t id = 0;
	if (!queue_put(s->queue, &p, &id, &e))
		return vm_fail(L, &e);
	tell_queued(s);
	lua_pushinteger(L, id);
	return 1;
}

static bool each_job(void *arg, const struct job *j)
{
	struct buf *b = arg;
	api_row_begin(b, "id", j->id);
	api_row_text(b, "kind", j->kind);
	api_row_text(b, "lane", j->lane);
	api_row_text(b, "key", j->key);
	api_row_json(b, "payload", j->payload);
	api_row_int(b, "due_ms", j->due_ms);
	api_row_int(b, "attempt", j->attempt);
	api_row_text(b, "state", j->dead ? "dead" : j->lease_ms ? "running" : "waiting");
	if (j->why != ERR_NONE)
		api_row_text(b, "why", err_kind_name(j->why));
	api_row_text(b, "text", j->text);
	api_row_int(b, "created_ms", j->created_ms);
	api_row_int(b, "generation", j->generation);
	buf_addc(b, '}');
	return true;
}

/* host.queue.list{state=, after=, most=} -> { {id=, kind=, ...}, ... } */
static int l_queue_list(lua_State *L)
{
	static const char *const keys[] = {"state", "after", "most", NULL};
	struct services *s = need_queue(L);
	api_check_keys(L, 1, keys);
	const char *state = api_opt_string(L, 1, "state", NULL);
	int64_t after = api_opt_int(L, 1, "after", 0);
	int most = api_check_most(L, api_opt_int(L, 1, "most", MOST_DEFAULT));
	struct err e;
	struct buf *b = api_rows_begin(s);
	return api_rows_end(L, b, queue_list(s->queue, state, after, most, each_job, b, &e), &e);
}

/* host.queue.retry(id|nil) -> count */
static int l_queue_retry(lua_State *L)
{
	struct services *s = need_queue(L);
	lua_Integer id = luaL_optinteger(L, 1, 0);
	struct err e;
	int64_t n = 0;
	if (!queue_revive(s->queue, id, ERR_NONE, 0, &n, &e))
		return vm_fail(L, &e);
	tell_queued(s);
	lua_pushinteger(L, n);
	return 1;
}

/* host.queue.hurry() -> true */
static int l_queue_hurry(lua_State *L)
{
	struct services *s = need_queue(L);
	struct err e;
	if (!queue_hurry(s->queue, ERR_NET, &e))
		return vm_fail(L, &e);
	tell_queued(s);
	lua_pushboolean(L, true);
	return 1;
}

/* host.queue.stats() -> {waiting=, due=, running=, dead=, oldest_due_ms=} */
static int l_queue_stats(lua_State *L)
{
	struct services *s = need_queue(L);
	struct queue_stats q;
	struct err e;
	if (!queue_stats(s->queue, &q, &e))
		return vm_fail(L, &e);
	struct buf *b = api_scratch(s);
	buf_addf(b, "{\"waiting\":%lld", (long long)q.waiting);
	api_row_int(b, "due", q.due);
	api_row_int(b, "running", q.running);
	api_row_int(b, "dead", q.dead);
	api_row_int(b, "oldest_due_ms", q.oldest_due_ms);
	buf_addc(b, '}');
	return api_push_json(L, b->data, b->len);
}

/* ---- registration ---- */

static const luaL_Reg store[] = {
	{"link_add", l_link_add},
	{"link_get", l_link_get},
	{"link_set", l_link_set},
	{"link_list", l_link_list},
	{"link_count", l_link_count},
	{"alias_move", l_alias_move},
	{"alias_set", l_alias_set},
	{"alias_get", l_alias_get},
	{"base_get", l_base_get},
	{"alias_drop", l_alias_drop},
	{"base_set", l_base_set},
	{"note_add", l_note_add},
	{"note_drop", l_note_drop},
	{"note_list", l_note_list},
	{"mark_get", l_mark_get},
	{"mark_set", l_mark_set},
	{"run_list", l_run_list},
	{"run_flows", l_run_flows},
	{NULL, NULL},
};

static const luaL_Reg queue[] = {
	{"put", l_queue_put},     {"list", l_queue_list},   {"retry", l_queue_retry},
	{"hurry", l_queue_hurry}, {"stats", l_queue_stats}, {NULL, NULL},
};

void api_store_open(lua_State *L)
{
	api_table(L, "store", store);
	api_table(L, "queue", queue);
}
