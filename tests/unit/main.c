/*
 * The unit test runner: the table of check functions, the fork around each CASE, the report.
 *
 *	unit-tests [NAME...] [--case TEXT]    runs all checks, or those named; of these only the
 *	                                      cases whose name holds TEXT
 *
 * Prints "ok - name" or "not ok - name" for each CASE, and last "N passed, N failed".  A check
 * that is in the table but was not linked in is a failure, so one that drops out is seen.
 */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

enum { CASE_SECONDS = 20 };

/* clang-format off */
#define CHECKS(X) \
	X(err) X(buf) X(clock) X(world) X(crypto) \
	X(loop) X(http_server) X(http_crowd) X(http_tls) X(http_client) X(mail) X(bad_peer) X(frames) \
	X(wire) X(terminal) X(child) X(watch) \
	X(supervisor) X(sheet) \
	X(db) X(round) X(trouble) X(damage) X(upgrade) X(backup) \
	X(queue) X(queue_many) X(links) X(runs) X(filesets) X(erase) X(vault) X(docs) \
	X(oauth) X(remote) X(retry) X(verify) X(signers) X(inbox) \
	X(files) X(vm) X(json) X(mapper) X(runaway) X(lock) X(task) X(ticks) X(commands) X(changes) \
	X(sched) X(secrets)
/* clang-format on */

#define DECLARE(name) void check_##name(void) __attribute__((weak));
CHECKS(DECLARE)

#define ROW(name) {#name, check_##name},
static const struct check {
	const char *name;
	void (*run)(void);
} ALL[] = {CHECKS(ROW)};
enum { NALL = sizeof ALL / sizeof ALL[0] };

static const char *only = ""; /* what the name of a case must hold */
static int passed;
static int failed;
static bool in_child;
static bool child_failed;
static char scratch[] = "/tmp/cosell-unit.XXXXXX";

bool tests_check(bool held, const char *text, const char *file, int line)
{
	if (!held) {
		printf("# %s:%d: %s\n", file, line, text);
		fflush(stdout);
		child_failed = true;
	}
	return held;
}

bool tests_check_str(const char *a, const char *b, const char *text, const char *file, int line)
{
	bool same = a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
	if (!same) {
		printf("#   got  %s\n#   want %s\n", a != NULL ? a : "NULL",
		       b != NULL ? b : "NULL");
	}
	return tests_check(same, text, file, line);
}

bool tests_check_int(int64_t a, int64_t b, const char *text, const char *file, int line)
{
	if (a != b) {
		printf("#   got  %" PRId64 "\n#   want %" PRId64 "\n", a, b);
	}
	return tests_check(a == b, text, file, line);
}

const char *tests_tempdir(void)
{
	static char path[64];
	(void)snprintf(path, sizeof path, "%s/XXXXXX", scratch);
	if (mkdtemp(path) == NULL) {
		perror("mkdtemp");
		abort();
	}
	return path;
}

static void report(bool good, const char *name)
{
	printf("%s - %s\n", good ? "ok" : "not ok", name);
	fflush(stdout);
	good ? passed++ : failed++;
}

/* Waits, ends whatever the case left running, and says how it went. */
static bool judge(pid_t pid)
{
	siginfo_t ended;
	int status = 0;
	while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
	}
	(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	if (WIFSIGNALED(status)) {
		bool late = WTERMSIG(status) == SIGALRM;
		printf("# %s\n", late ? "ran longer than it may" : strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) > 1) {
		printf("# exit status %d\n", WEXITSTATUS(status));
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* More under valgrind. */
static unsigned case_seconds(void)
{
	const char *given = getenv("TESTS_SECONDS");
	return given ? (unsigned)strtoul(given, NULL, 10) : CASE_SECONDS;
}

bool tests_enter(const char *name)
{
	if (in_child) {
		tests_leave(); /* the case before was left by `break` */
	}
	if (strstr(name, only) == NULL) {
		return false;
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		abort();
	}
	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)alarm(case_seconds());
		in_child = true;
		return true;
	}
	(void)setpgid(pid, pid);
	report(judge(pid), name);
	return false;
}

/* exit and not _exit, so that a leak checker has its say. */
void tests_leave(void)
{
	exit(child_failed ? 1 : 0);
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0) {
			return true;
		}
	}
	return argc < 2;
}

static void run_all(int argc, char **argv)
{
	for (int i = 0; i < NALL; i++) {
		if (!wanted(ALL[i].name, argc, argv)) {
			continue;
		}
		if (ALL[i].run == NULL) {
			printf("# check_%s is not linked in\n", ALL[i].name);
			report(false, ALL[i].name);
			continue;
		}
		ALL[i].run();
		if (in_child) {
			tests_leave(); /* the case was left by `return` */
		}
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	(void)remove(path);
	return 0;
}

int main(int argc, char **argv)
{
	if (mkdtemp(scratch) == NULL) {
		perror("mkdtemp");
		return 1;
	}
	if (argc > 2 && strcmp(argv[argc - 2], "--case") == 0) {
		only = argv[argc - 1];
		argc -= 2;
	}
	run_all(argc, argv);
	(void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0 || passed == 0 ? 1 : 0;
}
