/*
 * What every way of running shares: the loop, the HTTP client, the world made of it, the signals.
 */
#ifndef APP_PROCESS_H
#define APP_PROCESS_H

#include "app/app.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "io/terminal.h"

struct process {
	struct loop *loop;
	struct http_client *client;
	struct world world;
	struct loop_signal *term, *interrupt, *hup;
	struct terminal *terminal;     /* of a command: NULL until it asks */
	struct clock_file *clock_file; /* test build, if there is one */
	int status;                    /* exit status */
};

/* The callbacks may be NULL: then the signal is left alone. */
bool process_open(struct process *p, loop_cb *on_stop, loop_cb *on_hup, void *ctx,
		  struct err *e) MUST_USE;
/* For a process that will hold tokens and keys: no dump of it is ever written, and no other program of
 * the same user may look into it. */
void process_seal(void);
void process_close(struct process *p);
void process_end(struct process *p, int status); /* the loop ends after this round */

/* A command's text, to this process's standard output or error. */
void process_text(void *ctx, bool is_err, const char *text, size_t n);

/* A command's question, to whoever is at this process's standard input. */
void process_ask(struct process *p, const char *prompt, bool secret, terminal_answer *done,
		 void *arg);

struct generation_env process_env(struct process *p, const struct app_paths *paths, const char *dir,
				  const char *shown);

#endif
