/*
 * host.child: programs that a command which runs here starts, watches and ends.
 *
 * A child's output (1 and 2 together) is read as it comes and kept whole up to a cap; its input, if it
 * gets one, is a pipe that is written little by little, as a person types.  Owns the child through
 * userdata: one that is forgotten is killed and reaped.
 */
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MOST (16u << 20)
#define WORDS_MOST  512

extern char **environ;

struct kid {
	struct services *s;
	struct child *child;
	int in;  /* -1: it has none, or that is closed */
	int out; /* -1: at its end */
	struct loop_fd *ready;
	struct buf output;
	size_t at; /* where the next line begins */
	bool ended;
	int status;
	struct waiter *waiters;
};

enum want { WANT_LINE, WANT_END };

struct waiter {
	struct waiter *next;
	struct kid *kid;
	struct ticket ticket;
	enum want want;
	struct loop_timer *timer;
};

/* What a waiter gets. */
struct news {
	enum want want;
	char *line;
	size_t len;
	int status;
};

static int push_news(lua_State *co, void *arg)
{
	struct news *n = arg;
	if (!co) {
		free(n->line);
		free(n);
		return 0;
	}
	if (n->want == WANT_LINE && n->line) {
		lua_pushlstring(co, n->line, n->len);
	} else if (n->want == WANT_LINE) {
		lua_pushnil(co);
	} else {
		bool signalled = WIFSIGNALED(n->status);
		lua_createtable(co, 0, 1);
		lua_pushinteger(co, signalled ? WTERMSIG(n->status) : WEXITSTATUS(n->status));
		lua_setfield(co, -2, signalled ? "signal" : "exit");
	}
	return 1;
}

/* It is out of the list already. */
static void waiter_end(struct waiter *w)
{
	loop_timer_free(w->timer);
	free(w);
}

static void waiter_unlink(struct waiter *w)
{
	struct waiter **at = &w->kid->waiters;
	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

static void waiter_free(void *arg)
{
	struct waiter *w = arg;
	waiter_unlink(w);
	waiter_end(w);
}

static void waiter_wake(struct waiter *w, struct news *n)
{
	n->want = w->want;
	task_wake(w->ticket, push_news, n);
	waiter_end(w);
}

static void waiter_late(void *arg)
{
	struct waiter *w = arg;
	struct news *n = NEW(struct news);
	waiter_unlink(w);
	n->status = w->kid->status; /* of one that has ended: wait() is then late at once */
	waiter_wake(w, n);
}

/* The next whole line, or the rest at the end; NULL: not yet, or none. */
static struct news *next_line(struct kid *k)
{
	if (k->at == k->output.len)
		return NULL;
	const char *from = k->output.data + k->at;
	const char *end = memchr(from, '\n', k->output.len - k->at);
	if (!end && k->out >= 0)
		return NULL;
	struct news *n = NEW(struct news);
	n->len = end ? (size_t)(end - from) : k->output.len - k->at;
	n->line = xmemdup0(from, n->len);
	k->at += n->len + (end ? 1 : 0);
	return n;
}

/* What this waiter gets now, or NULL. */
static struct news *news_for(struct kid *k, enum want want)
{
	struct news *n = want == WANT_LINE ? next_line(k) : NULL;
	bool over = want == WANT_LINE ? k->out < 0 : k->ended && k->out < 0;
	if (!n && over) {
		n = NEW(struct news);
		n->status = k->status;
	}
	return n;
}

static void tell(struct kid *k)
{
	struct waiter **at = &k->waiters;
	while (*at) {
		struct waiter *w = *at;
		struct news *n = news_for(k, w->want);
		if (!n) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		waiter_wake(w, n);
	}
}

static void out_close(struct kid *k)
{
	if (k->out < 0)
		return;
	loop_fd_free(k->ready);
	close(k->out);
	k->out = -1;
}

static void on_output(void *arg, int ready)
{
	(void)ready;
	struct kid *k = arg;
	char part[16384];
	ssize_t n = 0;
	while ((n = read(k->out, part, sizeof(part))) > 0)
		if (k->output.len < OUTPUT_MOST)
			buf_add(&k->output, part, (size_t)n);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		out_close(k);
	tell(k);
}

static void on_end(void *arg, int status)
{
	struct kid *k = arg;
	k->ended = true;
	k->status = status;
	if (k->out >= 0)
		on_output(k, LOOP_READ);
	out_close(k); /* what a grandchild still writes is not waited for */
	tell(k);
}

static void in_close(struct kid *k)
{
	if (k->in >= 0)
		close(k->in);
	k->in = -1;
}

static void kid_free(struct kid *k)
{
	out_close(k);
	in_close(k);
	if (k->child)
		child_free(k->child);
	buf_free(&k->output);
	free(k);
}

/* ---- the Lua object ---- */

static const char kid_type[] = "cosell.child";

static struct kid *check_kid(lua_State *L)
{
	struct kid **box = luaL_checkudata(L, 1, kid_type);
	if (!*box)
		luaL_argerror(L, 1, "the child is gone");
	return *box;
}

static int l_kid_gc(lua_State *L)
{
	struct kid **box = luaL_checkudata(L, 1, kid_type);
	struct kid *k = *box;
	*box = NULL;
	if (k)
		kid_free(k);
	return 0;
}

static int wait_for(lua_State *L, struct kid *k, enum want want, int64_t timeout_ms)
{
	struct task *t = task_of(L);
	struct waiter *w = NEW(struct waiter);
	w->kid = k;
	w->want = want;
	w->ticket = task_ticket(t);
	w->next = k->waiters;
	k->waiters = w;
	w->timer = loop_timer_new(k->s->loop, waiter_late, w);
	if (timeout_ms >= 0)
		loop_timer_set(w->timer, timeout_ms);
	return task_wait(L, t, false, waiter_free, w);
}

/* child:wait() (suspends) -> {exit=} or {signal=} */
static int l_wait(lua_State *L)
{
	struct kid *k = check_kid(L);
	task_of(L);
	return wait_for(L, k, WANT_END, k->ended && k->out < 0 ? 0 : -1);
}

/* child:line(timeout_ms) (suspends) -> line | nil at the end or too late */
static int l_line(lua_State *L)
{
	struct kid *k = check_kid(L);
	lua_Integer ms = luaL_optinteger(L, 2, 10000);
	task_of(L);
	size_t rest = k->output.len - k->at;
	const char *from = rest ? k->output.data + k->at : "";
	const char *end = memchr(from, '\n', rest);
	if (end || (rest && k->out < 0)) {
		size_t n = end ? (size_t)(end - from) : rest;
		lua_pushlstring(L, from, n);
		k->at += n + (end ? 1 : 0);
		return 1;
	}
	if (k->out < 0) {
		lua_pushnil(L);
		return 1;
	}
	return wait_for(L, k, WANT_LINE, ms < 0 ? 0 : ms);
}

/* child:pid() -> int */
static int l_pid(lua_State *L)
{
	struct kid *k = check_kid(L);
	lua_pushinteger(L, child_pid(k->child));
	return 1;
}

/* child:output() -> everything so far */
static int l_output(lua_State *L)
{
	struct kid *k = check_kid(L);
	lua_pushlstring(L, k->output.data ? k->output.data : "", k->output.len);
	return 1;
}

/* child:kill("TERM"|...) */
static int l_kill(lua_State *L)
{
	static const char *const names[] = {"TERM", "KILL", "HUP",  "INT", "STOP",
					    "CONT", "USR1", "USR2", NULL};
	static const int numbers[] = {SIGTERM, SIGKILL, SIGHUP,  SIGINT,
				      SIGSTOP, SIGCONT, SIGUSR1, SIGUSR2};
	struct kid *k = check_kid(L);
	int signo = numbers[luaL_checkoption(L, 2, "TERM", names)];
	if (!k->ended)
		child_kill(k->child, signo);
	return 0;
}

/* child:write(text or nil) -> true | nil, err: into its input; nil: that is all */
static int l_write(lua_State *L)
{
	struct kid *k = check_kid(L);
	size_t n = 0;
	const char *text = luaL_optlstring(L, 2, NULL, &n);
	luaL_argcheck(L, k->in >= 0, 1, "the child has no input, or it was closed");
	struct err e;
	if (!text)
		in_close(k);
	else if (write(k->in, text, n) != (ssize_t)n) {
		err_set(&e, ERR_NET, "the child's input takes no more");
		return vm_fail(L, &e);
	}
	lua_pushboolean(L, true);
	return 1;
}

/* ---- start ---- */

/* The texts of argv; they live as long as the table. */
static size_t read_argv(lua_State *L, const char *path, const char **argv)
{
	size_t n = 0;
	argv[n++] = path;
	if (lua_getfield(L, 1, "argv") != LUA_TNIL) {
		luaL_argcheck(L, lua_istable(L, -1), 1, "argv: a list of strings");
		for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
			luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 1,
				      "argv: a list of strings");
			luaL_argcheck(L, n < WORDS_MOST - 1, 1, "argv: too long");
			argv[n++] = lua_tostring(L, -1);
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	argv[n] = NULL;
	return n;
}

/* "K=V" strings: those of `env`, then this process's others. The made ones stay on the Lua
 * stack. */
static void read_env(lua_State *L, const char **env)
{
	size_t n = 0;
	lua_newtable(L); /* keeps the strings */
	int keep = lua_gettop(L);
	if (lua_getfield(L, 1, "env") != LUA_TNIL) {
		luaL_argcheck(L, lua_istable(L, -1), 1, "env: a table of strings");
		lua_pushnil(L);
		while (lua_next(L, -2)) {
			luaL_argcheck(
				L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING,
				1, "env: a table of strings");
			luaL_argcheck(L, n < WORDS_MOST - 1, 1, "env: too long");
			env[n] = lua_pushfstring(L, "%s=%s", lua_tostring(L, -2),
						 lua_tostring(L, -1));
			lua_rawseti(L, keep, (lua_Integer)++n);
			lua_pop(L, 1);
		}
	}
	lua_pop(L, 1);
	size_t own = n;
	for (char **i = environ; *i && n < WORDS_MOST - 1; i++) {
		size_t key = strcspn(*i, "=") + 1;
		size_t at = 0;
		while (at < own && strncmp(env[at], *i, key) != 0)
			at++;
		if (at == own)
			env[n++] = *i;
	}
	env[n] = NULL;
}

/* A pipe of which our end never blocks. */
static bool make_pipe(int ends[2], int ours, struct err *e)
{
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set(e, ERR_CONFIG, "cannot make a pipe: %s", strerror(errno));
	(void)fcntl(ends[ours], F_SETFL, O_NONBLOCK);
	return true;
}

static bool start(struct kid *k, struct child_spec *spec, bool input, struct err *e)
{
	int ends[2];
	int in[2] = {0, -1};
	if (input && !make_pipe(in, 1, e))
		return false;
	k->in = in[1];
	if (!make_pipe(ends, 0, e)) {
		if (input)
			close(in[0]);
		return false;
	}
	spec->channel = -1;
	spec->out = ends[1];
	spec->in = in[0];
	k->child = child_start(k->s->loop, spec, on_end, k, e);
	close(ends[1]);
	if (input)
		close(in[0]);
	if (!k->child) {
		close(ends[0]);
		return false;
	}
	k->out = ends[0];
	k->ready = loop_fd_new(k->s->loop, k->out, LOOP_READ, on_output, k);
	return true;
}

/* host.child.start{path=, argv=, env=, dir=, input=} -> child | nil, err */
static int l_start(lua_State *L)
{
	static const char *const keys[] = {"path", "argv", "env", "dir", "input", NULL};
	struct services *s = api_local(L);
	const char *argv[WORDS_MOST];
	const char *env[WORDS_MOST];
	api_check_keys(L, 1, keys);
	struct child_spec spec = {.path = api_opt_string(L, 1, "path", NULL),
				  .argv = argv,
				  .env = env,
				  .dir = api_opt_string(L, 1, "dir", NULL)};
	bool input = api_opt_bool(L, 1, "input");
	if (!spec.path)
		spec.path = s->self;
	read_argv(L, spec.path, argv);
	read_env(L, env);
	struct kid **box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, kid_type);
	struct err e;
	struct kid *k = NEW(struct kid);
	k->s = s;
	k->in = k->out = -1;
	if (!start(k, &spec, input, &e)) {
		kid_free(k);
		return vm_fail(L, &e);
	}
	*box = k;
	return 1;
}

void api_child_open(lua_State *L)
{
	static const luaL_Reg methods[] = {{"wait", l_wait},     {"line", l_line},
					   {"pid", l_pid},       {"kill", l_kill},
					   {"output", l_output}, {"write", l_write},
					   {NULL, NULL}};
	static const luaL_Reg functions[] = {{"start", l_start}, {NULL, NULL}};
	luaL_newmetatable(L, kid_type);
	lua_pushcfunction(L, l_kid_gc);
	lua_setfield(L, -2, "__gc");
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	api_table(L, "child", functions);
}
