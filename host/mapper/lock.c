/*
 * The lock of the mapping process: no_new_privs, PDEATHSIG, RLIMIT_AS, no core, seccomp.
 *
 * It owns the list of system calls.  That list must never hold one that opens, connects, executes or
 * signals; what glibc wants only once (the time zone file) is done before the lock.
 */
#include "mapper/lock.h"

#include "base/clock.h"

#ifdef COSELL_UNLOCKED

bool lock_process(int channel, size_t max_memory, struct err *e)
{
	(void)channel;
	(void)max_memory;
	(void)e;
	return true;
}

#else

#include <seccomp.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* For our own buffers, above the cap that the allocator holds: the question, the answer, cjson's. */
#define OWN_MEMORY ((size_t)96 << 20)

static bool failed(struct err *e, const char *what, int number)
{
	return err_set(e, ERR_CONFIG, "cannot lock the mapping process: %s: %s", what,
		       strerror(number));
}

static int by_byte(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

/* What glibc asks the system for once and then knows: the time zone, and for qsort the size of the
 * memory. */
static void warm_up(void)
{
	char iso[CLOCK_ISO];
	char many[4096] = "";
	clock_iso(clock_wall_ms(), iso);
	qsort(many, sizeof(many), 1, by_byte);
	(void)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Nothing but the channel and standard error. */
static void close_others(int channel)
{
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	if (channel > STDERR_FILENO + 1) {
		(void)close_range(STDERR_FILENO + 1, (unsigned)channel - 1, 0);
	}
	(void)close_range((unsigned)channel + 1, ~0U, 0);
}

/* The pages mapped now, from the kernel; 0 if it does not tell. */
static size_t mapped_now(void)
{
	char line[100];
	FILE *f = fopen("/proc/self/statm", "re");
	if (f == NULL) {
		return 0;
	}
	const char *got = fgets(line, sizeof(line), f);
	(void)fclose(f);
	return got != NULL ? strtoul(got, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static bool limit(int what, rlim_t most)
{
	struct rlimit r = {most, most};
	return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

static bool allow_calls(scmp_filter_ctx filter, int channel)
{
	static const int plain[] = {
		SCMP_SYS(brk),        SCMP_SYS(munmap),       SCMP_SYS(mremap),
		SCMP_SYS(madvise),    SCMP_SYS(futex),        SCMP_SYS(clock_gettime),
		SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
	};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof(plain) / sizeof(*plain); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
	}
	const scmp_datum_t exec = PROT_EXEC;
	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0));
	}
	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0));
	}
	if (rc == 0) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)channel, 0));
	}
	const int out[] = {channel, STDERR_FILENO};
	for (size_t i = 0; rc == 0 && i < sizeof(out) / sizeof(*out); i++) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)out[i], 0));
	}
	return rc == 0;
}

static bool lock_calls(int channel, struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (filter == NULL) {
		return failed(e, "seccomp_init", ENOMEM);
	}
	int rc = allow_calls(filter, channel) ? seccomp_load(filter) : -EINVAL;
	seccomp_release(filter);
	return rc == 0 ? true : failed(e, "seccomp", -rc);
}

bool lock_process(int channel, size_t max_memory, struct err *e)
{
	warm_up();
	close_others(channel);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return failed(e, "no_new_privs", errno);
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) { /* if it died just now, the channel tells */
		return failed(e, "PDEATHSIG", errno);
	}
	if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_AS, mapped_now() + max_memory + OWN_MEMORY)) {
		return failed(e, "rlimit", errno);
	}
	return lock_calls(channel, e);
}

#endif
