/*
 * Messages over a stream socket: 4 bytes length (network order), then the bytes.  Never blocks: what
 * cannot be written yet is kept and goes when the socket is ready.  Used to the mapping process, and
 * on the control socket.
 */
#ifndef IO_FRAMES_H
#define IO_FRAMES_H

#include <stddef.h>

#include "io/loop.h"

struct frames;

/* A whole message; data has a NUL behind it and dies on return. */
typedef void frames_got(void *arg, const char *data, size_t len);
/* The other side closed, broke the format, or sent more than max. Called once. */
typedef void frames_gone(void *arg, const char *why);

/* Takes over fd (sets it non-blocking, closes it in frames_free). Both callbacks may call
 * frames_free. */
struct frames *frames_new(struct loop *l, int fd, size_t max, frames_got *got, frames_gone *gone,
			  void *arg);
void frames_send(struct frames *f, const void *data, size_t len);
/* The same in two steps: many messages leave by one system call. */
void frames_put(struct frames *f, const void *data, size_t len);
void frames_flush(struct frames *f);
void frames_close_when_sent(struct frames *f); /* then frees itself, without a call to gone */
size_t frames_unsent(const struct frames *f);
void frames_free(struct frames *f);

/* A listening Unix socket of mode 0600; each peer (same user or root only) becomes an accepted fd.
 * A left-over socket file of a dead process is replaced; a live one is ERR_CONFIG. */
struct frames_listener;
typedef void frames_accept(void *arg, int fd);
struct frames_listener *frames_listen(struct loop *l, const char *path, frames_accept *cb,
				      void *arg, struct err *e) MUST_USE;
void frames_listener_free(struct frames_listener *s);         /* removes the file */
int frames_connect(const char *path, struct err *e) MUST_USE; /* a connected fd, or -1 */

#endif
