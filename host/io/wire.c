/*
 * The control socket's conversation, both sides.
 *
 * Owns its connections.  Knows no command; only the test build's clock stands here, because it must
 * work whoever listens.  Must never block: frames keep what cannot be sent yet.
 */
#include "io/wire.h"

#include "base/buf.h"
#include "base/clock.h"
#include "io/frames.h"
#include "io/terminal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MOST (16u << 20)

struct wire_call {
	struct wire_call *prev, *next;
	struct wire_listener *listener;
	struct frames *frames; /* NULL: the peer left */
	bool asked;            /* the handler has it: wire_exit will come */
	void (*gone)(void *arg);
	void *gone_arg;
	void (*answer)(void *arg, const char *line); /* NULL: nothing is open */
	void *answer_arg;
};

struct wire_listener {
	struct loop *loop;
	struct frames_listener *socket;
	struct wire_call *calls;
	wire_handler *handler;
	void (*moved)(void *ctx);
	void *ctx;
};

/* ---- the side that is asked ---- */

static void call_free(struct wire_call *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else if (c->listener)
		c->listener->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (c->frames)
		frames_free(c->frames);
	free(c);
}

#ifdef COSELL_TEST
/* {"args":["+MS"]...}: the number is all that is looked for. */
static void move_clock(struct wire_call *c, const char *json)
{
	struct wire_listener *s = c->listener;
	const char *plus = strchr(json, '+');
	clock_offset_set(clock_offset() + (plus ? strtoll(plus + 1, NULL, 10) : 0));
	if (s->moved)
		s->moved(s->ctx);
	struct buf b = {0};
	buf_addf(&b, "%lld", (long long)clock_offset());
	wire_out(c, b.data, b.len);
	buf_free(&b);
	wire_exit(c, plus ? 0 : 2);
}
#endif

static void call_gone(void *arg, const char *why)
{
	(void)why;
	struct wire_call *c = arg;
	if (!c->asked) {
		call_free(c);
		return;
	}
	frames_free(c->frames);
	c->frames = NULL;
	c->answer = NULL;
	if (c->gone)
		c->gone(c->gone_arg);
}

/* What comes behind the command is the answer to what was asked, or the peer is none of ours. */
static void call_answered(struct wire_call *c, const char *data, size_t len)
{
	void (*answer)(void *arg, const char *line) = c->answer;
	bool line = len > 0 && len <= TERMINAL_LINE + 1 && data[0] == 'a' && strlen(data) == len;
	c->answer = NULL;
	if (answer && (line || (len == 1 && data[0] == 'n')))
		answer(c->answer_arg, line ? data + 1 : NULL);
	else
		call_gone(c, "an answer that nobody asked for");
}

static void call_got(void *arg, const char *data, size_t len)
{
	struct wire_call *c = arg;
	const char *end = memchr(data, '\n', len);
	if (c->asked) {
		call_answered(c, data, len);
		return;
	}
	if (!end || strlen(data) != len) {
		call_free(c);
		return;
	}
	c->asked = true;
	char *name = xmemdup0(data, (size_t)(end - data));
#ifdef COSELL_TEST
	if (strcmp(name, "clock") == 0)
		move_clock(c, end + 1);
	else
		c->listener->handler(c->listener->ctx, c, name, end + 1);
#else
	c->listener->handler(c->listener->ctx, c, name, end + 1);
#endif
	free(name);
}

static void accepted(void *arg, int fd)
{
	struct wire_listener *s = arg;
	struct wire_call *c = NEW(struct wire_call);
	c->listener = s;
	c->next = s->calls;
	if (s->calls)
		s->calls->prev = c;
	s->calls = c;
	c->frames = frames_new(s->loop, fd, FRAME_MOST, call_got, call_gone, c);
}

struct wire_listener *wire_listen(struct loop *l, const char *path, wire_handler *h, void *ctx,
				  struct err *e)
{
	struct wire_listener *s = NEW(struct wire_listener);
	s->loop = l;
	s->handler = h;
	s->ctx = ctx;
	s->socket = frames_listen(l, path, accepted, s, e);
	if (s->socket)
		return s;
	free(s);
	return NULL;
}

void wire_on_clock(struct wire_listener *s, void (*moved)(void *ctx))
{
	s->moved = moved;
}

void wire_listener_free(struct wire_listener *s)
{
	if (!s)
		return;
	for (struct wire_call *c = s->calls, *next; c; c = next) {
		next = c->next;
		c->listener = NULL;
		if (!c->asked) {
			c->prev = c->next = NULL;
			call_free(c);
			continue;
		}
		if (c->frames) {
			frames_free(c->frames);
			c->frames = NULL;
		}
		c->prev = c->next = NULL; /* its owner still ends it */
	}
	frames_listener_free(s->socket);
	free(s);
}

void wire_on_gone(struct wire_call *c, void (*gone)(void *arg), void *arg)
{
	c->gone = gone;
	c->gone_arg = arg;
}

static void say(struct wire_call *c, char type, const char *text, size_t n)
{
	if (!c->frames)
		return;
	struct buf b = {0};
	buf_addc(&b, type);
	buf_add(&b, text, n);
	frames_send(c->frames, b.data, b.len);
	buf_free(&b);
}

void wire_out(struct wire_call *c, const char *text, size_t n)
{
	say(c, 'o', text, n);
}

void wire_err(struct wire_call *c, const char *text, size_t n)
{
	say(c, 'e', text, n);
}

void wire_question(struct wire_call *c, const char *prompt, bool secret,
		   void (*answer)(void *arg, const char *line), void *arg)
{
	assert(!c->answer);
	c->answer = answer;
	c->answer_arg = arg;
	say(c, secret ? 's' : 'q', prompt, strlen(prompt));
}

void wire_exit(struct wire_call *c, int status)
{
	struct buf b = {0};
	assert(c->asked);
	buf_addf(&b, "%d", status);
	say(c, 'x', b.data, b.len);
	buf_free(&b);
	if (c->frames)
		frames_close_when_sent(c->frames);
	c->frames = NULL;
	call_free(c);
}

/* ---- the side that asks ---- */

struct wire_ask {
	struct frames *frames;
	struct wire_reply reply;
	bool over; /* done was called */
};

static void ask_got(void *arg, const char *data, size_t len)
{
	struct wire_ask *a = arg;
	if (len == 0 || a->over)
		return;
	bool question = data[0] == 'q' || data[0] == 's';
	if (question && a->reply.ask) {
		a->reply.ask(a->reply.ctx, data + 1, data[0] == 's');
	} else if (question) {
		wire_answer(a, NULL);
	} else if (data[0] != 'x') {
		a->reply.text(a->reply.ctx, data[0] == 'e', data + 1, len - 1);
	} else {
		a->over = true;
		a->reply.done(a->reply.ctx, (int)strtol(data + 1, NULL, 10), NULL);
	}
}

static void ask_gone(void *arg, const char *why)
{
	struct wire_ask *a = arg;
	struct err e;
	if (a->over)
		return;
	a->over = true;
	err_set(&e, ERR_NET, "the running host closed the connection (%s)", why);
	a->reply.done(a->reply.ctx, 1, &e);
}

struct wire_ask *wire_ask(struct loop *l, const char *path, const char *command, const char *json,
			  const struct wire_reply *r, struct err *e)
{
	int fd = frames_connect(path, e);
	if (fd < 0) {
		e->kind = ERR_ABSENT;
		return NULL;
	}
	struct wire_ask *a = NEW(struct wire_ask);
	a->reply = *r;
	a->frames = frames_new(l, fd, FRAME_MOST, ask_got, ask_gone, a);
	struct buf b = {0};
	buf_addf(&b, "%s\n", command);
	buf_adds(&b, json);
	frames_send(a->frames, b.data, b.len);
	buf_free(&b);
	return a;
}

void wire_answer(struct wire_ask *a, const char *line)
{
	struct buf b = {0};
	buf_addc(&b, line ? 'a' : 'n');
	buf_adds(&b, line ? line : "");
	frames_send(a->frames, b.data, b.len);
	buf_wipe(&b);
}

void wire_ask_free(struct wire_ask *a)
{
	if (!a)
		return;
	frames_free(a->frames);
	free(a);
}
