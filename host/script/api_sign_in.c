/*
 * host.sign_in: a person signs in while the host runs: a sign-in that is tried, asked for by a code
 * or a device code, kept or dropped; and the listener on this machine to which a browser is sent
 * back.
 *
 * Owns both through userdata: closed by close() or with the vm.  Never hands a token or a secret to
 * a script, but for the secret that a person typed there.
 */
#include "remote/oauth_device.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- one that is tried ---- */

struct trying {
	struct services *s;
	struct sign_in *in;
	struct oauth_device device;
};

static struct trying *check_trying(lua_State *L, int index)
{
	struct trying **box = luaL_checkudata(L, index, API_SIGN_IN);
	struct trying *y = *box;
	if (!y)
		luaL_argerror(L, index, "the sign-in is closed");
	return y;
}

static int l_close(lua_State *L)
{
	struct trying **box = luaL_checkudata(L, 1, API_SIGN_IN);
	struct trying *y = *box;
	*box = NULL;
	if (y) {
		oauth_device_clear(&y->device);
		sign_in_free(y->in);
		free(y);
	}
	return 0;
}

struct remotes *api_sign_in_remotes(lua_State *L, int index)
{
	const struct trying *y = check_trying(L, index);
	return y ? y->in->remotes : NULL; /* NULL: never, it raised */
}

static struct services *need_sign_ins(lua_State *L)
{
	struct services *s = api_services(L);
	if (!s->sign_ins.begin)
		luaL_error(L, "host: no sign-ins in this command");
	return s;
}

/* host.sign_in.begin(grant, secret or nil) -> sign_in | nil, err */
static int l_begin(lua_State *L)
{
	struct services *s = need_sign_ins(L);
	const char *grant = luaL_checkstring(L, 1);
	const char *secret = luaL_optstring(L, 2, NULL);
	struct trying **box = lua_newuserdatauv(L, sizeof(void *), 0);
	struct err e;
	*box = NULL;
	luaL_setmetatable(L, API_SIGN_IN);
	struct sign_in *in = s->sign_ins.begin(s->sign_ins.ctx, grant, secret, &e);
	if (!in)
		return vm_fail(L, &e);
	*box = NEW(struct trying);
	**box = (struct trying){.s = s, .in = in};
	return 1;
}

/* sign_in:keep() -> true | nil, err */
static int l_keep(lua_State *L)
{
	struct trying *y = check_trying(L, 1);
	struct err e;
	if (!y->s->sign_ins.keep(y->s->sign_ins.ctx, y->in, &e))
		return vm_fail(L, &e);
	lua_pushboolean(L, true);
	return 1;
}

/* ---- a consent ---- */

struct consenting {
	struct ticket ticket;
	struct oauth_wait *wait;
	bool waits; /* the task does: before that, an end comes from inside */
	bool ended;
	struct err e; /* then */
};

static void consented(void *arg, const char *token, const struct err *e)
{
	struct consenting *c = arg;
	c->ended = true;
	if (!token)
		c->e = *e;
	if (!c->waits)
		return;
	task_wake(c->ticket, api_push_done, api_err_copy(&c->e));
	free(c);
}

static void consent_dropped(void *arg)
{
	struct consenting *c = arg;
	oauth_cancel(c->wait);
	free(c);
}

static const char *audience_of(lua_State *L, const struct trying *y, int index)
{
	const char *name = luaL_checkstring(L, index);
	struct remote *r = remotes_get(y->in->remotes, name);
	if (!r)
		luaL_argerror(L, index, "not a remote of this sign-in");
	return remote_audience(r);
}

static int redeem(lua_State *L, struct trying *y, const char *audience,
		  const struct oauth_consent *by)
{
	struct task *t = task_of(L);
	struct consenting *c = NEW(struct consenting);
	c->ticket = task_ticket(t);
	c->wait = oauth_consent(y->in->oauth, audience, by, consented, c);
	if (!c->ended) {
		c->waits = true;
		return task_wait(L, t, false, consent_dropped, c);
	}
	struct err e = c->e;
	free(c);
	return vm_fail(L, &e); /* it could not even be asked */
}

/* sign_in:redeem(remote, code, redirect, verifier) (suspends) -> true | nil, err */
static int l_redeem(lua_State *L)
{
	struct trying *y = check_trying(L, 1);
	const char *audience = audience_of(L, y, 2);
	const struct oauth_consent by = {.code = luaL_checkstring(L, 3),
					 .redirect = luaL_checkstring(L, 4),
					 .verifier = luaL_checkstring(L, 5)};
	return redeem(L, y, audience, &by);
}

/* sign_in:poll(remote) (suspends) -> true | nil, err: kind busy: the person is not through */
static int l_poll(lua_State *L)
{
	struct trying *y = check_trying(L, 1);
	const char *audience = audience_of(L, y, 2);
	if (!y->device.code)
		return luaL_error(L, "poll: there is no device code");
	const struct oauth_consent by = {.device = y->device.code};
	return redeem(L, y, audience, &by);
}

/* ---- a device code ---- */

struct asking {
	struct ticket ticket;
	struct trying *trying;
	struct oauth_device_ask *ask;
};

struct told {
	char *user_code, *url;
	int64_t every_ms, life_ms;
	struct err *e;
};

static int push_told(lua_State *co, void *arg)
{
	struct told *d = arg;
	if (!co) {
		free(d->user_code);
		free(d->url);
		free(d->e);
		free(d);
		return 0;
	}
	if (d->e)
		return vm_fail(co, d->e);
	lua_createtable(co, 0, 4);
	lua_pushstring(co, d->user_code);
	lua_setfield(co, -2, "code");
	lua_pushstring(co, d->url);
	lua_setfield(co, -2, "url");
	lua_pushinteger(co, d->every_ms);
	lua_setfield(co, -2, "every_ms");
	lua_pushinteger(co, d->life_ms);
	lua_setfield(co, -2, "life_ms");
	return 1;
}

static void device_told(void *arg, const struct oauth_device *d, const struct err *e)
{
	struct asking *a = arg;
	struct told *n = NEW(struct told);
	if (d) {
		*n = (struct told){xstrdup(d->user_code), xstrdup(d->url), d->every_ms, d->life_ms,
				   NULL};
		oauth_device_clear(&a->trying->device);
		a->trying->device.code = xstrdup(d->code);
	} else {
		n->e = api_err_copy(e);
	}
	task_wake(a->ticket, push_told, n);
	free(a);
}

static void device_dropped(void *arg)
{
	struct asking *a = arg;
	oauth_device_cancel(a->ask);
	free(a);
}

/* sign_in:device(remote) (suspends) -> {code=, url=, every_ms=, life_ms=} | nil, err; the object
 * must not be closed meanwhile */
static int l_device(lua_State *L)
{
	struct trying *y = check_trying(L, 1);
	const char *audience = audience_of(L, y, 2);
	struct task *t = task_of(L);
	struct asking *a = NEW(struct asking);
	struct err e;
	a->ticket = task_ticket(t);
	a->trying = y;
	a->ask = oauth_device_ask(&y->in->env, y->in->oauth, audience, device_told, a, &e);
	if (!a->ask) {
		free(a);
		return vm_fail(L, &e);
	}
	return task_wait(L, t, false, device_dropped, a);
}

/* ---- what there is ---- */

/* host.sign_in.forget(grant) -> true | nil, err */
static int l_forget(lua_State *L)
{
	struct services *s = need_sign_ins(L);
	struct err e;
	if (!s->sign_ins.forget(s->sign_ins.ctx, luaL_checkstring(L, 1), &e))
		return vm_fail(L, &e);
	lua_pushboolean(L, true);
	return 1;
}

/* host.sign_in.list() -> { {name=, ...}, ... } */
static int l_list(lua_State *L)
{
	struct services *s = need_sign_ins(L);
	struct buf *b = api_scratch(s);
	s->sign_ins.tell(s->sign_ins.ctx, b);
	return api_push_json(L, b->data, b->len);
}

void api_sign_in_open(lua_State *L)
{
	static const luaL_Reg methods[] = {{"device", l_device}, {"poll", l_poll},
					   {"redeem", l_redeem}, {"keep", l_keep},
					   {"close", l_close},   {NULL, NULL}};
	static const luaL_Reg functions[] = {
		{"begin", l_begin}, {"forget", l_forget}, {"list", l_list}, {NULL, NULL}};
	luaL_newmetatable(L, API_SIGN_IN);
	lua_pushcfunction(L, l_close);
	lua_setfield(L, -2, "__gc");
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	api_table(L, "sign_in", functions);
	api_return_open(L);
}
