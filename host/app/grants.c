/*
 * Grants, made from a profile: secrets by reference, or entered by a person and sealed.
 *
 * Owns them, and wipes each secret as soon as it was handed on.  Must never print a secret.
 */
#include "app/grants.h"

#include "base/buf.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct grants {
	struct grants_env env;
	const struct profile *p;
	struct oauth **at; /* as in the profile */
	size_t n;
	struct remotes *in_use;
};

/* ---- one grant ---- */

/* Whose secret it has: two may be of one application. */
static const char *owner(const struct profile_grant *g)
{
	return g->until ? g->until : g->name;
}

static char *secret_row(const struct profile_grant *g)
{
	return xasprintf("secret/%s", owner(g));
}

/* What a person entered, if anything: its lack is told when it is needed. */
static void sealed_secret(struct grants *g, const struct profile_grant *pg, struct buf *out)
{
	char *row = secret_row(pg);
	bool found = false;
	struct err e;
	if (!vault_get(g->env.vault, row, out, &found, &e))
		log_warn("%s; enter it again", e.text);
	free(row);
}

/* "grant crm: secret": how messages name a key. */
static bool named_secret(const struct profile_grant *g, const char *key,
			 const struct profile_ref *r, struct buf *out, struct err *e)
{
	char *name = xasprintf("%s.%s", g->name, key);
	bool ok = profile_secret(r, name, out, e);
	free(name);
	return ok;
}

static bool key_of(const struct profile_grant *g, struct oauth_config *c, struct err *e)
{
	struct buf key = {0};
	struct buf cert = {0};
	bool ok = named_secret(g, "certificate.key", &g->key, &key, e) &&
		  named_secret(g, "certificate.cert", &g->cert, &cert, e);
	if (ok) {
		c->key = crypto_key_load(key.data, cert.data, e);
		c->alg = g->ps256 ? CRYPTO_PS256 : CRYPTO_RS256;
		ok = c->key || err_add(e, "%s.certificate", g->name);
	}
	buf_wipe(&key);
	buf_free(&cert);
	return ok;
}

static bool proof_of(struct grants *g, const struct profile_grant *pg, const char *entered,
		     struct oauth_config *c, struct buf *secret, struct err *e)
{
	if (profile_ref_given(&pg->key))
		return key_of(pg, c, e);
	if (!profile_ref_given(&pg->secret))
		return true; /* a public client */
	c->secret_later = pg->secret.sealed;
	if (entered)
		buf_adds(secret, entered);
	else if (pg->secret.sealed)
		sealed_secret(g, pg, secret);
	else
		return named_secret(pg, "secret", &pg->secret, secret, e);
	return true;
}

/* entered: a secret that is tried, or NULL; tried: the grant is. */
static struct oauth *make(struct grants *g, const struct profile_grant *pg, const char *entered,
			  bool tried, struct err *e)
{
	const struct oauth_env env = {g->env.remotes.world, g->env.remotes.db, g->env.vault};
	struct oauth_config c = {
		.name = pg->name,
		.tried = tried,
		.grant = pg->refresh ? OAUTH_REFRESH : OAUTH_CLIENT_CREDENTIALS,
		.form = pg->v2 ? OAUTH_V2 : OAUTH_V1,
		.token_url = pg->token_url,
		.client_id = pg->client_id,
		.until = tried ? NULL : grants_named(g, pg->until),
		.plain_ok = pg->plain_ok,
	};
	struct buf secret = {0};
	struct buf refresh = {0};
	const struct profile_ref *first = &pg->refresh_token;
	bool ok = proof_of(g, pg, entered, &c, &secret, e);
	if (ok && profile_ref_given(first) && !first->sealed)
		ok = named_secret(pg, "refresh_token", first, &refresh, e);
	c.secret = secret.len > 0 ? secret.data : NULL;
	c.refresh_token = refresh.data;
	struct oauth *o = ok ? oauth_new(&env, &c, e) : NULL;
	if (!ok && c.key)
		crypto_key_free(c.key);
	buf_wipe(&secret);
	buf_wipe(&refresh);
	return o;
}

/* ---- all of them ---- */

struct grants *grants_new(const struct grants_env *env, const struct profile *p, struct err *e)
{
	struct grants *g = NEW(struct grants);
	g->env = *env;
	g->p = p;
	g->at = xcalloc(p->ngrants + 1, sizeof(struct oauth *));
	for (; g->n < p->ngrants; g->n++) {
		g->at[g->n] = make(g, &p->grants[g->n], NULL, false, e);
		if (g->at[g->n])
			continue;
		grants_free(g);
		return NULL;
	}
	return g;
}

void grants_free(struct grants *g)
{
	if (!g)
		return;
	while (g->n > 0) /* backwards: a later one may stand on an earlier */
		oauth_free(g->at[--g->n]);
	free(g->at);
	free(g);
}

static const struct profile_grant *find(const struct grants *g, const char *name, size_t *at)
{
	for (*at = 0; name && *at < g->n; (*at)++)
		if (strcmp(g->p->grants[*at].name, name) == 0)
			return &g->p->grants[*at];
	return NULL;
}

struct oauth *grants_named(const struct grants *g, const char *name)
{
	size_t at = 0;
	return find(g, name, &at) ? g->at[at] : NULL;
}

bool grants_add_remote(struct remotes *set, const struct profile_remote *r, struct oauth *o,
		       struct err *e)
{
	const struct remote_config c = {.name = r->name,
					.base = r->base,
					.audience = r->audience,
					.oauth = o,
					.in_flight = r->in_flight,
					.budget = r->budget,
					.budget_s = r->budget_s,
					.plain_ok = r->plain_ok};
	return remotes_add(set, &c, e);
}

void grants_use(struct grants *g, struct remotes *in_use)
{
	g->in_use = in_use;
}

/* ---- signing in ---- */

/* Is this remote signed in by that grant, or would it be if it had no sign-in of its own? */
static bool serves(const struct grants *g, const struct profile_remote *r, const char *grant)
{
	size_t at = 0;
	const struct profile_grant *of = find(g, r->grant, &at);
	return of && (strcmp(of->name, grant) == 0 || (of->until && strcmp(of->until, grant) == 0));
}

static struct sign_in *on_begin(void *ctx, const char *grant, const char *secret, struct err *e)
{
	struct grants *g = ctx;
	size_t at = 0;
	const struct profile_grant *pg = find(g, grant, &at);
	if (!pg) {
		err_set(e, ERR_DATA, "there is no grant '%s'", grant);
		return NULL;
	}
	struct sign_in *s = NEW(struct sign_in);
	s->grant = xstrdup(grant);
	s->secret = xstrdup(secret);
	s->env = (struct oauth_env){g->env.remotes.world, g->env.remotes.db, g->env.vault};
	s->remotes = remotes_new(&g->env.remotes);
	s->oauth = make(g, pg, secret, true, e);
	bool ok = s->oauth != NULL;
	for (size_t i = 0; ok && i < g->p->nremotes; i++)
		if (serves(g, &g->p->remotes[i], grant))
			ok = grants_add_remote(s->remotes, &g->p->remotes[i], s->oauth, e);
	if (ok)
		return s;
	sign_in_free(s);
	return NULL;
}

/* The others of the same application have the same secret. */
static bool renew_others(struct grants *g, size_t but, struct err *e)
{
	const char *whose = owner(&g->p->grants[but]);
	for (size_t i = 0; i < g->n; i++) {
		if (i == but || strcmp(owner(&g->p->grants[i]), whose) != 0)
			continue;
		struct oauth *fresh = make(g, &g->p->grants[i], NULL, true, e);
		bool ok = fresh && oauth_take(g->at[i], fresh, e);
		oauth_free(fresh);
		if (!ok)
			return false;
	}
	return true;
}

static void resume(struct grants *g, size_t at)
{
	const char *whose = owner(&g->p->grants[at]);
	for (size_t i = 0; i < g->n; i++)
		if (g->in_use && strcmp(owner(&g->p->grants[i]), whose) == 0)
			remotes_resume(g->in_use, g->at[i]);
	g->env.signed_in(g->env.ctx);
}

static bool on_keep(void *ctx, struct sign_in *s, struct err *e)
{
	struct grants *g = ctx;
	size_t at = 0;
	const struct profile_grant *pg = find(g, s->grant, &at);
	bool ok = true;
	if (s->secret && pg->secret.sealed) {
		char *row = secret_row(pg);
		ok = vault_set(g->env.vault, row, s->secret, strlen(s->secret), e);
		free(row);
	}
	ok = ok && oauth_take(g->at[at], s->oauth, e) && renew_others(g, at, e);
	if (ok)
		resume(g, at);
	return ok;
}

static bool on_forget(void *ctx, const char *grant, struct err *e)
{
	struct grants *g = ctx;
	size_t at = 0;
	const struct profile_grant *pg = find(g, grant, &at);
	bool ok = true;
	if (!pg)
		return err_set(e, ERR_DATA, "there is no grant '%s'", grant);
	if (!pg->refresh && pg->secret.sealed) {
		char *row = secret_row(pg);
		ok = vault_set(g->env.vault, row, NULL, 0, e);
		free(row);
	}
	if (!ok || !oauth_forget(g->at[at], e))
		return false;
	resume(g, at);
	return true;
}

static void on_tell(void *ctx, struct buf *json)
{
	struct grants *g = ctx;
	buf_addc(json, '[');
	for (size_t i = 0; i < g->n; i++) {
		const struct profile_grant *pg = &g->p->grants[i];
		buf_adds(json, i > 0 ? ",{\"name\":" : "{\"name\":");
		buf_add_json(json, pg->name, strlen(pg->name));
		buf_addf(json, ",\"sealed\":%s,", pg->secret.sealed ? "true" : "false");
		oauth_tell(g->at[i], json);
		buf_addc(json, '}');
	}
	buf_addc(json, ']');
}

struct sign_ins grants_sign_ins(struct grants *g)
{
	return (struct sign_ins){on_begin, on_keep, on_forget, on_tell, g};
}
