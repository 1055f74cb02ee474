/*
 * A world on a table, for the checks of remote/: time stands still until it is moved, random bytes
 * count up, and a started request waits in a list until the check answers it by hand.
 */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include "base/buf.h"
#include "base/world.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { FAKE_CALLS = 512, FAKE_TIMERS = 256 };
#define FAKE_START_MS INT64_C(1940000000000) /* in the year 2031 */

struct fake_call {
	bool open;
	char *method, *url, *body;
	struct web_header headers[24];
	size_t nheaders;
	bool plain_ok;
	int timeout_ms;
	size_t max_answer;
	web_done *done;
	void *arg;
};

struct fake_timer {
	bool set;
	int64_t due_us;
	void (*fn)(void *);
	void *arg;
};

struct fake {
	struct world world;
	int64_t now_ms, mono_us;
	unsigned char next_random;
	bool refuse; /* start() fails */
	struct fake_call calls[FAKE_CALLS];
	int n; /* started in all */
	struct fake_timer timers[FAKE_TIMERS];
};

static inline int64_t fake_now(void *ctx)
{
	return ((struct fake *)ctx)->now_ms;
}

static inline int64_t fake_mono(void *ctx)
{
	return ((struct fake *)ctx)->mono_us;
}

static inline void fake_random(void *ctx, void *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		((unsigned char *)out)[i] = ((struct fake *)ctx)->next_random++;
	}
}

static inline struct web_call *fake_begin(void *ctx, const struct web_request *rq, web_done *done,
					  void *arg, struct err *e)
{
	struct fake *f = ctx;
	if (f->refuse || f->n == FAKE_CALLS) {
		err_set(e, ERR_CONFIG, "the fake world refuses");
		return NULL;
	}
	struct fake_call *c = &f->calls[f->n++];
	c->open = true;
	c->method = xstrdup(rq->method);
	c->url = xstrdup(rq->url);
	c->body = rq->body ? xmemdup0(rq->body, rq->len) : NULL;
	for (size_t i = 0; i < rq->nheaders && i < 24; i++) {
		c->headers[i].name = xstrdup(rq->headers[i].name);
		c->headers[i].value = xstrdup(rq->headers[i].value);
		c->nheaders = i + 1;
	}
	c->plain_ok = rq->plain_ok;
	c->timeout_ms = rq->timeout_ms;
	c->max_answer = rq->max_answer;
	c->done = done;
	c->arg = arg;
	return (struct web_call *)(void *)c;
}

static inline void fake_cancel(void *ctx, struct web_call *call)
{
	(void)ctx;
	((struct fake_call *)(void *)call)->open = false;
}

static inline struct fake *fake_new(void)
{
	struct fake *f = NEW(struct fake);
	f->now_ms = FAKE_START_MS;
	f->mono_us = 1000000;
	f->world = (struct world){f, fake_now, fake_mono, fake_random, fake_begin, fake_cancel};
	return f;
}

/* Forgets every call; timers and clock stay. */
static inline void fake_forget(struct fake *f)
{
	for (int i = 0; i < f->n; i++) {
		struct fake_call *c = &f->calls[i];
		for (size_t k = 0; k < c->nheaders; k++) {
			free((char *)c->headers[k].name);
			free((char *)c->headers[k].value);
		}
		free(c->method);
		free(c->url);
		free(c->body);
		*c = (struct fake_call){0};
	}
	f->n = 0;
}

static inline void fake_free(struct fake *f)
{
	fake_forget(f);
	free(f);
}

static inline const char *fake_header(const struct fake *f, int i, const char *name)
{
	return web_header_get(f->calls[i].headers, f->calls[i].nheaders, name);
}

static inline int fake_open(const struct fake *f)
{
	int n = 0;
	for (int i = 0; i < f->n; i++) {
		n += f->calls[i].open;
	}
	return n;
}

/* header: "name: value" or NULL */
static inline void fake_answer_bytes(struct fake *f, int i, int status, const char *header,
				     const void *body, size_t len)
{
	struct fake_call *c = &f->calls[i];
	struct web_header h[1];
	char *name = xstrdup(header);
	char *copy = xmemdup0(body, len);
	struct web_answer a = {.status = status, .headers = h, .body = copy, .len = len, .ms = 1};
	if (name) {
		char *value = strchr(name, ':');
		*value = '\0';
		h[a.nheaders++] = (struct web_header){name, value + 2};
	}
	if (!c->open) {
		abort(); /* the check is wrong: nobody waits for this */
	}
	c->open = false;
	c->done(c->arg, &a, NULL);
	free(name);
	free(copy);
}

static inline void fake_answer(struct fake *f, int i, int status, const char *header,
			       const char *body)
{
	fake_answer_bytes(f, i, status, header, body, strlen(body));
}

static inline void fake_fail(struct fake *f, int i)
{
	struct err e;
	err_set(&e, ERR_NET, "refused");
	f->calls[i].open = false;
	f->calls[i].done(f->calls[i].arg, NULL, &e);
}

/* The timers of a struct remotes_env. */
static inline void *fake_later(void *ctx, int64_t ms, void (*fn)(void *), void *arg)
{
	struct fake *f = ctx;
	for (int i = 0; i < FAKE_TIMERS; i++) {
		if (!f->timers[i].set) {
			f->timers[i] = (struct fake_timer){true, f->mono_us + ms * 1000, fn, arg};
			return &f->timers[i];
		}
	}
	abort();
}

static inline void fake_cancel_later(void *ctx, void *handle)
{
	(void)ctx;
	((struct fake_timer *)handle)->set = false;
}

static inline struct fake_timer *fake_next_timer(struct fake *f)
{
	struct fake_timer *next = NULL;
	for (int i = 0; i < FAKE_TIMERS; i++) {
		if (f->timers[i].set && (!next || f->timers[i].due_us < next->due_us)) {
			next = &f->timers[i];
		}
	}
	return next;
}

/* Lets time pass, timers firing in order on their way. */
static inline void fake_pass(struct fake *f, int64_t ms)
{
	int64_t end_us = f->mono_us + ms * 1000;
	int64_t wall_ms = f->now_ms + ms;
	struct fake_timer *t;
	while ((t = fake_next_timer(f)) && t->due_us <= end_us) {
		if (t->due_us > f->mono_us) {
			f->now_ms += (t->due_us - f->mono_us) / 1000;
			f->mono_us = t->due_us;
		}
		t->set = false;
		t->fn(t->arg);
	}
	f->mono_us = end_us;
	f->now_ms = wall_ms;
}

/* Files cannot grow any more, as on a full disk: the next commit to a state file fails. */
static inline void fake_disk_full(bool full)
{
	struct rlimit r;
	(void)signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &r) != 0) {
		abort();
	}
	r.rlim_cur = full ? 1 : r.rlim_max;
	if (setrlimit(RLIMIT_FSIZE, &r) != 0) {
		abort();
	}
}

#endif
