/* io/child: what a child gets, how its end is told, and that no number outlives it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/child.h"
#include "pump.h"
#include "tests.h"

void check_child(void);

struct end {
	bool ended;
	int status;
	struct child *free_me;
};

static void on_ended(void *arg, int status)
{
	struct end *e = arg;
	e->ended = true;
	e->status = status;
	child_free(e->free_me);
}

static struct loop *new_loop(void)
{
	struct err e;
	struct loop *l = loop_new(&e);
	CHECK(l != NULL);
	return l;
}

/* Runs a shell line to its end; its output is in out, to be freed. */
static char *run(struct loop *l, const char *line, int channel, const char *const *env,
		 const char *dir, int *status)
{
	int ends[2];
	struct err e;
	struct end end = {.ended = false};
	struct buf out = {0};
	char bytes[4096];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		abort();
	}
	const char *argv[] = {"sh", "-c", line, NULL};
	struct child_spec spec = {.path = "/bin/sh",
				  .argv = argv,
				  .env = env,
				  .dir = dir,
				  .channel = channel,
				  .out = ends[1]};
	struct child *c = child_start(l, &spec, on_ended, &end, &e);
	(void)close(ends[1]);
	if (c == NULL) {
		CHECK_STR(e.text, "started");
		abort();
	}
	CHECK(pump(l, pump_flag, &end.ended, 5000));
	for (ssize_t n; (n = read(ends[0], bytes, sizeof bytes)) > 0;) {
		buf_add(&out, bytes, (size_t)n);
	}
	(void)close(ends[0]);
	child_free(c);
	*status = end.status;
	return buf_take(&out);
}

/* Under valgrind it starts all the same, and fails later: then it is ended here. */
static bool starts_not(struct loop *l, const struct child_spec *spec, struct err *e)
{
	struct child *c = child_start(l, spec, on_ended, NULL, e);
	child_free(c);
	return c == NULL;
}

void check_child(void)
{
	CASE ("child_end_is_told_with_its_status_and_output") {
		struct loop *l = new_loop();
		int status = -1;
		char *out = run(l, "echo out; echo err >&2; exit 3", -1, NULL, NULL, &status);
		CHECK_STR(out, "out\nerr\n");
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
		CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* reaped */
		free(out);
		loop_free(l);
	}
	CASE ("child_gets_only_what_its_spec_names") {
		struct loop *l = new_loop();
		int status = -1;
		int leak = open("/dev/null", O_RDONLY); /* without close-on-exec */
		int high = fcntl(leak, F_DUPFD, 200);
		CHECK(leak >= 0 && high >= 200);
		CHECK_INT(setenv("SECRET", "x", 1), 0);
		char *out =
			run(l,
			    "for f in /proc/self/fd/*; do [ -e $f ] && echo -n \"${f##*/} \"; done;"
			    "echo; readlink /proc/self/fd/0; echo \"[$SECRET]\"",
			    -1, NULL, NULL, &status);
		CHECK_STR(out, "0 1 2 \n/dev/null\n[]\n");
		free(out);
		loop_free(l);
	}
	CASE ("child_channel_becomes_3_whatever_its_number") {
		for (int number = 3; number <= 5; number++) { /* kept free of the loop's own */
			CHECK_INT(dup2(STDERR_FILENO, number), number);
		}
		struct loop *l = new_loop();
		for (int number = 3; number <= 5; number++) {
			int pair[2];
			int status = -1;
			char in[8] = {0};
			CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
			int other = fcntl(pair[1], F_DUPFD_CLOEXEC, 50);
			(void)close(pair[1]);
			int mine = fcntl(pair[0], F_DUPFD_CLOEXEC, 60);
			(void)close(pair[0]);
			CHECK_INT(dup3(mine, number, O_CLOEXEC), number);
			char *out = run(l, "echo hi >&3; [ -e /proc/self/fd/4 ] && echo four",
					number, NULL, NULL, &status);
			CHECK_STR(out, "");
			CHECK_INT(read(other, in, sizeof in), 3);
			CHECK_STR(in, "hi\n");
			free(out);
			(void)close(other);
			(void)close(mine);
		}
		loop_free(l);
	}
	CASE ("child_environment_and_folder_are_as_told") {
		struct loop *l = new_loop();
		const char *env[] = {"A=1", "B=two words", NULL};
		int status = -1;
		char *out = run(l, "echo \"$A $B\"; pwd", -1, env, "/usr", &status);
		CHECK_STR(out, "1 two words\n/usr\n");
		free(out);
		loop_free(l);
	}
	CASE ("child_signals_are_the_default_ones") {
		struct loop *l = new_loop(); /* ignores SIGPIPE */
		sigset_t set;
		int status = -1;
		(void)sigemptyset(&set);
		(void)sigaddset(&set, SIGTERM);
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
		char *out = run(l, "grep SigBlk /proc/self/status", -1, NULL, NULL, &status);
		CHECK_STR(out, "SigBlk:\t0000000000000000\n");
		free(out);
		out = run(l, "sed -n s/SigIgn:.//p /proc/self/status", -1, NULL, NULL, &status);
		unsigned long long ignored = strtoull(out, NULL, 16);
		CHECK_INT(ignored & 0x7fffffff, 0); /* above: two of the C library's own */
		CHECK_STR(out[0] != '\0' ? "seen" : "nothing", "seen");
		free(out);
		loop_free(l);
	}
	CASE ("child_kill_ends_it_and_then_is_harmless") {
		struct loop *l = new_loop();
		struct err e;
		struct end end = {.ended = false};
		const char *argv[] = {"sleep", "100", NULL};
		struct child_spec spec = {
			.path = "/bin/sleep", .argv = argv, .channel = -1, .out = -1};
		struct child *c = child_start(l, &spec, on_ended, &end, &e);
		CHECK(c != NULL && child_pid(c) > 0);
		child_kill(c, SIGTERM);
		CHECK(pump(l, pump_flag, &end.ended, 5000));
		CHECK(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGTERM);
		child_kill(c, SIGKILL);
		CHECK_INT(child_pid(c), 0);
		child_free(c);
		loop_free(l);
	}
	CASE ("child_freed_while_running_is_killed_and_reaped") {
		struct loop *l = new_loop();
		struct err e;
		struct end end = {.ended = false};
		const char *argv[] = {"sleep", "100", NULL};
		struct child_spec spec = {
			.path = "/bin/sleep", .argv = argv, .channel = -1, .out = -1};
		struct child *c = child_start(l, &spec, on_ended, &end, &e);
		pid_t pid = child_pid(c);
		child_free(c);
		CHECK(kill(pid, 0) < 0 && errno == ESRCH);
		turn(l, 3);
		CHECK(!end.ended);
		child_free(NULL);
		loop_free(l);
	}
	CASE ("child_may_be_freed_in_its_end") {
		struct loop *l = new_loop();
		struct err e;
		struct end end = {.ended = false};
		const char *argv[] = {"true", NULL};
		struct child_spec spec = {
			.path = "/bin/true", .argv = argv, .channel = -1, .out = -1};
		end.free_me = child_start(l, &spec, on_ended, &end, &e);
		CHECK(pump(l, pump_flag, &end.ended, 5000));
		loop_free(l);
	}
	CASE ("child_that_cannot_start_is_an_error") {
		struct loop *l = new_loop();
		struct err e = {0};
		const char *argv[] = {"x", NULL};
		struct child_spec spec = {
			.path = "/nowhere/x", .argv = argv, .channel = -1, .out = -1};
		CHECK(starts_not(l, &spec, &e));
		CHECK_INT(e.kind, ERR_CONFIG);
		CHECK(strstr(e.text, "/nowhere/x") != NULL);
		spec.path = "bin/sh";
		CHECK(starts_not(l, &spec, &e));
		spec.path = "/bin/sh";
		spec.dir = "/nowhere";
		CHECK(starts_not(l, &spec, &e));
		CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
		loop_free(l);
	}
}
