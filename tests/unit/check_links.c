/*
 * Links, aliases, bases, notes and marks.
 */
#include "store/links.h"

#include "store_kit.h"

#include <string.h>

void check_links(void);

static struct db *d;
static struct links *l;

static void start(void)
{
	d = open_db(":memory:");
	l = links_new(d);
}

static void stop(void)
{
	CHECK(commit(d));
	links_free(l);
	db_close(d);
}

static int64_t add(const char *doc)
{
	struct err e;
	int64_t id = 0;
	CHECK(links_add(l, doc, &id, &e));
	return id;
}

static void holds(int64_t id, const char *want)
{
	struct err e;
	char *doc;
	CHECK(links_get(l, id, &doc, &e));
	CHECK_STR(doc, want);
	free(doc);
}

static bool alias(int64_t id, const char *remote, const char *key, struct err *e)
{
	return links_alias_set(l, id, remote, key, e);
}

static int64_t owner(const char *remote, const char *key)
{
	struct err e;
	int64_t id = -1;
	CHECK(links_alias_get(l, remote, key, &id, &e));
	return id;
}

static void base_is(int64_t id, const char *side, const char *want)
{
	struct err e;
	char *doc;
	CHECK(links_base_get(l, id, side, &doc, &e));
	CHECK_STR(doc, want);
	free(doc);
}

static void mark_is(const char *name, const char *want)
{
	struct err e;
	char *value;
	CHECK(links_mark_get(l, name, &value, &e));
	CHECK_STR(value, want);
	free(value);
}

static int64_t note(int64_t id, const char *kind, const char *doc)
{
	struct err e;
	int64_t n = 0;
	CHECK(links_note_add(l, id, kind, doc, &n, &e));
	return n;
}

static bool join_link(void *arg, int64_t id, const char *doc)
{
	struct buf *b = arg;
	buf_addf(b, "%d=%s ", (int)id, doc);
	return strcmp(doc, "stop") != 0;
}

static bool join_note(void *arg, const struct links_note *n)
{
	buf_addf(arg, "%d:%d:%s:%s ", (int)n->note, (int)n->link, n->kind, n->doc);
	return true;
}

static void notes_are(int64_t id, const char *kind, int most, const char *want)
{
	struct err e;
	struct buf b = {0};
	CHECK(links_note_list(l, id, kind, most, join_note, &b, &e));
	char *got = buf_take(&b);
	CHECK_STR(got, want);
	free(got);
}

static bool see_time(void *arg, const struct links_note *n)
{
	*(int64_t *)arg = n->at_ms;
	return false;
}

static void check_docs_of_links(void)
{
	CASE ("links_add_set_get_keep_the_text") {
		start();
		struct err e = {0};
		int64_t a = add("{\"n\":1.00}"), b = add("{}");
		CHECK(a > 0 && b > a);
		holds(a, "{\"n\":1.00}");
		CHECK(links_set(l, a, "{ \"n\" : 2 }", &e));
		holds(a, "{ \"n\" : 2 }");
		holds(b, "{}");
		holds(99, NULL);
		CHECK(!links_set(l, 99, "{}", &e));
		CHECK_STR(err_kind_name(e.kind), "data");
		stop();
	}

	CASE ("links_list_pages_by_id_and_stops_when_told") {
		start();
		struct err e;
		struct buf b = {0};
		add("a"), add("stop"), add("c"), add("d");
		CHECK(links_list(l, 2, 1, join_link, &b, &e));
		CHECK(links_list(l, 0, 9, join_link, &b, &e));
		CHECK(links_list(l, 2, 0, join_link, &b, &e));
		CHECK(links_list(l, 4, 9, join_link, &b, &e));
		CHECK_STR(b.data, "3=c 1=a 2=stop 3=c 4=d ");
		buf_free(&b);
		stop();
	}

	CASE ("links_base_each_side_has_its_own") {
		start();
		struct err e = {0};
		int64_t a = add("{}"), b = add("{}");
		CHECK(links_base_set(l, a, "left", "1", &e) &&
		      links_base_set(l, a, "right", "2", &e));
		CHECK(links_base_set(l, a, "left", "3", &e));
		base_is(a, "left", "3");
		base_is(a, "right", "2");
		base_is(b, "left", NULL);
		CHECK(!links_base_set(l, 99, "left", "1", &e));
		CHECK_STR(err_kind_name(e.kind), "data");
		stop();
	}
}

static void check_aliases(void)
{
	CASE ("links_alias_of_another_link_is_conflict") {
		start();
		struct err e = {0};
		int64_t a = add("{}"), b = add("{}");
		CHECK(alias(a, "crm", "k1", &e));
		CHECK(alias(a, "crm", "k1", &e)); /* the same again is fine */
		CHECK(alias(a, "crm", "k2", &e));
		CHECK(!alias(b, "crm", "k1", &e));
		CHECK_STR(err_kind_name(e.kind), "conflict");
		CHECK(strstr(e.text, "link 1") != NULL);
		CHECK(alias(b, "other", "k1", &e)); /* each remote has names of its own */
		CHECK_INT(owner("crm", "k1"), a);
		CHECK_INT(owner("crm", "k2"), a);
		CHECK_INT(owner("other", "k1"), b);
		CHECK_INT(owner("crm", "K1"), 0);
		stop();
	}

	CASE ("links_alias_dropped_is_free_for_another") {
		start();
		struct err e;
		int64_t a = add("{}"), b = add("{}");
		CHECK(alias(a, "crm", "k1", &e));
		CHECK(links_alias_drop(l, "crm", "k1", &e) &&
		      links_alias_drop(l, "crm", "none", &e));
		CHECK_INT(owner("crm", "k1"), 0);
		CHECK(alias(b, "crm", "k1", &e));
		CHECK_INT(owner("crm", "k1"), b);
		stop();
	}

	CASE ("links_alias_of_no_link_is_refused") {
		start();
		struct err e = {0};
		CHECK(!alias(5, "crm", "k1", &e));
		CHECK_STR(err_kind_name(e.kind), "data");
		CHECK_INT(owner("crm", "k1"), 0);
		CHECK(!db_dead(d));
		stop();
	}
}

static void check_notes(void)
{
	CASE ("links_notes_newest_first_by_link_and_kind") {
		start();
		note(1, "audit", "a");
		note(1, "conflict", "b");
		note(2, "audit", "c");
		note(0, "audit", "d");
		notes_are(-1, NULL, 0, "4:0:audit:d 3:2:audit:c 2:1:conflict:b 1:1:audit:a ");
		notes_are(-1, "audit", 2, "4:0:audit:d 3:2:audit:c ");
		notes_are(1, NULL, 9, "2:1:conflict:b 1:1:audit:a ");
		notes_are(1, "audit", 9, "1:1:audit:a ");
		notes_are(0, NULL, 9, "4:0:audit:d ");
		notes_are(7, "audit", 9, "");
		stop();
	}

	CASE ("links_note_has_the_worlds_time_and_its_number_once") {
		start();
		struct err e;
		int64_t at = 0;
		int64_t n = note(1, "conflict", "a");
		kit_now += 5;
		CHECK(links_note_list(l, 1, NULL, 1, see_time, &at, &e));
		CHECK_INT(at, kit_now - 5);
		CHECK(links_note_drop(l, n, &e) && links_note_drop(l, n, &e));
		notes_are(-1, NULL, 0, "");
		CHECK(note(1, "audit", "b") > n);
		stop();
	}

	CASE ("links_mark_set_replaced_dropped") {
		start();
		struct err e;
		mark_is("delta", NULL);
		CHECK(links_mark_set(l, "delta", "1", &e) && links_mark_set(l, "delta", "2", &e));
		mark_is("delta", "2");
		mark_is("Delta", NULL);
		CHECK(links_mark_set(l, "delta", NULL, &e) && links_mark_set(l, "delta", NULL, &e));
		mark_is("delta", NULL);
		stop();
	}
}

void check_links(void)
{
	check_docs_of_links();
	check_aliases();
	check_notes();
}
