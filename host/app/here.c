/*
 * A command that runs here: its own loop and Lua state, throw-away rows (or those of a file that is
 * named), no profile unless it loads one.
 *
 * Owns what such a command may have beyond a host's: files, children, listeners, loopback requests.
 */
#include "app/app.h"
#include "app/control.h"
#include "app/process.h"
#include "script/api_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US      5000
#define RUNS_KEPT     1000
#define HERE_SLICE_US 60000000 /* a command of the caller's own may compute for a while */

struct here {
	struct process p;
	const struct app_paths *paths;
	const char *state;
	struct db *db;
	struct vm *vm;
	struct services services;
	struct control *control;
	struct control_question question;
	bool stopped; /* from outside */
	/* a profile folder that the command loads */
	struct candidate *candidate;
	struct generation *loaded;
	char *dir, *shown;
	void (*load_done)(void *, const char *, const struct err *);
	void *load_arg;
};

/* ---- host.load ---- */

static void answer_load(struct here *h, const char *json, const struct err *e)
{
	void (*done)(void *, const char *, const struct err *) = h->load_done;
	h->load_done = NULL;
	done(h->load_arg, json, e);
}

static void on_loaded(void *ctx, struct generation *g, const char *problems, const struct err *e)
{
	struct here *h = ctx;
	h->candidate = NULL;
	if (!g && !problems) {
		answer_load(h, NULL, e);
		return;
	}
	struct buf b = {0};
	if (g) {
		h->services.mapper = g->mapper;
		generation_free(h->loaded);
		h->loaded = g;
		buf_addf(&b, "{\"problems\":[],\"profile\":%s,\"state\":", g->profile->view);
		buf_add_json(&b, g->profile->state, strlen(g->profile->state));
		buf_adds(&b, ",\"key_file\":");
		buf_add_json(&b, g->profile->key_file, strlen(g->profile->key_file));
		buf_addc(&b, '}');
	} else if (problems[0] == '{') {
		buf_adds(&b, problems);
	} else {
		buf_addf(&b, "{\"problems\":%s}", problems);
	}
	answer_load(h, b.data, NULL);
	buf_free(&b);
}

static bool on_load(void *ctx, const char *dir, const char *mapping, bool prove,
		    void (*done)(void *, const char *, const struct err *), void *arg,
		    struct err *e)
{
	struct here *h = ctx;
	if (h->load_done)
		return err_set(e, ERR_CONFIG, "another profile is being loaded");
	free(h->dir);
	free(h->shown);
	h->shown = xstrdup(dir);
	h->dir = app_folder(dir, e);
	char *lent = mapping && h->dir ? app_folder(mapping, e) : NULL;
	if (!h->dir || (mapping && !lent))
		return false;
	struct generation_env env = process_env(&h->p, h->paths, h->dir, h->shown);
	env.files.mapping = lent;
	env.files.mapping_shown = mapping;
	env.files.lent = lent != NULL;
	h->candidate = candidate_start(&env, prove, on_loaded, h, e);
	free(lent);
	if (!h->candidate)
		return false;
	h->load_done = done;
	h->load_arg = arg;
	return true;
}

/* ---- the parts ---- */

static bool open_rows(struct here *h, struct err *e)
{
	h->db = db_open(h->state ? h->state : ":memory:", &h->p.world, e);
	if (!h->db)
		return false;
	struct services *s = &h->services;
	s->db = h->db;
	s->queue = queue_new(h->db);
	s->links = links_new(h->db);
	s->runs = runs_new(h->db, RUNS_KEPT);
	s->docs = docs_new(h->db);
	return true;
}

static bool open_scripts(struct here *h, struct err *e)
{
	const struct files_source in = {.scripts = h->paths->scripts,
					.commands = h->paths->commands};
	const struct vm_config vc = {
		.requires = true, .strict = true, .cpu_time = true, .slice_us = HERE_SLICE_US};
	struct services *s = &h->services;
	struct files files;
	if (!files_read(&files, &in, e))
		return false;
	h->vm = vm_new(&vc);
	for (size_t i = 0; i < files.nscripts; i++) {
		const struct files_one *f = &files.scripts[i];
		vm_file(h->vm, f->name, f->shown, f->text, f->len);
	}
	files_clear(&files);
	s->loop = h->p.loop;
	s->world = &h->p.world;
	s->local = true;
	s->self = h->paths->self;
	s->defaults = h->paths->defaults;
	s->load = on_load;
	s->ctx = h;
	s->more = api_trial_open;
	s->tasks = tasks_new(h->vm, h->db, s->world);
	api_open(h->vm, s);
	h->control = control_new(h->p.loop, h->db);
	control_use(h->control, s->tasks);
	return api_describe(h->vm, s, NULL, NULL, e);
}

static void close_all(struct here *h)
{
	struct err e;
	struct services *s = &h->services;
	candidate_free(h->candidate);
	if (h->load_done) {
		err_set(&e, ERR_CONFIG, "the command was ended");
		answer_load(h, NULL, &e);
	}
	tasks_free(s->tasks);
	if (h->vm)
		vm_free(h->vm);
	generation_free(h->loaded);
	if (h->db && !db_commit(h->db, &e))
		fprintf(stderr, "cosell: %s\n", e.text);
	control_free(h->control);
	if (h->db) {
		docs_free(s->docs);
		runs_free(s->runs);
		links_free(s->links);
		queue_free(s->queue);
		db_close(h->db);
	}
	api_close(s);
	free(h->dir);
	free(h->shown);
}

/* ---- running ---- */

static void on_text(void *ctx, bool is_err, const char *text, size_t n)
{
	struct here *h = ctx;
	if (!h->stopped)
		process_text(NULL, is_err, text, n);
}

static void on_answer(void *arg, const char *line)
{
	const struct here *h = arg;
	control_answer(h->question, line);
}

static void on_ask(void *ctx, struct control_question q, const char *prompt, bool secret)
{
	struct here *h = ctx;
	h->question = q;
	process_ask(&h->p, prompt, secret, on_answer, h);
}

static void on_done(void *ctx, int status)
{
	struct here *h = ctx;
	process_end(&h->p, status);
}

/* Ctrl-C is how one that goes on is ended: nothing to talk about. */
static void on_stop(void *arg)
{
	struct here *h = arg;
	h->stopped = true;
	process_end(&h->p, 0);
}

static bool here_round(void *ctx)
{
	struct here *h = ctx;
	const struct world *w = &h->p.world;
	struct err e;
	(void)tasks_run(h->services.tasks, w->mono_us(w->ctx) + SLICE_US);
	bool ok = db_commit(h->db, &e);
	if (!ok)
		fprintf(stderr, "cosell: %s\n", e.text);
	tasks_round_over(h->services.tasks, ok);
	bool more = tasks_ready(h->services.tasks);
	if (!more)
		db_idle(h->db);
	return more;
}

static bool run(struct here *h, const char *name, const char *request, struct err *e)
{
	const struct control_sink sink = {on_text, on_ask, on_done, h};
	bool ok = open_rows(h, e) && open_scripts(h, e);
	if (ok) {
		control_run(h->control, name, request, &sink);
		ok = loop_run(h->p.loop, here_round, h, e);
	}
	close_all(h);
	return ok;
}

int app_here(const struct app_paths *paths, const char *name, const char *request,
	     const char *state)
{
	struct here h = {.paths = paths, .state = state};
	struct err e;
	bool ok = process_open(&h.p, on_stop, NULL, &h, &e);
	if (ok) {
		ok = run(&h, name, request, &e);
		process_close(&h.p);
	}
	if (!ok)
		fprintf(stderr, "cosell %s: %s\n", name, e.text);
	return ok ? h.p.status : 1;
}
