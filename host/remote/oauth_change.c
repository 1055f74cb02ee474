/*
 * Sign-ins that come and go while a grant is in use: a person's consent, another's sign-in taken
 * over, one forgotten; and what a person may know of it.
 * Owns nothing of its own.  Must never show a secret or a token.
 */
#include "remote/oauth_in.h"

#include <stdlib.h>

struct oauth_wait *oauth_consent(struct oauth *o, const char *audience,
				 const struct oauth_consent *c, oauth_done *done, void *arg)
{
	o->own = true;
	o->consent = (struct consent){true, xstrdup(c->code), xstrdup(c->redirect),
				      xstrdup(c->verifier), xstrdup(c->device)};
	return oauth_token(o, audience, true, done, arg);
}

/* Without a sign-in of its own, what it has stays. */
static bool take_row(struct oauth *o, struct oauth *from, struct err *e)
{
	if (!from->kept.current)
		return true;
	bool ok = oauth_row_write(o->env.vault, o->vault_name, &from->kept, e);
	o->own = o->own || ok;
	return ok;
}

bool oauth_take(struct oauth *o, struct oauth *from, struct err *e)
{
	struct oauth_config had = o->c;
	if (o->c.grant == OAUTH_REFRESH && !take_row(o, from, e))
		return false;
	o->c.secret = from->c.secret;
	o->c.secret_later = from->c.secret_later;
	o->c.key = from->c.key;
	o->c.alg = from->c.alg;
	o->c.refresh_token = from->c.refresh_token;
	from->c.secret = had.secret; /* and wipes it at its end */
	from->c.key = had.key;
	from->c.refresh_token = had.refresh_token;
	oauth_begin_anew(o);
	return true;
}

bool oauth_forget(struct oauth *o, struct err *e)
{
	char *secret = o->c.secret_later ? (char *)o->c.secret : NULL;
	if (o->c.grant == OAUTH_REFRESH && !vault_set(o->env.vault, o->vault_name, NULL, 0, e))
		return false;
	if (secret) {
		crypto_drop(&secret);
		o->c.secret = NULL;
	}
	o->own = !o->c.until;
	oauth_begin_anew(o);
	return true;
}

bool oauth_is(const struct oauth *o, const struct oauth *other)
{
	return o == other || (o && !o->own && o->c.until == other);
}

const struct oauth_config *oauth_config(const struct oauth *o)
{
	return &o->c;
}

void oauth_tell(struct oauth *o, struct buf *json)
{
	struct oauth_row r = {0};
	struct err e;
	bool found = false;
	if (o->c.grant == OAUTH_REFRESH && !oauth_get_row(o, &r, &found, &e))
		found = false;
	bool ready = o->c.grant == OAUTH_REFRESH ? found || o->c.refresh_token != NULL
						 : o->c.secret || o->c.key;
	buf_addf(json,
		 "\"own\":%s,\"signed\":%s,\"signed_ms\":%lld,\"used_ms\":%lld,"
		 "\"secret\":%s,\"certificate_ends_ms\":%lld",
		 o->own ? "true" : "false", ready ? "true" : "false", (long long)r.signed_ms,
		 (long long)r.used_ms, o->c.secret ? "true" : "false",
		 (long long)(o->c.key ? crypto_key_not_after_ms(o->c.key) : 0));
	if (r.who)
		buf_addf(json, ",\"who\":%s", r.who);
	oauth_row_clear(&r);
}
