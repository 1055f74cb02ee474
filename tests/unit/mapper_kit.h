/*
 * What the tests of the mapping process share: the true cosell-mapper with the shipped modules and an
 * administrator's files, one question at a time.
 *
 * The program is looked for beside this binary (or $COSELL_MAPPER), scripts under the working folder.
 */
#ifndef MAPPER_KIT_H
#define MAPPER_KIT_H

#include "script/mapper.h"

#include "base/buf.h"
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 200

#define MAX_FILES 32

struct set {
	struct mapper_file files[MAX_FILES];
	size_t n;
	char *owned[3 * MAX_FILES];
	size_t nowned;
	char path[400];
	int deadline_ms; /* 0: DEADLINE_MS */
	struct loop *loop;
	struct mapper *mapper;
};

struct got {
	struct loop *loop;
	int count;
	char *text; /* NULL: error */
	struct err e;
	struct mapper *free_it;
};

/* ---- a mapping process with given files ---- */

static inline char *slurp(const char *path)
{
	struct buf b = {0};
	char part[4096];
	FILE *f = fopen(path, "r");
	if (!CHECK(f != NULL)) {
		printf("# cannot read %s\n", path);
		exit(1);
	}
	for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;) {
		buf_add(&b, part, n);
	}
	fclose(f);
	return buf_take(&b);
}

static inline void add(struct set *s, const char *role, const char *name, const char *text)
{
	s->files[s->n++] = (struct mapper_file){name, role, text, strlen(text)};
}

static inline char *own(struct set *s, char *p)
{
	s->owned[s->nowned++] = p;
	return p;
}

/* The file at path under role:name, read now. */
static inline void add_file(struct set *s, const char *role, const char *name, const char *folder)
{
	const char *path = own(s, xasprintf("%s/%s.lua", folder, name));
	add(s, own(s, xasprintf("%s%s", role, name)), path, own(s, slurp(path)));
}

static inline void add_shipped(struct set *s)
{
	static const char *const modules[] = {MAPPER_MODULES};
	static const char *const defaults[] = {"details", "country", "deal_value"};
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++) {
		add_file(s, "module:", modules[i], "scripts");
	}
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		add_file(s, "default.", defaults[i], "mappings/default");
	}
	add(s, "countries", "countries.lua",
	    "return { JP = { alpha_3 = 'JPN', en = 'Japan', ja = '\u65e5\u672c|\u65e5\u672c\u56fd' "
	    "},\n"
	    "DE = { alpha_3 = 'DEU', en = 'Germany|Federal Republic of Germany', de = "
	    "'Deutschland' } }");
}

static inline const char *program(struct set *s)
{
	const char *given = getenv("COSELL_MAPPER");
	if (given != NULL) {
		return given;
	}
	ssize_t n = readlink("/proc/self/exe", s->path, sizeof(s->path) - 40);
	s->path[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(s->path, '/');
	char *name = slash != NULL ? slash + 1 : s->path;
	snprintf(name, sizeof(s->path) - (size_t)(name - s->path), "cosell-mapper");
	return s->path;
}

static inline void begin(struct set *s)
{
	struct err e;
	s->loop = loop_new(&e);
	s->mapper = mapper_new(s->loop, NULL,
			       &(struct mapper_config){.program = program(s),
						       .deadline_ms = s->deadline_ms > 0
									      ? s->deadline_ms
									      : DEADLINE_MS},
			       s->files, s->n, &e);
	if (!CHECK(s->mapper != NULL)) {
		printf("# %s\n", e.text);
		exit(1);
	}
	static const char setup[] =
		"{\"call\":\"settings\",\"stage\":\"sandbox\",\"settings\":{"
		"\"deal_value_field\":\"estimatedvalue\",\"deal_value_currency_field\":\"row\","
		"\"country_field\":\"address1_country\",\"duns_field\":\"\","
		"\"display_check_mark\":true}}";
	mapper_setup(s->mapper, setup, strlen(setup));
}

/* A whole shipped set with the administrator's details.lua. */
static inline void begin_with(struct set *s, const char *details)
{
	add_shipped(s);
	if (details != NULL) {
		add(s, "details", "p/details.lua", details);
	}
	begin(s);
}

static inline void done(void *arg, const char *answer, size_t len, const struct err *e)
{
	struct got *g = (struct got *)arg;
	g->count++;
	free(g->text);
	g->text = answer != NULL ? xmemdup0(answer, len) : NULL;
	g->e = (struct err){0};
	if (e != NULL) {
		g->e = *e;
	}
	loop_stop(g->loop);
	if (g->free_it != NULL) {
		mapper_free(g->free_it);
	}
}

static inline bool nothing_more(void *ctx)
{
	(void)ctx;
	return false;
}

static inline void wait_for(struct set *s, struct got *g, int count)
{
	struct err e;
	while (g->count < count && loop_run(s->loop, nothing_more, NULL, &e)) {
	}
	CHECK_INT(g->count, count);
}

/* The answer, or the error's text; valid until the next call. */
static inline const char *ask(struct set *s, const char *question)
{
	static struct got g;
	g.loop = s->loop;
	g.count = 0;
	mapper_ask(s->mapper, question, strlen(question), done, &g);
	wait_for(s, &g, 1);
	return g.text != NULL ? g.text : g.e.text;
}

static inline void end(struct set *s)
{
	mapper_free(s->mapper);
	loop_free(s->loop);
	while (s->nowned > 0) {
		free(s->owned[--s->nowned]);
	}
}

/* ---- questions ---- */

#define DEAL                                                                                      \
	"\"today\":\"2031-02-03\",\"d\":{\"name\":\"Bakery\",\"customer\":{\"name\":\"Brot "      \
	"GmbH\","                                                                                 \
	"\"postal_code\":\"10115\",\"country\":\"JP\",\"duns\":null},\"contact\":{\"email\":\"a@" \
	"b.example\"}}"

#endif
