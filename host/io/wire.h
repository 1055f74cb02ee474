/*
 * What two cosell processes say on a control socket: one command in, text out, an exit status at
 * the end; on the way there may be questions, one at a time.  Frames: "NAME\nJSON", then 'a' line or
 * 'n' (no answer) one way; 'o' text, 'e' text, 'q' prompt, 's' prompt of a secret, 'x' status the
 * other way.
 */
#ifndef IO_WIRE_H
#define IO_WIRE_H

#include <stddef.h>

#include "io/loop.h"

/* ---- the side that is asked ---- */

struct wire_listener;
struct wire_call;

/* A command came. json dies on return.  It must be ended by exactly one wire_exit. */
typedef void wire_handler(void *ctx, struct wire_call *c, const char *command, const char *json);

struct wire_listener *wire_listen(struct loop *l, const char *path, wire_handler *h, void *ctx,
				  struct err *e) MUST_USE;
/* Test build: the command "clock" (argument "+MS") moves this process's clock below all scripts,
 * then calls moved(ctx). It answers by how much the clock is ahead. */
void wire_on_clock(struct wire_listener *s, void (*moved)(void *ctx));
/* Removes the socket. Calls without an end are ended with status 1. NULL is fine. */
void wire_listener_free(struct wire_listener *s);

/* gone(arg) is called if the peer leaves before the end; the call stays valid until wire_exit. */
void wire_on_gone(struct wire_call *c, void (*gone)(void *arg), void *arg);
void wire_out(struct wire_call *c, const char *text, size_t n);
void wire_err(struct wire_call *c, const char *text, size_t n);
/* Asks who gave the command for a line. answer(arg, line) is called once, never from inside; line is
 * NULL if there is nobody to ask or the input ended, and dies, overwritten, on return.  If the peer
 * leaves, gone is called instead. */
void wire_question(struct wire_call *c, const char *prompt, bool secret,
		   void (*answer)(void *arg, const char *line), void *arg);
void wire_exit(struct wire_call *c, int status);

/* ---- the side that asks ---- */

struct wire_ask;

struct wire_reply {
	void (*text)(void *ctx, bool is_err, const char *text, size_t n);
	/* a line is wanted: wire_answer; NULL: nobody can be asked */
	void (*ask)(void *ctx, const char *prompt, bool secret);
	void (*done)(void *ctx, int status,
		     const struct err *e); /* e != NULL: it broke off; once */
	void *ctx;
};
/* NULL and *e (ERR_ABSENT) if nobody listens there. */
struct wire_ask *wire_ask(struct loop *l, const char *path, const char *command, const char *json,
			  const struct wire_reply *r, struct err *e) MUST_USE;
void wire_answer(struct wire_ask *a, const char *line); /* NULL: the input has ended */
void wire_ask_free(struct wire_ask *a);                 /* also from done; NULL is fine */

#endif
