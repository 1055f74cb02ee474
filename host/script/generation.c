/*
 * Making and proving a generation.
 *
 * A candidate owns its file set, Lua state and mapping process until it is handed over whole; what
 * fails leaves nothing behind.  The steps are answers of the mapping process: profile, then check.
 */
#include "script/generation.h"

#include "script/changes.h"
#include "script/problems.h"

#include <lauxlib.h>

#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 1000
#define MEMORY      ((size_t)64 << 20)
#define MOVES_MOST  3

struct candidate {
	struct generation_env env; /* files.mapping is g's */
	int moves;                 /* to another folder of the mapping */
	bool prove;
	candidate_done *done;
	void *ctx;
	struct files files;
	struct generation *g;
	struct mapper_call *call;
	char *problems;
	size_t fixtures_run;
};

/* ---- a generation ---- */

void generation_free(struct generation *g)
{
	if (!g)
		return;
	tasks_free(g->tasks);
	vm_free(g->vm);
	if (g->mapper)
		mapper_free(g->mapper);
	api_close(&g->services);
	profile_free(g->profile);
	profile_mapping_clear(&g->mapping);
	files_clear(&g->files);
	free(g->set);
	free(g);
}

bool generation_keep(struct generation *g, struct filesets *f, struct err *e)
{
	struct fileset_file *own = xcalloc(g->files.nmapping + 1, sizeof(*own));
	size_t n = 0;
	for (size_t i = 0; i < g->files.nmapping; i++) {
		const struct files_one *one = &g->files.mapping[i];
		if (files_own(one))
			own[n++] = (struct fileset_file){one->name, one->text, one->len};
	}
	bool ok = filesets_keep(f, g->number, own, n, e);
	free(own);
	files_clear(&g->files);
	return ok;
}

bool generation_begin(struct generation *g, const struct services *s, const struct api_addresses *a,
		      struct err *e)
{
	struct services own = *s;
	own.scratch = g->services.scratch;
	memcpy(own.held, g->services.held, sizeof(own.held));
	own.mapper = g->mapper;
	own.generation = g->number;
	g->tasks = tasks_new(g->vm, s->db, s->world);
	own.tasks = g->tasks;
	g->services = own;
	return api_describe(g->vm, &g->services, g->described ? NULL : g->profile->view, a, e);
}

/* ---- steps of a candidate ---- */

/* With the profile's files go the scripts of the top folder: what answers there requires some. */
static bool make_mapper(struct candidate *c, int deadline_ms, size_t memory, struct err *e)
{
	const struct mapper_config mc = {
		.program = c->env.mapper_program, .deadline_ms = deadline_ms, .max_memory = memory};
	struct mapper_file *files = xcalloc(c->files.nmapping + c->files.nscripts, sizeof(*files));
	size_t n = 0;
	for (; n < c->files.nmapping; n++) {
		const struct files_one *f = &c->files.mapping[n];
		files[n] = (struct mapper_file){f->shown, f->name, f->text, f->len};
	}
	size_t nmapping = n;
	for (size_t i = 0; i < c->files.nscripts; i++) {
		const struct files_one *f = &c->files.scripts[i];
		if (strchr(f->name, '.'))
			continue;
		char *role = xasprintf("module:%s", f->name);
		files[n++] = (struct mapper_file){f->shown, role, f->text, f->len};
	}
	c->g->mapper = mapper_new(c->env.loop, c->env.world, &mc, files, n, e);
	for (size_t i = nmapping; i < n; i++)
		free((char *)files[i].role);
	free(files);
	return c->g->mapper != NULL;
}

void candidate_free(struct candidate *c)
{
	if (!c)
		return;
	if (c->call)
		mapper_cancel(c->call);
	generation_free(c->g);
	files_clear(&c->files);
	free(c->problems);
	free(c);
}

static void finish(struct candidate *c, const struct err *e)
{
	struct generation *g = e ? NULL : c->g;
	char *problems = c->problems;
	candidate_done *done = c->done;
	void *ctx = c->ctx;
	struct err copy = {0};
	if (e) {
		copy = *e;
		copy.kind = ERR_CONFIG;
	} else {
		g->files = c->files;
		c->files = (struct files){0};
		c->g = NULL;
	}
	c->problems = NULL;
	candidate_free(c);
	done(ctx, g, problems, &copy);
	free(problems);
}

static int l_require_main(lua_State *L)
{
	lua_getglobal(L, "require");
	lua_pushliteral(L, "main");
	lua_call(L, 1, 0);
	return 0;
}

/* Every script compiles, and main.lua runs. */
static bool prove_scripts(struct candidate *c, struct err *e)
{
	lua_State *L = vm_lua(c->g->vm);
	for (size_t i = 0; i < c->files.nscripts; i++) {
		const struct files_one *f = &c->files.scripts[i];
		if (!vm_load(c->g->vm, f->shown, f->text, f->len, e))
			return false;
		lua_pop(L, 1);
	}
	if (!api_describe(c->g->vm, &c->g->services, c->g->profile->view, NULL, e))
		return false;
	c->g->described = true;
	lua_pushcfunction(L, l_require_main);
	return vm_call(c->g->vm, L, 0, 0, 0, e);
}

static void ask(struct candidate *c, const char *question, mapper_done *then)
{
	c->call = mapper_ask(c->g->mapper, question, strlen(question), then, c);
}

static void on_check(void *arg, const char *answer, size_t len, const struct err *e);

static void ask_check(struct candidate *c)
{
	ask(c, "{\"call\":\"check\"}", on_check);
}

static void on_check(void *arg, const char *answer, size_t len, const struct err *e)
{
	static const char more[] = "{\"more\":true}"; /* a fixture was run */
	struct candidate *c = arg;
	struct err why;
	c->call = NULL;
	if (!answer) {
		finish(c, e);
		return;
	}
	if (len == sizeof more - 1 && memcmp(answer, more, len) == 0 &&
	    c->fixtures_run++ < c->files.nmapping) {
		ask_check(c);
		return;
	}
	if (!problems_none(c->g->vm, answer, len, &c->g->fixtures, &why)) {
		free(c->problems);
		c->problems = xmemdup0(answer, len);
		finish(c, &why);
		return;
	}
	finish(c, prove_scripts(c, &why) ? NULL : &why);
}

static void on_setup(void *arg, const char *answer, size_t len, const struct err *e)
{
	(void)len;
	struct candidate *c = arg;
	c->call = NULL;
	if (answer)
		ask_check(c);
	else
		finish(c, e);
}

/* The mapping process was started before its limits were known. */
static bool apply_limits(struct candidate *c, struct err *e)
{
	const struct profile *p = c->g->profile;
	if (p->mapping_deadline_ms == DEADLINE_MS && p->mapping_memory == MEMORY)
		return true;
	mapper_free(c->g->mapper);
	c->g->mapper = NULL;
	return make_mapper(c, p->mapping_deadline_ms, p->mapping_memory, e);
}

static struct profile *read_profile(struct candidate *c, const char *answer,
				    struct profile_mapping *m, struct err *e)
{
	const struct files_one *f = files_mapping(&c->files, "profile");
	const struct files_one *shared = files_mapping(&c->files, "settings");
	const struct profile_source in = {.dir = c->env.files.profile,
					  .file = f->shown,
					  .text = f->text,
					  .shared_file = shared ? shared->shown : NULL,
					  .shared_text = shared ? shared->text : NULL,
					  .answer = answer};
	return profile_read(c->g->vm, &in, m, &c->problems, e);
}

static bool start(struct candidate *c, struct profile_mapping *m, struct err *e);

/* The profile names another folder than was read: then what was found out counts for nothing. */
static bool is_elsewhere(const struct candidate *c, const struct profile_mapping *m)
{
	const char *read = c->env.files.mapping;
	if (c->env.files.kept || c->env.files.lent)
		return false;
	return m->dir ? !read || strcmp(m->dir, read) != 0 : read != NULL;
}

static bool start_anew(struct candidate *c, struct profile_mapping *m, struct err *e)
{
	generation_free(c->g);
	c->g = NEW(struct generation);
	files_clear(&c->files);
	free(c->problems);
	c->problems = NULL;
	return start(c, m, e);
}

static void move(struct candidate *c, struct profile_mapping *m)
{
	struct err e;
	if (m->dir && c->env.folder)
		c->env.folder(c->env.folder_ctx, m->dir);
	bool ok = ++c->moves <= MOVES_MOST ? start_anew(c, m, &e)
					   : err_set(&e, ERR_CONFIG, "%s: the files keep changing",
						     c->env.files.shown);
	profile_mapping_clear(m);
	if (!ok)
		finish(c, &e);
}

static void on_profile(void *arg, const char *answer, size_t len, const struct err *e)
{
	(void)len;
	struct candidate *c = arg;
	struct profile_mapping m = {0};
	struct err why;
	c->call = NULL;
	if (!answer) {
		finish(c, e);
		return;
	}
	c->g->profile = read_profile(c, answer, &m, &why);
	if (is_elsewhere(c, &m)) {
		move(c, &m);
		return;
	}
	profile_mapping_clear(&m);
	if (!c->g->profile || !apply_limits(c, &why)) {
		finish(c, &why);
		return;
	}
	mapper_setup(c->g->mapper, c->g->profile->setup, strlen(c->g->profile->setup));
	if (c->prove)
		ask(c, c->g->profile->setup, on_setup);
	else
		finish(c, NULL);
}

/* ---- start ---- */

static void make_vm(struct candidate *c)
{
	const struct vm_config vc = {.requires = true, .strict = true, .cpu_time = true};
	struct generation *g = c->g;
	g->vm = vm_new(&vc);
	for (size_t i = 0; i < c->files.nscripts; i++) {
		const struct files_one *f = &c->files.scripts[i];
		vm_file(g->vm, f->name, f->shown, f->text, f->len);
	}
	g->services.loop = c->env.loop;
	g->services.world = c->env.world;
	g->services.more = c->env.more;
	api_open(g->vm, &g->services);
}

/* With the mapping's files from m, which is taken over. */
static bool start(struct candidate *c, struct profile_mapping *m, struct err *e)
{
	c->g->mapping = *m;
	*m = (struct profile_mapping){0};
	c->env.files.mapping = c->g->mapping.dir;
	c->env.files.mapping_shown = c->g->mapping.shown;
	if (!files_read(&c->files, &c->env.files, e))
		return false;
	memcpy(c->g->hash, c->files.hash, sizeof(c->g->hash));
	c->g->set = changes_set(&c->files);
	make_vm(c);
	if (!make_mapper(c, DEADLINE_MS, MEMORY, e))
		return false;
	ask(c, "{\"call\":\"profile\"}", on_profile);
	return true;
}

struct candidate *candidate_start(const struct generation_env *env, bool prove,
				  candidate_done *done, void *ctx, struct err *e)
{
	struct candidate *c = NEW(struct candidate);
	c->env = *env;
	c->prove = prove;
	c->done = done;
	c->ctx = ctx;
	c->g = NEW(struct generation);
	struct profile_mapping expected = {0};
	if (env->files.mapping && !env->files.kept)
		expected = (struct profile_mapping){xstrdup(env->files.mapping),
						    xstrdup(env->files.mapping_shown)};
	struct profile_mapping none = {0};
	bool again = expected.dir && !env->files.lent; /* the profile may name another one now */
	if (start(c, &expected, e) || (again && start_anew(c, &none, e)))
		return c;
	candidate_free(c);
	return NULL;
}

const char *candidate_hash(const struct candidate *c)
{
	return c->files.hash;
}

const char *candidate_set(const struct candidate *c)
{
	return c->g->set;
}
