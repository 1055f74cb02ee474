/*
 * A generation: one set of scripts, profile and mapping, with its Lua state and its mapping
 * process. It is made as a candidate and proved good before anybody uses it.
 */
#ifndef SCRIPT_GENERATION_H
#define SCRIPT_GENERATION_H

#include "script/api.h"
#include "script/files.h"
#include "script/profile.h"

struct generation {
	int number;         /* set by who accepts it */
	char hash[65];      /* of its files */
	struct files files; /* they themselves, until who accepts it has let them go */
	char *set;          /* and in a few words, file by file (script/changes) */
	int fixtures;       /* that gave the expected answers */
	struct vm *vm;
	struct tasks *tasks; /* NULL until generation_begin */
	struct mapper *mapper;
	struct profile *profile;
	struct profile_mapping mapping; /* the folder that was read */
	struct services services;
	struct generation *older;
	bool described;   /* host.profile was filled when main.lua was proved */
	int64_t close_us; /* of an old one: when its tasks are closed */
};
void generation_free(struct generation *g); /* tasks are closed (dropped); NULL is fine */

/* Takes its services over (tasks, mapper, generation are set here), makes its tasks, fills
 * host.profile (addresses may be NULL). */
bool generation_begin(struct generation *g, const struct services *s, const struct api_addresses *a,
		      struct err *e) MUST_USE;

/* What the administrator wrote of its files is kept in the state; the rest nobody needs any more. */
bool generation_keep(struct generation *g, struct filesets *f, struct err *e) MUST_USE;

struct generation_env {
	struct loop *loop;
	const struct world *world;
	struct files_source files;  /* of `mapping`: what is expected, unless files.lent */
	const char *mapper_program; /* absolute */
	void (*more)(lua_State *L); /* as in struct services */
	/* Hears of a folder that the profile names, before it is read; may be NULL. */
	void (*folder)(void *ctx, const char *dir);
	void *folder_ctx;
};

/* Reads the files, evaluates the profile, reads them once more if it names another folder for the
 * mapping than was expected; with `prove` also asks the mapping process to check
 * itself and runs main.lua once.  done is called once, from the loop: g (now the caller's), or
 * NULL and e (ERR_CONFIG).  problems: JSON list of what is wrong, or NULL; dies on return. */
struct candidate;
typedef void candidate_done(void *ctx, struct generation *g, const char *problems,
			    const struct err *e);
struct candidate *candidate_start(const struct generation_env *env, bool prove,
				  candidate_done *done, void *ctx, struct err *e) MUST_USE;
const char *candidate_hash(const struct candidate *c);
const char *candidate_set(const struct candidate *c);
void candidate_free(struct candidate *c); /* gives it up; NULL is fine; not needed after done */

#endif
