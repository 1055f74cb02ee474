/*
 * The lock of the mapping process, from both sides: what a locked program cannot do though it tries in C
 * (build/test/lock-probe), and what the true one is seen to do (/proc, strace) while mappings run in it.
 *
 * A sanitised mapping process is not locked, so there nothing of this can be seen.
 */
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mapper_kit.h"

void check_lock(void);

#ifndef __SANITIZE_ADDRESS__

#define STRACE "/usr/bin/strace"
#define GO_MS  5000 /* for what takes a moment */

/* ---- /proc ---- */

static char *proc(pid_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return slurp(path);
}

static bool proc_has(pid_t pid, const char *name, const char *words)
{
	char *text = proc(pid, name);
	bool found = text != NULL && strstr(text, words) != NULL;
	if (!found) {
		printf("# %s: %s\n", words, text != NULL ? text : "");
	}
	free(text);
	return found;
}

static int count_fds(pid_t pid)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	for (const struct dirent *de; d != NULL && (de = readdir(d)) != NULL;) {
		n += de->d_name[0] != '.';
	}
	if (d != NULL) {
		closedir(d);
	}
	return n;
}

/* Its CPU time in ticks; -1: it is gone, or dead and not yet buried by whoever inherited it. */
static long ticks_of(pid_t pid)
{
	char path[64];
	char text[400] = "";
	char state = 'Z';
	long ticks = -1;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	const char *rest = f != NULL && fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	if (rest != NULL) { /* NOLINTNEXTLINE(cert-err34-c) */
		(void)sscanf(rest, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld", &state,
			     &ticks);
	}
	if (f != NULL) {
		fclose(f);
	}
	return state == 'Z' || state == 'X' ? -1 : ticks;
}

/* Waits until it has used some time, or is dead; false: neither came. */
static bool wait_ticks(pid_t pid, bool dead)
{
	int64_t until = clock_mono_us() + GO_MS * 1000LL;
	long first = ticks_of(pid);
	for (long now = first; clock_mono_us() < until; now = ticks_of(pid)) {
		if (dead ? now < 0 : now > first + 2) {
			return true;
		}
		(void)usleep(1000);
	}
	return false;
}

/* ---- the probe ---- */

struct probe {
	pid_t pid;
	int channel;
};

static const char *probe_path(void)
{
	static struct set s;
	char *name = strrchr((char *)(uintptr_t)program(&s), '/') + 1;
	snprintf(name, 20, "lock-probe");
	return s.path;
}

/* A probe that is locked and waits.  It inherits a descriptor too many. */
static struct probe probe_start(const char *what)
{
	struct probe p = {0, -1};
	int pair[2];
	char said[6];
	const char *path = probe_path();
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p.pid = fork();
	if (p.pid == 0) {
		(void)dup2(pair[1], 3);
		(void)dup2(3, 7);
		execl(path, "lock-probe", what, (char *)NULL);
		_exit(9);
	}
	close(pair[1]);
	p.channel = pair[0];
	CHECK_INT(recv(p.channel, said, sizeof(said), MSG_WAITALL), sizeof(said));
	return p;
}

/* Lets it act; how it ended. */
static int probe_end(const struct probe *p)
{
	int status = 0;
	CHECK_INT(write(p->channel, "!", 1), 1);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
	}
	close(p->channel);
	return status;
}

static int outcome(const char *what)
{
	struct probe p = probe_start(what);
	return probe_end(&p);
}

static void forbidden(void)
{
	char name[80];
	int count = 0;
	char *list = xasprintf("%s --list", probe_path());
	FILE *f = popen(list, "r"); /* NOLINT(cert-env33-c): our own program */
	while (f != NULL && fgets(name, sizeof(name), f) != NULL) {
		name[strcspn(name, "\n")] = '\0';
		char title[160];
		snprintf(title, sizeof(title), "guard 3: the lock ends a process that %s", name);
		count++;
		CASE (title) {
			int status = outcome(name);
			CHECK(WIFSIGNALED(status));
			CHECK_INT(WTERMSIG(status), SIGSYS);
		}
	}
	if (f != NULL) {
		pclose(f);
	}
	free(list);
	CASE ("guard 3: the lock is tried with enough calls") {
		CHECK(count >= 50);
	}
}

static void allowed(void)
{
	CASE ("guard 3: the lock lets a process work: sort, take memory, answer") {
		CHECK_INT(outcome("works"), 0);
	}
	CASE ("guard 3: RLIMIT_AS behind the allocator stops what C takes") {
		CHECK_INT(outcome("memory"), 0);
	}
	CASE ("guard 3: a locked process keeps its channel and standard error, no core, no "
	      "privileges") {
		struct probe p = probe_start("works");
		CHECK_INT(count_fds(p.pid), 2);
		CHECK(proc_has(p.pid, "limits", "Max core file size        0 "));
		CHECK(!proc_has(p.pid, "limits", "Max address space         unlimited"));
		CHECK(proc_has(p.pid, "status", "\nSeccomp:\t2\n"));
		CHECK(proc_has(p.pid, "status", "\nNoNewPrivs:\t1\n"));
		CHECK_INT(probe_end(&p), 0);
	}
}

/* ---- the true process ---- */

static const char question[] = "{\"call\":\"owner\"," DEAL "}";

static void no_environment(void)
{
	CASE ("guard 3: the mapping process has no environment and nothing open") {
		struct set s = {0};
		CHECK_INT(setenv("COSELL_SECRET_OF_THE_TEST", "canary", 1), 0);
		begin_with(&s, NULL);
		CHECK_STR(ask(&s, "{\"call\":\"hello\"}"), "{}");
		char *environ_of = proc(mapper_pid(s.mapper), "environ");
		CHECK_STR(environ_of != NULL ? environ_of : "", "");
		CHECK_INT(count_fds(mapper_pid(s.mapper)), 2);
		free(environ_of);
		end(&s);
	}
}

/* In a process of its own: a host whose mapping loops for a minute; tells the mapping's pid. */
static void host_of_a_loop(int out)
{
	struct set s = {.deadline_ms = 60000};
	begin_with(&s, "return { api = 1, owner = function() while true do end end }");
	CHECK_STR(ask(&s, "{\"call\":\"hello\"}"), "{}");
	pid_t pid = mapper_pid(s.mapper);
	if (write(out, &pid, sizeof(pid)) != sizeof(pid)) {
		_exit(1);
	}
	ask(&s, question);
	_exit(0);
}

static void dies_with_the_host(void)
{
	CASE ("guard 3: PDEATHSIG: a mapping that loops dies with its host") {
		int out[2];
		pid_t mapping = 0;
		CHECK_INT(pipe(out), 0);
		pid_t host = fork();
		if (host == 0) {
			host_of_a_loop(out[1]);
		}
		CHECK_INT(read(out[0], &mapping, sizeof(mapping)), sizeof(mapping));
		CHECK(wait_ticks(mapping, false)); /* it loops, and does not read its channel */
		CHECK_INT(kill(host, SIGKILL), 0);
		CHECK_INT(waitpid(host, NULL, 0), host);
		CHECK(wait_ticks(mapping, true));
		(void)kill(mapping, SIGKILL);
	}
}

/* ---- strace ---- */

static const char hostile[] =
	"local kept = {}\n"
	"local tries = {\n"
	"  function() return os.getenv('HOME') end, function() return io.open('/etc/passwd') end,\n"
	"  function() return require('socket') end, function() return load('return 1') end,\n"
	"  function() while true do pcall(function() while true do end end) end end,\n"
	"  function() local s = 'x' while true do s = s .. s end end,\n"
	"  function() return ('x'):rep(1 << 30) end, function() return ('x'):rep(2 << 20) end,\n"
	"  function() local function f() return 1 + f() end return f() end,\n"
	"  function() error(setmetatable({}, {})) end, function() print('x') end,\n"
	"  function() ctx.log(('x'):rep(1000)) return ctx.fold('Straße') end,\n"
	"  function() return ctx.today .. ctx.country.name_of('DE', 'de') end,\n"
	"  function() for i = 1, 9 do kept[#kept + 1] = ('x'):rep(1 << 20) .. i end return 'x' "
	"end,\n"
	"}\n"
	"return { api = 1, owner = function(d) return tries[d.number]() end,\n"
	"  opportunity = { create = function(_, v) for i = 1, 500 do v['new_' .. i] = i end end } "
	"}\n";

/* A program that is cosell-mapper under strace, which writes to standard error line by line: of a
 * process that is killed nothing is lost. */
static void trace_into(const char *folder)
{
	static struct set s;
	char *wrapper = xasprintf("%s/cosell-mapper", tests_tempdir());
	FILE *f = fopen(wrapper, "w");
	if (CHECK(f != NULL)) {
		fprintf(f, "#!/bin/sh\nexec " STRACE " %s 2>%s/$$\n", program(&s), folder);
		fclose(f);
	}
	CHECK_INT(chmod(wrapper, 0700), 0);
	CHECK_INT(setenv("COSELL_MAPPER", wrapper, 1), 0);
	free(wrapper);
}

static bool is_allowed(const char *call)
{
	static const char *const calls[] = {
		"read(3, ",    "write(3, ", "brk(",        "mmap(",       "munmap(",
		"mremap(",     "mprotect(", "madvise(",    "futex(",      "clock_gettime(",
		"exit_group(", "+++ ",      "--- SIGKILL", "--- SIGPROF", "rt_sigreturn(",
	};
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strncmp(call, calls[i], strlen(calls[i])) == 0) {
			return strstr(call, "PROT_EXEC") == NULL;
		}
	}
	return false;
}

/* Every call of one process behind its lock; their number. */
static int check_log(char *log)
{
	int behind = 0;
	bool locked = false;
	char *rest = NULL;
	CHECK(strstr(log, "openat(") != NULL); /* it sees what was before */
	for (char *line = strtok_r(log, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strstr(line, "SECCOMP_SET_MODE_FILTER, 0, {len=") != NULL) {
			locked = true;
		} else if (locked) {
			behind++;
			if (!CHECK(is_allowed(line))) {
				printf("#   %s\n", line);
			}
		}
	}
	CHECK(locked);
	return behind;
}

/* The logs of all processes. */
static int check_logs(const char *folder)
{
	int behind = 0;
	DIR *d = opendir(folder);
	for (const struct dirent *de; d != NULL && (de = readdir(d)) != NULL;) {
		if (de->d_name[0] >= '0' && de->d_name[0] <= '9') {
			char *path = xasprintf("%s/%s", folder, de->d_name);
			char *text = slurp(path);
			behind += check_log(text);
			free(text);
			free(path);
		}
	}
	if (d != NULL) {
		closedir(d);
	}
	return behind;
}

static void traced(void)
{
	CASE ("guard 3: strace: behind the lock no open, no socket, no exec") {
		struct set s = {.deadline_ms = 2000};
		char *folder = xstrdup(tests_tempdir());
		if (!CHECK(access(STRACE, X_OK) == 0)) {
			printf("# strace is missing: vendor/install test\n");
			break;
		}
		trace_into(folder);
		begin_with(&s, hostile);
		for (int i = 1; i <= 14; i++) {
			char *q = xasprintf("{\"call\":\"owner\",\"d\":{\"number\":%d}}", i);
			CHECK(strstr(ask(&s, q), "system call") == NULL);
			free(q);
		}
		CHECK(strstr(ask(&s, "{\"call\":\"opportunity.create\"," DEAL "}"),
			     "\"new_500\":500"));
		end(&s);
		CHECK(check_logs(folder) > 100);
		free(folder);
	}
}

#endif

void check_lock(void)
{
#ifndef __SANITIZE_ADDRESS__
	forbidden();
	allowed();
	no_environment();
	dies_with_the_host();
	traced();
#endif
}
