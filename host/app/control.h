/*
 * Commands: each is a task of commands/NAME.lua.  They come over the control socket of a running
 * host, or from this process's own command line; where their text goes is the caller's matter.
 */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include "io/loop.h"
#include "script/task.h"
#include "store/db.h"

struct control;

struct control *control_new(struct loop *l, struct db *d);
void control_free(struct control *c); /* after all tasks are closed; NULL is fine */
/* Listens; each command runs on the tasks given last to control_use. moved: the test clock was. */
bool control_listen(struct control *c, const char *path, void (*moved)(void *ctx), void *ctx,
		    struct err *e) MUST_USE;
void control_use(struct control *c, struct tasks *ts);
size_t control_running(const struct control *c);

/* A line that a command waits for. */
struct control_question {
	struct control *control;
	int64_t id; /* of the command */
};

/* text: leaves after the commit of the round it was said in, and so does a question; ask NULL:
 * nobody can be asked. done: once. */
struct control_sink {
	void (*text)(void *ctx, bool is_err, const char *text, size_t n);
	void (*ask)(void *ctx, struct control_question q, const char *prompt, bool secret);
	void (*done)(void *ctx, int status);
	void *ctx;
};
/* request: JSON {"args":[..],"width":..,"color":..,"tty":..,"cwd":..,"profile":..} */
void control_run(struct control *c, const char *name, const char *request,
		 const struct control_sink *sink);
/* Not from inside ask. line: copied; NULL: there is none. What nobody waits for any more is dropped.
 */
void control_answer(struct control_question q, const char *line);

#endif
