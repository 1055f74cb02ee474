/*
 * The host's side of the mapping process: starts cosell-mapper, sends it the administrator's files,
 * asks it questions, kills it at the deadline and starts it anew.  Frames carry JSON texts; the
 * protocol is in mapper/main.c.
 */
#ifndef SCRIPT_MAPPER_H
#define SCRIPT_MAPPER_H

#include "base/world.h"
#include "io/child.h"
#include "io/frames.h"

struct mapper;

/* The scripts that the mapping process itself runs: each must be among the files, as role
 * "module:NAME" (scripts/NAME.lua). */
#define MAPPER_MODULES                                                                          \
	"answer_trace", "answers", "contract", "contract_checks", "contract_data", "fields",    \
		"fixtures", "fold", "mapping_env", "mapping_files", "schema_lines", "settings", \
		"text"

struct mapper_file {
	const char *name; /* "details.lua" as shown in errors, e.g. "mappings/x/details.lua" */
	const char *
		role; /* "module:answers", "profile", "default.details", "details", "countries", ... */
	const char *text;
	size_t len;
};

struct mapper_config {
	const char *program; /* absolute path of cosell-mapper */
	int deadline_ms;     /* per call; 0 = 1,000 */
	size_t max_memory;   /* bytes; 0 = 64 MiB */
	size_t max_answer;   /* bytes; 0 = 1 MiB */
};

/* Starts the process and sends it the files.  Errors of the files come with the first call. */
struct mapper *mapper_new(struct loop *l, const struct world *w, const struct mapper_config *c,
			  const struct mapper_file *files, size_t n, struct err *e) MUST_USE;
void mapper_free(struct mapper *m); /* open calls end with ERR_SCRIPT, from inside */

/* question and answer are JSON texts.  done is called once, from the loop, never from inside: answer,
 * or *e: ERR_SCRIPT (raise with file:line, deadline, memory), ERR_DATA (broken contract). Calls are
 * answered in order; those queued behind one that had to be killed are sent to the new process. */
typedef void mapper_done(void *arg, const char *answer, size_t len, const struct err *e);
struct mapper_call;
struct mapper_call *mapper_ask(struct mapper *m, const char *question, size_t len,
			       mapper_done *done, void *arg);
void mapper_cancel(struct mapper_call *c); /* its answer is dropped */

/* A question that is asked first after every start of the process (the settings).  Its answer is only
 * checked: what is wrong is logged. */
void mapper_setup(struct mapper *m, const char *question, size_t len);

pid_t mapper_pid(const struct mapper *m);

#endif
