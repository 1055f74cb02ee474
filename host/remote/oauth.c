/*
 * Access tokens: who waits for which audience, when the endpoint is asked, and the rotation of a
 * refresh token.
 * Owns the grant's secrets in memory and its row in the vault.  Must never have two requests of one
 * grant on the way, nor hand out an access token before the refresh token that came with it is on
 * disk: a death in between would lose the only token a strict server still takes.
 *
 * The row: version, hash of the configured token it began with, current token, previous token or
 * nothing; a line each.
 */
#include "remote/oauth.h"

#include "base/buf.h"
#include "remote/oauth_wire.h"

#include <stdlib.h>
#include <string.h>

enum { ASK_TIMEOUT_MS = 30 * 1000, MOST_ANSWER = 256 * 1024 };
#define ROW_VERSION "1"

/* One audience and its token. */
struct slot {
	struct slot *next;
	char *audience;
	char *token; /* NULL: none held */
	int64_t renew_wall_ms;
	int64_t renew_mono_us;
};

struct oauth_wait {
	struct oauth *oauth;
	struct slot *slot;
	struct oauth_wait *next;
	uint64_t number;
	oauth_done *done;
	void *arg;
};

/* What the grant's row holds. */
struct row {
	char *begun; /* hex hash of the first token */
	char *current;
	char *previous; /* NULL: none */
};

/* What waits for the round's end outlives the oauth, since it cannot be taken back. */
struct release {
	struct oauth *oauth; /* NULL: freed meanwhile */
};

enum phase {
	IDLE,
	ASKED,  /* a request is on the way */
	SAVING, /* an answer waits for the commit of its refresh token */
	ENDED
};

struct oauth {
	struct oauth_env env;
	struct oauth_config c; /* the texts are ours */
	char *vault_name;
	struct slot *slots;
	struct oauth_wait *first; /* in order of arrival */
	uint64_t numbers;

	enum phase phase;
	struct slot *asked; /* for whom; valid unless IDLE */
	struct web_call *call;
	struct release *release;
	struct row row;   /* as it was when we asked */
	bool by_previous; /* the request carries the previous token */
	struct oauth_answer answer;
	int64_t asked_wall_ms, asked_mono_us;
};

static void ask_next(struct oauth *o);

/* ---- the row in the vault ---- */

static void row_clear(struct row *r)
{
	free(r->begun);
	crypto_drop(&r->current);
	crypto_drop(&r->previous);
	*r = (struct row){0};
}

static char *take_line(char **at)
{
	char *line = *at;
	char *end = strchr(line, '\n');
	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static bool row_parse(char *text, struct row *r)
{
	const char *version = take_line(&text);
	const char *begun = version ? take_line(&text) : NULL;
	const char *current = begun ? take_line(&text) : NULL;
	const char *previous = current ? take_line(&text) : NULL;
	if (!previous || strcmp(version, ROW_VERSION) != 0 || !*current)
		return false;
	r->begun = xstrdup(begun);
	r->current = xstrdup(current);
	r->previous = *previous ? xstrdup(previous) : NULL;
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

/* The row if it began with the configured token, else (signed in again, or the first time) a row
 * that begins now. */
static bool row_load(struct oauth *o, struct row *r, struct err *e)
{
	struct buf text = {0};
	bool found = false;
	*r = (struct row){0};
	if (!vault_get(o->env.vault, o->vault_name, &text, &found, e)) {
		if (e->kind == ERR_CONFIG) /* another key: a person must act, the jobs must wait */
			e->kind = ERR_AUTH;
		return false;
	}
	char *hash = first_token_hash(o);
	if (found && row_parse(text.data, r) && o->c.refresh_token && strcmp(r->begun, hash) != 0)
		row_clear(r);
	buf_wipe(&text);
	if (r->current) {
		free(hash);
		return true;
	}
	r->begun = hash;
	r->current = xstrdup(o->c.refresh_token);
	return r->current || err_set(e, ERR_AUTH, "there is no refresh token: sign in");
}

/* In a step of its own, so that half of it can be undone. */
static bool row_save(struct oauth *o, const struct row *r, struct err *e)
{
	struct buf text = {0};
	buf_addf(&text, "%s\n%s\n%s\n%s\n", ROW_VERSION, r->begun, r->current,
		 r->previous ? r->previous : "");
	db_step_begin(o->env.db);
	bool ok = vault_set(o->env.vault, o->vault_name, text.data, text.len, e);
	db_step_end(o->env.db, ok);
	buf_wipe(&text);
	return ok;
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
	row_clear(&o->row);
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

/* Is there a row to write?  A new token came, or the previous one turned out to be the good one. */
static void keep(struct oauth *o)
{
	char *used = o->by_previous ? o->row.previous : o->row.current;
	char *next = o->answer.refresh;
	bool rotated = next && (!used || strcmp(next, used) != 0);
	if (o->c.grant != OAUTH_REFRESH || (!rotated && !o->by_previous)) {
		finish_token(o);
		return;
	}
	struct row r = {o->row.begun, rotated ? next : used, rotated ? used : NULL};
	struct err e;
	if (row_save(o, &r, &e)) {
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
	bool ok = oauth_wire_form(w, &o->c, o->asked->audience, refresh, &body, e);
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

/* Asks for whoever waits longest, if nothing is on the way. */
static void ask_next(struct oauth *o)
{
	if (o->phase != IDLE || !o->first)
		return;
	o->asked = o->first->slot;
	o->by_previous = false;
	struct err e;
	if ((o->c.grant == OAUTH_REFRESH && !row_load(o, &o->row, &e)) || !ask(o, &e))
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
	if (c->grant == OAUTH_CLIENT_CREDENTIALS && !c->secret && !c->key)
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

void oauth_free(struct oauth *o)
{
	if (!o)
		return;
	if (o->call)
		o->env.world->cancel(o->env.world->ctx, o->call);
	if (o->release)
		o->release->oauth = NULL;
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
	oauth_answer_clear(&o->answer);
	row_clear(&o->row);
	free_config(&o->c);
	free(o->vault_name);
	free(o);
}

struct oauth_wait *oauth_token(struct oauth *o, const char *audience, bool fresh, oauth_done *done,
			       void *arg)
{
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
}
