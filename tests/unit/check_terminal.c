/* io/terminal: lines from a pipe, a file, a terminal whose echo goes and comes back. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/terminal.h"
#include "pump.h"
#include "tests.h"

void check_terminal(void);

struct rig {
	struct loop *loop;
	struct terminal *t;
	int in, feed; /* what it reads; where we write that */
	int out;      /* what it printed */
	char got[TERMINAL_LINE + 2];
	bool none, done;
};

static void on_answer(void *arg, const char *line)
{
	struct rig *r = arg;
	CHECK(!r->done);
	r->done = true;
	r->none = line == NULL;
	(void)snprintf(r->got, sizeof(r->got), "%s", line ? line : "");
}

static struct rig *rig_new(int in, int feed)
{
	struct err e;
	int ends[2];
	struct rig *r = NEW(struct rig);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
	r->loop = loop_new(&e);
	r->in = in;
	r->feed = feed;
	r->out = ends[0];
	r->t = terminal_new(r->loop, in, ends[1]);
	return r;
}

static struct rig *rig_of_pipe(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		abort();
	return rig_new(ends[0], ends[1]);
}

/* Our side is what a person sees and types at. */
static struct rig *rig_of_terminal(void)
{
	int person = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (person < 0 || grantpt(person) != 0 || unlockpt(person) != 0)
		abort();
	int in = open(ptsname(person), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(in >= 0);
	(void)fcntl(person, F_SETFL, O_NONBLOCK);
	return rig_new(in, person);
}

static void rig_free(struct rig *r)
{
	terminal_free(r->t);
	loop_free(r->loop);
	free(r);
}

static void type(const struct rig *r, const char *text, size_t n)
{
	CHECK_INT(write(r->feed, text, n), n);
}

static const char *ask(struct rig *r, bool secret)
{
	r->done = false;
	terminal_ask(r->t, "Who? ", secret, on_answer, r);
	CHECK(!r->done);
	CHECK(pump(r->loop, pump_flag, &r->done, 5000));
	return r->none ? NULL : r->got;
}

static bool echoes(const struct rig *r)
{
	struct termios now;
	return tcgetattr(r->in, &now) == 0 && (now.c_lflag & ECHO) != 0;
}

/* Everything that waits in a descriptor, as text. */
static const char *held(int fd, char *text, size_t size)
{
	ssize_t n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void from_pipes(void)
{
	char said[200];
	CASE ("terminal_lines_of_a_pipe_are_read_one_by_one") {
		struct rig *r = rig_of_pipe();
		type(r, "one\r\n\nlast", 10);
		(void)close(r->feed);
		CHECK_STR(ask(r, false), "one");
		CHECK_STR(ask(r, true), "");
		CHECK_STR(ask(r, false), "last");
		CHECK(ask(r, false) == NULL);
		CHECK_STR(held(r->out, said, sizeof(said)), "Who? \nWho? \nWho? \nWho? \n");
		rig_free(r);
	}
	CASE ("terminal_leaves_the_rest_of_a_pipe_to_the_next_program") {
		struct rig *r = rig_of_pipe();
		type(r, "one\nrest\n", 9);
		CHECK_STR(ask(r, false), "one");
		CHECK_STR(held(r->in, said, sizeof(said)), "rest\n");
		rig_free(r);
	}
	CASE ("terminal_waits_for_what_comes_later") {
		struct rig *r = rig_of_pipe();
		type(r, "la", 2);
		terminal_ask(r->t, "", false, on_answer, r);
		CHECK(!pump(r->loop, pump_flag, &r->done, 30));
		type(r, "ter\n", 4);
		CHECK(pump(r->loop, pump_flag, &r->done, 5000));
		CHECK_STR(r->got, "later");
		rig_free(r);
	}
	CASE ("terminal_line_at_the_cap_is_taken_and_one_beyond_is_not") {
		struct rig *r = rig_of_pipe();
		char line[TERMINAL_LINE + 2];
		memset(line, 'x', sizeof(line));
		line[TERMINAL_LINE] = '\n';
		type(r, line, TERMINAL_LINE + 1);
		CHECK_INT(strlen(ask(r, false)), TERMINAL_LINE);
		line[TERMINAL_LINE] = 'x';
		line[TERMINAL_LINE + 1] = '\n';
		type(r, line, TERMINAL_LINE + 2);
		type(r, "a\0b\nnext\n", 9);
		CHECK(ask(r, false) == NULL);
		CHECK(ask(r, false) == NULL);
		CHECK_STR(ask(r, false), "next");
		CHECK(strstr(held(r->out, said, sizeof(said)), "no line of text") != NULL);
		rig_free(r);
	}
	CASE ("terminal_reads_a_file_and_nothing_at_all") {
		char *path = xasprintf("%s/answers", tests_tempdir());
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		CHECK_INT(write(fd, "a\nb\n", 4), 4);
		CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
		struct rig *r = rig_new(fd, -1);
		CHECK_STR(ask(r, false), "a");
		CHECK_STR(ask(r, true), "b");
		CHECK(ask(r, false) == NULL);
		rig_free(r);
		r = rig_new(open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
		CHECK(ask(r, false) == NULL);
		rig_free(r);
		r = rig_new(-1, -1);
		CHECK(ask(r, true) == NULL);
		rig_free(r);
		free(path);
	}
}

static void from_terminals(void)
{
	char said[200];
	CASE ("terminal_shows_what_is_typed") {
		struct rig *r = rig_of_terminal();
		terminal_ask(r->t, "", false, on_answer, r);
		type(r, "Ada\n", 4);
		CHECK(pump(r->loop, pump_flag, &r->done, 5000));
		CHECK_STR(r->got, "Ada");
		CHECK_STR(held(r->feed, said, sizeof(said)), "Ada\r\n");
		rig_free(r);
	}
	CASE ("terminal_hides_a_secret_and_puts_the_echo_back") {
		struct rig *r = rig_of_terminal();
		terminal_ask(r->t, "", true, on_answer, r);
		CHECK(!echoes(r));
		type(r, "hush\n", 5);
		CHECK(pump(r->loop, pump_flag, &r->done, 5000));
		CHECK_STR(r->got, "hush");
		CHECK_STR(held(r->feed, said, sizeof(said)), "\r\n");
		CHECK(echoes(r));
		rig_free(r);
	}
	CASE ("terminal_freed_in_the_middle_puts_the_echo_back") {
		struct rig *r = rig_of_terminal();
		terminal_ask(r->t, "", true, on_answer, r);
		terminal_free(r->t);
		CHECK(echoes(r));
		r->t = NULL;
		rig_free(r);
	}
	CASE ("terminal_end_of_input_is_no_answer") {
		struct rig *r = rig_of_terminal();
		terminal_ask(r->t, "", true, on_answer, r);
		type(r, "\4", 1);
		CHECK(pump(r->loop, pump_flag, &r->done, 5000));
		CHECK(r->none && echoes(r));
		rig_free(r);
	}
}

void check_terminal(void)
{
	from_pipes();
	from_terminals();
}
