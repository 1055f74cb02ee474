/*
 * host.trial, host.generations: another version of the profile's files, asked what it would do.
 *
 * A trial lives as long as its userdata.  Owns what a waiting script holds; knows nothing of what
 * is asked.
 */
#include "script/api_kit.h"
#include "script/api_parts.h"
#include "script/api_rows.h"
#include "script/trial.h"

#include <stdlib.h>
#include <string.h>

#define TYPE "cosell.trial"

/* ---- opening ---- */

struct opening {
	struct ticket ticket;
	struct trial *trial;
	struct err *e;
};

static int push_trial(lua_State *co, void *arg)
{
	struct opening *o = arg;
	if (!co) {
		if (o->trial)
			trial_close(o->trial); /* nobody took it */
		free(o->e);
		free(o);
		return 0;
	}
	if (o->e)
		return vm_fail(co, o->e);
	void **box = lua_newuserdatauv(co, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(co, TYPE);
	*box = o->trial;
	o->trial = NULL;
	return 1;
}

static void opened(void *arg, const struct err *e)
{
	struct opening *o = arg;
	o->e = e ? api_err_copy(e) : NULL;
	task_wake(o->ticket, push_trial, o);
}

static void opening_cancel(void *arg)
{
	push_trial(NULL, arg);
}

static void add_kept(void *arg, const struct fileset_file *file)
{
	files_add(arg, file->role, file->text, file->len);
}

/* The files of a generation that is kept. */
static bool read_kept(struct services *s, int generation, struct files *out, struct err *e)
{
	if (!filesets_get(s->filesets, generation, add_kept, out, e))
		return false;
	return out->nmapping > 0 ||
	       err_set(e, ERR_ABSENT, "the files of generation %d are not kept", generation);
}

static struct trial *start(struct services *s, struct opening *o, struct trial_source source,
			   int generation, struct err *e)
{
	struct files kept = {0};
	char *name = xasprintf("generation %d", generation);
	const char *dir = source.dir;
	if (!dir) {
		source.shown = name;
		source.kept = &kept;
	}
	struct trial *t = NULL;
	if (!dir)
		source.dir = trials_dir(s->trials);
	if (dir || read_kept(s, generation, &kept, e))
		t = trial_open(s->trials, &source, s, opened, o, e);
	files_clear(&kept);
	free(name);
	return t;
}

/* host.trial{dir=, shown=}, {mapping=, shown=} or {generation=} (suspends) -> trial | nil, err */
static int l_trial(lua_State *L)
{
	static const char *const keys[] = {"dir", "mapping", "shown", "generation", NULL};
	struct services *s = api_services(L);
	API_NEED(L, s, trials);
	api_check_keys(L, 1, keys);
	const char *mapping = api_opt_string(L, 1, "mapping", NULL);
	const char *dir = mapping ? mapping : api_opt_string(L, 1, "dir", NULL);
	struct trial_source source = {.dir = dir, .mapping = mapping != NULL};
	if (dir)
		source.shown = api_need_string(L, 1, "shown");
	int64_t generation = api_opt_int(L, 1, "generation", 0);
	luaL_argcheck(L, dir || (generation > 0 && generation < INT32_MAX), 1,
		      "a folder, or a generation's number");
	struct task *t = task_of(L);
	struct opening *o = NEW(struct opening);
	struct err e;
	o->ticket = task_ticket(t);
	o->trial = start(s, o, source, (int)generation, &e);
	if (!o->trial) {
		free(o);
		return vm_fail(L, &e);
	}
	return task_wait(L, t, false, opening_cancel, o);
}

/* ---- asking ---- */

struct asking {
	struct ticket ticket;
	struct task *task; /* of the trial */
	bool gone;         /* who asked is gone */
};

struct outcome {
	char *json; /* NULL: nil */
	struct err *e;
};

static int push_outcome(lua_State *co, void *arg)
{
	struct outcome *o = arg;
	if (!co) {
		free(o->json);
		free(o->e);
		free(o);
		return 0;
	}
	if (o->e)
		return vm_fail(co, o->e);
	if (o->json)
		return api_push_json(co, o->json, strlen(o->json));
	lua_pushnil(co);
	return 1;
}

static void answer(struct asking *a, const char *result, const struct err *e)
{
	if (!a->gone) {
		struct outcome *o = NEW(struct outcome);
		o->json = result ? xstrdup(result) : NULL;
		o->e = api_err_copy(e);
		task_wake(a->ticket, push_outcome, o);
	}
	free(a);
}

static void call_ended(void *arg, struct task *t, const char *result, const struct err *e)
{
	(void)t;
	answer(arg, result, e);
}

static void call_dropped(void *arg, struct task *t, const struct err *why)
{
	struct err e;
	(void)t;
	err_set(&e, ERR_SCRIPT, "the trial was ended");
	answer(arg, NULL, why->kind == ERR_NONE ? &e : why);
}

static void call_cancel(void *arg)
{
	struct asking *a = arg;
	a->gone = true;
	task_close(a->task);
}

static struct trial *trial_at(lua_State *L)
{
	void **box = luaL_checkudata(L, 1, TYPE);
	luaL_argcheck(L, *box, 1, "the trial is closed");
	return *box;
}

/* trial:call(module, name, payload) (suspends) -> what that function returns | nil, err */
static int l_call(lua_State *L)
{
	struct trial *trial = trial_at(L);
	struct task_call c = {.module = luaL_checkstring(L, 2),
			      .name = luaL_checkstring(L, 3),
			      .ended = call_ended,
			      .dropped = call_dropped};
	luaL_checktype(L, 4, LUA_TTABLE);
	struct task *t = task_of(L);
	c.arg_json = api_encode(L, 4);
	struct asking *a = NEW(struct asking);
	a->ticket = task_ticket(t);
	c.arg = a;
	a->task = trial_call(trial, &c);
	return task_wait(L, t, false, call_cancel, a);
}

static int l_close(lua_State *L)
{
	void **box = luaL_checkudata(L, 1, TYPE);
	struct trial *t = *box;
	*box = NULL;
	if (t)
		trial_close(t);
	return 0;
}

/* ---- what is kept ---- */

static void each_row(void *arg, const struct fileset_row *row)
{
	struct buf *b = arg;
	api_row_begin(b, "generation", row->generation);
	api_row_int(b, "at_ms", row->at_ms);
	api_row_int(b, "files", row->files);
	api_row_json(b, "changed", row->changed);
	buf_addc(b, '}');
}

/* host.generations() -> { {generation=, at_ms=, files=, changed=}, ... }, newest first */
static int l_generations(lua_State *L)
{
	struct services *s = api_services(L);
	API_NEED(L, s, filesets);
	struct err e;
	struct buf *b = api_rows_begin(s);
	return api_rows_end(L, b, filesets_list(s->filesets, each_row, b, &e), &e);
}

/* ---- registration ---- */

void api_trial_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"trial", l_trial}, {"generations", l_generations}, {NULL, NULL}};
	static const luaL_Reg methods[] = {{"call", l_call}, {"close", l_close}, {NULL, NULL}};
	luaL_newmetatable(L, TYPE);
	lua_pushcfunction(L, l_close);
	lua_setfield(L, -2, "__gc");
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	luaL_setfuncs(L, functions, 0);
}
