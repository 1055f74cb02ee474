/*
 * Documents: tags, keys, orders; and JSON edited as text without touching what stands beside.
 */
#include "store/docs.h"

#include "store_kit.h"

#include <string.h>

void check_docs(void);

static struct db *d;
static struct docs *s;

static void start(void)
{
	d = open_db(":memory:");
	s = docs_new(d);
}

static void stop(void)
{
	CHECK(commit(d));
	docs_free(s);
	db_close(d);
}

static int64_t put_doc(const char *collection, const char *id, const char *body, const char *k1,
		       const char *k4)
{
	struct err e;
	struct doc in = {.id = id, .body = body, .key = {k1, NULL, NULL, k4}};
	int64_t tag = -1;
	CHECK(docs_put(s, collection, &in, &tag, &e));
	return tag;
}

static bool join(void *arg, const struct doc *doc)
{
	struct buf *b = arg;
	buf_addf(b, "%s@%d=%s", doc->id, (int)doc->tag, doc->body);
	for (int i = 0; i < DOCS_KEYS; i++) {
		if (doc->key[i]) {
			buf_addf(b, " k%d=%s", i + 1, doc->key[i]);
		}
	}
	buf_adds(b, "; ");
	return strcmp(doc->body, "stop") != 0;
}

static void doc_is(const char *collection, const char *id, const char *want)
{
	struct err e;
	struct buf b = {0};
	CHECK(docs_get(s, collection, id, join, &b, &e));
	char *got = buf_take(&b);
	CHECK_STR(got, want);
	free(got);
}

static void finds(struct docs_query q, const char *want)
{
	struct err e;
	struct buf b = {0};
	CHECK(docs_find(s, "c", &q, join, &b, &e));
	char *got = buf_take(&b);
	CHECK_STR(got, want);
	free(got);
}

static int64_t size(const char *collection)
{
	struct err e;
	int64_t n = -1;
	CHECK(docs_count(s, collection, &n, &e));
	return n;
}

static void check_rows(void)
{
	CASE ("docs_put_makes_replaces_and_every_write_has_a_new_tag") {
		start();
		CHECK_INT(put_doc("c", "a", "{ }", "x", "y"), 1);
		CHECK_INT(put_doc("other", "a", "1", NULL, NULL), 2);
		doc_is("c", "a", "a@1={ } k1=x k4=y; ");
		CHECK_INT(put_doc("c", "a", "2", "z", NULL), 3);
		doc_is("c", "a", "a@3=2 k1=z; ");
		doc_is("other", "a", "a@2=1; ");
		doc_is("c", "A", "");
		CHECK_INT(size("c"), 1);
		CHECK_INT(size("none"), 0);
		stop();
	}

	CASE ("docs_drop_says_whether_it_was_there") {
		start();
		struct err e;
		bool was = false;
		put_doc("c", "a", "1", NULL, NULL);
		CHECK(docs_drop(s, "c", "a", &was, &e) && was);
		CHECK(docs_drop(s, "c", "a", &was, &e) && !was);
		CHECK_INT(size("c"), 0);
		CHECK_INT(put_doc("c", "a", "1", NULL, NULL), 2); /* its tag is not given again */
		stop();
	}

	CASE ("docs_find_by_id_by_key_and_by_tag") {
		start();
		put_doc("c", "b", "1", "x", NULL);
		put_doc("c", "a", "2", "x", "q");
		put_doc("c", "c", "3", "X", "q");
		put_doc("other", "d", "4", "x", "q");
		put_doc("c", "b", "5", "x", NULL);
		finds((struct docs_query){.after_tag = -1},
		      "a@2=2 k1=x k4=q; b@5=5 k1=x; c@3=3 k1=X k4=q; ");
		finds((struct docs_query){.after_tag = -1, .most = 1, .after = "a"},
		      "b@5=5 k1=x; ");
		finds((struct docs_query){.after_tag = -1, .at = 0, .key = "x"},
		      "a@2=2 k1=x k4=q; b@5=5 k1=x; ");
		finds((struct docs_query){.after_tag = -1, .at = 0, .key = "x", .after = "a"},
		      "b@5=5 k1=x; ");
		finds((struct docs_query){.after_tag = -1, .at = 3, .key = "q", .most = 1},
		      "a@2=2 k1=x k4=q; ");
		finds((struct docs_query){.after_tag = -1, .at = 1, .key = "q"}, "");
		finds((struct docs_query){.after_tag = 0, .most = 2},
		      "a@2=2 k1=x k4=q; c@3=3 k1=X k4=q; ");
		finds((struct docs_query){.after_tag = 3}, "b@5=5 k1=x; ");
		finds((struct docs_query){.after_tag = 0, .at = 0, .key = "x"},
		      "a@2=2 k1=x k4=q; b@5=5 k1=x; ");
		stop();
	}

	CASE ("docs_find_goes_along_a_key_both_ways") {
		start();
		put_doc("c", "b", "1", "x", "2");
		put_doc("c", "a", "2", "y", "2");
		put_doc("c", "d", "3", "x", "1");
		put_doc("c", "c", "4", "x", "3");
		put_doc("c", "e", "5", "x", NULL);
		put_doc("other", "f", "6", "x", "2");
		finds((struct docs_query){.at = 3, .order = DOCS_UP},
		      "d@3=3 k1=x k4=1; a@2=2 k1=y k4=2; b@1=1 k1=x k4=2; c@4=4 k1=x k4=3; ");
		finds((struct docs_query){.at = 3, .order = DOCS_UP, .key = "2"},
		      "a@2=2 k1=y k4=2; b@1=1 k1=x k4=2; c@4=4 k1=x k4=3; ");
		finds(
			(struct docs_query){
				.at = 3, .order = DOCS_UP, .key = "2", .after = "a", .most = 1},
			"b@1=1 k1=x k4=2; ");
		finds(
			(struct docs_query){
				.at = 3, .order = DOCS_DOWN, .key = "2", .after = "b", .most = 2},
			"a@2=2 k1=y k4=2; d@3=3 k1=x k4=1; ");
		finds((struct docs_query){.at = 3, .order = DOCS_DOWN, .key = "~"},
		      "c@4=4 k1=x k4=3; b@1=1 k1=x k4=2; a@2=2 k1=y k4=2; d@3=3 k1=x k4=1; ");
		finds((struct docs_query){.at = 1, .order = DOCS_UP}, "");
		stop();
	}

	CASE ("docs_put_back_keeps_the_tag_it_had") {
		start();
		put_doc("c", "a", "1", NULL, NULL);
		put_doc("c", "a", "2", NULL, NULL);
		struct err e;
		struct doc in = {.id = "b", .body = "3", .tag = 1};
		int64_t tag = -1;
		CHECK(docs_put(s, "c", &in, &tag, &e));
		CHECK_INT(tag, 1);
		doc_is("c", "b", "b@1=3; ");
		CHECK_INT(put_doc("c", "d", "4", NULL, NULL), 3); /* the counter did not move */
		stop();
	}

	CASE ("docs_find_stops_when_told") {
		start();
		put_doc("c", "a", "stop", NULL, NULL);
		put_doc("c", "b", "1", NULL, NULL);
		finds((struct docs_query){.after_tag = -1}, "a@1=stop; ");
		finds((struct docs_query){.after_tag = -1}, "a@1=stop; ");
		stop();
	}
}

static void sets(const char *json, const char *path, const char *value, const char *want)
{
	struct err e = {0};
	char *out = NULL;
	if (!CHECK(docs_json_set(s, json, path, value, &out, &e))) {
		printf("# %s\n", e.text);
	}
	CHECK_STR(out, want);
	free(out);
}

static void cannot_set(const char *json, const char *path, const char *value)
{
	struct err e = {0};
	char *out = NULL;
	CHECK(!docs_json_set(s, json, path, value, &out, &e));
	CHECK_STR(err_kind_name(e.kind), "data");
	CHECK(out == NULL);
	free(out);
}

static void removes(const char *json, const char *path, const char *want)
{
	struct err e;
	char *out = NULL;
	CHECK(docs_json_remove(s, json, path, &out, &e));
	CHECK_STR(out, want);
	free(out);
}

/* Numbers no double holds, ways to write them, escapes, an empty list, a name twice. */
#define ODD                                                                            \
	"\"n\":12345678901234567890.123456789012345,\"m\":1.10,\"e\":1E+2,\"z\":-0.0," \
	"\"s\":\"\\u00e9\\/\\ud83d\\ude00 \xc3\xa9\",\"l\":[],\"o\":{},\"t\":null,\"t\":true"

static void check_json(void)
{
	CASE ("docs_json_set_leaves_other_members_byte_for_byte") {
		start();
		sets("{" ODD ",\"a\":1}", "$.a", "2", "{" ODD ",\"a\":2}");
		sets("{\"a\":{\"b\":[1,2.50]}," ODD "}", "$.a.b[0]", "\"x\"",
		     "{\"a\":{\"b\":[\"x\",2.50]}," ODD "}");
		stop();
	}

	CASE ("docs_json_set_value_is_taken_as_it_is_written") {
		start();
		sets("{\"a\":1}", "$.a", "98765432109876543210.10",
		     "{\"a\":98765432109876543210.10}");
		sets("{\"a\":1}", "$.a", "{\"x\":[1.0,\"\\u0041\"]}",
		     "{\"a\":{\"x\":[1.0,\"\\u0041\"]}}");
		sets("{\"a\":1}", "$.b", "null", "{\"a\":1,\"b\":null}");
		sets("{\"a\":1}", "$.b.c.d", "2", "{\"a\":1,\"b\":{\"c\":{\"d\":2}}}");
		sets("{\"a\":[1]}", "$.a[#]", "2", "{\"a\":[1,2]}");
		sets("{\"a\":1}", "$.a", "1", "{\"a\":1}");
		stop();
	}

	/* Space between tokens is no part of a member: sqlite leaves it out. */
	CASE ("docs_json_set_odd_spacing_goes_and_texts_stay") {
		start();
		sets(" {\n \"a\" : 1 ,\t\"b\" : [ 1.00 , \" x  y \" ] } ", "$.a", " 2 ",
		     "{\"a\":2,\"b\":[1.00,\" x  y \"]}");
		stop();
	}

	CASE ("docs_json_set_what_cannot_be_is_data_and_nothing_dies") {
		start();
		put_doc("c", "a", "1", NULL, NULL);
		cannot_set("{\"a\":", "$.a", "1");
		cannot_set("{\"a\":1}", "$.a", "{");
		cannot_set("{\"a\":1}", "a", "1");
		cannot_set("{\"a\":1}", "$.a.b", "1"); /* no place: sqlite would say nothing */
		cannot_set("{\"a\":[1]}", "$.a[5]", "1");
		cannot_set(NULL, "$.a", "1");
		CHECK(!db_dead(d));
		CHECK_INT(size("c"), 1);
		stop();
	}

	CASE ("docs_json_remove_takes_one_member") {
		start();
		removes("{" ODD ",\"a\":1}", "$.a", "{" ODD "}");
		removes("{\"a\":[1,2.0,3]}", "$.a[1]", "{\"a\":[1,3]}");
		removes("{\"a\":1}", "$.b", "{\"a\":1}");
		struct err e = {0};
		char *out;
		CHECK(!docs_json_remove(s, "{", "$.a", &out, &e));
		CHECK_STR(err_kind_name(e.kind), "data");
		stop();
	}
}

void check_docs(void)
{
	check_rows();
	check_json();
}
