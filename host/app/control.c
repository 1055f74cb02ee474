/*
 * Running commands, and the control socket of a host.
 *
 * Owns the commands in hand.  What a command says is kept until the round is on disk.  Knows no
 * command by name.
 */
#include "app/control.h"

#include "base/buf.h"
#include "io/wire.h"
#include "script/commands.h"

#include <stdlib.h>
#include <string.h>

struct command {
	struct command *prev, *next;
	struct control *control;
	int64_t id;
	char *name;
	struct task *task; /* NULL: it has ended */
	struct control_sink sink;
	struct buf said; /* in this round, in order: for each part a struct part, then its text */
	size_t last;     /* where the last part begins */
	char *again;     /* the request it begins anew with, when it has ended */
	char *prompt;    /* of a question that leaves with this round; NULL: none */
	bool secret;     /* the prompt asks for one */
	bool asking;     /* a question is open: asked waits */
	struct ticket asked;
	bool flushing; /* asked for the commit */
	bool over;
	int status;
};

struct part {
	bool is_err;
	size_t len;
};

struct control {
	struct loop *loop;
	struct db *db;
	struct tasks *tasks;
	struct commands_ear ear;
	struct wire_listener *listener;
	void (*moved)(void *ctx);
	void *ctx;
	struct command *commands;
	size_t running;
	int64_t last_id;
};

/* ---- a command ---- */

static void command_free(struct command *m)
{
	struct control *c = m->control;
	if (m->prev)
		m->prev->next = m->next;
	else
		c->commands = m->next;
	if (m->next)
		m->next->prev = m->prev;
	c->running--;
	buf_free(&m->said);
	free(m->again);
	free(m->prompt);
	free(m->name);
	free(m);
}

/* What is said on one stream without a word on the other is one part. */
static void say(struct command *m, bool is_err, const char *text, size_t n)
{
	struct part part = {is_err, 0};
	if (m->said.len)
		memcpy(&part, m->said.data + m->last, sizeof part);
	if (!m->said.len || part.is_err != is_err) {
		part = (struct part){is_err, 0};
		m->last = m->said.len;
		buf_add(&m->said, &part, sizeof part);
	}
	part.len += n;
	memcpy(m->said.data + m->last, &part, sizeof part);
	buf_add(&m->said, text, n);
}

static void say_err(struct command *m, const char *text)
{
	struct buf b = {0};
	buf_addf(&b, "cosell %s: %s\n", m->name, text);
	say(m, true, b.data, b.len);
	buf_free(&b);
}

static void send(struct command *m)
{
	struct part part;
	for (size_t at = 0; at < m->said.len; at += part.len) {
		memcpy(&part, m->said.data + at, sizeof part);
		at += sizeof part;
		m->sink.text(m->sink.ctx, part.is_err, m->said.data + at, part.len);
	}
	buf_free(&m->said);
}

static void end(struct command *m, int status)
{
	struct control_sink sink = m->sink;
	command_free(m);
	sink.done(sink.ctx, status);
}

/* The round's end: what was said leaves, if the round is on disk. */
static void flush(void *arg, bool ok)
{
	static const char lost[] = "the state could not be written\n";
	struct command *m = arg;
	m->flushing = false;
	if (!ok) {
		buf_free(&m->said);
		say(m, true, lost, strlen(lost));
		free(m->prompt);
		m->prompt = NULL;
		m->status = 1;
	}
	send(m);
	if (m->over) {
		end(m, m->status);
	} else if (m->prompt) {
		char *prompt = m->prompt;
		m->prompt = NULL;
		m->sink.ask(m->sink.ctx, (struct control_question){m->control, m->id}, prompt,
			    m->secret);
		free(prompt);
	}
}

static void flush_later(struct command *m)
{
	if (!m->flushing)
		db_after_commit(m->control->db, flush, m);
	m->flushing = true;
}

static struct command *find(struct control *c, int64_t id)
{
	struct command *m = c->commands;
	while (m && m->id != id)
		m = m->next;
	return m;
}

static void said(void *ctx, int64_t id, bool is_err, const char *text, size_t n)
{
	struct command *m = find(ctx, id);
	if (m && !m->over) {
		say(m, is_err, text, n);
		flush_later(m);
	}
}

static void again(void *ctx, int64_t id, const char *request)
{
	struct command *m = find(ctx, id);
	if (m && !m->over) {
		free(m->again);
		m->again = xstrdup(request);
	}
}

static bool ask(void *ctx, int64_t id, const char *prompt, bool secret, struct ticket k)
{
	struct command *m = find(ctx, id);
	if (!m || m->over || m->asking || !m->sink.ask)
		return false;
	m->prompt = xstrdup(prompt);
	m->secret = secret;
	m->asking = true;
	m->asked = k;
	flush_later(m);
	return true;
}

void control_answer(struct control_question q, const char *line)
{
	struct command *m = find(q.control, q.id);
	if (!m || m->over || !m->asking)
		return;
	m->asking = false;
	commands_answer(m->asked, line);
	loop_wake(q.control->loop);
}

static void start(struct command *m, const char *request);

static void command_ended(void *arg, int status, const struct err *e)
{
	struct command *m = arg;
	char *request = m->again;
	m->task = NULL;
	m->again = NULL;
	if (request && status == 0) {
		start(m, request);
		free(request);
		return;
	}
	free(request);
	m->over = true;
	m->status = status;
	if (e->kind != ERR_NONE)
		say_err(m, e->text);
	flush_later(m);
}

static void command_dropped(void *arg, const struct err *why)
{
	struct command *m = arg;
	m->task = NULL;
	m->over = true;
	m->status = 1;
	say_err(m, why->kind == ERR_NONE ? "the host ended it (reload or stop)" : why->text);
	if (!m->flushing)
		flush(m, true); /* the present round is dead or over already */
}

/* As a task of the present generation. */
static void start(struct command *m, const char *request)
{
	struct control *c = m->control;
	const struct commands_call call = {.name = m->name,
					   .request = request,
					   .ear = &c->ear,
					   .id = m->id,
					   .ended = command_ended,
					   .dropped = command_dropped,
					   .arg = m};
	m->task = commands_begin(c->tasks, &call);
	loop_wake(c->loop);
}

static struct command *begin(struct control *c, const char *name, const char *request,
			     const struct control_sink *sink)
{
	struct command *m = NEW(struct command);
	m->control = c;
	m->id = ++c->last_id;
	m->name = xstrdup(name);
	m->sink = *sink;
	m->next = c->commands;
	if (c->commands)
		c->commands->prev = m;
	c->commands = m;
	c->running++;
	start(m, request);
	return m;
}

void control_run(struct control *c, const char *name, const char *request,
		 const struct control_sink *sink)
{
	(void)begin(c, name, request, sink);
}

/* ---- over the socket ---- */

static void to_wire(void *ctx, bool is_err, const char *text, size_t n)
{
	struct wire_call *call = ctx;
	if (is_err)
		wire_err(call, text, n);
	else
		wire_out(call, text, n);
}

/* The command lives as long as its call. */
static void wire_answered(void *arg, const char *line)
{
	const struct command *m = arg;
	control_answer((struct control_question){m->control, m->id}, line);
}

static void wire_asks(void *ctx, struct control_question q, const char *prompt, bool secret)
{
	wire_question(ctx, prompt, secret, wire_answered, find(q.control, q.id));
}

static void wire_done(void *ctx, int status)
{
	wire_exit(ctx, status);
}

/* Whoever asked has left: a long command need not go on. */
static void asker_left(void *arg)
{
	struct command *m = arg;
	if (m->task)
		task_close(m->task);
}

static bool good_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	return n > 0 && n < 64 && name[n] == '\0';
}

static void on_command(void *ctx, struct wire_call *call, const char *name, const char *json)
{
	struct control *c = ctx;
	if (!c->tasks || !good_name(name)) {
		static const char text[] = "no such command\n";
		wire_err(call, text, strlen(text));
		wire_exit(call, 2);
		return;
	}
	const struct control_sink sink = {to_wire, wire_asks, wire_done, call};
	wire_on_gone(call, asker_left, begin(c, name, json, &sink));
}

static void on_clock(void *ctx)
{
	struct control *c = ctx;
	if (c->moved)
		c->moved(c->ctx);
}

bool control_listen(struct control *c, const char *path, void (*moved)(void *ctx), void *ctx,
		    struct err *e)
{
	c->moved = moved;
	c->ctx = ctx;
	c->listener = wire_listen(c->loop, path, on_command, c, e);
	if (c->listener)
		wire_on_clock(c->listener, on_clock);
	return c->listener != NULL;
}

/* ---- the object ---- */

struct control *control_new(struct loop *l, struct db *d)
{
	struct control *c = NEW(struct control);
	c->loop = l;
	c->db = d;
	c->ear = (struct commands_ear){said, again, ask, c};
	return c;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	wire_listener_free(c->listener);
	free(c);
}

void control_use(struct control *c, struct tasks *ts)
{
	c->tasks = ts;
}

size_t control_running(const struct control *c)
{
	return c->running;
}
