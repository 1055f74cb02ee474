/*
 * The one wait of the program, on libevent: rounds, timers, descriptors, signals.  Owns the event
 * base.  Never calls anything above this floor except through the callbacks it was handed.
 */
#include "io/loop.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct loop {
	struct event_base *base;
	struct loop_timer *timers; /* all there are, for loop_skip */
	bool stopping;
	bool woken;
};

struct loop_timer {
	struct event *event;
	loop_cb *cb;
	void *arg;
	struct loop *loop;
	struct loop_timer *next, *prev;
	int64_t due_us; /* when pending */
	bool pending;
	bool real;
};

struct loop_fd {
	struct event *event;
	struct event_base *base;
	int fd;
	int want;
	loop_fd_cb *cb;
	void *arg;
};

struct loop_signal {
	struct event *event;
	loop_cb *cb;
	void *arg;
};

static void on_library_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN) {
		log_warn("libevent: %s", text);
	}
}

static void on_library_death(int code)
{
	log_error("libevent gave up (%d)", code);
	abort();
}

static struct event *must(struct event *event)
{
	if (event == NULL) {
		abort(); /* out of memory, as in base/buf.c */
	}
	return event;
}

static void must_add(struct event *event, const struct timeval *after)
{
	if (event_add(event, after) != 0) {
		log_error("event_add: %s", strerror(errno));
		abort(); /* a descriptor that cannot be waited for is a bug of the caller */
	}
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	if (config == NULL) {
		return NULL;
	}
	/* Without this timers run on the coarse clock and fire up to 4 ms early. */
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	/* Interest in a descriptor that ends and begins again within a round (a callback that is held
	 * until the commit) then costs no system call.  Asks that no descriptor is a dup of another. */
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(struct err *e)
{
	event_set_log_callback(on_library_log);
	event_set_fatal_callback(on_library_death);
	(void)signal(SIGPIPE, SIG_IGN); /* a peer that went away is an error value, not a death */
	struct event_base *base = base_new();
	if (base == NULL) {
		err_set(e, ERR_CONFIG, "cannot make the event loop: %s", strerror(errno));
		return NULL;
	}
	struct loop *l = NEW(struct loop);
	l->base = base;
	return l;
}

void loop_free(struct loop *l)
{
	if (l == NULL) {
		return;
	}
	event_base_free(l->base);
	free(l);
}

/* One round; at_once: look what is ready, but do not wait. */
static bool round_once(struct loop *l, bool at_once, struct err *e)
{
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | (at_once ? EVLOOP_NONBLOCK : 0);
	l->woken = false;
	if (event_base_loop(l->base, flags) < 0) {
		return err_set(e, ERR_CONFIG, "the event loop failed: %s", strerror(errno));
	}
	return true;
}

bool loop_run(struct loop *l, loop_hook *after_round, void *ctx, struct err *e)
{
	bool more = false;
	l->stopping = false;
	while (!l->stopping) {
		if (!round_once(l, more || l->woken, e)) {
			return false;
		}
		more = after_round != NULL && after_round(ctx);
	}
	return true;
}

void loop_stop(struct loop *l)
{
	l->stopping = true;
	loop_wake(l);
}

/* There is one thread, so nobody can call this during the wait itself: the next one is skipped. */
void loop_wake(struct loop *l)
{
	l->woken = true;
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct loop_timer *t = arg;
	t->pending = false;
	t->cb(t->arg); /* may free t */
}

struct loop_timer *loop_timer_new(struct loop *l, loop_cb *cb, void *arg)
{
	struct loop_timer *t = NEW(struct loop_timer);
	t->cb = cb;
	t->arg = arg;
	t->event = must(evtimer_new(l->base, on_timer, t));
	t->loop = l;
	t->next = l->timers;
	if (t->next != NULL) {
		t->next->prev = t;
	}
	l->timers = t;
	return t;
}

static void timer_set_us(struct loop_timer *t, int64_t us)
{
	struct timeval after = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (long)(us % 1000000)};
	must_add(t->event, &after);
}

void loop_timer_set(struct loop_timer *t, int64_t ms)
{
	if (ms < 0) {
		ms = 0;
	}
	timer_set_us(t, ms * 1000);
#ifdef COSELL_TEST
	t->due_us = clock_mono_us() + ms * 1000;
	t->pending = true;
#endif
}

void loop_timer_real(struct loop_timer *t)
{
	t->real = true;
}

#ifdef COSELL_TEST
void loop_skip(struct loop *l, int64_t ms)
{
	int64_t now_us = clock_mono_us();
	for (struct loop_timer *t = l->timers; t != NULL; t = t->next) {
		if (!t->pending || t->real) {
			continue;
		}
		t->due_us -= ms * 1000;
		timer_set_us(t, t->due_us > now_us ? t->due_us - now_us : 0);
	}
}
#endif

void loop_timer_clear(struct loop_timer *t)
{
	(void)event_del(t->event);
	t->pending = false;
}

void loop_timer_free(struct loop_timer *t)
{
	if (t == NULL) {
		return;
	}
	if (t->prev != NULL) {
		t->prev->next = t->next;
	} else {
		t->loop->timers = t->next;
	}
	if (t->next != NULL) {
		t->next->prev = t->prev;
	}
	event_free(t->event);
	free(t);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	struct loop_fd *f = arg;
	int ready = ((what & EV_READ) ? LOOP_READ : 0) | ((what & EV_WRITE) ? LOOP_WRITE : 0);
	f->cb(f->arg, ready); /* may free f */
}

static void fd_arm(struct loop_fd *f)
{
	if (f->want == 0) {
		return;
	}
	short what = EV_PERSIST;
	what = (short)(what | ((f->want & LOOP_READ) ? EV_READ : 0));
	what = (short)(what | ((f->want & LOOP_WRITE) ? EV_WRITE : 0));
	(void)event_assign(f->event, f->base, f->fd, what, on_fd, f);
	must_add(f->event, NULL);
}

struct loop_fd *loop_fd_new(struct loop *l, int fd, int want, loop_fd_cb *cb, void *arg)
{
	struct loop_fd *f = NEW(struct loop_fd);
	f->base = l->base;
	f->fd = fd;
	f->want = want;
	f->cb = cb;
	f->arg = arg;
	f->event = must(event_new(l->base, fd, EV_READ, on_fd, f));
	fd_arm(f);
	return f;
}

void loop_fd_want(struct loop_fd *f, int want)
{
	if (f->want == want) {
		return;
	}
	(void)event_del(f->event);
	f->want = want;
	fd_arm(f);
}

void loop_fd_free(struct loop_fd *f)
{
	if (f == NULL) {
		return;
	}
	event_free(f->event);
	free(f);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct loop_signal *s = arg;
	s->cb(s->arg); /* may free s */
}

struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_cb *cb, void *arg)
{
	struct loop_signal *s = NEW(struct loop_signal);
	s->cb = cb;
	s->arg = arg;
	s->event = must(evsignal_new(l->base, signo, on_signal, s));
	must_add(s->event, NULL);
	return s;
}

void loop_signal_free(struct loop_signal *s)
{
	if (s == NULL) {
		return;
	}
	event_free(s->event);
	free(s);
}
