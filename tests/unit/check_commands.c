/* Commands: what the list tells of them, and what becomes of one that runs. */
#include "script/commands.h"

#include "script/api.h"
#include "tests.h"

#include <stdlib.h>
#include <string.h>

static int64_t fixed_now(void *ctx)
{
	(void)ctx;
	return 1940000000000;
}

static const struct world world = {.now_ms = fixed_now, .mono_us = fixed_now};

/* ---- a list ---- */

#define FILE_OF(name, text)                                                        \
	{                                                                          \
		(char *)(name), (char *)(name), NULL, (char *)(text), strlen(text) \
	}

static const struct commands_one *named(const struct commands *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].name, name) == 0)
			return &l->at[i];
	return NULL;
}

static const char *help_of(const struct commands *l, const char *name)
{
	const struct commands_one *c = named(l, name);
	return c && c->help ? c->help : "";
}

static void check_list(void)
{
	struct files_one scripts[] = {
		FILE_OF("commands.near", "return { help = 'h', usage = 'u', where = 'here', "
					 "run = function() error('must not run') end }"),
		FILE_OF("commands.far", "return { where = 'host', run = function() end }"),
		FILE_OF("commands.helper", "return { help = 'not a command' }"),
		FILE_OF("commands.broken", "error('boom')"),
		FILE_OF("commands.empty", ""),
		FILE_OF("commands.below.far", "return { run = function() end }"),
		FILE_OF("other", "return { run = function() end }"),
	};
	const struct files f = {.scripts = scripts, .nscripts = sizeof(scripts) / sizeof(*scripts)};
	CASE ("commands_list_tells_what_each_says_of_itself") {
		struct commands l;
		commands_list(&f, NULL, &l);
		const struct commands_one *near = named(&l, "near");
		const struct commands_one *far = named(&l, "far");
		CHECK_STR(help_of(&l, "near"), "h");
		CHECK(near && near->usage && strcmp(near->usage, "u") == 0 && near->here);
		CHECK(far && !far->help && !far->usage && !far->here);
		commands_clear(&l);
		CHECK_INT(l.n, 0);
	}
	CASE ("commands_list_leaves_out_helpers_and_other_folders") {
		struct commands l;
		commands_list(&f, NULL, &l);
		CHECK_INT(l.n, 4);
		CHECK(!named(&l, "helper"));
		commands_clear(&l);
	}
	CASE ("commands_list_keeps_a_broken_one_with_its_error_as_help") {
		struct commands l;
		commands_list(&f, NULL, &l);
		CHECK(strstr(help_of(&l, "broken"), "boom") != NULL);
		CHECK(strstr(help_of(&l, "empty"), "does not return a table") != NULL);
		commands_clear(&l);
	}
	CASE ("commands_list_of_one_name_loads_no_other") {
		struct commands l;
		commands_list(&f, "near", &l);
		CHECK_INT(l.n, 1);
		CHECK_STR(help_of(&l, "near"), "h");
		commands_clear(&l);
		commands_list(&f, "nea", &l);
		CHECK_INT(l.n, 0);
		commands_clear(&l);
		commands_list(&f, "helper", &l);
		CHECK_INT(l.n, 0);
		commands_clear(&l);
	}
}

/* ---- one that runs ---- */

struct rig {
	struct vm *vm;
	struct services services;
	struct tasks *ts;
	struct commands_ear ear;
	struct buf heard; /* "ID o text;" or "ID e text;" of each */
	int ended, dropped, status;
	struct err e;
	bool alone; /* nobody can be asked */
	struct ticket asked;
};

static void on_said(void *ctx, int64_t id, bool is_err, const char *text, size_t n)
{
	struct rig *r = ctx;
	buf_addf(&r->heard, "%d %c %.*s;", (int)id, is_err ? 'e' : 'o', (int)n, text);
}

static void on_ended(void *arg, int status, const struct err *e)
{
	struct rig *r = arg;
	r->ended++;
	r->status = status;
	r->e = *e;
}

static void on_dropped(void *arg, const struct err *why)
{
	struct rig *r = arg;
	r->dropped++;
	r->e = *why;
}

static void on_again(void *ctx, int64_t id, const char *request)
{
	struct rig *r = ctx;
	buf_addf(&r->heard, "%d again %s;", (int)id, request);
}

static bool on_ask(void *ctx, int64_t id, const char *prompt, bool secret, struct ticket k)
{
	struct rig *r = ctx;
	buf_addf(&r->heard, "%d %s %s;", (int)id, secret ? "secret" : "ask", prompt);
	r->asked = k;
	return !r->alone;
}

static struct rig *rig_new(const char *run)
{
	const struct vm_config c = {.requires = true, .strict = true};
	struct rig *r = NEW(struct rig);
	char *text = xasprintf("local kept = {}\nreturn { run = function(cmd) %s end }", run);
	r->vm = vm_new(&c);
	vm_file(r->vm, "commands.it", "it.lua", text, strlen(text));
	free(text);
	r->services.world = &world;
	r->services.tasks = r->ts = tasks_new(r->vm, NULL, &world);
	api_open(r->vm, &r->services);
	r->ear = (struct commands_ear){on_said, on_again, on_ask, r};
	return r;
}

static void rig_free(struct rig *r)
{
	tasks_free(r->ts);
	vm_free(r->vm);
	api_close(&r->services);
	buf_free(&r->heard);
	free(r);
}

static struct task *begin(struct rig *r, int64_t id, const char *request)
{
	const struct commands_call c = {.name = "it",
					.request = request,
					.ear = &r->ear,
					.id = id,
					.ended = on_ended,
					.dropped = on_dropped,
					.arg = r};
	return commands_begin(r->ts, &c);
}

static void run(struct rig *r, int64_t id)
{
	begin(r, id, "{\"args\":[\"x\"],\"width\":80}");
	CHECK(!tasks_run(r->ts, INT64_MAX));
}

static void ends_with(const char *run_text, int status, enum err_kind kind)
{
	struct rig *r = rig_new(run_text);
	run(r, 1);
	CHECK_INT(r->ended, 1);
	CHECK_INT(r->status, status);
	CHECK_INT(r->e.kind, kind);
	rig_free(r);
}

static void check_run(void)
{
	CASE ("commands_run_gets_the_request_and_is_heard") {
		struct rig *r = rig_new("cmd.out(cmd.args[1] .. cmd.width) cmd.err('no')");
		run(r, 7);
		CHECK_STR(r->heard.data, "7 o x80;7 e no;");
		rig_free(r);
	}
	CASE ("commands_result_is_the_exit_status") {
		ends_with("", 0, ERR_NONE);
		ends_with("return true", 0, ERR_NONE);
		ends_with("return false", 1, ERR_NONE);
		ends_with("return 2", 2, ERR_NONE);
		ends_with("return 256", 1, ERR_NONE);
		ends_with("return 'done'", 1, ERR_NONE);
	}
	CASE ("commands_error_is_status_1_and_its_kind") {
		ends_with("return nil, { kind = 'absent', text = 'gone' }", 1, ERR_ABSENT);
		ends_with("error('boom')", 1, ERR_SCRIPT);
	}
	CASE ("commands_again_is_heard_before_the_end") {
		struct rig *r = rig_new("cmd.again('{}') return 0");
		run(r, 3);
		CHECK_STR(r->heard.data, "3 again {};");
		CHECK_INT(r->ended, 1);
		rig_free(r);
	}
	CASE ("commands_ask_waits_for_the_line") {
		struct rig *r = rig_new("cmd.out(cmd.ask('Who? ') .. '!' ..\n"
					" tostring(cmd.ask('Key? ', { secret = true })))");
		begin(r, 4, "{}");
		CHECK(!tasks_run(r->ts, INT64_MAX));
		CHECK_STR(r->heard.data, "4 ask Who? ;");
		CHECK_INT(r->ended, 0);
		commands_answer(r->asked, "me");
		commands_answer(r->asked, "twice"); /* is dropped */
		CHECK(!tasks_run(r->ts, INT64_MAX));
		commands_answer(r->asked, NULL);
		CHECK(!tasks_run(r->ts, INT64_MAX));
		CHECK_STR(r->heard.data, "4 ask Who? ;4 secret Key? ;4 o me!nil;");
		CHECK_INT(r->ended, 1);
		rig_free(r);
	}
	CASE ("commands_ask_nobody_is_nil_at_once") {
		struct rig *r = rig_new("cmd.out(tostring(cmd.ask('Who? ')))");
		r->alone = true;
		run(r, 1);
		CHECK_STR(r->heard.data, "1 ask Who? ;1 o nil;");
		rig_free(r);
	}
	CASE ("commands_ask_of_a_closed_task_is_dropped") {
		struct rig *r = rig_new("cmd.out(cmd.ask('Who? '))");
		struct task *t = begin(r, 1, "{}");
		CHECK(!tasks_run(r->ts, INT64_MAX));
		task_close(t);
		CHECK_INT(r->dropped, 1);
		commands_answer(r->asked, "late");
		CHECK(!tasks_run(r->ts, INT64_MAX));
		CHECK_STR(r->heard.data, "1 ask Who? ;");
		rig_free(r);
	}
	CASE ("commands_kept_out_still_speaks_under_its_own_id") {
		struct rig *r = rig_new("if kept.out then kept.out('late') end kept.out = cmd.out");
		run(r, 1);
		run(r, 2);
		CHECK_STR(r->heard.data, "1 o late;");
		rig_free(r);
	}
	CASE ("commands_request_that_is_no_object_is_refused") {
		struct rig *r = rig_new("cmd.out('ran')");
		begin(r, 1, "7");
		CHECK(!tasks_run(r->ts, INT64_MAX));
		CHECK_INT(r->e.kind, ERR_SCRIPT);
		CHECK(r->heard.data == NULL);
		rig_free(r);
	}
	CASE ("commands_closed_is_dropped_and_not_ended") {
		struct rig *r = rig_new("");
		task_close(begin(r, 1, "{}"));
		CHECK_INT(r->dropped, 1);
		CHECK_INT(r->ended, 0);
		CHECK_INT(r->e.kind, ERR_NONE);
		rig_free(r);
	}
}

void check_commands(void);
void check_commands(void)
{
	check_list();
	check_run();
}
