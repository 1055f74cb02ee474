/*
 * Making and closing the parts of a process.  Owns the loop and the world.
 *
 * In a test build it also follows the clock of the tests: COSELL_CLOCK_FILE names a file with a
 * line "MS", by which the wall clock is ahead; when that grows, so much time has passed for all.
 * And COSELL_CA_FILE names the roots that requests trust, in place of the system's.
 */
#include "app/process.h"

#include "base/buf.h"
#include "base/clock.h"
#include "script/api_parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define IN_FLIGHT 64

/* ---- the tests' clock ---- */

#ifdef COSELL_TEST

#define CLOCK_LOOK_MS 10

struct clock_file {
	const char *path;
	struct loop *loop;
	struct loop_timer *look;
	int64_t ms; /* as last read */
};

/* Follows the file; one that is absent or half written says nothing. */
static void clock_file_read(struct clock_file *f)
{
	char text[32] = "";
	FILE *in = fopen(f->path, "re");
	bool whole = in && fgets(text, sizeof text, in) && strchr(text, '\n');
	int64_t passed = whole ? strtoll(text, NULL, 10) - f->ms : 0;
	if (in)
		(void)fclose(in);
	if (passed == 0)
		return;
	f->ms += passed;
	clock_offset_set(clock_offset() + passed);
	loop_skip(f->loop, passed);
}

static void clock_file_look(void *arg)
{
	struct clock_file *f = arg;
	clock_file_read(f);
	loop_timer_set(f->look, CLOCK_LOOK_MS);
}

static struct clock_file *clock_file_open(struct loop *l)
{
	const char *path = getenv("COSELL_CLOCK_FILE");
	if (!path)
		return NULL;
	struct clock_file *f = NEW(struct clock_file);
	f->path = path;
	f->loop = l;
	f->look = loop_timer_new(l, clock_file_look, f);
	loop_timer_real(f->look);
	clock_file_look(f);
	return f;
}

static void clock_file_close(struct clock_file *f)
{
	if (f)
		loop_timer_free(f->look);
	free(f);
}

static void clock_start(void)
{
	const char *ahead = getenv("COSELL_CLOCK");
	if (ahead)
		clock_offset_set(strtoll(ahead, NULL, 10));
}

/* Stories have an authority of their own. */
static const char *ca_file(void)
{
	return getenv("COSELL_CA_FILE");
}

#else

static const char *ca_file(void)
{
	return NULL; /* the system's */
}

#endif

/* ---- the parts ---- */

void process_seal(void)
{
	const struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

bool process_open(struct process *p, loop_cb *on_stop, loop_cb *on_hup, void *ctx, struct err *e)
{
	*p = (struct process){0};
#ifdef COSELL_TEST
	clock_start();
#endif
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error like any other */
	p->loop = loop_new(e);
	if (!p->loop)
		return false;
	p->client = http_client_new(p->loop, ca_file(), IN_FLIGHT, e);
	if (!p->client) {
		process_close(p);
		return false;
	}
	p->world = http_client_world(p->client);
#ifdef COSELL_TEST
	p->clock_file = clock_file_open(p->loop);
#endif
	if (on_stop) {
		p->term = loop_signal_new(p->loop, SIGTERM, on_stop, ctx);
		p->interrupt = loop_signal_new(p->loop, SIGINT, on_stop, ctx);
	}
	if (on_hup)
		p->hup = loop_signal_new(p->loop, SIGHUP, on_hup, ctx);
	return true;
}

void process_close(struct process *p)
{
	if (p->term)
		loop_signal_free(p->term);
	if (p->interrupt)
		loop_signal_free(p->interrupt);
	if (p->hup)
		loop_signal_free(p->hup);
#ifdef COSELL_TEST
	clock_file_close(p->clock_file);
#endif
	terminal_free(p->terminal);
	if (p->client)
		http_client_free(p->client);
	if (p->loop)
		loop_free(p->loop);
}

void process_end(struct process *p, int status)
{
	p->status = status;
	loop_stop(p->loop);
}

void process_text(void *ctx, bool is_err, const char *text, size_t n)
{
	(void)ctx;
	FILE *to = is_err ? stderr : stdout;
	(void)fwrite(text, 1, n, to);
	(void)fflush(to);
}

void process_ask(struct process *p, const char *prompt, bool secret, terminal_answer *done,
		 void *arg)
{
	if (!p->terminal)
		p->terminal = terminal_new(p->loop, STDIN_FILENO, STDERR_FILENO);
	terminal_ask(p->terminal, prompt, secret, done, arg);
}

struct generation_env process_env(struct process *p, const struct app_paths *paths, const char *dir,
				  const char *shown)
{
	return (struct generation_env){.loop = p->loop,
				       .world = &p->world,
				       .files = {.scripts = paths->scripts,
						 .commands = paths->commands,
						 .defaults = paths->defaults,
						 .countries = paths->countries,
						 .profile = dir,
						 .shown = shown},
				       .mapper_program = paths->mapper,
				       .more = api_trial_open};
}
