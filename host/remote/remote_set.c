/*
 * Named endpoints: the set of them, by name and in order, and what is told about each.
 * Owns the remotes; their calls belong to remote.c.
 */
#include "remote/remote_in.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "remote/remote_url.h"

#include <stdlib.h>
#include <string.h>

enum { USUAL_IN_FLIGHT = 8, MOST_BUDGET = 1000 * 1000 };

struct remotes *remotes_new(const struct remotes_env *env)
{
	struct remotes *s = NEW(struct remotes);
	s->env = *env;
	return s;
}

/* ---- who a mail is from and for ---- */

static struct web_mail *mail_copy(const struct web_mail *in)
{
	if (!in)
		return NULL;
	size_t n = 0;
	while (in->to[n])
		n++;
	char **to = xcalloc(n + 1, sizeof(*to));
	for (size_t i = 0; i < n; i++)
		to[i] = xstrdup(in->to[i]);
	struct web_mail *m = NEW(struct web_mail);
	*m = (struct web_mail){.from = xstrdup(in->from),
			       .to = (const char *const *)to,
			       .user = xstrdup(in->user),
			       .password = xstrdup(in->password)};
	return m;
}

static void mail_drop(struct web_mail *m)
{
	if (!m)
		return;
	char *password = (char *)m->password;
	crypto_drop(&password);
	for (size_t i = 0; m->to[i]; i++)
		free((char *)m->to[i]);
	free((char **)m->to);
	free((char *)m->from);
	free((char *)m->user);
	free(m);
}

/* ---- the set ---- */

static void remote_free(struct remote *r)
{
	const struct remotes_env *env = &r->set->env;
	remote_end_all(r);
	if (r->timer)
		env->cancel_later(env->ctx, r->timer);
	gate_clear(&r->gate);
	crypto_drop(&r->bearer);
	mail_drop(r->mail);
	free(r->name);
	crypto_drop(&r->base); /* of one address: that may be a secret */
	free(r->audience);
	free(r);
}

void remotes_free(struct remotes *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		remote_free(s->list[i]);
	free(s->list);
	free(s);
}

struct remote *remotes_get(struct remotes *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i]->name, name) == 0)
			return s->list[i];
	return NULL;
}

bool remotes_add(struct remotes *s, const struct remote_config *c, struct err *e)
{
	if (remotes_get(s, c->name))
		return err_set(e, ERR_CONFIG, "remote %s: stands there twice", c->name);
	if (c->in_flight < 0 || c->budget < 0 || c->budget > MOST_BUDGET ||
	    (c->budget > 0 && c->budget_s <= 0))
		return err_set(e, ERR_CONFIG, "remote %s: the limits make no sense", c->name);
	if (c->oauth && (!c->audience || !*c->audience))
		return err_set(e, ERR_CONFIG, "remote %s: a sign-in needs an audience", c->name);
	char *base = c->exact ? remote_url_exact(c->base, c->mail != NULL, e)
			      : remote_url_base(c->base, c->plain_ok, e);
	if (!base)
		return err_add(e, "remote %s", c->name);
	struct remote *r = NEW(struct remote);
	r->set = s;
	r->last = &r->first;
	r->name = xstrdup(c->name);
	r->base = base;
	r->audience = xstrdup(c->audience);
	r->oauth = c->oauth;
	r->cap = c->in_flight > 0 ? c->in_flight : USUAL_IN_FLIGHT;
	r->plain_ok = c->plain_ok;
	r->exact = c->exact;
	r->bearer = xstrdup(c->bearer);
	r->mail = mail_copy(c->mail);
	gate_init(&r->gate, s->env.world, c->budget, c->budget_s);
	s->list = xrealloc(s->list, (s->n + 1) * sizeof(struct remote *));
	s->list[s->n++] = r;
	return true;
}

bool remotes_state(struct remotes *s, size_t i, struct remote_state *out)
{
	if (i >= s->n)
		return false;
	struct remote *r = s->list[i];
	*out = (struct remote_state){.name = r->name,
				     .open = !r->oauth,
				     .signed_in = r->signed_in,
				     .needs_sign_in = r->needs_sign_in,
				     .in_flight = r->in_flight,
				     .waiting = remote_waiting(r),
				     .budget_left = gate_budget_left(&r->gate),
				     .last_ok_ms = r->last_ok_ms};
	if (gate_pause_ms(&r->gate) > 0)
		out->paused_until_ms = WORLD_NOW(r->set->env.world) + gate_pause_ms(&r->gate);
	memcpy(out->text, r->text, sizeof(out->text));
	return true;
}

void remote_resume(struct remote *r)
{
	r->needs_sign_in = false;
	r->text[0] = '\0';
	remote_look(r);
}

void remotes_resume(struct remotes *s, const struct oauth *o)
{
	for (size_t i = 0; i < s->n; i++)
		if (oauth_is(s->list[i]->oauth, o))
			remote_resume(s->list[i]);
}

const char *remote_audience(const struct remote *r)
{
	return r->audience;
}
