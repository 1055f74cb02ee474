/*
 * One thread, one wait.  The loop runs one round at a time: wait for something to happen, run the
 * callbacks that are ready, then the after-round hook (which works off due tasks and commits).
 * Everything registered here is called from loop_run, on the one thread.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "base/err.h"

struct loop;

/* Called at the end of every round.  Returns true if there is more to do at once: the next round
 * then does not wait. */
typedef bool loop_hook(void *ctx);

struct loop *loop_new(struct err *e) MUST_USE;
void loop_free(struct loop *l); /* everything registered must be gone before */

bool loop_run(struct loop *l, loop_hook *after_round, void *ctx, struct err *e) MUST_USE;
void loop_stop(struct loop *l); /* loop_run returns after this round */
void loop_wake(struct loop *l); /* makes the present or next wait end at once */

/* Timers fire once per set; a ms of 0 fires in the next round. Real (monotonic) time. */
struct loop_timer;
typedef void loop_cb(void *arg);
struct loop_timer *loop_timer_new(struct loop *l, loop_cb *cb, void *arg);
void loop_timer_set(struct loop_timer *t, int64_t ms);
void loop_timer_clear(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */
/* It measures the machine (a library's deadline, a peer's), so loop_skip leaves it alone. */
void loop_timer_real(struct loop_timer *t);
/* Test build: what is pending comes ms earlier, as if so much time had passed. */
void loop_skip(struct loop *l, int64_t ms);

/* Descriptors, level triggered.  The caller owns and closes fd, after loop_fd_free. */
struct loop_fd;
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_fd_cb(void *arg, int ready);
struct loop_fd *loop_fd_new(struct loop *l, int fd, int want, loop_fd_cb *cb, void *arg);
void loop_fd_want(struct loop_fd *f, int want); /* 0: none for now */
void loop_fd_free(struct loop_fd *f);

/* Signals as loop events. */
struct loop_signal;
struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_cb *cb, void *arg);
void loop_signal_free(struct loop_signal *s);

/* The library's own base, for the two files of this floor that need it. */
struct event_base;
struct event_base *loop_base(struct loop *l);

#endif
