/*
 * Making and closing the parts of a process.  Owns the loop and the world.
 */
#include "app/process.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define IN_FLIGHT 64

bool process_open(struct process *p, loop_cb *on_stop, loop_cb *on_hup, void *ctx, struct err *e)
{
	*p = (struct process){0};
#ifdef COSELL_TEST
	const char *ahead = getenv("COSELL_CLOCK");
	if (ahead)
		clock_offset_set(strtoll(ahead, NULL, 10));
#endif
	(void)signal(SIGPIPE, SIG_IGN);
	p->loop = loop_new(e);
	if (!p->loop)
		return false;
	p->client = http_client_new(p->loop, NULL, IN_FLIGHT, e);
	if (!p->client) {
		process_close(p);
		return false;
	}
	p->world = http_client_world(p->client);
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
				       .mapper_program = paths->mapper};
}
