/* The ticks of main.lua: read, asked for, refused. */
#include "script/ticks.h"

#include "tests.h"

#include <string.h>

static bool read_ticks(const char *script, struct ticks *t, struct err *e)
{
	const struct vm_config c = {.requires = true, .strict = true};
	struct vm *v = vm_new(&c);
	vm_file(v, "main", "scripts/main.lua", script, strlen(script));
	bool ok = ticks_read(v, t, e);
	vm_free(v);
	return ok;
}

static void refused(const char *script, const char *why)
{
	struct ticks t;
	struct err e = {0};
	CHECK(!read_ticks(script, &t, &e));
	CHECK_INT(e.kind, ERR_SCRIPT);
	CHECK(strstr(e.text, why) != NULL);
	CHECK_INT(t.n, 0);
}

void check_ticks(void);
void check_ticks(void)
{
	CASE ("ticks_are_kinds_and_milliseconds") {
		struct ticks t;
		struct err e;
		CHECK(read_ticks("return { ticks = { daily = 1.5 } }", &t, &e));
		CHECK_INT(t.n, 1);
		CHECK_STR(t.at[0].kind, "daily");
		CHECK_INT(t.at[0].first_ms, 1500);
		CHECK(ticks_has(&t, "daily") && !ticks_has(&t, "dail"));
		ticks_clear(&t);
		CHECK(!ticks_has(&t, "daily"));
	}
	CASE ("ticks_may_be_missing") {
		struct ticks t;
		struct err e;
		CHECK(read_ticks("return {}", &t, &e));
		CHECK_INT(t.n, 0);
	}
	CASE ("ticks_of_another_form_are_refused") {
		refused("return { ticks = { 5 } }", "main.ticks: seconds");
		refused("return { ticks = { a = 'soon' } }", "main.ticks: seconds");
		refused("return { ticks = { a = -1 } }", "main.ticks: seconds");
		refused("return { ticks = { a = 0 / 0 } }", "main.ticks: seconds");
		refused("return { ticks = { a = 1e300 } }", "main.ticks: seconds");
		refused("return { ticks = 5 }", "main.ticks: seconds");
		refused("error('boom')", "boom");
		refused("local t = {} for i = 1, 33 do t['k' .. i] = 1 end return { ticks = t }",
			"more than 32");
	}
}
