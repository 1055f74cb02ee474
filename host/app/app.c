/*
 * The host itself: `cosell run`, and commands of a profile.
 *
 * Owns the site and the staged stop: accept nothing new, give what runs ten seconds, write, leave.
 * A second signal leaves at once.
 */
#include "app/app.h"

#include "app/control.h"
#include "app/process.h"
#include "app/site.h"
#include "base/log.h"
#include "io/supervisor.h"
#include "io/wire.h"
#include "store/trouble.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_MS 10000

/* ---- where things are ---- */

static char *self_path(struct err *e)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0) {
		err_set(e, ERR_CONFIG, "cannot find this program's own path: %s", strerror(errno));
		return NULL;
	}
	return xmemdup0(path, (size_t)n);
}

/* The path, absolute, if it is there; else NULL. Frees `path`. */
static char *if_there(char *path)
{
	char *real = realpath(path, NULL);
	free(path);
	return real;
}

static char *find_scripts(const char *folder)
{
	const char *given = getenv("COSELL_SCRIPTS");
	if (given && *given)
		return if_there(xstrdup(given));
	char *scripts = if_there(xasprintf("%s/../scripts", folder));
#ifdef COSELL_TEST
	if (!scripts) /* build/test/cosell */
		scripts = if_there(xasprintf("%s/../../scripts", folder));
#endif
#ifdef COSELL_SCRIPTS
	if (!scripts)
		scripts = if_there(xstrdup(COSELL_SCRIPTS));
#endif
	return scripts;
}

bool app_paths_find(struct app_paths *p, struct err *e)
{
	*p = (struct app_paths){0};
	p->self = self_path(e);
	if (!p->self)
		return false;
	char *folder = xstrdup(p->self);
	*strrchr(folder, '/') = '\0';
	p->scripts = find_scripts(folder);
	p->mapper = xasprintf("%s/cosell-mapper", folder);
	if (p->scripts) {
		p->defaults = if_there(xasprintf("%s/../mappings/default", p->scripts));
		p->countries = if_there(xasprintf("%s/countries.lua", folder));
		if (!p->countries)
			p->countries = if_there(xasprintf("%s/../build/countries.lua", p->scripts));
	}
#ifdef COSELL_TEST
	const char *commands = getenv("COSELL_COMMANDS");
	p->commands = commands && *commands ? if_there(xstrdup(commands)) : NULL;
#endif
	free(folder);
	return p->scripts ||
	       err_set(e, ERR_CONFIG,
		       "the scripts are not beside this program (%s); set COSELL_SCRIPTS", p->self);
}

void app_paths_clear(struct app_paths *p)
{
	free(p->self);
	free(p->scripts);
	free(p->commands);
	free(p->defaults);
	free(p->countries);
	free(p->mapper);
}

char *app_folder(const char *dir, struct err *e)
{
	char *real = realpath(dir, NULL);
	if (!real)
		err_set(e, ERR_CONFIG, "%s: %s", dir, strerror(errno));
	return real;
}

/* "mappings/x/" is shown as "mappings/x" */
static char *shown_folder(const char *dir)
{
	size_t n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	return xmemdup0(dir, n);
}

/* ---- run ---- */

struct serving {
	struct process p;
	struct site *site;
	struct supervisor *supervisor;
	struct loop_timer *stop_timer;
	int64_t began_us;
	bool ready, stopping;
};

/* Also the end of a reload, for the service manager. */
static void tell_ready(struct serving *v, const char *more)
{
	char *text = xasprintf("READY=1\nSTATUS=generation %d%s", site_generation(v->site), more);
	supervisor_tell(v->supervisor, text);
	free(text);
}

static void on_ready(void *ctx)
{
	struct serving *v = ctx;
	struct buf b = {0};
	buf_adds(&b, ", ");
	site_address(v->site, &b);
	int64_t now_us = v->p.world.mono_us(v->p.world.ctx);
	log_info("ready in %lld ms: generation %d%s", (long long)((now_us - v->began_us) / 1000),
		 site_generation(v->site), b.data);
	v->ready = true;
	tell_ready(v, b.data);
	buf_free(&b);
}

static void on_reloaded(void *ctx, bool live)
{
	tell_ready(ctx, live ? "" : " stays, the new files are refused: cosell status");
}

static void on_fatal(void *ctx, const struct err *e)
{
	struct serving *v = ctx;
	log_error("%s", e->text);
	if (trouble_name(e->end))
		log_error("exit status %d, %s: %s", e->end, trouble_name(e->end),
			  trouble_advice(e->end));
	process_end(&v->p, e->end ? e->end : 1);
}

static void on_idle(void *ctx)
{
	struct serving *v = ctx;
	process_end(&v->p, v->p.status);
}

static void on_late(void *arg)
{
	struct serving *v = arg;
	log_warn("stop: what still runs is closed; its jobs run again at the next start");
	on_idle(v);
}

static void on_stop(void *arg)
{
	struct serving *v = arg;
	if (v->stopping || !v->site) {
		process_end(&v->p, v->p.status);
		return;
	}
	v->stopping = true;
	log_info("stop: no new work; waiting for what runs");
	supervisor_tell(v->supervisor, "STOPPING=1\nSTATUS=no new work; waiting for what runs");
	loop_timer_set(v->stop_timer, STOP_MS);
	site_stop(v->site);
}

static void on_hup(void *arg)
{
	struct serving *v = arg;
	if (!v->site)
		return;
	if (v->ready)
		supervisor_tell(v->supervisor, "RELOADING=1");
	site_reload(v->site);
}

static bool serve_round(void *ctx)
{
	struct serving *v = ctx;
	bool more = site_round(v->site);
	supervisor_round(v->supervisor);
	return more;
}

static bool serve(struct serving *v, const struct app_paths *paths, const char *dir,
		  const char *shown, struct err *e)
{
	const struct site_config c = {.env = process_env(&v->p, paths, dir, shown),
				      .self = paths->self,
				      .serve = true,
				      .hooks = {on_ready, on_reloaded, on_fatal, on_idle, v}};
	v->began_us = v->p.world.mono_us(v->p.world.ctx);
	v->stop_timer = loop_timer_new(v->p.loop, on_late, v);
	loop_timer_real(v->stop_timer);
	v->supervisor = supervisor_new(v->p.loop);
	v->site = site_new(&c, e);
	bool ok = v->site && loop_run(v->p.loop, serve_round, v, e);
	site_free(v->site);
	supervisor_free(v->supervisor);
	loop_timer_free(v->stop_timer);
	return ok;
}

int app_serve(const struct app_paths *paths, const char *dir)
{
	struct serving v = {0};
	struct err e;
	char *real = app_folder(dir, &e);
	char *shown = shown_folder(dir);
	process_seal();
	bool ok = real && process_open(&v.p, on_stop, on_hup, &v, &e);
	if (ok) {
		ok = serve(&v, paths, real, shown, &e);
		process_close(&v.p);
	}
	if (!ok)
		log_error("%s", e.text);
	free(real);
	free(shown);
	return ok ? v.p.status : e.end ? e.end : 1;
}

/* ---- a command of a profile ---- */

struct asking {
	struct process p;
	const struct app_paths *paths;
	const char *dir, *shown, *name, *request;
	struct candidate *candidate; /* to learn where the state is */
	struct wire_ask *ask;
	struct site *site; /* if no host runs */
	struct control_question question;
};

static void ask_failed(struct asking *a, const struct err *e)
{
	fprintf(stderr, "cosell %s: %s\n", a->name, e->text);
	if (trouble_name(e->end))
		fprintf(stderr, "%s: %s\n", trouble_name(e->end), trouble_advice(e->end));
	process_end(&a->p, e->end ? e->end : 1);
}

static void ask_done(void *ctx, int status, const struct err *e)
{
	struct asking *a = ctx;
	if (e)
		ask_failed(a, e);
	else
		process_end(&a->p, status);
}

static void ask_answered(void *arg, const char *line)
{
	struct asking *a = arg;
	wire_answer(a->ask, line);
}

static void ask_asks(void *ctx, const char *prompt, bool secret)
{
	struct asking *a = ctx;
	process_ask(&a->p, prompt, secret, ask_answered, a);
}

static void own_answered(void *arg, const char *line)
{
	const struct asking *a = arg;
	control_answer(a->question, line);
}

static void own_asks(void *ctx, struct control_question q, const char *prompt, bool secret)
{
	struct asking *a = ctx;
	a->question = q;
	process_ask(&a->p, prompt, secret, own_answered, a);
}

static void own_done(void *ctx, int status)
{
	struct asking *a = ctx;
	process_end(&a->p, status);
}

static void own_ready(void *ctx)
{
	struct asking *a = ctx;
	const struct control_sink sink = {process_text, own_asks, own_done, a};
	control_run(site_control(a->site), a->name, a->request, &sink);
}

static void own_fatal(void *ctx, const struct err *e)
{
	ask_failed(ctx, e);
}

static void own_idle(void *ctx)
{
	(void)ctx;
}

/* No host runs: open the state here, for this one command. */
static void open_own(struct asking *a)
{
	const struct site_config c = {.env = process_env(&a->p, a->paths, a->dir, a->shown),
				      .self = a->paths->self,
				      .hooks = {own_ready, NULL, own_fatal, own_idle, a}};
	struct err e;
	a->site = site_new(&c, &e);
	if (!a->site)
		ask_failed(a, &e);
}

static bool connect_to(struct asking *a, const char *path)
{
	const struct wire_reply reply = {process_text, ask_asks, ask_done, a};
	struct err e;
	a->ask = wire_ask(a->p.loop, path, a->name, a->request, &reply, &e);
	return a->ask != NULL;
}

/* A host may well run on an older reading of a profile that is broken now: ask it, if its state
 * is in the profile's folder, where it is unless somebody moved it. */
static bool connect_anyway(struct asking *a)
{
	char *pattern = xasprintf("%s/*.sock", a->dir);
	glob_t found = {0};
	(void)glob(pattern, GLOB_NOSORT, NULL, &found);
	bool ok = false;
	for (size_t i = 0; i < found.gl_pathc && !ok; i++)
		ok = connect_to(a, found.gl_pathv[i]);
	globfree(&found);
	free(pattern);
	return ok;
}

static void on_profile(void *ctx, struct generation *g, const char *problems, const struct err *e)
{
	(void)problems;
	struct asking *a = ctx;
	a->candidate = NULL;
	if (!g) {
		if (!connect_anyway(a))
			ask_failed(a, e);
		return;
	}
	char *path = xasprintf("%s.sock", g->profile->state);
	generation_free(g);
	if (!connect_to(a, path))
		open_own(a);
	free(path);
}

static void ask_stop(void *arg)
{
	struct asking *a = arg;
	process_end(&a->p, 1);
}

static bool ask_round(void *ctx)
{
	struct asking *a = ctx;
	return a->site && site_round(a->site);
}

static bool ask(struct asking *a, struct err *e)
{
	const struct generation_env env = process_env(&a->p, a->paths, a->dir, a->shown);
	a->candidate = candidate_start(&env, false, on_profile, a, e);
	bool ok = (a->candidate || connect_anyway(a)) && loop_run(a->p.loop, ask_round, a, e);
	candidate_free(a->candidate);
	wire_ask_free(a->ask);
	site_free(a->site);
	return ok;
}

int app_host(const struct app_paths *paths, const char *dir, const char *name, const char *request)
{
	struct err e;
	char *real = app_folder(dir, &e);
	char *shown = shown_folder(dir);
	struct asking a = {
		.paths = paths, .dir = real, .shown = shown, .name = name, .request = request};
	log_level_set(LOG_WARN);
	process_seal();
	bool ok = real && process_open(&a.p, ask_stop, NULL, &a, &e);
	if (ok) {
		ok = ask(&a, &e);
		process_close(&a.p);
	}
	if (!ok)
		fprintf(stderr, "cosell %s: %s\n", name, e.text);
	free(real);
	free(shown);
	return ok ? a.p.status : 1;
}
