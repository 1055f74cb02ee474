/* What is told of a change of files: what differs, by short names; and all that is wrong with them. */
#include "script/changes.h"
#include "script/json.h"
#include "script/problems.h"

#include "tests.h"

#include <stdlib.h>
#include <string.h>

#define FILE_OF(name, text)                                                   \
	{                                                                     \
		NULL, (char *)(name), NULL, (char *)(text), sizeof(text) - 1, \
	}

static char *set_of(struct files_one *f, size_t n)
{
	const struct files files = {.mapping = f, .nmapping = n};
	return changes_set(&files);
}

static void told(const char *was, const char *now, const char *json, const char *text)
{
	struct buf j = {0};
	struct buf t = {0};
	changes_tell(was, now, "mappings/x", &j, &t);
	CHECK_STR(j.data, json);
	CHECK_STR(t.data ? t.data : "", text);
	buf_free(&j);
	buf_free(&t);
}

static void check_tell(void)
{
	struct files_one old[] = {FILE_OF("scripts/a.lua", "1"), FILE_OF("mappings/x/b.lua", "2"),
				  FILE_OF("mappings/x/c.lua", "3")};
	struct files_one new[] = {FILE_OF("scripts/a.lua", "4"), FILE_OF("mappings/x/b.lua", "2"),
				  FILE_OF("mappings/x/fixtures/d.json", "")};
	static char *was; /* known to each case, which is a process of its own */
	static char *now;
	was = set_of(old, 3);
	now = set_of(new, 3);
	CASE ("changes_are_told_by_short_names") {
		told(was, now,
		     "[\"scripts/a.lua changed\",\"fixtures/d.json new\",\"c.lua removed\"]",
		     "scripts/a.lua changed, fixtures/d.json new, c.lua removed");
	}
	CASE ("changes_between_equal_or_unknown_sets_are_none") {
		told(was, was, "[]", "");
		told(NULL, now, "[]", "");
		told(was, NULL, "[]", "");
		told("", now, "[]", "");
	}
	CASE ("changes_of_many_files_are_cut_short") {
		struct files_one many[60];
		for (size_t i = 0; i < 60; i++)
			many[i] = (struct files_one){
				.shown = xasprintf("f%02zu", i), .text = (char *)"", .len = 0};
		char *all = set_of(many, 60);
		struct buf j = {0};
		struct buf t = {0};
		changes_tell(was, all, "mappings/x", &j, &t);
		CHECK_STR(t.data, "f00 new, f01 new, f02 new and 60 more");
		CHECK(strstr(j.data, "f49 new\"]") != NULL);
		buf_free(&j);
		buf_free(&t);
		free(all);
		for (size_t i = 0; i < 60; i++)
			free(many[i].shown);
	}
	free(was);
	free(now);
}

static void shortened(const char *text, const char *want)
{
	char *s = changes_short(text, "mappings/x");
	CHECK_STR(s, want);
	free(s);
}

static void check_short(void)
{
	CASE ("changes_short_names_lose_their_folder_and_nothing_else") {
		shortened("mappings/x/a.lua:3: mappings/x/b.lua", "a.lua:3: b.lua");
		shortened("mappings/xy/a.lua: mappings/x", "mappings/xy/a.lua: mappings/x");
		shortened("/my/mappings/x/a.lua", "/my/mappings/x/a.lua");
		shortened("", "");
	}
}

/* ---- problems ---- */

static void listed(const char *json, const char *want)
{
	const struct vm_config c = {.strict = true};
	struct vm *v = vm_new(&c);
	struct buf out = {0};
	struct err e;
	err_set(&e, ERR_CONFIG, "as it is");
	json_open(vm_lua(v));
	problems_list(v, json, &e, &out);
	CHECK_STR(out.data, want);
	CHECK_INT(lua_gettop(vm_lua(v)), 0);
	buf_free(&out);
	vm_free(v);
}

static void check_problems(void)
{
	CASE ("problems_are_listed_from_either_form") {
		listed("[{\"text\":\"a\"},{\"text\":\"b\"}]",
		       "[{\"text\":\"a\"},{\"text\":\"b\"}]");
		listed("{\"fixtures\":2,\"problems\":[{\"line\":3}]}", "[{\"line\":3}]");
	}
	CASE ("problems_that_are_no_list_are_the_error_alone") {
		listed(NULL, "[{\"text\":\"as it is\"}]");
		listed("[]", "[{\"text\":\"as it is\"}]");
		listed("{\"problems\":[]}", "[{\"text\":\"as it is\"}]");
		listed("{\"problems\"", "[{\"text\":\"as it is\"}]");
		listed("7", "[{\"text\":\"as it is\"}]");
	}
	CASE ("problems_none_counts_fixtures") {
		const struct vm_config c = {.strict = true};
		struct vm *v = vm_new(&c);
		struct err e;
		int n = -1;
		static const char fine[] = "{\"fixtures\":14,\"problems\":[]}";
		static const char bad[] = "{\"problems\":[{\"file\":\"a.lua\",\"line\":2,"
					  "\"text\":\"no\"},{\"text\":\"b\"}]}";
		json_open(vm_lua(v));
		CHECK(problems_none(v, fine, strlen(fine), &n, &e));
		CHECK_INT(n, 14);
		CHECK(!problems_none(v, bad, strlen(bad), &n, &e));
		CHECK_STR(e.text, "a.lua:2: no (and 1 more)");
		CHECK(!problems_none(v, "{}", 2, &n, &e));
		vm_free(v);
	}
}

void check_changes(void);
void check_changes(void)
{
	check_tell();
	check_short();
	check_problems();
}
