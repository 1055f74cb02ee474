/*
 * Making the world, and a child of it for each run.
 *
 * Owns the folder with profile and secrets, and the calls that the person makes to the world itself
 * (socket "world"): begin, start, kill, net.  A child says what it found through a pipe; one that
 * crashes or never ends is a violation too.
 */
#include "run.h"

#include "base/buf.h"
#include "io/wire.h"
#include "sides.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MOST   400000 /* events of one run */
#define SECONDS_MOST 120    /* real ones */
#define ROOT_SEED    20310228
#define HOLES_MOST   ((size_t)64 << 20)

static struct sides_config config;
static char folder[] = "/tmp/cosell-world-XXXXXX";
static struct wire_call *begun; /* the person waits for its seed */
static struct loop_timer *up;   /* starts a killed host again */
static int64_t down_ms = 500;
static bool serving, down;
static long kills;

/* ---- the person's words to the world ---- */

/* {"args":["WORDS"...: the first argument, "" if there is none. To be freed. */
static char *first_arg(const char *json)
{
	static const char head[] = "\"args\":[\"";
	const char *at = strstr(json, head);
	if (!at)
		return xstrdup("");
	at += strlen(head);
	return xmemdup0(at, strcspn(at, "\""));
}

static void start_host(void *arg)
{
	(void)arg;
	struct err e = {0};
	down = false;
	serving = true;
	if (!host_start(&config, &e))
		trace("host cannot start: %s", e.text);
}

/* The next number of a text of words, and where it ends. */
static int64_t number(const char **at)
{
	char *end = NULL;
	long long n = strtoll(*at, &end, 10);
	if (end == *at)
		abort(); /* draw.lua writes them */
	*at = end;
	return n;
}

/* "before N DOWN", "after N DOWN": at the n-th commit; "request N DOWN"; "now 0 DOWN" */
static void arm(const char *words)
{
	const char *at = words + strcspn(words, " ");
	int64_t n = number(&at);
	down_ms = number(&at);
	if (strncmp(words, "now", 3) == 0)
		host_kill();
	else if (strncmp(words, "request", 7) == 0)
		net_kill_in(n);
	else
		disk_kill_in(n, strncmp(words, "before", 6) == 0 ? DISK_BEFORE : DISK_AFTER);
}

static void disarm(void)
{
	net_kill_in(0);
	disk_kill_in(0, DISK_BEFORE);
}

/* In the order of struct net_faults. */
static void set_faults(const char *words)
{
	struct net_faults f = {0};
	f.lose_request = (int)number(&words);
	f.lose_answer = (int)number(&words);
	f.refuse = (int)number(&words);
	f.lose_event = (int)number(&words);
	f.twice = (int)number(&words);
	f.latency_ms = number(&words);
	f.late_ms = number(&words);
	net_faults_set(&f);
}

static void on_word(void *ctx, struct wire_call *c, const char *command, const char *json)
{
	(void)ctx;
	char *arg = first_arg(json);
	trace("world %s %s", command, arg);
	if (strcmp(command, "begin") == 0) {
		begun = c;
		free(arg);
		return;
	}
	if (strcmp(command, "start") == 0)
		start_host(NULL);
	else if (strcmp(command, "kill") == 0)
		arm(arg);
	else if (strcmp(command, "net") == 0)
		set_faults(arg);
	else if (strcmp(command, "calm") == 0)
		disarm();
	char said[64];
	int n = snprintf(said, sizeof(said), "%s %ld %ld", host_ready() ? "up" : "down", kills,
			 net_copies());
	wire_out(c, said, (size_t)n);
	wire_exit(c, 0);
	free(arg);
}

/* ---- the course of a world ---- */

/* One event; a host that died is started again when its time has come. */
static bool step(void)
{
	if (serving && !down && host_dead()) {
		kills++;
		down = true;
		loop_timer_set(up, down_ms);
	}
	return world_step();
}

static char *real(const char *path, struct err *e)
{
	char *at = realpath(path, NULL);
	if (!at)
		err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	return at;
}

/* COSELL_SCRIPTS, or those beside the build folder that this program stands in. */
static bool find_parts(struct err *e)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return err_set(e, ERR_CONFIG, "this program has no path");
	self[n] = '\0';
	config.self = xstrdup(self);
	*strrchr(self, '/') = '\0';
	const char *given = getenv("COSELL_SCRIPTS");
	char *scripts = given ? xstrdup(given) : xasprintf("%s/../../scripts", self);
	char *commands = xasprintf("%s/../../tests/property", self);
	char *defaults = xasprintf("%s/../../mappings/default", self);
	char *countries = xasprintf("%s/../countries.lua", self);
	config.scripts = real(scripts, e);
	config.commands = real(commands, e);
	config.defaults = real(defaults, e);
	config.countries = real(countries, e);
	free(scripts);
	free(commands);
	free(defaults);
	free(countries);
	return config.scripts && config.commands && config.defaults && config.countries;
}

/* Keys are slow to make: kept beside those of the stories, but apart, for their dates differ. */
static void keep_keys(void)
{
	const char *given = getenv("COSELL_SIM_KEYS");
	char *keys = xasprintf("%s/world", given ? given : folder);
	(void)mkdir(keys, 0700);
	(void)setenv("COSELL_SIM_KEYS", keys, 1);
	free(keys);
}

static bool make_folder(struct err *e)
{
	if (!mkdtemp(folder))
		return err_set(e, ERR_CONFIG, "%s: %s", folder, strerror(errno));
	char *profile = xasprintf("%s/profile", folder);
	(void)mkdir(profile, 0700);
	config.profile = profile;
	keep_keys();
	return true;
}

/* Takes every hole in the heap for good, so that a child's memory is new: each byte that it writes
 * into the parent's costs it the copy of a page.  Another allocator than glibc's may have its holes
 * elsewhere: it is left alone after a while. */
static void plug_holes(void)
{
	const char *edge = xmalloc(1 << 20);
	size_t left = HOLES_MOST;
	for (size_t size = 1 << 19; size >= 16; size -= size > 1024 ? size / 2 : 16) {
		for (char *p = xmalloc(size); p < edge && left > size; p = xmalloc(size))
			left -= size;
	}
}

static void set_heap(void)
{
	/* What a child takes it never gives back. */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
	(void)mallopt(M_TOP_PAD, 16 << 20);
}

bool run_prepare(struct err *e)
{
	set_heap();
	steady_begin();
	disk_open();
	net_begin(ROOT_SEED);
	host_reseed(ROOT_SEED + 1);
	practice_reseed(ROOT_SEED + 2);
	trace_begin(getenv("WORLD_SHOW") != NULL);
	struct loop *own = loop_new(e);
	if (own)
		up = loop_timer_new(own, start_host, NULL);
	if (!own || !find_parts(e) || !make_folder(e) ||
	    !wire_listen(own, "world", on_word, NULL, e))
		return false;
	char *request = xasprintf("{\"args\":[\"%s\"],\"width\":80,\"color\":false,\"tty\":false,"
				  "\"cwd\":\"/\"}",
				  folder);
	bool ok = practice_start(&config, "world", request, e);
	free(request);
	for (long i = 0; ok && !begun; i++)
		if (i > STEPS_MOST || practice_status() >= 0 || !step())
			ok = err_set(e, ERR_CONFIG, "the world cannot be made: %s %s",
				     practice_said()->data ? practice_said()->data : "",
				     host_fatal() ? host_fatal() : "");
	steady_tidy();
	plug_holes();
	return ok;
}

void run_end(void)
{
	char *command = xasprintf("rm -rf '%s'", folder);
	if (system(command) != 0) /* NOLINT(cert-env33-c): our own folder */
		fprintf(stderr, "%s is left\n", folder);
	free(command);
}

/* ---- a child ---- */

static void seed_all(uint64_t seed)
{
	struct dice d = {seed};
	net_begin(dice_next(&d));
	host_reseed(dice_next(&d));
	practice_reseed(dice_next(&d));
}

/* The rest of a run, in the child: what was found goes down the pipe. */
static _Noreturn void live(const struct run *r, int to)
{
	(void)alarm(SECONDS_MOST);
	seed_all(r->seed);
	trace_begin(r->show);
	practice_said()->len = 0;
	char *answer = xasprintf("{\"seed\":%llu,\"skip\":[%s]}", (unsigned long long)r->seed,
				 r->skip ? r->skip : "");
	wire_out(begun, answer, strlen(answer));
	wire_exit(begun, 0);
	free(answer);
	long n = 0;
	bool going = true;
	while (practice_status() < 0 && going)
		going = ++n < STEPS_MOST && !host_fatal() && step();
	struct buf out = {0};
	buf_addf(&out, "%d %016llx\n", practice_status(), (unsigned long long)trace_hash());
	if (practice_said()->len > 0)
		buf_add(&out, practice_said()->data, practice_said()->len);
	if (host_fatal())
		buf_addf(&out, "the host ended by itself: %s\n", host_fatal());
	else if (practice_status() < 0)
		buf_adds(&out, going ? "" : "it never comes to its end\n");
	for (size_t at = 0; at < out.len;) {
		ssize_t put = write(to, out.data + at, out.len - at);
		if (put <= 0)
			_exit(3);
		at += (size_t)put;
	}
	_exit(0);
}

/* ---- its parent ---- */

static char *read_all(int from)
{
	struct buf b = {0};
	char part[4096];
	ssize_t n = 0;
	while ((n = read(from, part, sizeof(part))) > 0)
		buf_add(&b, part, (size_t)n);
	return buf_take(&b);
}

static void judge(struct run *r, const char *text, int how)
{
	char *at = NULL;
	if (WIFSIGNALED(how)) {
		r->said = xasprintf("it was ended by signal %d%s\n", WTERMSIG(how),
				    WTERMSIG(how) == SIGALRM ? " (it took too long)" : "");
		return;
	}
	const char *rest = strchr(text, '\n');
	if (!rest) {
		r->said = xasprintf("the run said nothing: %s\n", text);
		return;
	}
	r->good = strtol(text, &at, 10) == 0;
	r->hash = strtoull(at, NULL, 16);
	r->said = xstrdup(rest + 1);
	const char *steps = strstr(r->said, "steps ");
	r->steps = steps ? (int)strtol(steps + 6, NULL, 10) : 0;
}

void run_world(struct run *r)
{
	int ends[2];
	int how = 0;
	r->good = false;
	(void)fflush(NULL);
	if (pipe(ends) != 0)
		abort();
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		(void)close(ends[0]);
		live(r, ends[1]);
	}
	(void)close(ends[1]);
	char *text = read_all(ends[0]);
	(void)close(ends[0]);
	while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
	}
	judge(r, text, how);
	free(text);
}

void run_clear(struct run *r)
{
	free(r->said);
	r->said = NULL;
}
