/*
 * host.http: requests to the named remotes, and, for commands that run here, to loopback addresses;
 * and whether an address is reached at all.
 *
 * A request leaves after the round's commit.  What a wait holds (the call, the answer) is freed by
 * its cancel or its push function, never by Lua.  Counts what a task costs; decides no retry.
 */
#include "remote/remote_url.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_MOST 64
#define ANSWER_MOST  (16 << 20)
#define REACH_MS     15000
#define REACH_MOST   (1 << 20)

struct result {
	struct web_header *headers;
	size_t nheaders;
	char *body;
	size_t len;
	int status;
	int64_t ms;
	int tries;
	int operations;
	bool page;
	char *remote;
	struct err e;
};

struct wait {
	struct ticket ticket;
	struct result *result; /* filled when the answer comes; owned until then */
	struct remote_call *call;
	/* to a loopback address */
	const struct world *world;
	struct web_call *web;
	struct local_request *request; /* waits for the commit */
	bool gone;                     /* cancelled before the commit */
};

static void result_free(struct result *r)
{
	for (size_t i = 0; i < r->nheaders; i++) {
		free((char *)r->headers[i].name);
		free((char *)r->headers[i].value);
	}
	free(r->headers);
	free(r->body);
	free(r->remote);
	free(r);
}

/* ---- the answer, on the coroutine ---- */

/* {lower-case-name = value}; repeated headers joined with ", " */
static void push_headers(lua_State *co, const struct result *r)
{
	lua_createtable(co, 0, (int)r->nheaders);
	for (size_t i = 0; i < r->nheaders; i++) {
		const struct web_header *h = &r->headers[i];
		if (lua_getfield(co, -1, h->name) == LUA_TSTRING) {
			lua_pushliteral(co, ", ");
			lua_pushstring(co, h->value);
			lua_concat(co, 3);
		} else {
			lua_pop(co, 1);
			lua_pushstring(co, h->value);
		}
		lua_setfield(co, -2, h->name);
	}
}

static void count(struct task *t, const struct result *r)
{
	struct task_cost *c = task_cost(t);
	if (r->page) {
		c->pages += r->tries;
		return;
	}
	c->requests += r->tries;
	c->operations += r->tries > 0 ? r->operations : 0;
	if (r->tries > 0)
		task_count(t, r->remote, r->tries);
}

static int push_result(lua_State *co, void *arg)
{
	struct result *r = arg;
	if (!co) {
		result_free(r);
		return 0;
	}
	count(task_of(co), r);
	if (r->e.kind != ERR_NONE)
		return vm_fail(co, &r->e);
	lua_createtable(co, 0, 4);
	lua_pushinteger(co, r->status);
	lua_setfield(co, -2, "status");
	lua_pushinteger(co, r->ms);
	lua_setfield(co, -2, "ms");
	lua_pushlstring(co, r->body, r->len);
	lua_setfield(co, -2, "body");
	push_headers(co, r);
	lua_setfield(co, -2, "headers");
	return 1;
}

static void fill(struct result *r, const struct web_answer *a, int tries, const struct err *e)
{
	r->tries = tries;
	if (!a) {
		r->e = *e;
		return;
	}
	r->status = a->status;
	r->ms = a->ms;
	r->body = xmemdup0(a->body ? a->body : "", a->len);
	r->len = a->len;
	r->headers = xcalloc(a->nheaders + 1, sizeof(*r->headers));
	r->nheaders = a->nheaders;
	for (size_t i = 0; i < a->nheaders; i++) {
		r->headers[i].name = xstrdup(a->headers[i].name);
		r->headers[i].value = xstrdup(a->headers[i].value);
	}
}

static void finish(struct wait *w, const struct web_answer *a, int tries, const struct err *e)
{
	fill(w->result, a, tries, e);
	task_wake(w->ticket, push_result, w->result);
	free(w);
}

static void drop(struct wait *w)
{
	result_free(w->result);
	free(w);
}

/* ---- to a remote ---- */

static void remote_answered(void *arg, const struct web_answer *a, int tries, const struct err *e)
{
	finish(arg, a, tries, e);
}

static void remote_dropped(void *arg)
{
	struct wait *w = arg;
	remote_cancel(w->call);
	drop(w);
}

/* ---- to a loopback address, for commands that run here ---- */

struct local_request {
	struct web_request rq;
	struct web_header headers[HEADERS_MOST];
};

static void local_free(struct local_request *q)
{
	free((char *)q->rq.method);
	free((char *)q->rq.url);
	free((char *)q->rq.body);
	for (size_t i = 0; i < q->rq.nheaders; i++) {
		free((char *)q->headers[i].name);
		free((char *)q->headers[i].value);
	}
	free(q);
}

static struct local_request *local_copy(const struct web_request *rq)
{
	struct local_request *q = NEW(struct local_request);
	q->rq = *rq;
	q->rq.method = xstrdup(rq->method);
	q->rq.url = xstrdup(rq->url);
	q->rq.body = rq->body ? xmemdup0(rq->body, rq->len) : NULL;
	q->rq.headers = q->headers;
	for (size_t i = 0; i < rq->nheaders; i++) {
		q->headers[i].name = xstrdup(rq->headers[i].name);
		q->headers[i].value = xstrdup(rq->headers[i].value);
	}
	return q;
}

static void local_answered(void *arg, const struct web_answer *a, const struct err *e)
{
	finish(arg, a, 1, e);
}

static void local_leave(void *arg, bool ok)
{
	struct wait *w = arg;
	struct local_request *q = w->request;
	struct err e;
	w->request = NULL;
	if (w->gone) {
		drop(w);
	} else if (!ok) {
		err_set(&e, ERR_STORE, "the round could not be written");
		finish(w, NULL, 0, &e);
	} else {
		w->web = w->world->start(w->world->ctx, &q->rq, local_answered, w, &e);
		if (!w->web)
			finish(w, NULL, 0, &e);
	}
	local_free(q);
}

static void local_dropped(void *arg)
{
	struct wait *w = arg;
	if (w->request) {
		w->gone = true; /* local_leave frees it */
		return;
	}
	w->world->cancel(w->world->ctx, w->web);
	drop(w);
}

/* ---- host.http.request ---- */

/* Reads options.headers into h; the strings live as long as the table. */
static size_t read_headers(lua_State *L, struct web_header h[HEADERS_MOST])
{
	size_t n = 0;
	if (lua_getfield(L, 1, "headers") == LUA_TNIL) {
		lua_pop(L, 1);
		return 0;
	}
	luaL_argcheck(L, lua_istable(L, -1), 1, "headers: a table expected");
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			luaL_argerror(L, 1, "headers: names and values are strings");
		if (n == HEADERS_MOST)
			luaL_argerror(L, 1, "headers: too many");
		h[n].name = lua_tostring(L, -2);
		h[n++].value = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return n;
}

static struct wait *wait_new(struct task *t, const char *remote, int64_t operations, bool page)
{
	struct wait *w = NEW(struct wait);
	w->ticket = task_ticket(t);
	w->result = NEW(struct result);
	w->result->remote = xstrdup(remote);
	w->result->operations = (int)operations;
	w->result->page = page;
	return w;
}

static int start_url(lua_State *L, struct services *s, struct task *t, struct web_request *rq,
		     bool page)
{
	rq->plain_ok = true; /* and then to this machine alone, see io/http_client */
	struct wait *w = wait_new(t, "url", 1, page);
	w->world = s->world;
	w->request = local_copy(rq);
	db_after_commit(s->db, local_leave, w);
	return task_wait(L, t, true, local_dropped, w);
}

static int start_local(lua_State *L, struct services *s, struct task *t, struct web_request *rq)
{
	if (!remote_url_loopback(rq->url))
		return luaL_argerror(L, 1, "url: this machine only (127.0.0.1, localhost, [::1])");
	return start_url(L, s, t, rq, false);
}

static int start_remote(lua_State *L, struct services *s, struct task *t, struct web_request *rq,
			int64_t operations, bool page)
{
	API_NEED(L, s, remotes);
	const char *name = api_need_string(L, 1, "remote");
	struct remotes *from = s->remotes;
	if (lua_getfield(L, 1, "sign_in") != LUA_TNIL)
		from = api_sign_in_remotes(L, -1);
	lua_pop(L, 1);
	struct remote *r = remotes_get(from, name);
	if (!r)
		return luaL_error(L, "there is no remote '%s' in this profile", name);
	const struct remote_request q = {.method = rq->method,
					 .path = rq->url,
					 .headers = rq->headers,
					 .nheaders = rq->nheaders,
					 .body = rq->body,
					 .len = rq->len,
					 .max_answer = rq->max_answer};
	struct err e;
	struct wait *w = wait_new(t, name, operations, page);
	w->call = remote_start(r, &q, remote_answered, w, &e);
	if (!w->call) {
		drop(w);
		return vm_fail(L, &e);
	}
	return task_wait(L, t, true, remote_dropped, w);
}

/* host.http.request{remote=, method=, path=, headers=, body=, operations=, page=, max_answer=,
 * reads=, sign_in=} (suspends) -> {status=, headers=, body=, ms=} | nil, err; with url= to this
 * machine.  reads: a POST that changes nothing, the only one that a rehearsal may send.  sign_in: with
 * one that is tried */
static int l_http_request(lua_State *L)
{
	static const char *const keys[] = {"remote", "method",     "path",    "headers",
					   "body",   "operations", "page",    "max_answer",
					   "url",    "reads",      "sign_in", NULL};
	struct services *s = api_services(L);
	struct web_header headers[HEADERS_MOST];
	struct web_request rq = {.headers = headers};
	api_check_keys(L, 1, keys);
	struct task *t = task_of(L);
	rq.method = api_opt_string(L, 1, "method", NULL);
	rq.body = api_opt_string(L, 1, "body", &rq.len);
	rq.nheaders = read_headers(L, headers);
	int64_t most = api_opt_int(L, 1, "max_answer", ANSWER_MOST);
	int64_t operations = api_opt_int(L, 1, "operations", 1);
	bool page = api_opt_bool(L, 1, "page");
	luaL_argcheck(L, most > 0 && most <= ANSWER_MOST, 1, "max_answer: at most 16 MiB");
	luaL_argcheck(L, operations >= 0 && operations <= 10000, 1, "operations: at most 10,000");
	rq.max_answer = (size_t)most;
	if (!rq.method)
		rq.method = "GET";
	if (task_rehearses(t) && strcmp(rq.method, "GET") != 0 && !api_opt_bool(L, 1, "reads"))
		return luaL_error(L, "a rehearsal writes nothing: %s is not sent", rq.method);
	rq.url = api_opt_string(L, 1, "url", NULL);
	if (rq.url) {
		api_local(L);
		return start_local(L, s, t, &rq);
	}
	rq.url = api_need_string(L, 1, "path");
	return start_remote(L, s, t, &rq, operations, page);
}

/* host.http.reach(url) (suspends) -> {status=, headers=, body=, ms=}: any answer | nil, err with
 * step: "name" "connect" "tls" "answer".  A bare GET, that says nothing and signs nobody in. */
static int l_http_reach(lua_State *L)
{
	struct services *s = api_services(L);
	const struct web_header accept = {"Accept", "*/*"};
	struct web_request rq = {.method = "GET",
				 .url = luaL_checkstring(L, 1),
				 .headers = &accept,
				 .nheaders = 1,
				 .timeout_ms = REACH_MS,
				 .max_answer = REACH_MOST};
	return start_url(L, s, task_of(L), &rq, true);
}

void api_http_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"request", l_http_request}, {"reach", l_http_reach}, {NULL, NULL}};
	api_table(L, "http", functions);
}
