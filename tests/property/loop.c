/*
 * io/loop.h on simulated time: timers in a heap, and no waiting; when nothing is ready, the time
 * jumps to the next timer.  Descriptors and signals are taken and never ready.
 *
 * Owns the clock of the world.  A loop that was killed keeps its memory (nobody tidies up after a
 * crash) and is never called again.
 */
#include "world.h"

#include "base/buf.h"

#include <assert.h>
#include <setjmp.h>
#include <stdlib.h>

#define BEGIN_US 1930003200000000 /* 2031-02-28T00:00:00Z */

struct loop {
	struct loop *next;
	loop_hook *hook;
	void *ctx;
	bool more, woken, dead;
	jmp_buf grave;
};

struct loop_timer {
	struct loop *loop;
	loop_cb *cb;
	void *arg;
	int64_t due_us;
	uint64_t order; /* of timers that are due at the same moment */
	size_t at;      /* place in the heap, from 1; 0: not set */
};

static int64_t now_us = BEGIN_US;
static uint64_t last_order;
static struct loop *loops;
static struct loop *running;
static struct loop_timer **heap; /* heap[0] is not used */
static size_t nheap, capheap;

int64_t world_now_us(void)
{
	return now_us;
}

/* ---- the heap ---- */

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void place(struct loop_timer *t, size_t at)
{
	heap[at] = t;
	t->at = at;
}

static void rise(struct loop_timer *t)
{
	size_t at = t->at;
	for (; at > 1 && earlier(t, heap[at / 2]); at /= 2)
		place(heap[at / 2], at);
	place(t, at);
}

static void sink(struct loop_timer *t)
{
	size_t at = t->at;
	for (;;) {
		size_t child = at * 2;
		if (child < nheap && earlier(heap[child + 1], heap[child]))
			child++;
		if (child > nheap || !earlier(heap[child], t))
			break;
		place(heap[child], at);
		at = child;
	}
	place(t, at);
}

static void put(struct loop_timer *t)
{
	if (nheap + 2 > capheap) {
		capheap = capheap ? capheap * 2 : 64;
		heap = xrealloc(heap, capheap * sizeof(struct loop_timer *));
	}
	t->order = ++last_order;
	t->at = ++nheap;
	rise(t);
}

static void take(struct loop_timer *t)
{
	struct loop_timer *last = heap[nheap--];
	if (last != t) {
		last->at = t->at;
		rise(last);
		sink(last);
	}
	t->at = 0;
}

/* ---- turns ---- */

static void round_of(struct loop *l, loop_cb *cb, void *arg)
{
	l->woken = false;
	if (cb)
		cb(arg);
	l->more = l->hook && l->hook(l->ctx);
}

void world_enter(struct loop *l, loop_cb *cb, void *arg)
{
	if (l->dead)
		return;
	struct loop *outer = running;
	running = l;
	if (_setjmp(l->grave) == 0)
		round_of(l, cb, arg);
	else
		world_kill(l);
	running = outer;
}

bool world_step(void)
{
	for (struct loop *l = loops; l; l = l->next) {
		if (!l->dead && (l->more || l->woken)) {
			world_enter(l, NULL, NULL);
			return true;
		}
	}
	if (nheap == 0)
		return false;
	struct loop_timer *t = heap[1];
	take(t);
	if (t->due_us > now_us && !t->loop->dead)
		now_us = t->due_us;
	world_enter(t->loop, t->cb, t->arg); /* may free t */
	return true;
}

void world_rounds(struct loop *l, loop_hook *hook, void *ctx)
{
	l->hook = hook;
	l->ctx = ctx;
}

void world_die(void)
{
	_longjmp(running->grave, 1);
}

void world_kill(struct loop *l)
{
	l->dead = true;
}

bool world_alive(const struct loop *l)
{
	return !l->dead;
}

struct later {
	struct loop_timer *timer;
	loop_cb *cb;
	void *arg;
};

static void on_later(void *arg)
{
	struct later job = *(struct later *)arg;
	loop_timer_free(job.timer);
	free(arg);
	job.cb(job.arg);
}

void world_later(struct loop *l, loop_cb *cb, void *arg)
{
	struct later *job = NEW(struct later);
	*job = (struct later){loop_timer_new(l, on_later, job), cb, arg};
	loop_timer_set(job->timer, 0);
}

/* ---- io/loop.h ---- */

struct loop *loop_new(struct err *e)
{
	(void)e;
	struct loop *l = NEW(struct loop);
	l->next = loops;
	loops = l;
	return l;
}

void loop_free(struct loop *l)
{
	world_kill(l); /* the list keeps it: another loop may be in the middle of it */
}

bool loop_run(struct loop *l, loop_hook *after_round, void *ctx, struct err *e)
{
	(void)l;
	(void)after_round;
	(void)ctx;
	return err_set(e, ERR_CONFIG, "in the simulated world only world_step runs a loop");
}

void loop_stop(struct loop *l)
{
	(void)l;
}

void loop_wake(struct loop *l)
{
	l->woken = true;
}

struct loop_timer *loop_timer_new(struct loop *l, loop_cb *cb, void *arg)
{
	struct loop_timer *t = NEW(struct loop_timer);
	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t ms)
{
	loop_timer_clear(t);
	t->due_us = now_us + (ms > 0 ? ms * 1000 : 0);
	put(t);
}

void loop_timer_clear(struct loop_timer *t)
{
	if (t->at)
		take(t);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	loop_timer_clear(t);
	free(t);
}

void loop_timer_real(struct loop_timer *t)
{
	(void)t; /* no time is real here */
}

struct loop_fd {
	int want;
};

struct loop_fd *loop_fd_new(struct loop *l, int fd, int want, loop_fd_cb *cb, void *arg)
{
	(void)l;
	(void)fd;
	(void)want;
	(void)cb;
	(void)arg;
	return NEW(struct loop_fd);
}

void loop_fd_want(struct loop_fd *f, int want)
{
	f->want = want;
}

void loop_fd_free(struct loop_fd *f)
{
	free(f);
}
