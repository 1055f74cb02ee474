/*
 * Questions to the person at this process: the prompt on one descriptor, a line from another.
 */
#ifndef IO_TERMINAL_H
#define IO_TERMINAL_H

#include "io/loop.h"

#define TERMINAL_LINE 16384 /* bytes of the longest answer */

struct terminal;

/* in, out: usually 0 and 2; not closed here. */
struct terminal *terminal_new(struct loop *l, int in, int out);
/* Puts the echo back; the answer of an open question will not come. NULL is fine. */
void terminal_free(struct terminal *t);

/* line: without its end; NULL at the end of input, or if it is too long or holds a NUL byte.  Never
 * from inside terminal_ask, which it must not call; the line dies, overwritten, on return. */
typedef void terminal_answer(void *arg, const char *line);
/* One question at a time.  secret: what is typed does not show, where there is a terminal. */
void terminal_ask(struct terminal *t, const char *prompt, bool secret, terminal_answer *done,
		  void *arg);

#endif
