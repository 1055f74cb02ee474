/*
 * The files of a mapping process, held in memory, and their Lua side.
 */
#ifndef MAPPER_FILES_H
#define MAPPER_FILES_H

#include <lua.h>
#include <stddef.h>

#include "base/buf.h"

struct file {
	char *name; /* as shown in errors */
	char *role;
	char *text; /* NULL until it came */
	size_t len;
};

struct files {
	struct file *all;
	size_t count;
	struct buf log; /* what mappings said by ctx.log; the caller empties it */
	size_t memory;  /* that Lua held when all were loaded; 0 before */
};

/* Pushes the table `files`: text, compile, fixtures, where, today, log, loaded, place (scripts/answers.lua
 * tells). */
void files_push(lua_State *L, struct files *fs);
void files_free(struct files *fs);

#endif
