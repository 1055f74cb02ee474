/* io/watch: changes are heard wherever they happen below, once things are quiet. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/watch.h"
#include "pump.h"
#include "tests.h"

void check_watch(void);

enum { QUIET_MS = 20 };

struct stage {
	struct loop *loop;
	struct watch *watch;
	char *dir;
	int calls;
	bool called;
	bool free_in_call;
};

static void on_changed(void *arg)
{
	struct stage *s = arg;
	s->calls++;
	s->called = true;
	if (s->free_in_call) {
		watch_free(s->watch);
		s->watch = NULL;
	}
}

static char *path_of(const struct stage *s, const char *name)
{
	return xasprintf("%s/%s", s->dir, name);
}

static void put(const struct stage *s, const char *name, const char *text)
{
	char *path = path_of(s, name);
	FILE *f = fopen(path, "w");
	if (CHECK(f != NULL)) {
		(void)fputs(text, f);
		CHECK_INT(fclose(f), 0);
	}
	free(path);
}

static void folder(const struct stage *s, const char *name)
{
	char *path = path_of(s, name);
	CHECK_INT(mkdir(path, 0700), 0);
	free(path);
}

static void change_name(const struct stage *s, const char *from, const char *to)
{
	char *a = path_of(s, from);
	char *b = path_of(s, to);
	CHECK_INT(rename(a, b), 0);
	free(a);
	free(b);
}

static struct stage *stage_new(void)
{
	struct err e;
	struct stage *s = NEW(struct stage);
	s->loop = loop_new(&e);
	s->dir = xasprintf("%s/profile", tests_tempdir());
	CHECK_INT(mkdir(s->dir, 0700), 0);
	folder(s, "sub");
	folder(s, "sub/deep");
	put(s, "sub/deep/a.lua", "old");
	s->watch = watch_new(s->loop, QUIET_MS, on_changed, s, &e);
	CHECK(s->watch != NULL);
	CHECK(watch_add(s->watch, s->dir, &e));
	return s;
}

static void stage_free(struct stage *s)
{
	watch_free(s->watch);
	loop_free(s->loop);
	free(s->dir);
	free(s);
}

static bool heard(struct stage *s)
{
	bool got = pump(s->loop, pump_flag, &s->called, 5000);
	(void)pump(s->loop, NULL, NULL, 3 * QUIET_MS); /* until it is quiet again */
	s->called = false;
	return got;
}

void check_watch(void)
{
	CASE ("watch_hears_writes_renames_and_removals_below") {
		struct stage *s = stage_new();
		char *path = path_of(s, "sub/deep/b.lua");
		CHECK(!pump(s->loop, pump_flag, &s->called, 3 * QUIET_MS)); /* nothing yet */
		put(s, "profile.lua", "x");
		CHECK(heard(s));
		put(s, "sub/deep/a.lua", "new");
		CHECK(heard(s));
		change_name(s, "sub/deep/a.lua", "sub/deep/b.lua");
		CHECK(heard(s));
		CHECK_INT(unlink(path), 0);
		CHECK(heard(s));
		free(path);
		stage_free(s);
	}
	CASE ("watch_hears_folders_that_come_later") {
		struct stage *s = stage_new();
		folder(s, "late");
		folder(s, "late/r"); /* before the watch can be there */
		CHECK(heard(s));
		put(s, "late/r/x.lua", "1");
		CHECK(heard(s));
		folder(s, "sub/more");
		CHECK(heard(s));
		put(s, "sub/more/y.lua", "1");
		CHECK(heard(s));
		change_name(s, "sub/more", "sub/other");
		CHECK(heard(s));
		put(s, "sub/other/y.lua", "2");
		CHECK(heard(s));
		stage_free(s);
	}
	CASE ("watch_many_changes_are_one_call") {
		struct stage *s = stage_new();
		for (int i = 0; i < 50; i++) {
			put(s, "profile.lua", "again");
			turn(s->loop, 1);
		}
		CHECK(heard(s));
		CHECK(s->calls <= 2); /* 2: a slow machine was quiet in between */
		stage_free(s);
	}
	CASE ("watch_a_stream_of_changes_is_still_told") {
		struct stage *s = stage_new();
		int64_t end = clock_mono_us() + 5000000;
		while (!s->called && clock_mono_us() < end) {
			put(s, "profile.lua", "again");
			turn(s->loop, 1);
		}
		CHECK(s->called);
		stage_free(s);
	}
	CASE ("watch_finds_a_replaced_root_again") {
		struct stage *s = stage_new();
		char *moved = xasprintf("%s.old", s->dir);
		CHECK_INT(rename(s->dir, moved), 0);
		CHECK(heard(s));
		CHECK_INT(mkdir(s->dir, 0700), 0);
		folder(s, "sub");
		CHECK(heard(s));
		put(s, "sub/x.lua", "1");
		CHECK(heard(s));
		free(moved);
		stage_free(s);
	}
	CASE ("watch_may_be_freed_in_its_call") {
		struct stage *s = stage_new();
		s->free_in_call = true;
		put(s, "profile.lua", "x");
		CHECK(pump(s->loop, pump_flag, &s->called, 5000));
		turn(s->loop, 2);
		stage_free(s);
	}
	CASE ("watch_add_of_no_folder_is_an_error") {
		struct stage *s = stage_new();
		struct err e;
		CHECK(!watch_add(s->watch, "/nowhere/at/all", &e));
		CHECK_INT(e.kind, ERR_CONFIG);
		CHECK(strstr(e.text, "/nowhere/at/all") != NULL);
		put(s, "profile.lua", "x");
		char *file = path_of(s, "profile.lua");
		CHECK(!watch_add(s->watch, file, &e));
		free(file);
		stage_free(s);
	}
}
