/* base/err: text bounded and on one line, context in front, names both ways. */
#include <string.h>

#include "base/err.h"
#include "tests.h"

void check_err(void);

static void fill(char *s, size_t n, const char *with)
{
	size_t w = strlen(with);
	for (size_t i = 0; i + 1 < n; i++) {
		s[i] = with[i % w];
	}
	s[n - 1] = '\0';
}

static bool ends_whole(const char *s)
{
	size_t n = strlen(s);
	return n >= 3 && memcmp(s + n - 3, "\xe2\x82\xac", 3) == 0;
}

void check_err(void)
{
	CASE ("err_set_fills_and_is_false") {
		struct err e = {.status = 500, .wait_ms = 7};
		CHECK(!err_set(&e, ERR_BUSY, "slow down, %s", "please"));
		CHECK_INT(e.kind, ERR_BUSY);
		CHECK_INT(e.status, 0);
		CHECK_INT(e.wait_ms, 0);
		CHECK_STR(e.text, "slow down, please");
	}
	CASE ("err_set_control_bytes_become_spaces") {
		struct err e;
		err_set(&e, ERR_NET,
			"a\r\nb\x01\x7f"
			"c");
		CHECK_STR(e.text, "a  b  c");
	}
	CASE ("err_add_puts_context_in_front") {
		struct err e;
		err_set(&e, ERR_DATA, "no name");
		e.status = 404;
		CHECK(!err_add(&e, "file %d", 3));
		CHECK(!err_add(&e, "profile"));
		CHECK_STR(e.text, "profile: file 3: no name");
		CHECK_INT(e.kind, ERR_DATA);
		CHECK_INT(e.status, 404);
	}
	CASE ("err_set_from_its_own_text_is_safe") {
		struct err e;
		err_set(&e, ERR_NET, "first");
		err_set(&e, ERR_STORE, "then %s", e.text);
		CHECK_STR(e.text, "then first");
		err_add(&e, "%s", e.text);
		CHECK_STR(e.text, "then first: then first");
	}
	CASE ("err_long_text_is_cut_between_characters") {
		char text[3000];
		struct err e;
		for (size_t shift = 0; shift < 3; shift++) {
			fill(text, sizeof text, "\xe2\x82\xac"); /* the euro sign */
			err_set(&e, ERR_NET, "%.*s%s", (int)shift, "xyz", text);
			CHECK(strlen(e.text) < sizeof e.text && strlen(e.text) > sizeof e.text - 5);
			CHECK(ends_whole(e.text));
			err_add(&e, "%.*s", (int)shift + 1, "abcd");
			CHECK(ends_whole(e.text));
		}
	}
	CASE ("err_kind_names_go_both_ways") {
		for (int k = ERR_NONE; k < ERR_KINDS; k++) {
			CHECK_INT(err_kind_from(err_kind_name((enum err_kind)k)), k);
		}
		CHECK_STR(err_kind_name(ERR_CONFLICT), "conflict");
		CHECK_INT(err_kind_from("no such"), ERR_SCRIPT);
		CHECK_INT(err_kind_from(NULL), ERR_SCRIPT);
	}
}
