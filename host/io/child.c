/*
 * Child processes by posix_spawn.  Owns the pid until it is reaped, so a signal can never reach a
 * stranger that got the number later.  The child gets what its spec names and nothing else: every
 * other descriptor is closed, the signal mask and all handlers are the default ones.
 */
#include "io/child.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNEL = 3, SAFE = 10 };

struct child {
	pid_t pid; /* 0 once it is reaped */
	int pidfd; /* -1: this kernel has none, SIGCHLD says it */
	struct loop_fd *ready;
	struct loop_signal *sigchld;
	child_ended *ended;
	void *arg;
};

static void stop_watching(struct child *c)
{
	loop_fd_free(c->ready);
	c->ready = NULL;
	loop_signal_free(c->sigchld);
	c->sigchld = NULL;
	if (c->pidfd >= 0) {
		(void)close(c->pidfd);
		c->pidfd = -1;
	}
}

static void look_whether_ended(void *arg)
{
	struct child *c = arg;
	int status = 0;
	pid_t got = waitpid(c->pid, &status, WNOHANG);
	if (got == 0 || (got < 0 && errno == EINTR)) {
		return;
	}
	c->pid = 0;
	stop_watching(c);
	c->ended(c->arg, status); /* may free c */
}

static void on_pidfd(void *arg, int ready)
{
	(void)ready;
	look_whether_ended(arg);
}

/* A copy above the numbers that the child's own descriptors get, so that no dup2 hits a source. */
static int lift(int fd)
{
	return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, SAFE) : -1;
}

/* The descriptors are lifted copies, or -1. */
static int plan_files(posix_spawn_file_actions_t *fa, const char *dir, int in, int channel, int out)
{
	int rc = in >= 0 ? posix_spawn_file_actions_adddup2(fa, in, STDIN_FILENO)
			 : posix_spawn_file_actions_addopen(fa, STDIN_FILENO, "/dev/null", O_RDONLY,
							    0);
	if (rc == 0 && out >= 0) {
		rc = posix_spawn_file_actions_adddup2(fa, out, STDOUT_FILENO);
	}
	if (rc == 0 && out >= 0) {
		rc = posix_spawn_file_actions_adddup2(fa, out, STDERR_FILENO);
	}
	if (rc == 0 && channel >= 0) {
		rc = posix_spawn_file_actions_adddup2(fa, channel, CHANNEL);
	}
	if (rc == 0) {
		rc = posix_spawn_file_actions_addclosefrom_np(fa,
							      channel >= 0 ? CHANNEL + 1 : CHANNEL);
	}
	if (rc == 0 && dir != NULL) {
		rc = posix_spawn_file_actions_addchdir_np(fa, dir);
	}
	return rc;
}

static int plan_signals(posix_spawnattr_t *attr)
{
	sigset_t none;
	sigset_t all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	int rc = posix_spawnattr_setsigmask(attr, &none);
	if (rc == 0) {
		rc = posix_spawnattr_setsigdefault(attr, &all);
	}
	if (rc == 0) {
		rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	}
	return rc;
}

/* 0 and *pid, or an errno. */
static int spawn(const struct child_spec *s, pid_t *pid)
{
	static char *const no_env[] = {NULL};
	char *const *env = s->env != NULL ? (char *const *)s->env : no_env;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int channel = lift(s->channel);
	int out = lift(s->out);
	int in = s->in > 0 ? lift(s->in) : -1;
	int rc = (s->channel >= 0 && channel < 0) || (s->out >= 0 && out < 0) ||
				 (s->in > 0 && in < 0)
			 ? errno
			 : 0;
	(void)posix_spawn_file_actions_init(&fa);
	(void)posix_spawnattr_init(&attr);
	if (rc == 0) {
		rc = plan_files(&fa, s->dir, in, channel, out);
	}
	if (rc == 0) {
		rc = plan_signals(&attr);
	}
	if (rc == 0) {
		rc = posix_spawn(pid, s->path, &fa, &attr, (char *const *)s->argv, env);
	}
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&fa);
	if (channel >= 0) {
		(void)close(channel);
	}
	if (out >= 0) {
		(void)close(out);
	}
	if (in >= 0) {
		(void)close(in);
	}
	return rc;
}

struct child *child_start(struct loop *l, const struct child_spec *s, child_ended *ended, void *arg,
			  struct err *e)
{
	if (s->path[0] != '/') {
		err_set(e, ERR_CONFIG, "%s: the path of a program must be absolute", s->path);
		return NULL;
	}
	pid_t pid = 0;
	int rc = spawn(s, &pid);
	if (rc != 0) {
		err_set(e, ERR_CONFIG, "cannot start %s: %s", s->path, strerror(rc));
		return NULL;
	}
	struct child *c = NEW(struct child);
	c->pid = pid;
	c->ended = ended;
	c->arg = arg;
	c->pidfd = pidfd_open(pid, 0);
	if (c->pidfd >= 0) {
		c->ready = loop_fd_new(l, c->pidfd, LOOP_READ, on_pidfd, c);
	} else {
		c->sigchld = loop_signal_new(l, SIGCHLD, look_whether_ended, c);
		(void)kill(getpid(), SIGCHLD); /* it may have ended before we listened */
	}
	return c;
}

pid_t child_pid(const struct child *c)
{
	return c->pid;
}

void child_kill(struct child *c, int signo)
{
	if (c->pid > 0) {
		(void)kill(c->pid, signo);
	}
}

void child_free(struct child *c)
{
	if (c == NULL) {
		return;
	}
	stop_watching(c);
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
	free(c);
}
