/*
 * The host in the world: a site of app/site.h with a loop and a world of its own.  A killed one is
 * left as it is, memory and all, and another one starts on its disk.
 */
#include "sides.h"

#include "app/site.h"
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

struct host {
	struct loop *loop;
	struct world world;
	struct site *site;
	bool ready;
	char fatal[1000];
};

static struct dice dice;
static struct host *now;

static void on_ready(void *ctx)
{
	struct host *h = ctx;
	h->ready = true;
	trace("host ready");
}

static void on_fatal(void *ctx, const struct err *e)
{
	struct host *h = ctx;
	snprintf(h->fatal, sizeof(h->fatal), "%s", e->text);
	trace("host ended: %s", e->text);
}

static void on_idle(void *ctx)
{
	(void)ctx;
}

static bool on_round(void *ctx)
{
	struct host *h = ctx;
	return h->site && site_round(h->site);
}

struct making {
	const struct site_config *config;
	struct host *host;
	struct err *e;
};

static void make(void *arg)
{
	struct making *m = arg;
	m->host->site = site_new(m->config, m->e);
}

bool host_start(const struct sides_config *c, struct err *e)
{
	struct host *h = NEW(struct host);
	h->loop = loop_new(e);
	h->world = net_world(h->loop, &dice, true);
	const struct site_config config = {.env = {.loop = h->loop,
						   .world = &h->world,
						   .files = {.scripts = c->scripts,
							     .commands = c->commands,
							     .defaults = c->defaults,
							     .countries = c->countries,
							     .profile = c->profile,
							     .shown = "profile"},
						   .mapper_program = c->self},
					   .self = c->self,
					   .serve = true,
					   .hooks = {on_ready, NULL, on_fatal, on_idle, h}};
	struct making m = {&config, h, e};
	now = h;
	world_rounds(h->loop, on_round, h);
	world_enter(h->loop, make, &m);
	return h->site != NULL;
}

void host_reseed(uint64_t seed)
{
	dice.state = seed;
}

bool host_ready(void)
{
	return now && now->ready && world_alive(now->loop);
}

const char *host_fatal(void)
{
	return now && now->fatal[0] ? now->fatal : NULL;
}

/* What the others see of a death: its listeners, its calls, its socket are gone. */
static void bury(struct host *h)
{
	trace("host killed");
	net_forget(h->loop);
	wire_forget(h->loop);
	now = NULL;
}

void host_kill(void)
{
	if (!now)
		return;
	world_kill(now->loop);
	bury(now);
}

bool host_dead(void)
{
	if (now && !world_alive(now->loop))
		bury(now);
	return !now;
}
