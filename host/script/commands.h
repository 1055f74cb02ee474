/*
 * Commands are scripts: commands/NAME.lua.  Here is what they say of themselves, and how one runs
 * as a task.
 */
#ifndef SCRIPT_COMMANDS_H
#define SCRIPT_COMMANDS_H

#include "script/files.h"
#include "script/task.h"

struct commands_one {
	char *name;
	char *help, *usage; /* may be NULL */
	bool here;          /* runs in the caller's folder, needs no state */
	bool keeps;         /* and may keep its rows in a file: --state FILE */
};

struct commands {
	struct commands_one *at;
	size_t n;
};

/* Those of the set, by name, or the one named `only` if there is one (NULL: all).  A module without
 * `run` is a helper and left out; one that cannot be loaded is listed with its error as help. */
void commands_list(const struct files *f, const char *only, struct commands *out);
void commands_clear(struct commands *l);

/* Hears what commands say.  Lives as long as the vm they run in: a script may keep cmd.out, so
 * something may still be said under an id when that command is over. */
struct commands_ear {
	void (*said)(void *ctx, int64_t id, bool is_err, const char *text, size_t n);
	/* When it ends well it is to begin anew, in the generation that runs then. */
	void (*again)(void *ctx, int64_t id, const char *request);
	/* A line is wanted from whoever gave the command, for commands_answer, after what was said
	 * before; false: nobody can be asked now. */
	bool (*ask)(void *ctx, int64_t id, const char *prompt, bool secret, struct ticket k);
	void *ctx;
};

struct commands_call {
	const char *name;    /* a file of commands/; copied */
	const char *request; /* JSON of an object, becomes cmd; copied */
	const struct commands_ear *ear;
	int64_t id; /* handed to the ear */
	/* one of them, once, as in task.h; the task dies on return */
	void (*ended)(void *arg, int status, const struct err *e);
	void (*dropped)(void *arg, const struct err *why);
	void *arg;
};
struct task *commands_begin(struct tasks *ts, const struct commands_call *c);
void commands_answer(struct ticket k, const char *line); /* copied; NULL: there is none */

#endif
