/* io/loop: rounds and their hook, timers, descriptors, signals. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"
#include "pump.h"
#include "tests.h"

void check_loop(void);

struct rounds {
	struct loop *loop;
	int n;
	int more;
	int stop_at;
};

static bool count_round(void *ctx)
{
	struct rounds *r = ctx;
	r->n++;
	if (r->n == r->stop_at) {
		loop_stop(r->loop);
	}
	return r->n <= r->more;
}

static struct loop *new_loop(void)
{
	struct err e;
	struct loop *l = loop_new(&e);
	CHECK(l != NULL);
	return l;
}

static void set_flag(void *arg)
{
	*(bool *)arg = true;
}

struct self_freeing {
	struct loop_timer *t;
	bool fired;
};

static void fire_and_free(void *arg)
{
	struct self_freeing *s = arg;
	loop_timer_free(s->t);
	s->fired = true;
}

struct fd_log {
	struct loop_fd *f;
	int fd;
	int reads;
	int writes;
	bool done;
};

static void log_ready(void *arg, int ready)
{
	struct fd_log *log = arg;
	char c;
	if (ready & LOOP_READ) {
		log->reads += read(log->fd, &c, 1) == 1;
	}
	if (ready & LOOP_WRITE) {
		log->writes++;
		loop_fd_want(log->f, LOOP_READ);
	}
	log->done = log->reads == 2;
}

static void free_on_ready(void *arg, int ready)
{
	struct fd_log *log = arg;
	(void)ready;
	loop_fd_free(log->f);
	log->done = true;
}

void check_loop(void)
{
	CASE ("loop_hook_true_keeps_turning_without_wait") {
		struct loop *l = new_loop();
		struct rounds r = {.loop = l, .more = 1000, .stop_at = 1001};
		struct err e;
		loop_wake(
			l); /* nothing is registered: without this the first round would wait for ever */
		CHECK(loop_run(l, count_round, &r, &e));
		CHECK_INT(r.n, 1001);
		loop_free(l);
	}
	CASE ("loop_timer_fires_once_and_not_early") {
		struct loop *l = new_loop();
		bool fired = false;
		struct loop_timer *t = loop_timer_new(l, set_flag, &fired);
		int64_t start = clock_mono_us();
		loop_timer_set(t, 30);
		CHECK(pump(l, pump_flag, &fired, 5000));
		CHECK(clock_mono_us() - start >= 29000);
		fired = false;
		CHECK(!pump(l, pump_flag, &fired, 50));
		loop_timer_free(t);
		loop_timer_free(NULL);
		loop_free(l);
	}
	CASE ("loop_timer_of_zero_fires_next_round") {
		struct loop *l = new_loop();
		bool fired = false;
		struct loop_timer *t = loop_timer_new(l, set_flag, &fired);
		struct rounds r = {.loop = l, .stop_at = 1};
		struct err e;
		loop_timer_set(t, 0);
		CHECK(loop_run(l, count_round, &r, &e));
		CHECK(fired);
		loop_timer_free(t);
		loop_free(l);
	}
	CASE ("loop_timer_cleared_or_set_again_moves") {
		struct loop *l = new_loop();
		bool fired = false;
		struct loop_timer *t = loop_timer_new(l, set_flag, &fired);
		loop_timer_set(t, 5);
		loop_timer_clear(t);
		CHECK(!pump(l, pump_flag, &fired, 30));
		loop_timer_set(t, 5);
		loop_timer_set(t, 10000);
		CHECK(!pump(l, pump_flag, &fired, 30));
		loop_timer_free(t);
		loop_free(l);
	}
	CASE ("loop_timer_may_free_itself") {
		struct loop *l = new_loop();
		struct self_freeing s = {.fired = false};
		s.t = loop_timer_new(l, fire_and_free, &s);
		loop_timer_set(s.t, 0);
		CHECK(pump(l, pump_flag, &s.fired, 5000));
		loop_free(l);
	}
	CASE ("loop_skip_brings_what_is_pending_so_much_nearer") {
		struct loop *l = new_loop();
		bool soon = false, late = false, real = false, idle = false;
		struct loop_timer *s = loop_timer_new(l, set_flag, &soon);
		struct loop_timer *t = loop_timer_new(l, set_flag, &late);
		struct loop_timer *r = loop_timer_new(l, set_flag, &real);
		struct loop_timer *i = loop_timer_new(l, set_flag, &idle);
		loop_timer_real(r);
		loop_timer_set(s, 60000);
		loop_timer_set(t, 3600000);
		loop_timer_set(r, 60000);
		loop_timer_set(i, 60000);
		loop_timer_clear(i);
		loop_skip(l, 59000);
		CHECK(!pump(l, pump_flag, &soon, 30));
		loop_skip(l, 1000);
		CHECK(pump(l, pump_flag, &soon, 5000));
		CHECK(!late && !real && !idle);
		loop_skip(l, 3600000);
		CHECK(pump(l, pump_flag, &late, 5000));
		CHECK(!real && !idle);
		soon = false;
		loop_timer_free(s); /* out of the middle and off the ends of the list */
		loop_timer_free(i);
		loop_timer_free(r);
		loop_skip(l, 1000);
		loop_timer_free(t);
		loop_free(l);
	}
	CASE ("loop_fd_tells_what_is_ready") {
		struct loop *l = new_loop();
		int pair[2];
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		struct fd_log log = {.fd = pair[0]};
		log.f = loop_fd_new(l, pair[0], LOOP_READ | LOOP_WRITE, log_ready, &log);
		CHECK_INT(write(pair[1], "ab", 2), 2);
		CHECK(pump(l, pump_flag, &log.done, 5000));
		CHECK_INT(log.reads, 2);
		CHECK_INT(log.writes, 1);
		log.done = false;
		loop_fd_want(log.f, 0);
		CHECK_INT(write(pair[1], "c", 1), 1);
		turn(l, 5);
		CHECK_INT(log.reads, 2);
		loop_fd_want(log.f, LOOP_READ);
		turn(l, 2);
		CHECK_INT(log.reads, 3);
		loop_fd_free(log.f);
		loop_free(l);
		(void)close(pair[0]);
		(void)close(pair[1]);
	}
	CASE ("loop_fd_may_free_itself") {
		struct loop *l = new_loop();
		int pair[2];
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		struct fd_log log = {.fd = pair[0]};
		log.f = loop_fd_new(l, pair[0], LOOP_WRITE, free_on_ready, &log);
		CHECK(pump(l, pump_flag, &log.done, 5000));
		loop_free(l);
		(void)close(pair[0]);
		(void)close(pair[1]);
	}
	CASE ("loop_signal_arrives_as_an_event") {
		struct loop *l = new_loop();
		bool got = false;
		struct loop_signal *s = loop_signal_new(l, SIGHUP, set_flag, &got);
		CHECK_INT(kill(getpid(), SIGHUP), 0);
		CHECK(pump(l, pump_flag, &got, 5000));
		loop_signal_free(s);
		loop_free(l);
	}
	CASE ("loop_ignores_a_broken_pipe") {
		struct loop *l = new_loop();
		int ends[2];
		CHECK_INT(pipe(ends), 0);
		(void)close(ends[0]);
		CHECK(write(ends[1], "x", 1) < 0 && errno == EPIPE);
		(void)close(ends[1]);
		loop_free(l);
	}
}
