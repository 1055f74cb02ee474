/*
 * The profile: from the table that schema.lua checked to plain structs, and secrets by reference.
 *
 * schema.lua decides what is right; here only shapes are read, of references too (profile_ref.c reads
 * what stands there).  Nothing here logs.
 */
#include "script/profile.h"

#include "script/json.h"
#include "script/problems.h"

#include <lauxlib.h>

#include <stdlib.h>
#include <string.h>

/* ---- fields of the table on top of the stack; everything read belongs to the profile at once
 * ---- */

static char *text_of(lua_State *L, const char *key)
{
	char *s = lua_getfield(L, -1, key) == LUA_TSTRING ? xstrdup(lua_tostring(L, -1)) : NULL;
	lua_pop(L, 1);
	return s;
}

static int64_t int_of(lua_State *L, const char *key)
{
	lua_getfield(L, -1, key);
	int64_t v = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return v;
}

static bool bool_of(lua_State *L, const char *key)
{
	lua_getfield(L, -1, key);
	bool v = lua_isboolean(L, -1) && lua_toboolean(L, -1);
	lua_pop(L, 1);
	return v;
}

static bool is_text(lua_State *L, const char *key, const char *value)
{
	bool same =
		lua_getfield(L, -1, key) == LUA_TSTRING && strcmp(lua_tostring(L, -1), value) == 0;
	lua_pop(L, 1);
	return same;
}

/* The table at key on top; false (and nothing pushed) if there is none. */
static bool enter(lua_State *L, const char *key)
{
	if (lua_getfield(L, -1, key) == LUA_TTABLE)
		return true;
	lua_pop(L, 1);
	return false;
}

/* The list of texts at key, NULL terminated; NULL: there is none. */
static char **list_of(lua_State *L, const char *key)
{
	if (!enter(L, key))
		return NULL;
	size_t n = lua_rawlen(L, -1);
	char **list = xcalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		list[i] = xstrdup(lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return list;
}

static void list_free(char **list)
{
	for (char **one = list; one && *one; one++)
		free(*one);
	free(list);
}

static void read_ref(lua_State *L, const char *key, struct profile_ref *r)
{
	if (!enter(L, key))
		return;
	r->env = text_of(L, "env");
	r->file = text_of(L, "file");
	r->credential = text_of(L, "credential");
	r->sealed = bool_of(L, "sealed");
	lua_pop(L, 1);
}

static void read_listen(lua_State *L, struct profile *p)
{
	if (!enter(L, "listen"))
		return;
	p->listen.address = text_of(L, "address");
	p->listen.port = (int)int_of(L, "port");
	p->listen.max_connections = (int)int_of(L, "max_connections");
	p->listen.max_per_address = (int)int_of(L, "max_per_address");
	p->listen.deadline_ms = (int)int_of(L, "deadline_ms");
	p->listen.idle_ms = (int)int_of(L, "idle_ms");
	p->listen.max_body = (size_t)int_of(L, "max_body");
	read_ref(L, "path_secret", &p->listen.path_secret);
	read_ref(L, "push_secret", &p->listen.push_secret);
	if (enter(L, "tls")) {
		read_ref(L, "cert", &p->listen.tls_cert);
		read_ref(L, "key", &p->listen.tls_key);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static void read_callbacks(lua_State *L, struct profile *p)
{
	if (!enter(L, "callbacks"))
		return;
	p->callbacks.practice_origin = text_of(L, "practice_origin");
	p->callbacks.organization = text_of(L, "organization");
	p->callbacks.job_kind = text_of(L, "job_kind");
	p->callbacks.max_waiting = (int)int_of(L, "max_waiting");
	p->callbacks.max_fetching = (int)int_of(L, "max_fetching");
	p->callbacks.max_fetches = (int)int_of(L, "max_fetches");
	p->callbacks.fetch_ms = (int)int_of(L, "fetch_ms");
	p->callbacks.max_certificate = (size_t)int_of(L, "max_certificate");
	read_ref(L, "roots", &p->callbacks.roots);
	p->callbacks.hosts = list_of(L, "hosts");
	lua_pop(L, 1);
}

static void read_hints(lua_State *L, struct profile *p)
{
	if (!enter(L, "hints"))
		return;
	p->hints.job_kind = text_of(L, "job_kind");
	p->hints.keep = list_of(L, "keep");
	lua_pop(L, 1);
}

static void read_forward(lua_State *L, struct profile *p)
{
	if (!enter(L, "forward"))
		return;
	p->forward.address = text_of(L, "address");
	p->forward.job_kind = text_of(L, "job_kind");
	p->forward.most = (int)int_of(L, "most");
	read_ref(L, "ref", &p->forward.ref);
	lua_pop(L, 1);
}

static void read_grant(lua_State *L, struct profile_grant *g)
{
	g->name = text_of(L, "name");
	g->token_url = text_of(L, "token_url");
	g->client_id = text_of(L, "client_id");
	g->until = text_of(L, "until");
	g->refresh = is_text(L, "grant", "refresh_token");
	g->v2 = is_text(L, "form", "v2");
	g->plain_ok = bool_of(L, "plain_ok");
	read_ref(L, "secret", &g->secret);
	read_ref(L, "refresh_token", &g->refresh_token);
	if (enter(L, "certificate")) {
		read_ref(L, "key", &g->key);
		read_ref(L, "cert", &g->cert);
		g->ps256 = is_text(L, "algorithm", "PS256");
		lua_pop(L, 1);
	}
}

static void read_remote(lua_State *L, struct profile_remote *r)
{
	r->name = text_of(L, "name");
	r->base = text_of(L, "base");
	r->audience = text_of(L, "audience");
	r->grant = text_of(L, "grant");
	r->in_flight = (int)int_of(L, "in_flight");
	r->budget = (int)int_of(L, "budget");
	r->budget_s = (int)int_of(L, "budget_s");
	r->plain_ok = bool_of(L, "plain_ok");
	r->exact = bool_of(L, "exact");
	r->from = text_of(L, "from");
	r->to = list_of(L, "to");
	r->user = text_of(L, "user");
	read_ref(L, "url", &r->url);
	read_ref(L, "token", &r->token);
	read_ref(L, "password", &r->password);
}

static void read_grants(lua_State *L, struct profile *p)
{
	if (!enter(L, "grants"))
		return;
	size_t n = lua_rawlen(L, -1);
	p->grants = xcalloc(n + 1, sizeof(*p->grants));
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		p->ngrants = i + 1;
		read_grant(L, &p->grants[i]);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static void read_remotes(lua_State *L, struct profile *p)
{
	if (!enter(L, "remotes"))
		return;
	size_t n = lua_rawlen(L, -1);
	p->remotes = xcalloc(n + 1, sizeof(*p->remotes));
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		p->nremotes = i + 1;
		read_remote(L, &p->remotes[i]);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* ---- members kept as JSON ---- */

struct reading {
	const struct profile_source *in;
	struct profile *p;
	struct profile_mapping *mapping;
	char **problems;
	struct buf json; /* while json_encode may raise */
	struct err e;
};

/* The value on top as JSON (replacing r->json); raises. */
static void encode_top(lua_State *L, struct reading *r)
{
	r->json.len = 0;
	if (!json_encode(L, -1, &r->json, &r->e))
		luaL_error(L, "%s", r->e.text);
}

static void read_restart(lua_State *L, struct reading *r)
{
	struct profile *p = r->p;
	if (!enter(L, "restart"))
		return;
	size_t n = lua_rawlen(L, -1);
	p->restart = xcalloc(n + 1, sizeof(*p->restart));
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		const char *key = luaL_checkstring(L, -1);
		p->nrestart = i + 1;
		p->restart[i].key = xstrdup(key);
		lua_getfield(L, -3, key);
		encode_top(L, r);
		p->restart[i].json = xmemdup0(r->json.data, r->json.len);
		lua_pop(L, 2);
	}
	lua_pop(L, 1);
}

static void read_setup(lua_State *L, struct reading *r)
{
	lua_createtable(L, 0, 3);
	lua_pushliteral(L, "settings");
	lua_setfield(L, -2, "call");
	lua_getfield(L, -2, "settings");
	lua_setfield(L, -2, "settings");
	lua_getfield(L, -2, "profile");
	lua_getfield(L, -1, "stage");
	lua_setfield(L, -3, "stage");
	lua_pop(L, 1);
	encode_top(L, r);
	r->p->setup = xmemdup0(r->json.data, r->json.len);
	lua_pop(L, 1);
	lua_getfield(L, -1, "profile");
	encode_top(L, r);
	r->p->view = xmemdup0(r->json.data, r->json.len);
	lua_pop(L, 1);
}

static void read_config(lua_State *L, struct reading *r)
{
	struct profile *p = r->p;
	p->state = text_of(L, "state");
	p->key_file = text_of(L, "key_file");
	read_listen(L, p);
	read_callbacks(L, p);
	read_hints(L, p);
	read_forward(L, p);
	read_grants(L, p);
	read_remotes(L, p);
	if (enter(L, "limits")) {
		p->mapping_deadline_ms = (int)int_of(L, "mapping_deadline_ms");
		p->mapping_memory = (size_t)int_of(L, "mapping_memory");
		p->jobs_at_once = (int)int_of(L, "jobs_at_once");
		lua_pop(L, 1);
	}
	read_restart(L, r);
	read_setup(L, r);
}

/* ---- reading ---- */

void profile_mapping_clear(struct profile_mapping *m)
{
	free(m->dir);
	free(m->shown);
	*m = (struct profile_mapping){0};
}

static void push_where(lua_State *L, const struct profile_source *in)
{
	const char *const members[][2] = {{"dir", in->dir},
					  {"file", in->file},
					  {"text", in->text},
					  {"shared_file", in->shared_file},
					  {"shared_text", in->shared_text}};
	lua_createtable(L, 0, 5);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		lua_pushstring(L, members[i][1]); /* NULL: nil */
		lua_setfield(L, -2, members[i][0]);
	}
}

/* What the two files returned -> profile, shared on the stack. */
static void push_answer(lua_State *L, struct reading *r)
{
	if (!json_decode(L, r->in->answer, strlen(r->in->answer), &r->e))
		luaL_error(L, "%s: %s", r->in->file, r->e.text);
	luaL_checktype(L, -1, LUA_TTABLE);
	lua_getfield(L, -1, "profile");
	lua_getfield(L, -2, "shared");
	lua_remove(L, -3);
}

static void read_mapping(lua_State *L, struct reading *r)
{
	if (!enter(L, "mapping"))
		return;
	r->mapping->dir = text_of(L, "dir");
	r->mapping->shown = text_of(L, "shown");
	lua_pop(L, 1);
}

static int l_normalise(lua_State *L)
{
	struct reading *r = lua_touserdata(L, 1);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "schema");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "normalise");
	push_answer(L, r);
	push_where(L, r->in);
	lua_insert(L, -2);
	lua_call(L, 3, 1);
	luaL_checktype(L, -1, LUA_TTABLE);
	read_mapping(L, r);
	lua_getfield(L, -1, "problems");
	encode_top(L, r);
	*r->problems = xmemdup0(r->json.data, r->json.len);
	bool fine = problems_first(L, &r->e);
	lua_pop(L, 1);
	if (!fine)
		return 0;
	if (!enter(L, "config"))
		return luaL_error(L, "schema.normalise: neither a config nor problems");
	read_config(L, r);
	r->e.kind = ERR_NONE;
	return 0;
}

struct profile *profile_read(struct vm *v, const struct profile_source *in,
			     struct profile_mapping *m, char **problems, struct err *e)
{
	struct reading r = {.in = in, .p = NEW(struct profile), .mapping = m, .problems = problems};
	lua_State *L = vm_lua(v);
	*problems = NULL;
	lua_pushcfunction(L, l_normalise);
	lua_pushlightuserdata(L, &r);
	bool ok = vm_call(v, L, 1, 0, 0, e);
	buf_free(&r.json);
	if (ok && r.e.kind == ERR_NONE)
		return r.p;
	if (ok)
		*e = r.e;
	e->kind = ERR_CONFIG;
	profile_free(r.p);
	return NULL;
}

/* ---- the end ---- */

static void grant_clear(struct profile_grant *g)
{
	free(g->name);
	free(g->token_url);
	free(g->client_id);
	free(g->until);
	profile_ref_clear(&g->secret);
	profile_ref_clear(&g->key);
	profile_ref_clear(&g->cert);
	profile_ref_clear(&g->refresh_token);
}

static void remote_clear(struct profile_remote *r)
{
	free(r->name);
	free(r->base);
	free(r->audience);
	free(r->grant);
	free(r->from);
	free(r->user);
	list_free(r->to);
	profile_ref_clear(&r->url);
	profile_ref_clear(&r->token);
	profile_ref_clear(&r->password);
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->ngrants; i++)
		grant_clear(&p->grants[i]);
	for (size_t i = 0; i < p->nremotes; i++)
		remote_clear(&p->remotes[i]);
	for (size_t i = 0; i < p->nrestart; i++) {
		free(p->restart[i].key);
		free(p->restart[i].json);
	}
	profile_ref_clear(&p->listen.path_secret);
	profile_ref_clear(&p->listen.push_secret);
	profile_ref_clear(&p->listen.tls_cert);
	profile_ref_clear(&p->listen.tls_key);
	profile_ref_clear(&p->callbacks.roots);
	profile_ref_clear(&p->forward.ref);
	free(p->grants);
	free(p->remotes);
	free(p->restart);
	list_free(p->callbacks.hosts);
	list_free(p->hints.keep);
	free(p->hints.job_kind);
	free(p->callbacks.practice_origin);
	free(p->callbacks.organization);
	free(p->callbacks.job_kind);
	free(p->forward.address);
	free(p->forward.job_kind);
	free(p->listen.address);
	free(p->state);
	free(p->key_file);
	free(p->setup);
	free(p->view);
	free(p);
}

const char *profile_restart(const struct profile *old, const struct profile *now)
{
	for (size_t i = 0; i < old->nrestart; i++) {
		bool same = false;
		for (size_t j = 0; j < now->nrestart; j++)
			if (strcmp(old->restart[i].key, now->restart[j].key) == 0)
				same = strcmp(old->restart[i].json, now->restart[j].json) == 0;
		if (!same)
			return old->restart[i].key;
	}
	return NULL;
}
