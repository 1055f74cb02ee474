/* The file set: what is read under which name, what its hash tells, and what is refused. */
#include "script/files.h"

#include "base/buf.h"
#include "tests.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void check_files(void);

struct tree {
	char *dir, *scripts, *defaults, *profile;
	struct files_source source;
	struct files files;
	struct err e;
};

static char *folder(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	CHECK(mkdir(path, 0755) == 0);
	return path;
}

static void put(const char *dir, const char *name, const char *text, size_t len)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	CHECK(f != NULL && fwrite(text, 1, len, f) == len && fclose(f) == 0);
	free(path);
}

/* A whole set with one file of each kind. */
static struct tree tree_new(void)
{
	struct tree t = {.dir = xstrdup(tests_tempdir())};
	t.scripts = folder(t.dir, "s");
	t.defaults = folder(t.dir, "d");
	t.profile = folder(t.dir, "p");
	t.source = (struct files_source){.scripts = t.scripts,
					 .defaults = t.defaults,
					 .profile = t.profile,
					 .shown = "mine"};
	free(folder(t.scripts, "flows"));
	free(folder(t.profile, "fixtures"));
	put(t.scripts, "main.lua", "return 1", 8);
	put(t.scripts, "host.lua", "return 2", 8);
	put(t.scripts, ".draft.lua", "return 3", 8);
	put(t.scripts, "flows/helper.lua", "return 4", 8);
	put(t.defaults, "details.lua", "return 5", 8);
	put(t.profile, "profile.lua", "return 6", 8);
	put(t.profile, "notes.txt", "none", 4);
	put(t.profile, "fixtures/one.json", "{}", 2);
	return t;
}

static void tree_free(struct tree *t)
{
	files_clear(&t->files);
	free(t->scripts);
	free(t->defaults);
	free(t->profile);
	free(t->dir);
}

static void change_mode(const char *dir, const char *name, mode_t mode)
{
	char *path = xasprintf("%s/%s", dir, name);
	CHECK(chmod(path, mode) == 0);
	free(path);
}

/* Reading must fail and name the file and the reason. */
static void refused(struct tree *t, const char *name, const char *because)
{
	if (!CHECK(!files_read(&t->files, &t->source, &t->e))) {
		return;
	}
	CHECK_INT(t->e.kind, ERR_CONFIG);
	if (!CHECK(strstr(t->e.text, name) != NULL && strstr(t->e.text, because) != NULL)) {
		CHECK_STR(t->e.text, because);
	}
}

/* "name=text " of each, in order. */
static char *listed(const struct files_one *f, size_t n)
{
	struct buf b = {0};
	buf_adds(&b, "");
	for (size_t i = 0; i < n; i++) {
		buf_addf(&b, "%s=%s ", f[i].name, f[i].text);
	}
	return buf_take(&b);
}

static void check_sets(void)
{
	CASE ("files_read_gives_modules_and_roles_and_leaves_out_the_rest") {
		struct tree t = tree_new();
		CHECK(files_read(&t.files, &t.source, &t.e));
		char *scripts = listed(t.files.scripts, t.files.nscripts);
		char *mapping = listed(t.files.mapping, t.files.nmapping);
		CHECK_STR(scripts, "flows.helper=return 4 main=return 1 ");
		CHECK_STR(mapping, "default.details=return 5 fixture:one={} profile=return 6 ");
		CHECK_STR(files_mapping(&t.files, "profile")->shown, "mine/profile.lua");
		CHECK(files_mapping(&t.files, "notes") == NULL);
		free(scripts);
		free(mapping);
		tree_free(&t);
	}
	CASE ("files_of_a_mapping_elsewhere_are_read_there_and_nowhere_else") {
		struct tree t = tree_new();
		char *elsewhere = folder(t.dir, "m");
		free(folder(elsewhere, "fixtures"));
		put(elsewhere, "details.lua", "return 7", 8);
		put(elsewhere, "profile.lua", "return 8", 8);
		put(elsewhere, "fixtures/two.json", "{}", 2);
		t.source.mapping = elsewhere;
		t.source.mapping_shown = "theirs";
		refused(&t, "mine/fixtures",
			"`mapping` of the profile names theirs; move it there");
		t.source.lent = true;
		CHECK(files_read(&t.files, &t.source, &t.e));
		char *mapping = listed(t.files.mapping, t.files.nmapping);
		CHECK_STR(mapping, "default.details=return 5 profile=return 6 details=return 7 "
				   "fixture:two={} ");
		CHECK_STR(files_mapping(&t.files, "details")->shown, "theirs/details.lua");
		files_clear(&t.files);
		t.source.mapping = "/none";
		refused(&t, "theirs", "there is no such folder");
		free(mapping);
		free(elsewhere);
		tree_free(&t);
	}
	CASE ("files_hash_is_that_of_names_and_contents") {
		struct tree t = tree_new();
		CHECK(files_read(&t.files, &t.source, &t.e));
		char *before = xstrdup(t.files.hash);
		files_clear(&t.files);
		put(t.scripts, "main.lua", "return 1", 8); /* touched, and the same */
		CHECK(files_read(&t.files, &t.source, &t.e));
		CHECK_STR(t.files.hash, before);
		files_clear(&t.files);
		put(t.scripts, "main.lua", "return 7", 8);
		CHECK(files_read(&t.files, &t.source, &t.e));
		CHECK(strcmp(t.files.hash, before) != 0);
		free(before);
		tree_free(&t);
	}
}

static void check_refusals(void)
{
	CASE ("files_that_everybody_may_write_are_refused") {
		struct tree t = tree_new();
		change_mode(t.scripts, "flows/helper.lua", 0646);
		refused(&t, "flows/helper.lua", "everybody may write it");
		change_mode(t.scripts, "flows/helper.lua", 0664);
		CHECK(files_read(&t.files, &t.source, &t.e));
		files_clear(&t.files);
		change_mode(t.profile, "profile.lua", 0602);
		refused(&t, "profile.lua", "everybody may write it");
		tree_free(&t);
	}
	CASE ("files_that_are_pipes_are_refused_and_hold_nobody_up") {
		struct tree t = tree_new();
		char *path = xasprintf("%s/pipe.lua", t.scripts);
		CHECK(mkfifo(path, 0600) == 0);
		refused(&t, "pipe.lua", "not a plain file");
		free(path);
		tree_free(&t);
	}
	CASE ("files_above_256_kib_are_refused") {
		struct tree t = tree_new();
		size_t most = (size_t)256 << 10;
		char *text = xcalloc(most + 1, 1);
		put(t.profile, "details.lua", text, most);
		CHECK(files_read(&t.files, &t.source, &t.e));
		CHECK_INT(files_mapping(&t.files, "details")->len, most);
		files_clear(&t.files);
		put(t.profile, "details.lua", text, most + 1);
		refused(&t, "details.lua", "larger than 256 KiB");
		free(text);
		tree_free(&t);
	}
	CASE ("files_without_a_profile_or_a_folder_are_refused") {
		struct tree t = tree_new();
		t.source.profile = t.defaults;
		refused(&t, "mine", "there is no profile.lua");
		t.source.profile = "/nowhere/at/all";
		refused(&t, "mine", "there is no profile.lua");
		t.source.profile = t.profile;
		t.source.scripts = "/nowhere/at/all";
		refused(&t, "/nowhere/at/all", "No such file");
		tree_free(&t);
	}
}

/* ---- files that change meanwhile ---- */

struct writer {
	struct tree *t;
	atomic_bool stop;
};

/* "a", then "z", get the next number, over and over; between two numbers it rests now and then. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	for (int n = 2; !atomic_load(&w->stop); n++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "%08d", n);
		put(w->t->scripts, "a.lua", text, (size_t)len);
		put(w->t->scripts, "z.lua", text, (size_t)len);
		struct timespec rest = {.tv_nsec = n % 7 == 0 ? 12000000 : 300000};
		(void)nanosleep(&rest, NULL);
	}
	return NULL;
}

static int number_in(const struct files *f, const char *name)
{
	for (size_t i = 0; i < f->nscripts; i++) {
		if (strcmp(f->scripts[i].name, name) == 0) {
			return f->scripts[i].len == 8 ? (int)strtol(f->scripts[i].text, NULL, 10)
						      : -1;
		}
	}
	return -1;
}

static void check_changes(void)
{
	CASE ("guard 4: a set that changes while it is read is one that stood there at one time") {
		struct tree t = tree_new();
		struct writer w = {.t = &t};
		pthread_t thread;
		int whole = 0;
		put(t.scripts, "a.lua", "00000001", 8);
		put(t.scripts, "z.lua", "00000001", 8);
		for (int i = 0; i < 60; i++) {
			char name[32];
			snprintf(name, sizeof(name), "m%d.lua", i);
			put(t.scripts, name, "return 1", 8);
		}
		CHECK(pthread_create(&thread, NULL, write_on, &w) == 0);
		for (int i = 0; i < 400; i++) {
			if (!files_read(&t.files, &t.source, &t.e)) {
				CHECK(strstr(t.e.text, "keep changing") != NULL);
				continue;
			}
			int a = number_in(&t.files, "a");
			int z = number_in(&t.files, "z");
			CHECK(a < 0 || z < 0 || a == z || a == z + 1); /* -1: half written, then */
			whole += a == z;
			files_clear(&t.files);
		}
		CHECK(whole > 0);
		atomic_store(&w.stop, true);
		(void)pthread_join(thread, NULL);
		tree_free(&t);
	}
}

void check_files(void)
{
	check_sets();
	check_refusals();
	check_changes();
}
