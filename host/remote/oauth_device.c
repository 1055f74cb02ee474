/*
 * The request for a device code.  Owns what is on its way.  Must never put text of the answer into
 * an error.
 */
#include "remote/oauth_device.h"

#include "base/buf.h"
#include "remote/answer.h"
#include "remote/oauth_wire.h"

#include <stdlib.h>
#include <string.h>

enum {
	ASK_TIMEOUT_MS = 30 * 1000,
	MOST_ANSWER = 64 * 1024,
	MOST_TEXT = 300, /* of what is shown to the person */
	USUAL_EVERY_S = 5,
	MOST_EVERY_S = 60,
	USUAL_LIFE_S = 900,
	MOST_LIFE_S = 3600
};

struct oauth_device_ask {
	struct oauth_env env;
	struct web_call *call;
	oauth_device_done *done;
	void *arg;
};

void oauth_device_clear(struct oauth_device *d)
{
	crypto_drop(&d->code);
	free(d->user_code);
	free(d->url);
	*d = (struct oauth_device){0};
}

/* The endpoint beside the one for tokens: ".../token" -> ".../devicecode" */
static char *device_url(const char *token_url, struct err *e)
{
	const char *end = strrchr(token_url, '/');
	if (end && strcmp(end, "/token") == 0)
		return xasprintf("%.*s/devicecode", (int)(end - token_url), token_url);
	err_set(e, ERR_CONFIG, "the token address does not end in /token");
	return NULL;
}

static bool is_shown(const char *s)
{
	size_t n = s ? strlen(s) : 0;
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return n > 0 && n <= MOST_TEXT;
}

static int64_t seconds(struct db *d, const struct web_answer *a, const char *path, int usual,
		       int most)
{
	char *text = answer_member(d, a, path);
	long long s = text ? strtoll(text, NULL, 10) : 0;
	free(text);
	return (s <= 0 ? usual : s > most ? most : s) * 1000;
}

static bool read_device(struct db *d, const struct web_answer *a, struct oauth_device *out,
			struct err *e)
{
	out->code = answer_member(d, a, "$.device_code");
	out->user_code = answer_member(d, a, "$.user_code");
	out->url = answer_member(d, a, "$.verification_uri");
	if (!out->url)
		out->url = answer_member(d, a, "$.verification_url");
	out->every_ms = seconds(d, a, "$.interval", USUAL_EVERY_S, MOST_EVERY_S);
	out->life_ms = seconds(d, a, "$.expires_in", USUAL_LIFE_S, MOST_LIFE_S);
	return (out->code && is_shown(out->user_code) && is_shown(out->url)) ||
	       err_set(e, ERR_NET, "the answer to a device code request cannot be read");
}

static void answered(void *arg, const struct web_answer *a, const struct err *net)
{
	struct oauth_device_ask *q = arg;
	struct oauth_device d = {0};
	struct oauth_answer none = {0};
	struct err e = {0};
	if (!a)
		e = *net;
	else if (a->status == 200 ? read_device(q->env.db, a, &d, &e)
				  : oauth_wire_read(&q->env, a, &none, &e))
		e.kind = ERR_NONE;
	q->done(q->arg, e.kind == ERR_NONE ? &d : NULL, &e);
	oauth_device_clear(&d);
	free(q);
}

struct oauth_device_ask *oauth_device_ask(const struct oauth_env *env, const struct oauth *o,
					  const char *audience, oauth_device_done *done, void *arg,
					  struct err *e)
{
	static const struct web_header headers[] = {
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Accept", "application/json"},
	};
	const struct oauth_config *c = oauth_config(o);
	char *url = device_url(c->token_url, e);
	if (!url)
		return NULL;
	struct buf body = {0};
	oauth_wire_device(c, audience, &body);
	const struct web_request rq = {.method = "POST",
				       .url = url,
				       .headers = headers,
				       .nheaders = 2,
				       .body = body.data,
				       .len = body.len,
				       .timeout_ms = ASK_TIMEOUT_MS,
				       .max_answer = MOST_ANSWER,
				       .plain_ok = c->plain_ok};
	struct oauth_device_ask *q = NEW(struct oauth_device_ask);
	*q = (struct oauth_device_ask){.env = *env, .done = done, .arg = arg};
	q->call = env->world->start(env->world->ctx, &rq, answered, q, e);
	buf_free(&body);
	free(url);
	if (q->call)
		return q;
	free(q);
	return NULL;
}

void oauth_device_cancel(struct oauth_device_ask *a)
{
	if (!a)
		return;
	a->env.world->cancel(a->env.world->ctx, a->call);
	free(a);
}
