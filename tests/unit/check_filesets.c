/*
 * The administrator's files of the last generations: kept once, found again byte for byte, bounded.
 */
#include "store/filesets.h"

#include "store_kit.h"

#include <string.h>

void check_filesets(void);

static struct db *d;
static struct filesets *f;

static void start(void)
{
	d = open_db(":memory:");
	f = filesets_new(d);
}

static void stop(void)
{
	CHECK(commit(d));
	filesets_free(f);
	db_close(d);
}

/* One of two files differs by generation. */
static bool keep(int generation, const char *details)
{
	struct err e;
	const struct fileset_file files[] = {{"profile", "return {}", 9},
					     {"details", details, strlen(details)}};
	return filesets_keep(f, generation, files, 2, &e);
}

static void join_file(void *arg, const struct fileset_file *file)
{
	buf_addf(arg, "%s=%.*s;", file->role, (int)file->len, file->text);
}

static void holds(int generation, const char *want)
{
	struct buf b = {0};
	struct err e;
	CHECK(filesets_get(f, generation, join_file, &b, &e));
	CHECK_STR(b.data ? b.data : "", want);
	buf_free(&b);
}

static void join_row(void *arg, const struct fileset_row *row)
{
	buf_addf(arg, "%d:%d %s; ", (int)row->generation, (int)row->files, row->changed);
}

static void lists(const char *want)
{
	struct buf b = {0};
	struct err e;
	CHECK(filesets_list(f, join_row, &b, &e));
	CHECK_STR(b.data ? b.data : "", want);
	buf_free(&b);
}

static void counts(const char *sql, const char *want)
{
	char *got = ask(d, sql);
	CHECK_STR(got, want);
	free(got);
}

void check_filesets(void)
{
	CASE ("filesets_give_back_what_was_kept") {
		start();
		struct err e;
		const struct fileset_file odd = {"details", "a\0b\xff", 4};
		CHECK(filesets_keep(f, 3, &odd, 1, &e));
		CHECK(keep(4, "return 4"));
		holds(4, "details=return 4;profile=return {};");
		holds(5, "");
		counts("select hex(text) from file_text where length(text) = 4", "610062FF");
		stop();
	}
	CASE ("filesets_keep_a_generation_once") {
		start();
		CHECK(keep(1, "return 1"));
		CHECK(keep(1, "return 2"));
		holds(1, "details=return 1;profile=return {};");
		counts("select count(*) from generation", "1");
		stop();
	}
	CASE ("filesets_say_what_changed") {
		start();
		struct err e;
		const struct fileset_file alone = {"profile", "return {}", 9};
		CHECK(keep(1, "return 1") && keep(2, "return 1") && keep(3, "return 3"));
		CHECK(filesets_keep(f, 4, &alone, 1, &e));
		lists("4:1 [\"details\"]; 3:2 [\"details\"]; 2:2 []; "
		      "1:2 [\"details\",\"profile\"]; ");
		stop();
	}
	CASE ("filesets_are_bounded_and_each_text_is_there_once") {
		start();
		for (int i = 1; i <= FILESETS_KEPT + 5; i++) {
			char *text = xasprintf("return %d", i);
			CHECK(keep(i, text));
			free(text);
		}
		holds(5, "");
		holds(6, "details=return 6;profile=return {};");
		counts("select count(*) from generation", "20");
		counts("select count(*) from generation_file", "40");
		counts("select count(*) from file_text", "21");
		stop();
	}
}
