/* base/buf: growth, taking, dropping, JSON strings. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests.h"

void check_buf(void);

static void check_json(const char *in, size_t n, const char *want)
{
	struct buf b = {0};
	buf_add_json(&b, in, n);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

void check_buf(void)
{
	CASE ("buf_grows_and_stays_terminated") {
		struct buf b = {0};
		for (int i = 0; i < 10000; i++) {
			buf_addc(&b, (char)('a' + i % 26));
			CHECK_INT(b.data[b.len], 0);
		}
		CHECK_INT(b.len, 10000);
		CHECK_INT(b.data[9999], 'a' + 9999 % 26);
		buf_free(&b);
		CHECK(b.data == NULL);
	}
	CASE ("buf_addf_long_text_fits") {
		struct buf b = {0};
		buf_adds(&b, "x");
		buf_addf(&b, "%0500d|%s", 7, "end");
		CHECK_INT(b.len, 1 + 500 + 4);
		CHECK_STR(b.data + b.len - 5, "7|end");
		buf_free(&b);
	}
	CASE ("buf_drop_front_keeps_the_rest") {
		struct buf b = {0};
		buf_drop_front(&b, 5);
		buf_adds(&b, "hello world");
		buf_drop_front(&b, 6);
		CHECK_STR(b.data, "world");
		buf_drop_front(&b, 99);
		CHECK_INT(b.len, 0);
		CHECK_STR(b.data, "");
		buf_wipe(&b);
	}
	CASE ("buf_take_hands_over_and_empties") {
		struct buf b = {0};
		char *empty = buf_take(&b);
		CHECK_STR(empty, "");
		buf_add(&b, "a\0b", 3);
		char *bytes = buf_take(&b);
		CHECK(memcmp(bytes, "a\0b", 4) == 0);
		CHECK(b.data == NULL && b.len == 0);
		free(empty);
		free(bytes);
	}
	CASE ("buf_json_escapes_what_must_be") {
		check_json("a\"b\\c/\n\r\t\x01\x7f", 11, "\"a\\\"b\\\\c/\\n\\r\\t\\u0001\x7f\"");
		check_json("a\0b", 3,
			   "\"a\xef\xbf\xbd"
			   "b\""); /* as ours reads no NUL */
		check_json("", 0, "\"\"");
	}
	CASE ("buf_json_keeps_good_utf8") {
		check_json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
			   "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	}
	CASE ("buf_json_replaces_bad_utf8") {
#define BAD "\xef\xbf\xbd"
		check_json("\xff"
			   "a",
			   2, "\"" BAD "a\"");
		check_json("\xc0\xaf", 2, "\"" BAD BAD "\"");                 /* overlong */
		check_json("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\"");         /* surrogate */
		check_json("\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\""); /* beyond U+10FFFF */
		check_json("\xe2\x82", 2, "\"" BAD BAD "\"");                 /* cut */
	}
	CASE ("buf_copies_are_their_own") {
		char *a = xstrdup("abc");
		char *m = xmemdup0("xyz", 2);
		char *f = xasprintf("%s-%d", a, 5);
		CHECK_STR(a, "abc");
		CHECK_STR(m, "xy");
		CHECK_STR(f, "abc-5");
		CHECK(xstrdup(NULL) == NULL);
		free(a);
		free(m);
		free(f);
	}
}
