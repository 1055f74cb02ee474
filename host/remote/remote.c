/*
 * Named endpoints: the line of calls in front of each, and what their ends mean.
 * Owns the open calls, and nothing of what answers hold.  Must never send a request twice of its
 * own accord, but for the one with a fresh token after a 401; and never call done from inside
 * remote_start, a commit or a token's arrival: such ends are put off to the next turn of the loop.
 *
 * A call's way: COMMITTING -> LINED -> (its turn) SIGNING -> SENT -> done, with ENDING for an end
 * that did not come from the net.  A call that finds the gate shut when its token comes goes back
 * in line.
 */
#include "remote/remote_in.h"

#include "base/buf.h"
#include "remote/answer.h"

#include <stdlib.h>
#include <string.h>

enum {
	MOST_WAIT_MS = 30 * 1000, /* who would wait longer goes back to where it came from */
	CROWDED_WAIT_MS = 5 * 1000
};
#define NO_MFA "900421"

enum state { COMMITTING, LINED, SIGNING, SENT, ENDING };

/* What waits for the round's end outlives its call, since it cannot be taken back. */
struct release {
	struct remote_call *call; /* NULL: gone meanwhile */
};

struct remote_call {
	struct remote *remote;
	struct remote_call *next;
	enum state state;
	char *method, *url;
	struct web_header *headers; /* one more than nheaders, for the token */
	size_t nheaders;
	char *body; /* NULL: none */
	size_t len, max_answer;
	remote_done *done;
	void *arg;
	int tries;
	bool was_401;
	int64_t lined_us;
	char *token; /* it was sent with */
	struct release *release;
	struct oauth_wait *wait;
	struct web_call *web;
	void *timer; /* ENDING */
	struct err end;
};

static void sign(struct remote_call *c);

/* ---- calls ---- */

static void call_free(struct remote_call *c)
{
	for (size_t i = 0; i < c->nheaders; i++) {
		free((char *)c->headers[i].name);
		free((char *)c->headers[i].value);
	}
	crypto_drop(&c->token);
	free(c->headers);
	free(c->method);
	free(c->url);
	free(c->body);
	free(c);
}

static void link_call(struct remote_call *c)
{
	struct remote *r = c->remote;
	*r->last = c;
	r->last = &c->next;
}

static void unlink_call(struct remote_call *c)
{
	struct remote *r = c->remote;
	struct remote_call **at = &r->first;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (!c->next)
		r->last = at;
}

/* Takes the call out of everything that could still call it. */
static void detach(struct remote_call *c)
{
	const struct remotes_env *env = &c->remote->set->env;
	if (c->release)
		c->release->call = NULL;
	oauth_cancel(c->wait);
	if (c->web)
		env->world->cancel(env->world->ctx, c->web);
	if (c->timer)
		env->cancel_later(env->ctx, c->timer);
	if (c->state == SIGNING || c->state == SENT)
		c->remote->in_flight--;
}

static void end_now(struct remote_call *c, const struct web_answer *a, const struct err *e)
{
	unlink_call(c);
	detach(c);
	c->done(c->arg, a, c->tries, e);
	call_free(c);
}

static void end_due(void *arg)
{
	struct remote_call *c = arg;
	struct remote *r = c->remote;
	c->timer = NULL;
	end_now(c, NULL, &c->end);
	remote_look(r);
}

static void end_soon(struct remote_call *c, const struct err *e)
{
	const struct remotes_env *env = &c->remote->set->env;
	if (c->state == SIGNING || c->state == SENT)
		c->remote->in_flight--;
	c->state = ENDING;
	c->end = *e;
	c->timer = env->later(env->ctx, 0, end_due, c);
}

/* ---- the line ---- */

static int64_t mono_us(const struct remote *r)
{
	const struct world *w = r->set->env.world;
	return w->mono_us(w->ctx);
}

/* false with *e if a call may not even wait here. */
static bool may_wait(struct remote *r, int ahead, struct err *e)
{
	if (r->needs_sign_in && gate_may_try(&r->gate))
		r->needs_sign_in = false; /* someone may have signed in meanwhile */
	if (r->needs_sign_in) {
		*e = r->why;
		return false;
	}
	int64_t pause = gate_pause_ms(&r->gate);
	int64_t wait = gate_ms(&r->gate, ahead);
	if (wait <= MOST_WAIT_MS)
		return true;
	err_set(e, ERR_BUSY, "remote %s: %s for %lld s more", r->name,
		pause > 0 ? "the service asked for a pause" : "the budget of requests is used up",
		(long long)(wait + 999) / 1000);
	e->wait_ms = wait;
	return false;
}

static struct remote_call *first_in(const struct remote *r, enum state state)
{
	struct remote_call *c = r->first;
	while (c && c->state != state)
		c = c->next;
	return c;
}

int remote_waiting(const struct remote *r)
{
	int n = 0;
	for (const struct remote_call *c = r->first; c; c = c->next)
		n += c->state == COMMITTING || c->state == LINED;
	return n;
}

static void end_line(struct remote *r, const struct err *e)
{
	struct remote_call *c;
	while ((c = first_in(r, LINED)))
		end_soon(c, e);
}

static int64_t lined_ms(const struct remote_call *c)
{
	return (mono_us(c->remote) - c->lined_us) / 1000;
}

/* Who has stood here too long, since all turns are taken, goes. */
static void end_overdue(struct remote *r)
{
	struct remote_call *c;
	struct err e;
	err_set(&e, ERR_BUSY, "remote %s: all %d turns were taken for %d s", r->name, r->cap,
		MOST_WAIT_MS / 1000);
	e.wait_ms = CROWDED_WAIT_MS;
	while ((c = first_in(r, LINED)) && lined_ms(c) >= MOST_WAIT_MS)
		end_soon(c, &e);
}

static void timer_due(void *arg)
{
	struct remote *r = arg;
	r->timer = NULL;
	remote_look(r);
}

/* Looks again when the gate opens, or when the first has waited long enough. */
static void look_again(struct remote *r, int64_t gate)
{
	const struct remotes_env *env = &r->set->env;
	const struct remote_call *c = first_in(r, LINED);
	if (r->timer)
		env->cancel_later(env->ctx, r->timer);
	r->timer = NULL;
	if (!c)
		return;
	int64_t ms = MOST_WAIT_MS - lined_ms(c);
	if (gate > 0 && gate < ms)
		ms = gate;
	r->timer = env->later(env->ctx, ms > 0 ? ms : 0, timer_due, r);
}

void remote_look(struct remote *r)
{
	struct remote_call *c;
	struct err e;
	int64_t gate = 0;
	if (first_in(r, LINED) && !may_wait(r, 0, &e))
		end_line(r, &e);
	while ((c = first_in(r, LINED)) && r->in_flight < r->cap &&
	       (gate = gate_ms(&r->gate, 0)) == 0) {
		r->in_flight++;
		sign(c);
	}
	end_overdue(r);
	look_again(r, gate);
}

static void get_in_line(struct remote_call *c)
{
	c->state = LINED;
	c->lined_us = mono_us(c->remote);
}

static void round_over(void *arg, bool ok)
{
	struct release *release = arg;
	struct remote_call *c = release->call;
	free(release);
	if (!c)
		return;
	c->release = NULL;
	if (ok) {
		get_in_line(c);
		remote_look(c->remote);
		return;
	}
	struct err e;
	err_set(&e, ERR_STORE, "remote %s: not sent, since what led to it could not be stored",
		c->remote->name);
	end_soon(c, &e);
}

/* ---- ends ---- */

/* What an error says about the whole remote. */
static void note_end(struct remote *r, struct err *e)
{
	err_add(e, "remote %s", r->name);
	memcpy(r->text, e->text, sizeof(r->text) - 1); /* the last byte stays 0 */
	if (e->kind == ERR_BUSY)
		e->wait_ms = gate_pause(&r->gate, e->wait_ms);
	if (e->kind != ERR_AUTH)
		return;
	r->needs_sign_in = true;
	gate_try_later(&r->gate);
	r->signed_in = false;
	r->why = *e;
	end_line(r, e);
}

static void note_good(struct remote *r)
{
	r->text[0] = '\0';
	gate_good(&r->gate);
	r->last_ok_ms = WORLD_NOW(r->set->env.world);
}

static void on_error(struct remote_call *c, struct err *e)
{
	note_end(c->remote, e);
	end_now(c, NULL, e);
}

static void on_unauthorized(struct remote_call *c, const struct web_answer *a)
{
	struct remote *r = c->remote;
	struct err e;
	bool no_mfa = answer_has_code(r->set->env.db, a, NO_MFA);
	oauth_reject(r->oauth, r->audience, c->token);
	if (!no_mfa && !c->was_401) {
		c->was_401 = true;
		sign(c);
		return;
	}
	if (no_mfa) {
		err_set(&e, ERR_AUTH,
			"the sign-in carries no proof of multi-factor authentication (%s): "
			"sign in again with MFA",
			NO_MFA);
	} else {
		err_set(&e, ERR_AUTH,
			"answered 401 to a fresh token: check the permissions, then sign in again");
		answer_add_code(r->set->env.db, a, &e);
	}
	e.status = 401;
	on_error(c, &e);
}

static void answered(void *arg, const struct web_answer *a, const struct err *net)
{
	struct remote_call *c = arg;
	struct remote *r = c->remote;
	struct err e;
	c->web = NULL;
	if (!a) {
		e = *net;
		on_error(c, &e);
	} else if (a->status == 401 && r->oauth) {
		on_unauthorized(c, a);
	} else if (r->mail && !answer_mailed(a, &e)) {
		on_error(c, &e);
	} else if (!answer_served(a, WORLD_NOW(r->set->env.world), &e)) {
		answer_add_code(r->set->env.db, a, &e);
		on_error(c, &e);
	} else {
		note_good(r);
		end_now(c, a, NULL);
	}
	remote_look(r);
}

/* ---- sending ---- */

static void send_call(struct remote_call *c)
{
	struct remote *r = c->remote;
	const struct world *w = r->set->env.world;
	struct web_request rq = {.method = c->method,
				 .url = c->url,
				 .headers = c->headers,
				 .nheaders = c->nheaders,
				 .body = c->body,
				 .len = c->len,
				 .max_answer = c->max_answer,
				 .plain_ok = r->plain_ok,
				 .mail = r->mail};
	char *bearer = NULL;
	struct err e;
	if (c->token) {
		bearer = xasprintf("Bearer %s", c->token);
		c->headers[rq.nheaders++] = (struct web_header){"Authorization", bearer};
	}
	c->state = SENT;
	c->web = w->start(w->ctx, &rq, answered, c, &e);
	crypto_drop(&bearer);
	if (!c->web) {
		err_add(&e, "remote %s", r->name);
		end_soon(c, &e);
		return;
	}
	c->tries++;
	gate_passed(&r->gate);
}

/* The gate may have shut while the token was on its way. */
static void send_or_line_up(struct remote_call *c)
{
	struct remote *r = c->remote;
	if (gate_ms(&r->gate, 0) == 0) {
		send_call(c);
		return;
	}
	r->in_flight--;
	get_in_line(c);
	remote_look(r);
}

static void signed_in(void *arg, const char *token, const struct err *oe)
{
	struct remote_call *c = arg;
	struct remote *r = c->remote;
	c->wait = NULL;
	if (token) {
		r->signed_in = true;
		crypto_drop(&c->token);
		c->token = xstrdup(token);
		send_or_line_up(c);
		return;
	}
	struct err e = *oe;
	note_end(r, &e);
	end_soon(c, &e);
	remote_look(r);
}

/* The call has its turn. */
static void sign(struct remote_call *c)
{
	c->state = SIGNING;
	if (!c->remote->oauth) {
		crypto_drop(&c->token);
		c->token = xstrdup(c->remote->bearer);
		send_or_line_up(c);
		return;
	}
	struct oauth_wait *w =
		oauth_token(c->remote->oauth, c->remote->audience, false, signed_in, c);
	if (w)
		c->wait = w;
}

/* ---- starting ---- */

static struct remote_call *call_new(struct remote *r, const struct remote_request *rq, char *url)
{
	struct remote_call *c = NEW(struct remote_call);
	c->remote = r;
	c->method = xstrdup(rq->method);
	c->url = url;
	c->headers = xcalloc(rq->nheaders + 1, sizeof(*c->headers));
	for (size_t i = 0; i < rq->nheaders; i++) {
		c->headers[i].name = xstrdup(rq->headers[i].name);
		c->headers[i].value = xstrdup(rq->headers[i].value);
	}
	c->nheaders = rq->nheaders;
	c->body = rq->body ? xmemdup0(rq->body, rq->len) : NULL;
	c->len = rq->body ? rq->len : 0;
	c->max_answer = rq->max_answer;
	return c;
}

struct remote_call *remote_start(struct remote *r, const struct remote_request *rq,
				 remote_done *done, void *arg, struct err *e)
{
	char *url = remote_ask(r, rq, e);
	if (!url) {
		err_add(e, "remote %s", r->name);
		return NULL;
	}
	if (!may_wait(r, remote_waiting(r), e)) {
		free(url);
		return NULL;
	}
	struct remote_call *c = call_new(r, rq, url);
	c->done = done;
	c->arg = arg;
	link_call(c);
	c->release = NEW(struct release);
	c->release->call = c;
	db_after_commit(r->set->env.db, round_over, c->release);
	return c;
}

void remote_cancel(struct remote_call *c)
{
	if (!c)
		return;
	struct remote *r = c->remote;
	unlink_call(c);
	detach(c);
	call_free(c);
	remote_look(r);
}

void remote_end_all(struct remote *r)
{
	struct err e;
	err_set(&e, ERR_NET, "remote %s: ended", r->name);
	while (r->first)
		end_now(r->first, NULL, &e); /* NOLINT: it cannot see that the list moves on */
}
