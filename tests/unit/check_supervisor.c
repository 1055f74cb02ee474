/* io/supervisor: the test plays systemd and listens on the socket. */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/supervisor.h"
#include "pump.h"
#include "tests.h"

void check_supervisor(void);

static int listen_at(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval bound = {.tv_sec = 5};
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", name);
	if (name[0] == '@') {
		at.sun_path[0] = '\0';
	}
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(bind(fd, (struct sockaddr *)&at, len) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound)) == 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

/* The next message, or "" if none comes. */
static const char *heard(int fd, int flags)
{
	static char text[200];
	ssize_t n = recv(fd, text, sizeof(text) - 1, flags);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void drain(int fd)
{
	while (*heard(fd, MSG_DONTWAIT)) {
	}
}

static struct loop *new_loop(void)
{
	struct err e;
	struct loop *l = loop_new(&e);
	CHECK(l != NULL);
	return l;
}

struct rounds {
	struct supervisor *s;
	int left; /* before it hangs */
};

static bool tell_and_hang(void *ctx)
{
	struct rounds *r = ctx;
	while (r->left-- <= 0) {
		(void)pause();
	}
	supervisor_round(r->s);
	return false;
}

/* A loop in a process of its own, that hangs after so many rounds. */
static pid_t start(int rounds)
{
	pid_t pid = fork();
	if (pid != 0) {
		return pid;
	}
	struct loop *l = new_loop();
	struct rounds r = {supervisor_new(l), rounds};
	struct err e;
	_exit(loop_run(l, tell_and_hang, &r, &e) ? 0 : 1);
}

static void end(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void want_signs(const char *usec)
{
	setenv("WATCHDOG_USEC", usec, 1);
	unsetenv("WATCHDOG_PID");
}

static void check_words(const char *name)
{
	int fd = listen_at(name);
	struct loop *l = new_loop();
	struct supervisor *s = supervisor_new(l);
	supervisor_tell(s, "READY=1\nSTATUS=all is well");
	CHECK_STR(heard(fd, 0), "READY=1\nSTATUS=all is well");
	supervisor_round(s);
	CHECK_STR(heard(fd, MSG_DONTWAIT), "");
	supervisor_free(s);
	loop_free(l);
	(void)close(fd);
}

void check_supervisor(void)
{
	CASE ("supervisor_in_a_folder_hears_words") {
		char name[100];
		snprintf(name, sizeof(name), "%s/notify", tests_tempdir());
		check_words(name);
	}
	CASE ("supervisor_with_an_abstract_name_hears_words") {
		char name[100];
		snprintf(name, sizeof(name), "@cosell-unit-%d", (int)getpid());
		check_words(name);
	}
	CASE ("supervisor_absent_or_gone_is_no_trouble") {
		static const char *const names[] = {"", "no-path", "@", "/nowhere/notify", NULL};
		struct loop *l = new_loop();
		want_signs("3000");
		for (int i = 0; i < 5; i++) {
			if (names[i]) {
				setenv("NOTIFY_SOCKET", names[i], 1);
			} else {
				unsetenv("NOTIFY_SOCKET");
			}
			struct supervisor *s = supervisor_new(l);
			supervisor_tell(s, "READY=1");
			CHECK(!pump(l, NULL, NULL, 5));
			supervisor_round(s);
			supervisor_free(s);
		}
		supervisor_free(NULL);
		loop_free(l);
	}
	CASE ("supervisor_that_stops_reading_holds_nothing_up") {
		char name[100];
		snprintf(name, sizeof(name), "%s/notify", tests_tempdir());
		int fd = listen_at(name);
		struct loop *l = new_loop();
		struct supervisor *s = supervisor_new(l);
		for (int i = 0; i < 5000; i++) { /* far more than any queue of datagrams */
			supervisor_tell(s, "STATUS=busy");
		}
		drain(fd);
		supervisor_tell(s, "STATUS=again");
		CHECK_STR(heard(fd, 0), "STATUS=again");
		supervisor_free(s);
		loop_free(l);
	}
	CASE ("supervisor_gets_signs_of_life_from_an_idle_loop") {
		char name[100];
		snprintf(name, sizeof(name), "%s/notify", tests_tempdir());
		int fd = listen_at(name);
		want_signs("90000");
		pid_t pid = start(1000);
		for (int i = 0; i < 5; i++) {
			CHECK_STR(heard(fd, 0), "WATCHDOG=1");
		}
		end(pid);
	}
	CASE ("supervisor_gets_none_from_a_loop_that_hangs") {
		char name[100];
		struct timeval ten_times_too_long = {.tv_usec = 900000};
		snprintf(name, sizeof(name), "%s/notify", tests_tempdir());
		int fd = listen_at(name);
		want_signs("90000");
		pid_t pid = start(4);
		for (int i = 0; i < 4; i++) {
			CHECK_STR(heard(fd, 0), "WATCHDOG=1");
		}
		CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ten_times_too_long,
				 sizeof(ten_times_too_long)) == 0);
		CHECK_STR(heard(fd, 0), "");
		CHECK(waitpid(pid, NULL, WNOHANG) == 0); /* it lives, and hangs */
		end(pid);
	}
	CASE ("supervisor_signs_meant_for_another_process_are_not_sent") {
		char name[100];
		snprintf(name, sizeof(name), "%s/notify", tests_tempdir());
		int fd = listen_at(name);
		want_signs("3000");
		setenv("WATCHDOG_PID", "1", 1);
		struct loop *l = new_loop();
		struct supervisor *s = supervisor_new(l);
		CHECK(!pump(l, NULL, NULL, 20));
		supervisor_round(s);
		CHECK_STR(heard(fd, MSG_DONTWAIT), "");
		supervisor_free(s);
		loop_free(l);
	}
}
