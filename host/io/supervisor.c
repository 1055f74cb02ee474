/*
 * Messages to the service manager.
 *
 * Owns a datagram socket and the timer that wakes the loop, so that also an idle loop has rounds to
 * tell of.  Never waits for the manager, and must never send a sign of life but from a round.
 */
#include "io/supervisor.h"

#include "base/buf.h"
#include "base/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SIGNS 3 /* of life in the time that the manager allows: one may come late */

struct supervisor {
	int fd; /* -1: nobody listens */
	struct loop_timer *timer;
	int64_t every_ms; /* 0: no sign of life is wanted */
	bool due, failed;
};

/* "/path", or "@name" for a name that is in no file system. */
static bool address_of(const char *name, struct sockaddr_un *to, socklen_t *len)
{
	size_t n = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof(to->sun_path))
		return false;
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(to->sun_path, name, n);
	if (name[0] == '@')
		to->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return true;
}

static int connect_to(const char *name)
{
	struct sockaddr_un to;
	socklen_t len;
	if (!name || !*name)
		return -1;
	int fd = -1;
	if (!address_of(name, &to, &len))
		errno = EINVAL;
	else
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, len) == 0)
		return fd;
	log_warn("NOTIFY_SOCKET: the service manager cannot be told anything: %s", strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Milliseconds between two signs of life; 0: none is wanted, or not from this process. */
static int64_t every_of(const char *usec, const char *pid)
{
	if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	int64_t ms = strtoll(usec, NULL, 10) / 1000 / SIGNS;
	return ms > 0 ? ms : 0;
}

static void on_timer(void *arg)
{
	struct supervisor *s = arg;
	s->due = true;
}

struct supervisor *supervisor_new(struct loop *l)
{
	struct supervisor *s = NEW(struct supervisor);
	s->fd = connect_to(getenv("NOTIFY_SOCKET"));
	s->timer = loop_timer_new(l, on_timer, s);
	loop_timer_real(s->timer);
	if (s->fd >= 0)
		s->every_ms = every_of(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	if (s->every_ms > 0)
		loop_timer_set(s->timer, s->every_ms);
	return s;
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	loop_timer_free(s->timer);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s);
}

void supervisor_tell(struct supervisor *s, const char *text)
{
	if (s->fd < 0)
		return;
	bool ok = send(s->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
	if (!ok && !s->failed)
		log_warn("the service manager does not take our messages: %s", strerror(errno));
	s->failed = !ok;
}

void supervisor_round(struct supervisor *s)
{
	if (!s->due)
		return;
	s->due = false;
	supervisor_tell(s, "WATCHDOG=1");
	loop_timer_set(s->timer, s->every_ms);
}
