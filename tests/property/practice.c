/*
 * The practice environment in the world: what app/here.c is for a command that runs here, on the
 * simulated loop.  Owns its Lua state and its rows, which live in memory.
 */
#include "sides.h"

#include "app/control.h"
#include "base/buf.h"
#include "script/api.h"
#include "script/files.h"

#include <stdio.h>
#include <stdlib.h>

#define RUNS_KEPT 1000
#define SLICE_US  60000000

struct practice {
	struct loop *loop;
	struct world world;
	struct dice dice;
	struct db *db;
	struct vm *vm;
	struct services services;
	struct control *control;
	struct buf said;
	int status;
};

static struct practice me = {.status = -1};

static bool on_round(void *ctx)
{
	struct practice *p = ctx;
	struct err e;
	(void)tasks_run(p->services.tasks, INT64_MAX);
	bool ok = db_commit(p->db, &e);
	if (!ok)
		abort(); /* in memory */
	tasks_round_over(p->services.tasks, ok);
	return tasks_ready(p->services.tasks);
}

static bool open_rows(struct practice *p, struct err *e)
{
	struct services *s = &p->services;
	p->db = db_open(":memory:", &p->world, e);
	if (!p->db)
		return false;
	s->db = p->db;
	s->queue = queue_new(p->db);
	s->links = links_new(p->db);
	s->runs = runs_new(p->db, RUNS_KEPT);
	s->docs = docs_new(p->db);
	return true;
}

static bool open_scripts(struct practice *p, const struct sides_config *c, struct err *e)
{
	const struct files_source in = {.scripts = c->scripts, .commands = c->commands};
	const struct vm_config vc = {
		.requires = true, .strict = true, .cpu_time = true, .slice_us = SLICE_US};
	struct services *s = &p->services;
	struct files files;
	if (!files_read(&files, &in, e))
		return false;
	p->vm = vm_new(&vc);
	for (size_t i = 0; i < files.nscripts; i++) {
		const struct files_one *f = &files.scripts[i];
		vm_file(p->vm, f->name, f->shown, f->text, f->len);
	}
	files_clear(&files);
	s->loop = p->loop;
	s->world = &p->world;
	s->local = true;
	s->self = c->self;
	s->tasks = tasks_new(p->vm, p->db, s->world);
	api_open(p->vm, s);
	p->control = control_new(p->loop, p->db);
	control_use(p->control, s->tasks);
	return api_describe(p->vm, s, NULL, NULL, e);
}

static void on_text(void *ctx, bool is_err, const char *text, size_t n)
{
	struct practice *p = ctx;
	(void)is_err;
	buf_add(&p->said, text, n);
}

static void on_done(void *ctx, int status)
{
	struct practice *p = ctx;
	p->status = status;
}

bool practice_start(const struct sides_config *c, const char *command, const char *request,
		    struct err *e)
{
	static const struct control_sink sink = {on_text, NULL, on_done, &me};
	me.loop = loop_new(e);
	me.world = net_world(me.loop, &me.dice, false);
	if (!open_rows(&me, e) || !open_scripts(&me, c, e))
		return false;
	world_rounds(me.loop, on_round, &me);
	control_run(me.control, command, request, &sink);
	return true;
}

struct buf *practice_said(void)
{
	return &me.said;
}

int practice_status(void)
{
	return me.status;
}

void practice_reseed(uint64_t seed)
{
	me.dice.state = seed;
}
