/*
 * lock-probe NAME: locks itself as the mapping process does (host/mapper/lock.c, unchanged), and then does
 * what a mapping never gets to do, from C: the guard behind the guards.
 *
 *	lock-probe --list     the names of what must end it
 *
 * Descriptor 3 is the channel.  It writes "locked" there, waits for a byte, acts, and exits with 0 if
 * it was let.  "memory" exits with 0 if it was refused between what Lua may have and what is too much.
 */
#include "mapper/lock.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHANNEL    3
#define MAX_MEMORY ((size_t)64 << 20)
#define TOO_MUCH   ((size_t)256 << 20)
#define PART       ((size_t)1 << 20)

static char name[] = "/etc/hostname";
static char room[4096];
static char *const none[] = {NULL};

#define ARG(p) ((long)(intptr_t)(p))

/* What must end the process: a system call and its arguments. */
static const struct act {
	const char *name;
	long number;
	long args[4];
} acts[] = {
	{"opens a file", SYS_openat, {AT_FDCWD, ARG(name), O_RDONLY}},
	{"opens a file the old way", SYS_open, {ARG(name), O_RDONLY}},
	{"makes a file",
	 SYS_openat,
	 {AT_FDCWD, ARG("/tmp/cosell-probe"), O_CREAT | O_WRONLY, 0600}},
	{"looks at a file", SYS_newfstatat, {AT_FDCWD, ARG(name), ARG(room)}},
	{"reads a link", SYS_readlinkat, {AT_FDCWD, ARG("/proc/self/exe"), ARG(room), 100}},
	{"removes a file", SYS_unlinkat, {AT_FDCWD, ARG("/tmp/cosell-probe"), 0}},
	{"renames a file",
	 SYS_renameat2,
	 {AT_FDCWD, ARG("/tmp/cosell-a"), AT_FDCWD, ARG("/tmp/b")}},
	{"makes a folder", SYS_mkdirat, {AT_FDCWD, ARG("/tmp/cosell-probe.d"), 0700}},
	{"reads a folder", SYS_getdents64, {CHANNEL, ARG(room), sizeof(room)}},
	{"changes its folder", SYS_chdir, {ARG("/")}},
	{"makes a socket to the network", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
	{"makes a socket to a program", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
	{"makes a pair of sockets", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, ARG(room)}},
	{"connects its channel", SYS_connect, {CHANNEL, ARG(room), 16}},
	{"sends a message with descriptors", SYS_sendmsg, {CHANNEL, ARG(room), 0}},
	{"takes a message with descriptors", SYS_recvmsg, {CHANNEL, ARG(room), 0}},
	{"executes a program", SYS_execve, {ARG("/nonexistent"), ARG(none), ARG(none)}},
	{"executes an open program", SYS_execveat, {CHANNEL, ARG(""), ARG(none), ARG(none)}},
	{"forks", SYS_fork, {0}},
	{"forks the old fast way", SYS_vfork, {0}},
	{"makes a thread", SYS_clone, {SIGCHLD, 0}},
	{"makes a thread the new way", SYS_clone3, {ARG(room), 64}},
	{"signals its host", SYS_kill, {1, SIGTERM}},
	{"signals itself", SYS_tgkill, {1, 1, SIGTERM}},
	{"traces its host", SYS_ptrace, {PTRACE_ATTACH, 1}},
	{"reads its host's memory", SYS_process_vm_readv, {1, ARG(room), 1, ARG(room)}},
	{"asks who it is", SYS_getuid, {0}},
	{"becomes another", SYS_setuid, {0}},
	{"outlives its host", SYS_prctl, {PR_SET_PDEATHSIG, 0}},
	{"lifts its limits", SYS_prlimit64, {0, RLIMIT_AS, ARG(room), 0}},
	{"lifts its lock", SYS_seccomp, {0, 0, 0}},
	{"maps memory to execute",
	 SYS_mmap,
	 {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
	{"makes memory executable", SYS_mprotect, {ARG(room), 4096, PROT_READ | PROT_EXEC}},
	{"makes memory executable by key", SYS_pkey_mprotect, {ARG(room), 4096, PROT_EXEC, 0}},
	{"shares memory", SYS_shmget, {0, 4096, 0600}},
	{"makes a file of memory", SYS_memfd_create, {ARG(name), 0}},
	{"makes a ring for calls", SYS_io_uring_setup, {1, ARG(room)}},
	{"loads a program into the kernel", SYS_bpf, {0, ARG(room), 64}},
	{"handles its own page faults", SYS_userfaultfd, {0}},
	{"asks the keyring", SYS_keyctl, {0, 0}},
	{"mounts", SYS_mount, {ARG(name), ARG(name), ARG(name), 0}},
	{"has a namespace of its own", SYS_unshare, {CLONE_NEWUSER}},
	{"copies its channel", SYS_dup, {CHANNEL}},
	{"copies its channel by fcntl", SYS_fcntl, {CHANNEL, F_DUPFD, 10}},
	{"controls its channel", SYS_ioctl, {CHANNEL, 0x541b, ARG(room)}},
	{"reads from standard error", SYS_read, {STDERR_FILENO, ARG(room), 1}},
	{"reads from standard input", SYS_read, {STDIN_FILENO, ARG(room), 1}},
	{"writes to standard output", SYS_write, {STDOUT_FILENO, ARG(name), 1}},
	{"writes to any descriptor", SYS_write, {9, ARG(name), 1}},
	{"writes from two places", SYS_writev, {CHANNEL, ARG(room), 0}},
	{"sleeps", SYS_nanosleep, {ARG(room), 0}},
	{"waits for an event", SYS_poll, {ARG(room), 0, 0}},
	{"asks for the memory of the machine", SYS_sysinfo, {ARG(room)}},
#ifdef __x86_64__
	{"calls by other numbers", 0x40000000 | SYS_getpid, {0}},
#endif
};

#define NACTS (sizeof(acts) / sizeof(*acts))

/* ---- what must go on ---- */

static int by_place(const void *a, const void *b)
{
	const char *const *x = (const char *const *)a;
	const char *const *y = (const char *const *)b;
	return (*x > *y) - (*x < *y);
}

/* The sorting of many names and large buffers, as for a long answer. */
static int work(void)
{
	static const char *names[5000];
	for (size_t i = 0; i < 5000; i++) {
		names[i] = room + (i * 7) % sizeof(room);
	}
	qsort(names, 5000, sizeof(*names), by_place);
	void *p = malloc(8 << 20);
	void *q = p != NULL ? realloc(p, 24 << 20) : NULL;
	free(q != NULL ? q : p);
	return q != NULL && write(CHANNEL, names[0], 1) == 1 ? 0 : 1;
}

/* Takes memory until it is refused: more than Lua may have, and not without end. */
static int take_memory(void)
{
	static void *all[TOO_MUCH / PART];
	size_t taken = 0;
	while (taken < TOO_MUCH && (all[taken / PART] = malloc(PART)) != NULL) {
		taken += PART;
	}
	return taken > MAX_MEMORY && taken < TOO_MUCH ? 0 : 1;
}

static int act(const char *what)
{
	for (size_t i = 0; i < NACTS; i++) {
		const struct act *a = &acts[i];
		if (strcmp(what, a->name) == 0) {
			(void)syscall(a->number, a->args[0], a->args[1], a->args[2], a->args[3], -1,
				      0);
			return 0;
		}
	}
	return strcmp(what, "works") == 0    ? work()
	       : strcmp(what, "memory") == 0 ? take_memory()
					     : 2;
}

int main(int argc, char **argv)
{
	struct err e;
	char go;
	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < NACTS; i++) {
			puts(acts[i].name);
		}
		return 0;
	}
	if (argc < 2 || !lock_process(CHANNEL, MAX_MEMORY, &e)) {
		return 3;
	}
	if (write(CHANNEL, "locked", 6) != 6 || read(CHANNEL, &go, 1) != 1) {
		_exit(4);
	}
	_exit(act(argv[1]));
}
