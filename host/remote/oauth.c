/*
 * Access tokens: who waits for which audience, when the endpoint is asked, and the rotation of a
 * refresh token.
 * Owns the grant's secrets in memory and its row in the vault.  Must never have two requests of one
 * grant on the way, nor hand out an access token before the refresh token that came with it is on
 * disk: a death in between would lose the only token a strict server still takes.
 */
#include "remote/oauth.h"

#include "base/buf.h"
#include "remote/oauth_in.h"

#include <stdlib.h>
#include <string.h>

enum { ASK_TIMEOUT_MS = 30 * 1000, MOST_ANSWER = 256 * 1024 };

static void ask_next(struct oauth *o);

static void consent_clear(struct consent *c)
{
	crypto_drop(&c->code);
	crypto_drop(&c->redirect);
	crypto_drop(&c->verifier);
	crypto_drop(&c->device);
	c->given = false;
}

/* ---- the row in the vault ---- */

bool oauth_get_row(struct oauth *o, struct oauth_row *r, bool *found, struct err *e)
{
	if (!o->c.tried)
		return oauth_row_read(o->env.vault, o->vault_name, r, found, e);
	*r = oauth_row_copy(&o->kept);
	*found = r->current != NULL;
	return true;
}

static char *first_token_hash(const struct oauth *o)
{
	unsigned char hash[32];
	struct buf hex = {0};
	const char *token = o->c.refresh_token ? o->c.refresh_token : "";
	crypto_sha256(token, strlen(token), hash);
	crypto_hex(&hex, hash, sizeof(hash));
	return buf_take(&hex);
}

/* How a person mends it: "cosell connect NAME". */
static bool say_connect(const struct oauth *o, struct err *e, const char *what)
{
	char *name = xstrdup(o->c.name);
	for (char *s = name; *s; s++)
		*s = *s == '_' ? '-' : *s;
	err_set(e, ERR_AUTH, "%s: cosell connect %s", what, name);
	free(name);
	return false;
}

/* The row if it began with the configured token, else (signed in again, or the first time) a row
 * that begins now. */
static bool row_load(struct oauth *o, struct oauth_row *r, struct err *e)
{
	bool found = false;
	if (!oauth_get_row(o, r, &found, e)) {
		if (e->kind == ERR_CONFIG) /* another key: a person must act, the jobs must wait */
			e->kind = ERR_AUTH;
		return false;
	}
	char *hash = first_token_hash(o);
	if (found && (!o->c.refresh_token || strcmp(r->begun, hash) == 0)) {
		free(hash);
		return true;
	}
	oauth_row_clear(r);
	r->begun = hash;
	r->current = xstrdup(o->c.refresh_token);
	return r->current || say_connect(o, e, "nobody is signed in");
}

/* ---- slots and waits ---- */

static struct slot *find_slot(struct oauth *o, const char *audience)
{
	struct slot *s = o->slots;
	while (s && strcmp(s->audience, audience) != 0)
		s = s->next;
	return s;
}

static struct slot *need_slot(struct oauth *o, const char *audience)
{
	struct slot *s = find_slot(o, audience);
	if (s)
		return s;
	s = NEW(struct slot);
	s->audience = xstrdup(audience);
	s->next = o->slots;
	o->slots = s;
	return s;
}

static int64_t mono_us(const struct oauth *o)
{
	return o->env.world->mono_us(o->env.world->ctx);
}

/* By both clocks: either may jump or stand still. */
static bool is_live(const struct oauth *o, const struct slot *s)
{
	return s->token && WORLD_NOW(o->env.world) < s->renew_wall_ms &&
	       mono_us(o) < s->renew_mono_us;
}

/* The first that waits for s (NULL: for anything), if it came early enough, out of the list. */
static struct oauth_wait *take_wait(struct oauth *o, const struct slot *s, uint64_t upto)
{
	struct oauth_wait **at = &o->first;
	while (*at && ((*at)->number > upto || (s && (*at)->slot != s)))
		at = &(*at)->next;
	struct oauth_wait *w = *at;
	if (w)
		*at = w->next;
	return w;
}

/* Tells everybody who waits for s (NULL: for anything) now.  Who is called may ask again or cancel
 * another wait, so the list is looked at afresh each time. */
static void tell(struct oauth *o, const struct slot *s, const char *token, const struct err *e)
{
	uint64_t upto = o->numbers;
	struct oauth_wait *w;
	while ((w = take_wait(o, s, upto))) {
		oauth_done *done = w->done;
		void *arg = w->arg;
		free(w);
		done(arg, token, e);
	}
}

/* ---- one request ---- */

static void finish(struct oauth *o, const char *token, const struct err *e)
{
	const struct slot *s = o->asked;
	o->phase = IDLE;
	oauth_row_clear(&o->row);
	consent_clear(&o->consent);
	tell(o, s, token, e);
	ask_next(o);
}

static void finish_error(struct oauth *o, struct err *e)
{
	err_add(e, "grant %s", o->c.name);
	finish(o, NULL, e);
}

static void finish_token(struct oauth *o)
{
	struct slot *s = o->asked;
	int64_t life_ms = o->answer.life_ms * 4 / 5;
	crypto_drop(&s->token);
	s->token = xstrdup(o->answer.token);
	s->renew_wall_ms = o->asked_wall_ms + life_ms;
	s->renew_mono_us = o->asked_mono_us + life_ms * 1000;
	struct oauth_answer a = o->answer; /* the slot's may be rejected while they are told */
	o->answer = (struct oauth_answer){0};
	finish(o, a.token, NULL);
	oauth_answer_clear(&a);
}

static void round_over(void *arg, bool ok)
{
	struct release *r = arg;
	struct oauth *o = r->oauth;
	free(r);
	if (!o)
		return;
	o->release = NULL;
	if (ok) {
		finish_token(o);
		return;
	}
	struct err e;
	oauth_answer_clear(&o->answer);
	err_set(&e, ERR_STORE, "the new refresh token could not be stored; it is not used");
	finish_error(o, &e);
}

static void await_round(struct oauth *o)
{
	o->phase = SAVING;
	o->release = NEW(struct release);
	o->release->oauth = o;
	db_after_commit(o->env.db, round_over, o->release);
}

/* The row after this answer, of pieces that are the old row's and the answer's. */
static struct oauth_row row_after(const struct oauth *o, bool rotated, char *used)
{
	int64_t now = WORLD_NOW(o->env.world);
	return (struct oauth_row){.begun = o->row.begun,
				  .current = rotated ? o->answer.refresh : used,
				  .previous = rotated ? used : NULL,
				  .who = o->answer.who ? o->answer.who : o->row.who,
				  .signed_ms = o->consent.given ? now : o->row.signed_ms,
				  .used_ms = now};
}

/* Is there a row to write?  A new token came, or the previous one turned out to be the good one. */
static void keep(struct oauth *o)
{
	char *used = o->by_previous ? o->row.previous : o->row.current;
	const char *next = o->answer.refresh;
	bool rotated = next && (!used || strcmp(next, used) != 0);
	struct err e;
	if (o->consent.given && !next) {
		oauth_answer_clear(&o->answer);
		err_set(&e, ERR_AUTH, "the sign-in came without a refresh token");
		finish_error(o, &e);
		return;
	}
	if (o->c.grant != OAUTH_REFRESH || (!rotated && !o->by_previous)) {
		finish_token(o);
		return;
	}
	struct oauth_row r = row_after(o, rotated, used);
	if (o->c.tried) {
		struct oauth_row kept = oauth_row_copy(&r);
		oauth_row_clear(&o->kept);
		o->kept = kept;
		finish_token(o);
		return;
	}
	db_step_begin(o->env.db); /* so that half of it can be undone */
	bool ok = oauth_row_write(o->env.vault, o->vault_name, &r, &e);
	db_step_end(o->env.db, ok);
	if (ok) {
		await_round(o);
		return;
	}
	oauth_answer_clear(&o->answer);
	finish_error(o, &e);
}

static bool ask(struct oauth *o, struct err *e);

static void answered(void *arg, const struct web_answer *a, const struct err *net)
{
	struct oauth *o = arg;
	struct err e;
	o->call = NULL;
	if (!a) {
		e = *net;
		finish_error(o, &e);
	} else if (oauth_wire_read(&o->env, a, &o->answer, &e)) {
		keep(o);
	} else if (o->answer.refused && o->row.previous && !o->by_previous) {
		o->by_previous = true;
		if (!ask(o, &e))
			finish_error(o, &e);
	} else {
		finish_error(o, &e);
	}
}

static bool ask(struct oauth *o, struct err *e)
{
	static const struct web_header headers[] = {
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Accept", "application/json"},
	};
	struct buf body = {0};
	const struct world *w = o->env.world;
	const char *refresh = o->by_previous ? o->row.previous : o->row.current;
	const char *audience = o->asked->audience;
	const struct oauth_consent by = {o->consent.code, o->consent.redirect, o->consent.verifier,
					 o->consent.device};
	bool ok = o->consent.given ? oauth_wire_consent(w, &o->c, audience, &by, &body, e)
				   : oauth_wire_form(w, &o->c, audience, refresh, &body, e);
	if (ok) {
		struct web_request rq = {.method = "POST",
					 .url = o->c.token_url,
					 .headers = headers,
					 .nheaders = 2,
					 .body = body.data,
					 .len = body.len,
					 .timeout_ms = ASK_TIMEOUT_MS,
					 .max_answer = MOST_ANSWER,
					 .plain_ok = o->c.plain_ok};
		o->phase = ASKED;
		o->asked_wall_ms = WORLD_NOW(w);
		o->asked_mono_us = mono_us(o);
		o->call = w->start(w->ctx, &rq, answered, o, e);
		ok = o->call != NULL;
	}
	buf_wipe(&body);
	return ok;
}

static bool may_ask(struct oauth *o, struct err *e)
{
	if (o->consent.given)
		o->row.begun = first_token_hash(o);
	else if (o->c.grant == OAUTH_REFRESH && !row_load(o, &o->row, e))
		return false;
	return o->c.secret || !o->c.secret_later ||
	       say_connect(o, e, "the application's secret was not entered");
}

/* Asks for whoever waits longest, if nothing is on the way. */
static void ask_next(struct oauth *o)
{
	if (o->phase != IDLE || !o->first)
		return;
	o->asked = o->first->slot;
	o->by_previous = false;
	struct err e;
	if (!may_ask(o, &e) || !ask(o, &e))
		finish_error(o, &e);
}

/* ---- what is offered ---- */

static bool check_config(const struct oauth_config *c, struct err *e)
{
	if (!c->token_url || !*c->token_url || !c->client_id || !*c->client_id)
		return err_set(e, ERR_CONFIG, "grant %s: token URL and client id are needed",
			       c->name);
	if (c->secret && c->key)
		return err_set(e, ERR_CONFIG, "grant %s: a secret or a certificate, not both",
			       c->name);
	if (c->grant == OAUTH_CLIENT_CREDENTIALS && !c->secret && !c->key && !c->secret_later)
		return err_set(e, ERR_CONFIG, "grant %s: a secret or a certificate is needed",
			       c->name);
	for (const char *s = c->refresh_token; s && *s; s++)
		if (*s <= ' ' || *s > '~')
			return err_set(e, ERR_CONFIG,
				       "grant %s: the refresh token holds a blank or a byte that "
				       "no token has",
				       c->name);
	return true;
}

/* One that cannot be read is there, too: a person must act. */
static bool has_row(struct oauth *o)
{
	struct oauth_row r = {0};
	struct err e;
	bool found = false;
	bool read = oauth_get_row(o, &r, &found, &e);
	oauth_row_clear(&r);
	return !read || found;
}

struct oauth *oauth_new(const struct oauth_env *env, const struct oauth_config *c, struct err *e)
{
	if (!check_config(c, e)) {
		crypto_key_free(c->key);
		return NULL;
	}
	struct oauth *o = NEW(struct oauth);
	o->env = *env;
	o->c = *c;
	o->c.name = xstrdup(c->name);
	o->c.token_url = xstrdup(c->token_url);
	o->c.client_id = xstrdup(c->client_id);
	o->c.secret = xstrdup(c->secret);
	o->c.refresh_token =
		c->refresh_token && *c->refresh_token ? xstrdup(c->refresh_token) : NULL;
	o->vault_name = xasprintf("oauth/%s", c->name);
	o->own = !c->until || has_row(o);
	return o;
}

static void free_config(struct oauth_config *c)
{
	char *secret = (char *)c->secret;
	char *refresh = (char *)c->refresh_token;
	crypto_drop(&secret);
	crypto_drop(&refresh);
	free((char *)c->name);
	free((char *)c->token_url);
	free((char *)c->client_id);
	crypto_key_free(c->key);
}

/* What is on its way is not heard any more; who waits goes on waiting. */
static void break_off(struct oauth *o)
{
	if (o->call)
		o->env.world->cancel(o->env.world->ctx, o->call);
	if (o->release)
		o->release->oauth = NULL;
	o->call = NULL;
	o->release = NULL;
	o->phase = IDLE;
	oauth_answer_clear(&o->answer);
	oauth_row_clear(&o->row);
	consent_clear(&o->consent);
}

void oauth_free(struct oauth *o)
{
	if (!o)
		return;
	break_off(o);
	o->phase = ENDED; /* nobody's question is asked any more */
	struct err e;
	err_set(&e, ERR_NET, "grant %s: ended", o->c.name);
	tell(o, NULL, NULL, &e);
	for (struct slot *s = o->slots, *next; s; s = next) {
		next = s->next;
		free(s->audience);
		crypto_drop(&s->token);
		free(s);
	}
	oauth_row_clear(&o->kept);
	free_config(&o->c);
	free(o->vault_name);
	free(o);
}

struct oauth_wait *oauth_token(struct oauth *o, const char *audience, bool fresh, oauth_done *done,
			       void *arg)
{
	if (!o->own)
		return oauth_token(o->c.until, audience, fresh, done, arg);
	struct slot *s = need_slot(o, audience);
	if (!fresh && is_live(o, s)) {
		char *token = xstrdup(s->token); /* who is told may reject it */
		done(arg, token, NULL);
		crypto_drop(&token);
		return NULL;
	}
	struct oauth_wait *w = NEW(struct oauth_wait);
	uint64_t number = ++o->numbers;
	*w = (struct oauth_wait){.oauth = o, .slot = s, .number = number, .done = done, .arg = arg};
	struct oauth_wait **end = &o->first;
	while (*end)
		end = &(*end)->next;
	*end = w;
	ask_next(o);
	for (w = o->first; w && w->number != number;)
		w = w->next;
	return w; /* NULL: the question could not even be asked, and that was told */
}

void oauth_cancel(struct oauth_wait *w)
{
	if (!w)
		return;
	struct oauth_wait **at = &w->oauth->first;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

void oauth_reject(struct oauth *o, const char *audience, const char *token)
{
	struct slot *s = find_slot(o, audience);
	if (s && s->token && strcmp(s->token, token) == 0)
		crypto_drop(&s->token);
	if (o->c.until)
		oauth_reject(o->c.until, audience, token);
}

void oauth_begin_anew(struct oauth *o)
{
	break_off(o);
	for (struct slot *s = o->slots; s; s = s->next)
		crypto_drop(&s->token);
	ask_next(o);
}
