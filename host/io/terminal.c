/*
 * Asking a person, or the file or program that stands in for one.
 *
 * Reads byte by byte and never past the line it wants: the rest of the input is the next question's,
 * or the next program's.  Never changes a descriptor's flags, which it shares with the shell.  Must
 * leave the terminal as it was.
 */
#include "io/terminal.h"

#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

struct terminal {
	struct loop *loop;
	int in, out;
	bool hidden; /* the echo is off: before says how it was */
	struct termios before;
	char line[TERMINAL_LINE + 1]; /* never moved: a copy left behind might be a secret's */
	size_t len;
	bool bad; /* no line that can be taken */
	struct loop_fd *ready;
	struct loop_timer *soon; /* for what cannot be waited for: files, nothing */
	terminal_answer *done;
	void *arg;
};

/* ---- the echo ---- */

static void hide(struct terminal *t)
{
	if (tcgetattr(t->in, &t->before) != 0)
		return;
	struct termios quiet = t->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	quiet.c_lflag |= ECHONL; /* the line end shows, as proof that it was taken */
	t->hidden = tcsetattr(t->in, TCSADRAIN, &quiet) == 0;
}

static void show(struct terminal *t)
{
	if (t->hidden)
		(void)tcsetattr(t->in, TCSADRAIN, &t->before);
	t->hidden = false;
}

/* ---- the line ---- */

static void print(const struct terminal *t, const char *text)
{
	size_t left = strlen(text);
	while (left > 0) {
		ssize_t n = write(t->out, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		left -= (size_t)n;
	}
}

static void stop_reading(struct terminal *t)
{
	loop_fd_free(t->ready);
	loop_timer_clear(t->soon);
	t->ready = NULL;
	show(t);
}

static void finish(struct terminal *t, bool ended)
{
	bool none = t->bad || (ended && t->len == 0);
	stop_reading(t);
	if (ended || !isatty(t->in))
		print(t, "\n"); /* nobody typed a line end that would show */
	if (t->bad)
		print(t, "that is no line of text that can be taken\n");
	if (t->len > 0 && t->line[t->len - 1] == '\r')
		t->len--;
	t->line[t->len] = '\0';
	t->done(t->arg, none ? NULL : t->line); /* does not ask again from here */
	explicit_bzero(t->line, sizeof(t->line));
}

/* false: the question is answered. */
static bool take(struct terminal *t)
{
	char c = '\0';
	ssize_t n = read(t->in, &c, 1);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0 || c == '\n') {
		finish(t, n <= 0);
		return false;
	}
	if (c == '\0' || t->len == TERMINAL_LINE)
		t->bad = true;
	else
		t->line[t->len++] = c;
	return true;
}

static void on_ready(void *arg, int ready)
{
	(void)ready;
	struct terminal *t = arg;
	struct pollfd more = {.fd = t->in, .events = POLLIN};
	while (take(t) && poll(&more, 1, 0) == 1)
		;
}

static void on_soon(void *arg)
{
	struct terminal *t = arg;
	while (take(t))
		;
}

static bool can_wait(int fd)
{
	struct stat st;
	return isatty(fd) ||
	       (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

/* ---- the object ---- */

struct terminal *terminal_new(struct loop *l, int in, int out)
{
	struct terminal *t = NEW(struct terminal);
	t->loop = l;
	t->in = in;
	t->out = out;
	t->soon = loop_timer_new(l, on_soon, t);
	return t;
}

void terminal_free(struct terminal *t)
{
	if (!t)
		return;
	stop_reading(t);
	loop_timer_free(t->soon);
	explicit_bzero(t->line, sizeof(t->line));
	free(t);
}

void terminal_ask(struct terminal *t, const char *prompt, bool secret, terminal_answer *done,
		  void *arg)
{
	t->done = done;
	t->arg = arg;
	t->bad = false;
	t->len = 0;
	print(t, prompt);
	if (secret)
		hide(t);
	if (can_wait(t->in))
		t->ready = loop_fd_new(t->loop, t->in, LOOP_READ, on_ready, t);
	else
		loop_timer_set(t->soon, 0);
}
