/*
 * The host's side of the mapping process: some questions out at a time, answered in order, a deadline
 * for each answer, a new process when the old one is late or dead.  A late one is late with the first
 * that is out (mapper/channel.c).  Over which of several it died is not known: each is asked again,
 * alone, and only who is out alone is to blame.  A mapping computes: asking it twice does no harm.
 *
 * It owns the child, its channel and the queue of calls.  It must never wait for the child, nor trust
 * it: a frame that is not in form ends it, and what a mapping answers is decoded as strictly as any
 * other JSON by who asked.
 */
#include "script/mapper.h"

#include "base/buf.h"
#include "base/log.h"
#include "script/mapper_frame.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 1000
#define START_MS    10000 /* for start and set-up: a loaded machine may be slow with a new process */
#define OUT_MOST    64
#define GRACE_MS    5 /* an answer that is in already is read before its process is killed */
#define MEMORY_MOST ((size_t)64 << 20)
#define ANSWER_MOST ((size_t)1 << 20)
#define FRAME_EXTRA ((size_t)64 << 10) /* what stands around an answer: the log, the form */

struct mapper_call {
	struct mapper *mapper;
	struct mapper_call *next;
	char *question;
	size_t len;
	mapper_done *done; /* NULL: cancelled */
	void *arg;
	bool sent;
};

struct mapper_text {
	char *data;
	size_t len;
};

struct mapper {
	struct loop *loop;
	struct mapper_config config;
	char *program;
	struct mapper_text *frames; /* the head, then the files: what a new process is sent */
	size_t nframes;
	struct mapper_text setup; /* the first question */
	struct child *child;      /* NULL: not running */
	struct frames *channel;   /* NULL while a child without one is on its way out */
	char gone[200];           /* why the channel ended, if it did */
	struct loop_timer *deadline;
	struct loop_timer *later; /* pumps from the loop, never from inside mapper_ask */
	bool soon;                /* it will */
	bool starting;            /* the set-up question is out */
	bool overdue;
	bool heard;   /* answers, since the deadline was set */
	size_t out;   /* so many of the first calls are out */
	size_t alone; /* so many calls more go out one at a time */
	struct mapper_call *first;
	struct mapper_call *unsent; /* the first of those that are not out */
	struct mapper_call **last;
	bool *freed; /* set by mapper_free while a done runs */
};

static void pump(struct mapper *m);

/* ---- the queue ---- */

static void call_free(struct mapper_call *c)
{
	free(c->question);
	free(c);
}

static void unlink_call(struct mapper *m, struct mapper_call *c)
{
	struct mapper_call **at = &m->first;
	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	if (m->last == &c->next) {
		m->last = at;
	}
	if (m->unsent == c) {
		m->unsent = c->next;
	}
	m->out -= c->sent ? 1 : 0;
}

/* Nothing is out any more. */
static void take_back(struct mapper *m)
{
	for (struct mapper_call *c = m->first; c != NULL && c->sent; c = c->next) {
		c->sent = false;
	}
	m->unsent = m->first;
	m->out = 0;
}

static void pump_soon(struct mapper *m)
{
	if (!m->soon) {
		m->soon = true;
		loop_timer_set(m->later, 0);
	}
}

/* Ends the first call.  false: m was freed in its done. */
static bool end_first(struct mapper *m, const char *answer, size_t len, const struct err *e)
{
	bool freed = false;
	bool *outer = m->freed;
	struct mapper_call *c = m->first;
	unlink_call(m, c);
	m->alone -= m->alone > 0 ? 1 : 0;
	/* cppcheck-suppress autoVariables ; taken back below */
	m->freed = &freed;
	if (c->done != NULL) {
		c->done(c->arg, answer, len, e);
	}
	call_free(c);
	if (freed) {
		if (outer != NULL) {
			*outer = true;
		}
		return false;
	}
	m->freed = outer;
	return true;
}

/* ---- the process ---- */

static void stop(struct mapper *m)
{
	loop_timer_clear(m->deadline);
	if (m->channel != NULL) {
		frames_free(m->channel);
		m->channel = NULL;
	}
	if (m->child != NULL) {
		child_free(m->child); /* kills and reaps */
		m->child = NULL;
	}
	take_back(m);
	m->starting = false;
	m->overdue = false;
	m->heard = false;
	m->gone[0] = '\0';
}

/* The process is of no use any more: whoever was being answered gets why, the rest a new process. */
static void give_up(struct mapper *m, bool late, const char *why)
{
	struct err e;
	size_t out = m->out;
	bool known = (m->starting && m->first != NULL) || out == 1 || (late && out > 0);
	err_set(&e, ERR_SCRIPT, "%s", why);
	stop(m);
	if (out > 1 && !late) {
		log_info("mapping: %zu questions were out; each is asked again alone", out);
		m->alone = out;
	}
	if ((!known || end_first(m, NULL, 0, &e)) && m->first != NULL) {
		pump_soon(m);
	}
}

static void on_deadline(void *arg)
{
	struct mapper *m = (struct mapper *)arg;
	if (!m->overdue) {
		m->overdue = true;
		loop_timer_set(m->deadline, GRACE_MS);
		return;
	}
	char why[120];
	snprintf(why, sizeof(why), "the mapping took longer than %d ms%s; its process was ended",
		 m->starting ? START_MS : m->config.deadline_ms, m->starting ? " to start" : "");
	log_warn("mapping process %d: %s", (int)mapper_pid(m), why);
	give_up(m, true, why);
}

/* Its end, which follows, tells more. */
static void on_gone(void *arg, const char *why)
{
	struct mapper *m = (struct mapper *)arg;
	snprintf(m->gone, sizeof(m->gone), "the mapping process was ended: %s", why);
	frames_free(m->channel);
	m->channel = NULL;
	child_kill(m->child, SIGKILL);
}

static void on_ended(void *arg, int status)
{
	struct mapper *m = (struct mapper *)arg;
	char why[200];
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && m->gone[0] != '\0') {
		snprintf(why, sizeof(why), "%s", m->gone);
	} else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
		snprintf(why, sizeof(why),
			 "the mapping process made a system call that its lock forbids");
	} else if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "the mapping process was ended by signal %d",
			 WTERMSIG(status));
	} else {
		snprintf(why, sizeof(why), "the mapping process ended with status %d",
			 WEXITSTATUS(status));
	}
	log_warn("%s", why);
	give_up(m, false, why);
}

/* ---- answers ---- */

static void set_up_done(struct mapper *m, const struct err *e)
{
	m->starting = false;
	if (e != NULL) {
		log_warn("mapping process, settings: %s", e->text);
	}
	pump(m);
}

static void on_answer(void *arg, const char *data, size_t len)
{
	struct mapper *m = (struct mapper *)arg;
	const char *part = NULL;
	size_t n = 0;
	struct err e;
	enum mapper_frame frame = mapper_frame_read(data, len, &part, &n, &e);
	if (frame == MAPPER_FRAME_BROKEN || (!m->starting && m->out == 0)) {
		log_warn("mapping process %d: an answer out of form", (int)mapper_pid(m));
		give_up(m, false, "the mapping process sent an answer out of form");
		return;
	}
	m->overdue = false;
	m->heard = true;
	bool answer = frame == MAPPER_FRAME_ANSWER;
	if (m->starting) {
		loop_timer_clear(m->deadline);
		set_up_done(m, answer ? NULL : &e);
		return;
	}
	char *text = answer ? xmemdup0(part, n) : NULL; /* data dies with the process */
	if (mapper_frame_spent(data)) {
		log_debug("mapping process %d: its memory is full", (int)mapper_pid(m));
		stop(m);
	}
	if (end_first(m, text, n, answer ? NULL : &e)) {
		if (m->out == 0) {
			loop_timer_clear(m->deadline);
		}
		if (m->first != NULL) {
			pump_soon(m); /* once for all answers that are here */
		}
	}
	free(text);
}

/* ---- start ---- */

static bool start(struct mapper *m, struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		return err_set(e, ERR_SCRIPT, "cannot start the mapping process: no socket pair");
	}
	const char *const argv[] = {"cosell-mapper", NULL};
	struct child_spec spec = {.path = m->program, .argv = argv, .channel = pair[1], .out = -1};
	m->child = child_start(m->loop, &spec, on_ended, m, e);
	(void)close(pair[1]);
	if (m->child == NULL) {
		(void)close(pair[0]);
		return err_add(e, "the mapping process");
	}
	m->channel = frames_new(m->loop, pair[0], m->config.max_answer + FRAME_EXTRA, on_answer,
				on_gone, m);
	for (size_t i = 0; i < m->nframes; i++) {
		frames_send(m->channel, m->frames[i].data, m->frames[i].len);
	}
	return true;
}

static void send_setup(struct mapper *m, const char *question, size_t len)
{
	m->starting = true;
	frames_send(m->channel, question, len);
	m->overdue = false;
	loop_timer_set(m->deadline, START_MS);
}

/* Nobody waits any more for what is cancelled. */
static struct mapper_call *next_unsent(struct mapper *m)
{
	while (m->unsent != NULL && m->unsent->done == NULL) {
		struct mapper_call *c = m->unsent;
		unlink_call(m, c);
		call_free(c);
	}
	return m->unsent;
}

static void send_questions(struct mapper *m)
{
	struct mapper_call *c;
	size_t most = m->alone > 0 ? 1 : OUT_MOST;
	bool anew = m->out == 0 || m->heard;
	while (m->out < most && (c = next_unsent(m)) != NULL) {
		frames_put(m->channel, c->question, c->len);
		c->sent = true;
		m->unsent = c->next;
		m->out++;
	}
	frames_flush(m->channel);
	m->heard = false;
	if (anew && m->out > 0) {
		m->overdue = false;
		loop_timer_set(m->deadline, m->config.deadline_ms);
	}
}

/* Asks what the process has room for; starts the process if there is none. */
static void pump(struct mapper *m)
{
	static const char hello[] = "{\"call\":\"hello\"}";
	struct err e;
	if (m->first == NULL || m->starting || (m->child != NULL && m->channel == NULL)) {
		return;
	}
	if (m->child != NULL) {
		send_questions(m);
	} else if (start(m, &e)) {
		const char *q = m->setup.data != NULL ? m->setup.data : hello;
		send_setup(m, q, strlen(q));
	} else {
		stop(m);
		while (m->first != NULL && end_first(m, NULL, 0, &e)) {
		}
	}
}

static void on_later(void *arg)
{
	struct mapper *m = (struct mapper *)arg;
	m->soon = false;
	pump(m);
}

/* ---- public ---- */

static void add_frame(struct mapper *m, const char *data, size_t len)
{
	m->frames =
		(struct mapper_text *)xrealloc(m->frames, (m->nframes + 1) * sizeof(*m->frames));
	m->frames[m->nframes++] = (struct mapper_text){xmemdup0(data, len), len};
}

static void add_files(struct mapper *m, const struct mapper_file *files, size_t n)
{
	struct buf head = {0};
	buf_adds(&head, "{\"files\":[");
	for (size_t i = 0; i < n; i++) {
		buf_adds(&head, i > 0 ? ",{\"name\":" : "{\"name\":");
		buf_add_json(&head, files[i].name, strlen(files[i].name));
		buf_adds(&head, ",\"role\":");
		buf_add_json(&head, files[i].role, strlen(files[i].role));
		buf_addc(&head, '}');
	}
	buf_addf(&head, "],\"limits\":{\"deadline_ms\":%d,\"max_memory\":%zu,\"max_answer\":%zu}}",
		 m->config.deadline_ms, m->config.max_memory, m->config.max_answer);
	add_frame(m, head.data, head.len);
	buf_free(&head);
	for (size_t i = 0; i < n; i++) {
		add_frame(m, files[i].text, files[i].len);
	}
}

struct mapper *mapper_new(struct loop *l, const struct world *w, const struct mapper_config *c,
			  const struct mapper_file *files, size_t n, struct err *e)
{
	(void)w; /* deadlines are the loop's timers: a real process takes real time */
	struct mapper *m = NEW(struct mapper);
	m->loop = l;
	m->config = *c;
	m->config.deadline_ms = c->deadline_ms > 0 ? c->deadline_ms : DEADLINE_MS;
	m->config.max_memory = c->max_memory > 0 ? c->max_memory : MEMORY_MOST;
	m->config.max_answer = c->max_answer > 0 ? c->max_answer : ANSWER_MOST;
	m->program = xstrdup(c->program);
	m->config.program = m->program;
	m->last = &m->first;
	m->deadline = loop_timer_new(l, on_deadline, m);
	loop_timer_real(m->deadline);
	m->later = loop_timer_new(l, on_later, m);
	add_files(m, files, n);
	if (access(m->program, X_OK) != 0) {
		err_set(e, ERR_CONFIG, "the mapping process %s cannot be run", m->program);
		mapper_free(m);
		return NULL;
	}
	return m;
}

void mapper_free(struct mapper *m)
{
	if (m == NULL) {
		return;
	}
	struct err e;
	err_set(&e, ERR_SCRIPT, "the mapping process was ended");
	stop(m);
	if (m->freed != NULL) {
		*m->freed = true;
	}
	while (m->first != NULL) {
		struct mapper_call *c = m->first;
		unlink_call(m, c);
		if (c->done != NULL) {
			c->done(c->arg, NULL, 0, &e);
		}
		call_free(c);
	}
	loop_timer_free(m->deadline);
	loop_timer_free(m->later);
	for (size_t i = 0; i < m->nframes; i++) {
		free(m->frames[i].data);
	}
	free(m->frames);
	free(m->setup.data);
	free(m->program);
	free(m);
}

void mapper_setup(struct mapper *m, const char *question, size_t len)
{
	free(m->setup.data);
	m->setup = (struct mapper_text){xmemdup0(question, len), len};
	if (m->channel != NULL && !m->starting && m->out == 0) {
		/* it runs already: tell it now, before the next question */
		send_setup(m, m->setup.data, m->setup.len);
	} else if (m->child != NULL) {
		stop(m); /* busy with a question of the old settings: begin anew */
		pump_soon(m);
	}
}

struct mapper_call *mapper_ask(struct mapper *m, const char *question, size_t len,
			       mapper_done *done, void *arg)
{
	struct mapper_call *c = NEW(struct mapper_call);
	c->mapper = m;
	c->question = xmemdup0(question, len);
	c->len = len;
	c->done = done;
	c->arg = arg;
	*m->last = c;
	m->last = &c->next;
	if (m->unsent == NULL) {
		m->unsent = c;
	}
	pump_soon(m);
	return c;
}

void mapper_cancel(struct mapper_call *c)
{
	struct mapper *m = c->mapper;
	if (c->sent) {
		c->done = NULL; /* its answer is on the way */
		return;
	}
	unlink_call(m, c);
	call_free(c);
}

pid_t mapper_pid(const struct mapper *m)
{
	return m->child != NULL ? child_pid(m->child) : 0;
}
