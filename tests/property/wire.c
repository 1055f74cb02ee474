/*
 * io/wire.h in memory: commands between the two sides of the world, by path.
 *
 * Owns the calls in hand.  Each word is an event of the loop that hears it, never a call from
 * inside; who asked a host that is killed hears that the connection was closed.
 */
#include "io/wire.h"

#include "base/buf.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

struct wire_listener {
	struct wire_listener *next;
	struct loop *loop;
	char *path;
	wire_handler *handler;
	void *ctx;
};

struct wire_ask {
	struct loop *loop;
	struct wire_reply reply;
	bool over;
	bool freed;
	int words; /* under way to this side */
	struct wire_call *call;
};

struct wire_call {
	struct wire_call *next;
	struct loop *loop;
	struct wire_listener *listener;
	struct wire_ask *ask; /* NULL: gone */
	char *command, *json;
	void (*gone)(void *arg);
	void *gone_arg;
};

struct word {
	struct wire_ask *ask;
	char type; /* 'o' 'e' 'x' 'c' */
	char *text;
	size_t n;
	int status;
};

static struct wire_listener *listeners;
static struct wire_call *calls;

/* ---- words to who asked ---- */

static void ask_forget(struct wire_ask *a)
{
	if (a->freed && a->words == 0)
		free(a);
}

static void hear(void *arg)
{
	struct word *w = arg;
	struct wire_ask *a = w->ask;
	if (!a->freed && !a->over) {
		struct err e;
		a->over = w->type == 'x' || w->type == 'c';
		if (w->type == 'c') {
			err_set(&e, ERR_NET, "the running host closed the connection");
			a->reply.done(a->reply.ctx, 1, &e);
		} else if (w->type == 'x') {
			a->reply.done(a->reply.ctx, w->status, NULL);
		} else {
			a->reply.text(a->reply.ctx, w->type == 'e', w->text, w->n);
		}
	}
	a->words--; /* until here a stays, whatever was called */
	ask_forget(a);
	free(w->text);
	free(w);
}

static void say(struct wire_ask *a, char type, const char *text, size_t n, int status)
{
	if (!a)
		return;
	struct word *w = NEW(struct word);
	*w = (struct word){a, type, xmemdup0(text, n), n, status};
	a->words++;
	world_later(a->loop, hear, w);
}

void wire_out(struct wire_call *c, const char *text, size_t n)
{
	say(c->ask, 'o', text, n, 0);
}

void wire_err(struct wire_call *c, const char *text, size_t n)
{
	say(c->ask, 'e', text, n, 0);
}

static void call_free(struct wire_call *c)
{
	struct wire_call **at = &calls;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->ask)
		c->ask->call = NULL;
	free(c->command);
	free(c->json);
	free(c);
}

void wire_exit(struct wire_call *c, int status)
{
	say(c->ask, 'x', "", 0, status);
	call_free(c);
}

/* Nobody in the world can be asked. */
struct answer {
	void (*fn)(void *arg, const char *line);
	void *arg;
};

static void answer_none(void *arg)
{
	struct answer a = *(struct answer *)arg;
	free(arg);
	a.fn(a.arg, NULL);
}

void wire_question(struct wire_call *c, const char *prompt, bool secret,
		   void (*answer)(void *arg, const char *line), void *arg)
{
	(void)prompt;
	(void)secret;
	struct answer *a = NEW(struct answer);
	*a = (struct answer){answer, arg};
	world_later(c->loop, answer_none, a);
}

void wire_answer(struct wire_ask *a, const char *line)
{
	(void)a;
	(void)line;
}

void wire_on_gone(struct wire_call *c, void (*gone)(void *arg), void *arg)
{
	c->gone = gone;
	c->gone_arg = arg;
}

/* ---- who is asked ---- */

struct wire_listener *wire_listen(struct loop *l, const char *path, wire_handler *h, void *ctx,
				  struct err *e)
{
	(void)e;
	struct wire_listener *s = NEW(struct wire_listener);
	*s = (struct wire_listener){listeners, l, xstrdup(path), h, ctx};
	listeners = s;
	return s;
}

void wire_on_clock(struct wire_listener *s, void (*moved)(void *ctx))
{
	(void)s;
	(void)moved;
}

static void cut(struct wire_listener *s)
{
	for (struct wire_call *c = calls; c; c = c->next) {
		if (c->listener != s)
			continue;
		say(c->ask, 'c', "", 0, 0);
		if (c->ask)
			c->ask->call = NULL;
		c->ask = NULL;
		c->listener = NULL;
	}
}

void wire_listener_free(struct wire_listener *s)
{
	if (!s)
		return;
	cut(s);
	struct wire_listener **at = &listeners;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s->path);
	free(s);
}

void wire_forget(const struct loop *l)
{
	for (struct wire_listener *s = listeners, *next; s; s = next) {
		next = s->next;
		if (s->loop == l)
			wire_listener_free(s);
	}
}

/* ---- who asks ---- */

static void on_asked(void *arg)
{
	struct wire_call *c = arg;
	if (c->listener)
		c->listener->handler(c->listener->ctx, c, c->command, c->json);
	else
		call_free(c);
}

struct wire_ask *wire_ask(struct loop *l, const char *path, const char *command, const char *json,
			  const struct wire_reply *r, struct err *e)
{
	struct wire_listener *s = listeners;
	while (s && strcmp(s->path, path) != 0)
		s = s->next;
	if (!s) {
		err_set(e, ERR_ABSENT, "nobody listens at %s", path);
		return NULL;
	}
	struct wire_ask *a = NEW(struct wire_ask);
	struct wire_call *c = NEW(struct wire_call);
	*a = (struct wire_ask){.loop = l, .reply = *r, .call = c};
	*c = (struct wire_call){.next = calls, .loop = s->loop, .listener = s, .ask = a};
	c->command = xstrdup(command);
	c->json = xstrdup(json);
	calls = c;
	world_later(s->loop, on_asked, c);
	return a;
}

void wire_ask_free(struct wire_ask *a)
{
	if (!a)
		return;
	struct wire_call *c = a->call;
	if (c) {
		c->ask = NULL;
		if (c->gone)
			world_later(c->loop, c->gone, c->gone_arg);
		c->gone = NULL;
	}
	a->freed = true;
	ask_forget(a);
}
