/* io/wire: questions on the way of a command, and peers that break off or say what nobody asked. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/frames.h"
#include "io/terminal.h"
#include "io/wire.h"
#include "pump.h"
#include "tests.h"

void check_wire(void);

struct rig {
	struct loop *loop;
	char *path;
	struct wire_listener *listener;
	struct wire_call *call; /* the command in hand */
	struct wire_ask *ask;
	struct buf heard; /* by both sides */
	bool came, answered, asked, gone, done;
};

static void on_command(void *ctx, struct wire_call *c, const char *command, const char *json)
{
	struct rig *r = ctx;
	buf_addf(&r->heard, "%s %s;", command, json);
	r->call = c;
	r->came = true;
}

static void on_gone(void *arg)
{
	struct rig *r = arg;
	CHECK(!r->gone);
	r->gone = true;
}

static void on_answer(void *arg, const char *line)
{
	struct rig *r = arg;
	buf_addf(&r->heard, "answer %.20s;", line ? line : "none");
	r->answered = true;
}

static void on_text(void *ctx, bool is_err, const char *text, size_t n)
{
	struct rig *r = ctx;
	buf_addf(&r->heard, "%c %.*s;", is_err ? 'e' : 'o', (int)n, text);
}

static void on_ask(void *ctx, const char *prompt, bool secret)
{
	struct rig *r = ctx;
	buf_addf(&r->heard, "%s %s;", secret ? "secret" : "asked", prompt);
	r->asked = true;
}

static void on_done(void *ctx, int status, const struct err *e)
{
	struct rig *r = ctx;
	buf_addf(&r->heard, "end %d%s;", status, e ? " broken" : "");
	r->done = true;
}

static struct rig *rig_new(void)
{
	struct err e;
	struct rig *r = NEW(struct rig);
	r->loop = loop_new(&e);
	r->path = xasprintf("%s/wire", tests_tempdir());
	r->listener = wire_listen(r->loop, r->path, on_command, r, &e);
	CHECK(r->listener != NULL);
	return r;
}

static void rig_free(struct rig *r)
{
	wire_ask_free(r->ask);
	wire_listener_free(r->listener);
	turn(r->loop, 2);
	loop_free(r->loop);
	buf_free(&r->heard);
	free(r->path);
	free(r);
}

static bool until(struct rig *r, bool *flag)
{
	return pump(r->loop, pump_flag, flag, 5000);
}

static struct rig *rig_with_command(bool can_ask)
{
	struct rig *r = rig_new();
	const struct wire_reply reply = {on_text, can_ask ? on_ask : NULL, on_done, r};
	struct err e;
	r->ask = wire_ask(r->loop, r->path, "it", "{}", &reply, &e);
	CHECK(until(r, &r->came));
	wire_on_gone(r->call, on_gone, r);
	return r;
}

static void questions(void)
{
	CASE ("wire_question_follows_the_text_before_it_and_is_answered") {
		struct rig *r = rig_with_command(true);
		wire_out(r->call, "first", 5);
		wire_question(r->call, "Key? ", true, on_answer, r);
		CHECK(until(r, &r->asked));
		wire_answer(r->ask, "abc");
		CHECK(until(r, &r->answered));
		r->answered = false;
		r->asked = false;
		wire_question(r->call, "More? ", false, on_answer, r);
		CHECK(until(r, &r->asked));
		wire_answer(r->ask, NULL);
		CHECK(until(r, &r->answered));
		wire_exit(r->call, 3);
		CHECK(until(r, &r->done));
		CHECK_STR(r->heard.data, "it {};o first;secret Key? ;answer abc;asked More? ;"
					 "answer none;end 3;");
		rig_free(r);
	}
	CASE ("wire_question_to_who_cannot_be_asked_is_answered_with_none") {
		struct rig *r = rig_with_command(false);
		wire_question(r->call, "Key? ", true, on_answer, r);
		CHECK(until(r, &r->answered));
		wire_exit(r->call, 0);
		CHECK(until(r, &r->done));
		CHECK_STR(r->heard.data, "it {};answer none;end 0;");
		rig_free(r);
	}
	CASE ("wire_question_whose_peer_leaves_is_never_answered") {
		struct rig *r = rig_with_command(true);
		wire_question(r->call, "Key? ", true, on_answer, r);
		CHECK(until(r, &r->asked));
		wire_ask_free(r->ask);
		r->ask = NULL;
		CHECK(until(r, &r->gone));
		CHECK(!r->answered);
		wire_exit(r->call, 1);
		rig_free(r);
	}
}

static void nothing(void *arg, const char *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
}

static void nobody(void *arg, const char *why)
{
	(void)arg;
	(void)why;
}

/* A peer that says what a peer of ours never says, after its command. */
static void breaks(bool ask_first, const char *frame, size_t n)
{
	struct rig *r = rig_new();
	struct err e;
	struct frames *f =
		frames_new(r->loop, frames_connect(r->path, &e), 1000, nothing, nobody, NULL);
	frames_send(f, "it\n{}", 5);
	CHECK(until(r, &r->came));
	wire_on_gone(r->call, on_gone, r);
	if (ask_first)
		wire_question(r->call, "Key? ", true, on_answer, r);
	frames_send(f, frame, n);
	CHECK(until(r, &r->gone));
	CHECK(!r->answered);
	wire_exit(r->call, 1);
	frames_free(f);
	rig_free(r);
}

static void strangers(void)
{
	CASE ("wire_answer_that_nobody_asked_for_ends_the_call_and_no_more") {
		breaks(false, "aline", 5);
		breaks(false, "it\n{}", 5);
		breaks(false, "", 0);
	}
	CASE ("wire_answer_that_is_none_ends_the_call") {
		char line[TERMINAL_LINE + 2];
		memset(line, 'a', sizeof(line));
		breaks(true, line, sizeof(line));
		breaks(true, "xline", 5);
		breaks(true, "al\0ne", 5);
		breaks(true, "nothing", 7);
		breaks(true, "", 0);
	}
}

void check_wire(void)
{
	questions();
	strangers();
}
