/*
 * Messages with a length in front over a stream socket, and the Unix sockets they travel on.  Owns
 * the descriptor it was given.  Never blocks and never calls back from inside frames_send; a
 * message of another process is never trusted to be shorter than it says.
 */
#include "io/frames.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	HEAD = 4,
	READ_AT_ONCE = 65536,
	LAST_WORDS_MS =
		10000, /* how long frames_close_when_sent waits for a peer that does not read */
	ACCEPT_AGAIN_MS = 100, /* after "no descriptors left" */
};

struct frames {
	struct loop *loop;
	int fd;
	struct loop_fd *ready;
	struct loop_timer *last_words;
	size_t max;
	struct buf in;
	struct buf out;
	size_t written; /* of out */
	bool told;      /* gone was called */
	bool closing;   /* no more is read; freed when all is sent */
	int depth;      /* callbacks that are running */
	bool doomed;    /* freed inside one of them */
	frames_got *got;
	frames_gone *gone;
	void *arg;
};

static void on_ready(void *arg, int ready);

static void destroy(struct frames *f)
{
	buf_wipe(&f->in);
	buf_wipe(&f->out);
	free(f);
}

static void detach(struct frames *f)
{
	loop_fd_free(f->ready);
	loop_timer_free(f->last_words);
	f->ready = NULL;
	f->last_words = NULL;
	if (f->fd >= 0) {
		(void)close(f->fd);
		f->fd = -1;
	}
}

void frames_free(struct frames *f)
{
	if (f == NULL) {
		return;
	}
	detach(f);
	if (f->depth > 0) {
		f->doomed = true; /* leave() frees it */
	} else {
		destroy(f);
	}
}

/* Around a callback; leave is false if the object is gone. */
static void enter(struct frames *f)
{
	f->depth++;
}

static bool leave(struct frames *f)
{
	f->depth--;
	if (!f->doomed) {
		return true;
	}
	if (f->depth == 0) {
		destroy(f);
	}
	return false;
}

static void set_flags(int fd)
{
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct frames *frames_new(struct loop *l, int fd, size_t max, frames_got *got, frames_gone *gone,
			  void *arg)
{
	struct frames *f = NEW(struct frames);
	set_flags(fd);
	f->loop = l;
	f->fd = fd;
	f->max = max;
	f->got = got;
	f->gone = gone;
	f->arg = arg;
	f->ready = loop_fd_new(l, fd, LOOP_READ, on_ready, f);
	return f;
}

size_t frames_unsent(const struct frames *f)
{
	return f->out.len - f->written;
}

static void rearm(struct frames *f)
{
	int want = f->told || f->closing ? 0 : LOOP_READ;
	loop_fd_want(f->ready, want | (frames_unsent(f) > 0 ? LOOP_WRITE : 0));
}

/* The peer takes no more: forget what is unsent and let the reading side find the end. */
static void give_up_writing(struct frames *f)
{
	f->out.len = 0;
	f->written = 0;
	(void)shutdown(f->fd, SHUT_RDWR);
}

static void write_some(struct frames *f)
{
	while (frames_unsent(f) > 0) {
		ssize_t n = send(f->fd, f->out.data + f->written, frames_unsent(f), MSG_NOSIGNAL);
		if (n >= 0) {
			f->written += (size_t)n;
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			give_up_writing(f);
		}
	}
	f->out.len = 0;
	f->written = 0;
}

void frames_put(struct frames *f, const void *data, size_t len)
{
	if (f->fd < 0 || f->told || f->closing) {
		return;
	}
	if (len > UINT32_MAX) {
		abort(); /* all callers cap far below */
	}
	buf_drop_front(&f->out, f->written);
	f->written = 0;
	uint32_t head = htonl((uint32_t)len);
	buf_add(&f->out, &head, HEAD);
	buf_add(&f->out, data, len);
}

void frames_flush(struct frames *f)
{
	if (f->fd < 0 || f->told || f->closing) {
		return;
	}
	write_some(f);
	rearm(f);
}

void frames_send(struct frames *f, const void *data, size_t len)
{
	frames_put(f, data, len);
	frames_flush(f);
}

static void on_last_words(void *arg)
{
	frames_free(arg);
}

void frames_close_when_sent(struct frames *f)
{
	if (f->fd < 0 || f->closing) {
		return;
	}
	f->closing = true;
	if (frames_unsent(f) == 0) {
		frames_free(f);
		return;
	}
	rearm(f);
	f->last_words = loop_timer_new(f->loop, on_last_words, f);
	loop_timer_real(f->last_words);
	loop_timer_set(f->last_words, LAST_WORDS_MS);
}

static void tell_gone(struct frames *f, const char *why)
{
	if (f->told) {
		return;
	}
	f->told = true;
	f->out.len = 0;
	f->written = 0;
	rearm(f);
	enter(f);
	f->gone(f->arg, why);
	(void)leave(f);
}

static size_t frame_length(const char *p)
{
	uint32_t head;
	memcpy(&head, p, HEAD);
	return ntohl(head);
}

/* Hands on the whole messages in f->in. */
static void hand_on(struct frames *f)
{
	size_t at = 0;
	while (f->in.len - at >= HEAD) {
		size_t len = frame_length(f->in.data + at);
		if (len > f->max) {
			tell_gone(f, "message too large");
			return;
		}
		if (f->in.len - at - HEAD < len) {
			break;
		}
		char *end = f->in.data + at + HEAD + len;
		char next = *end;
		*end = '\0';
		enter(f);
		f->got(f->arg, end - len, len);
		if (!leave(f)) {
			return;
		}
		*end = next;
		at += HEAD + len;
		if (f->closing) {
			break;
		}
	}
	buf_drop_front(&f->in, at);
}

static void read_some(struct frames *f)
{
	char bytes[READ_AT_ONCE];
	ssize_t n = recv(f->fd, bytes, sizeof bytes, 0);
	if (n > 0) {
		buf_add(&f->in, bytes, (size_t)n);
		hand_on(f);
	} else if (n == 0) {
		tell_gone(f, f->in.len > 0 ? "closed in the middle of a message" : "closed");
	} else if (errno != EAGAIN && errno != EINTR) {
		tell_gone(f, strerror(errno));
	}
}

static void on_ready(void *arg, int ready)
{
	struct frames *f = arg;
	if (ready & LOOP_WRITE) {
		write_some(f);
		if (f->closing && frames_unsent(f) == 0) {
			frames_free(f);
			return;
		}
		rearm(f);
	}
	if ((ready & LOOP_READ) && !f->closing && !f->told) {
		read_some(f);
	}
}

/* Listening. */

struct frames_listener {
	int fd;
	struct loop_fd *ready;
	struct loop_timer *again;
	char *path;
	dev_t dev;
	ino_t ino;
	frames_accept *cb;
	void *arg;
};

static bool fill_address(struct sockaddr_un *sa, const char *path, struct err *e)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof sa->sun_path) {
		return err_set(e, ERR_CONFIG, "%s: the path is too long for a socket", path);
	}
	memcpy(sa->sun_path, path, strlen(path) + 1);
	return true;
}

static int new_socket(struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		err_set(e, ERR_CONFIG, "cannot make a socket: %s", strerror(errno));
	}
	return fd;
}

int frames_connect(const char *path, struct err *e)
{
	struct sockaddr_un sa;
	if (!fill_address(&sa, path, e)) {
		return -1;
	}
	int fd = new_socket(e);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
		err_set(e, ERR_NET, "%s: %s", path, strerror(errno));
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* True if the path is free now: nothing there, or the socket of a dead process, now removed. */
static bool clear_path(const char *path, struct err *e)
{
	struct stat st;
	if (lstat(path, &st) != 0) {
		return errno == ENOENT || err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode)) {
		return err_set(e, ERR_CONFIG, "%s exists and is no socket", path);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;
	bool alive = true;
	if (fd >= 0 && fill_address(&sa, path, e)) {
		alive = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 ||
			errno != ECONNREFUSED;
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	if (alive) {
		return err_set(e, ERR_CONFIG, "%s is in use by another process", path);
	}
	if (unlink(path) != 0) {
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	}
	return true;
}

static bool bind_private(int fd, const char *path, struct err *e)
{
	struct sockaddr_un sa;
	if (!fill_address(&sa, path, e)) {
		return false;
	}
	mode_t old = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&sa, sizeof sa);
	int why = errno;
	(void)umask(old);
	if (rc != 0 || listen(fd, 64) != 0) {
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(rc != 0 ? why : errno));
	}
	return true;
}

static bool peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void on_accept_again(void *arg)
{
	struct frames_listener *s = arg;
	loop_fd_want(s->ready, LOOP_READ);
}

static void on_peer(void *arg, int ready)
{
	(void)ready;
	struct frames_listener *s = arg;
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && peer_allowed(fd)) {
		s->cb(s->arg, fd); /* may free s */
	} else if (fd >= 0) {
		(void)close(fd);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		loop_fd_want(s->ready, 0); /* or the loop would spin until a descriptor is free */
		loop_timer_set(s->again, ACCEPT_AGAIN_MS);
	}
}

struct frames_listener *frames_listen(struct loop *l, const char *path, frames_accept *cb,
				      void *arg, struct err *e)
{
	struct stat st;
	int fd = clear_path(path, e) ? new_socket(e) : -1;
	if (fd < 0) {
		return NULL;
	}
	if (!bind_private(fd, path, e)) {
		(void)close(fd);
		return NULL;
	}
	struct frames_listener *s = NEW(struct frames_listener);
	if (lstat(path, &st) == 0) {
		s->dev = st.st_dev;
		s->ino = st.st_ino;
	}
	s->fd = fd;
	s->path = xstrdup(path);
	s->cb = cb;
	s->arg = arg;
	s->ready = loop_fd_new(l, fd, LOOP_READ, on_peer, s);
	s->again = loop_timer_new(l, on_accept_again, s);
	return s;
}

void frames_listener_free(struct frames_listener *s)
{
	if (s == NULL) {
		return;
	}
	struct stat st;
	loop_fd_free(s->ready);
	loop_timer_free(s->again);
	(void)close(s->fd);
	if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino) {
		(void)unlink(s->path);
	}
	free(s->path);
	free(s);
}
