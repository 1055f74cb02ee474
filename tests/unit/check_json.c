/*
 * script/json: what must survive a round trip, what must be refused, and what it looks like.
 */
#include "script/json.h"

#include "script/json_lex.h"
#include "script/vm.h"

#include <lauxlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

void check_json(void);

static struct vm *fresh(size_t max_memory)
{
	struct vm *v = vm_new(&(struct vm_config){.max_memory = max_memory, .strict = true});
	json_open(vm_lua(v));
	return v;
}

/* Decodes and encodes again; the text of the error if one of them fails. */
static const char *round_trip(const char *text)
{
	static struct buf out;
	static struct err e;
	struct vm *v = fresh(0);
	out.len = 0;
	const char *result;
	if (!json_decode(vm_lua(v), text, strlen(text), &e) ||
	    !json_encode(vm_lua(v), -1, &out, &e)) {
		result = e.text;
	} else {
		result = out.data;
	}
	vm_free(v);
	return result;
}

/* Runs Lua and gives its result as text. */
static const char *lua(const char *text)
{
	static char out[1000];
	struct err e;
	struct vm *v = fresh(0);
	if (!vm_load(v, "t.lua", text, strlen(text), &e) || !vm_call(v, vm_lua(v), 0, 1, 0, &e)) {
		snprintf(out, sizeof(out), "%s", e.text);
	} else {
		snprintf(out, sizeof(out), "%s", luaL_tolstring(vm_lua(v), -1, NULL));
	}
	vm_free(v);
	return out;
}

static void numbers(void)
{
	CASE ("json_numbers_survive_exactly") {
		static const char *const same[] = {
			"0",
			"-1",
			"3",
			"999999999999999",
			"9007199254740993",
			"9223372036854775807",
			"-9223372036854775808",
			"1.5",
			"0.1",
			"-0.05",
			"1234567890123.45",
			"99999999999999.99",
			"0.30000000000000004",
			"123456789012345678.25",
			"0.1000000000000000055",
			"3.0",
			"-0.0",
			"18446744073709551616.5",
			"123456789012345678901",
			"12345678901234567.1",
			"1e-400",
			"2.5e-07",
			"1e+300",
			"1.7976931348623157e+308",
			"4.9406564584124654e-324",
		};
		for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
			CHECK_STR(round_trip(same[i]), same[i]);
		}
		CHECK_STR(round_trip("1.50"), "1.5");
		CHECK_STR(round_trip("1E3"), "1000.0");
		CHECK_STR(round_trip("9223372036854775808"), "9223372036854775808");
		CHECK_STR(round_trip("100000000000000000000"), "1e+20");
		CHECK_STR(round_trip("[3,3.0,3.25]"), "[3,3.0,3.25]");
	}
	CASE ("json_number_types_are_as_written") {
		CHECK_STR(lua("return math.type(json.decode('3'))"), "integer");
		CHECK_STR(lua("return math.type(json.decode('3.0'))"), "float");
		CHECK_STR(lua("return math.type(json.decode('9223372036854775807'))"), "integer");
		CHECK_STR(lua("return json.decode('9007199254740993') - 1"), "9007199254740992");
		CHECK_STR(lua("return json.is_decimal(json.decode('9223372036854775808'))"),
			  "true");
		CHECK_STR(lua("return json.is_decimal(json.decode('1e400'))"),
			  "false"); /* nil: it is refused */
	}
	CASE ("json_broken_numbers_are_refused") {
		static const char *const bad[] = {"01",        "1.",  ".5",  "+1",  "0x10",
						  "1e",        "1e+", "--1", "NaN", "Infinity",
						  "-Infinity", "nan", "-",   "1_0"};
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			const char *got = round_trip(bad[i]);
			CHECK(strncmp(got, "JSON, line 1, column ", 21) == 0);
		}
		CHECK_STR(round_trip("{\"a\":\n 1e400}"),
			  "JSON, line 2, column 2: a number beyond all bounds");
		CHECK_STR(round_trip("-1e400"),
			  "JSON, line 1, column 1: a number beyond all bounds");
	}
	CASE ("json_decimals_are_text_that_refuses_arithmetic") {
		CHECK_STR(lua("return json.decimal('10.0000000000000000001')"),
			  "10.0000000000000000001");
		CHECK_STR(lua("return json.encode{json.decimal('1.10')}"), "[1.10]");
		CHECK_STR(lua("return json.decimal('1.10') == json.decimal('1.10')"), "true");
		CHECK_STR(lua("return json.decimal('1.10') == json.decimal('1.1')"), "false");
		CHECK_STR(lua("return 'EUR ' .. json.decimal('1.10')"), "EUR 1.10");
		CHECK(strstr(lua("return json.decimal('1.1') + 1"),
			     "t.lua:1: a decimal is kept as text"));
		CHECK(strstr(lua("return json.decimal('1') < json.decimal('2')"), "kept as text"));
		CHECK(strstr(lua("return json.decimal('1e')"), "not a JSON number"));
		CHECK(strstr(lua("return json.decimal('1 ')"), "not a JSON number"));
		CHECK_STR(lua("return getmetatable(json.decimal('1'))"), "locked");
	}
}

static void shapes(void)
{
	CASE ("json_empty_array_object_null_and_missing_stay_four_things") {
		CHECK_STR(round_trip("{\"a\":[],\"b\":{},\"c\":null,\"d\":[ \n ],\"e\":[[],{}]}"),
			  "{\"a\":[],\"b\":{},\"c\":null,\"d\":[],\"e\":[[],{}]}");
		CHECK_STR(round_trip("[]"), "[]");
		CHECK_STR(round_trip("null"), "null");
		CHECK_STR(lua("return json.decode('null') == json.null"), "true");
		CHECK_STR(lua("return json.encode{a = json.array{}, b = {}}"),
			  "{\"a\":[],\"b\":{}}");
		CHECK_STR(lua("local a = json.decode('[1,2]') a[2] = nil a[1] = nil return "
			      "json.encode(a)"),
			  "[]");
		CHECK_STR(lua("return json.is_array(json.decode('[]'))"), "true");
		CHECK_STR(lua("return json.is_array(json.decode('{}'))"), "false");
		CHECK_STR(lua("return json.is_array({1})"), "true");
		CHECK_STR(lua("return json.encode(json.decode('[null,null]'))"), "[null,null]");
	}
	CASE ("json_copy_reads_raw_and_keeps_arrays") {
		CHECK_STR(lua("local t = setmetatable({ a = { 1, 2 }, b = json.array(), c = 'x' }, "
			      "{ __index = error, __len = error, __pairs = error }) "
			      "local c = json.copy(t, 9, 99) "
			      "return json.encode(c) .. tostring(getmetatable(c)) .. "
			      "tostring(c ~= t and c.a ~= t.a)"),
			  "{\"a\":[1,2],\"b\":[],\"c\":\"x\"}niltrue");
		CHECK_STR(lua("return tostring(json.copy('x', 9, 99)) .. "
			      "tostring(json.copy(nil, 9, 99))"),
			  "xnil");
	}
	CASE ("json_copy_gives_up_what_is_too_much") {
		CHECK_STR(lua("local t = {} t.t = t "
			      "return select(2, json.copy(t, 64, 50000))"),
			  "deep");
		CHECK_STR(lua("return select(2, json.copy({ 1, { 2, 3 } }, 9, 3))"), "many");
		CHECK_STR(lua("return #json.copy({ 1, { 2, 3 } }, 2, 4)[2] .. ''"), "2");
		CHECK_STR(lua("return select(2, json.copy({ 1, { 2, 3 } }, 1, 4))"), "deep");
		CHECK_STR(lua("return tostring(pcall(json.copy, {}, 65, 1))"), "false");
		/* a length that is none */
		CHECK_STR(lua("local t = {} for i = 0, 40 do t[1 << i] = i end "
			      "local c = json.copy(t, 9, 99) return c[1 << 40] .. ''"),
			  "40");
	}
	CASE ("json_without_null_takes_names_and_leaves_places") {
		CHECK_STR(lua("local v = json.decode('{\"a\":null,\"b\":{\"c\":null,\"d\":1},"
			      "\"e\":[null,{\"f\":null}]}') "
			      "return json.encode(json.without_null(v))"),
			  "{\"b\":{\"d\":1},\"e\":[null,{}]}");
		CHECK_STR(lua("return tostring(json.without_null(json.null)) .. "
			      "json.without_null('x')"),
			  "nilx");
		CHECK_STR(lua("local t = {} t[1] = t return tostring(pcall(json.without_null, t))"),
			  "false");
	}
	CASE ("json_names_are_sorted_and_the_last_of_two_counts") {
		CHECK_STR(round_trip("{\"b\":1,\"a\":2,\"ab\":3,\"\":4}"),
			  "{\"\":4,\"a\":2,\"ab\":3,\"b\":1}");
		CHECK_STR(round_trip("{\"a\":1,\"a\":2}"), "{\"a\":2}");
		CHECK_STR(lua("return json.pretty{b = {1, {}}, a = json.array()}"),
			  "{\n  \"a\": [],\n  \"b\": [\n    1,\n    {}\n  ]\n}");
	}
	CASE ("json_marks_in_the_text_are_just_text") {
		CHECK_STR(round_trip("[\"\\u0001A\",\"\\u0001I12\",\"\\u0001\",\"\\u0001S\","
				     "\"x\\u0001A\"]"),
			  "[\"\\u0001A\",\"\\u0001I12\",\"\\u0001\",\"\\u0001S\",\"x\\u0001A\"]");
		CHECK_STR(round_trip("{\"\\u0001A\":\"\\u0001D1\"}"),
			  "{\"\\u0001A\":\"\\u0001D1\"}");
	}
	CASE ("json_strings_survive") {
		CHECK_STR(round_trip("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\""),
			  "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\xc3\xa9\xf0\x9f\x98\x80\"");
		CHECK_STR(round_trip("\"\""), "\"\"");
	}
	CASE ("json_nul_and_half_a_surrogate_pair_become_a_replacement_character") {
		CHECK_STR(round_trip("\"a\\u0000b\""), "\"a\xef\xbf\xbd"
						       "b\"");
		CHECK_STR(round_trip("\"\\ud800\""), "\"\xef\xbf\xbd\"");
		CHECK_STR(round_trip("[\"\\ud83d\\u0041\",1]"), "[\"\xef\xbf\xbd"
								"A\",1]");
		CHECK_STR(round_trip("\"\\udc00\\ud800\\ud83d\\ude00\""),
			  "\"\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80\"");
		CHECK_STR(round_trip("{\"\\ude00\":\"\\u0001A\\ud800\"}"),
			  "{\"\xef\xbf\xbd\":\"\\u0001A\xef\xbf\xbd\"}");
	}
	CASE ("json_broken_text_is_refused_with_its_place") {
		CHECK_STR(round_trip(""), "JSON, line 1, column 1: it ends too early");
		CHECK_STR(round_trip("[1,\n2"), "JSON, line 2, column 2: it ends too early");
		CHECK_STR(round_trip("[1,]"), "JSON, line 1, column 4: a value is expected");
		CHECK_STR(round_trip("{\"a\":1,}"),
			  "JSON, line 1, column 8: a name in quotes is expected");
		CHECK_STR(round_trip("{a:1}"),
			  "JSON, line 1, column 2: a name in quotes is expected");
		CHECK_STR(round_trip("{\"a\" 1}"), "JSON, line 1, column 6: ':' is expected");
		CHECK_STR(round_trip("[1 2]"), "JSON, line 1, column 4: ',' or ']' is expected");
		CHECK_STR(round_trip("[1}"), "JSON, line 1, column 3: ',' or ']' is expected");
		CHECK_STR(round_trip("{\"a\":1]"),
			  "JSON, line 1, column 7: ',' or '}' is expected");
		CHECK_STR(round_trip("1 2"), "JSON, line 1, column 3: text behind the end");
		CHECK_STR(round_trip("\xef\xbb\xbf[]"),
			  "JSON, line 1, column 1: a value is expected");
		CHECK_STR(round_trip("\"\t\""),
			  "JSON, line 1, column 2: a control byte in a string");
		CHECK_STR(round_trip("\"\\u12\""), "JSON, line 1, column 2: broken \\u escape");
		CHECK_STR(round_trip("\"\\x\""),
			  "JSON, line 1, column 2: unknown escape in a string");
		CHECK_STR(round_trip("\"abc"), "JSON, line 1, column 5: a string without an end");
		CHECK_STR(round_trip("truth"), "JSON, line 1, column 1: a value is expected");
		CHECK_STR(round_trip("True"), "JSON, line 1, column 1: a value is expected");
		CHECK_STR(round_trip("[\"\xc3(\"]"), "JSON, line 1, column 3: invalid UTF-8");
		CHECK_STR(round_trip("\"\xed\xa0\x80\""), "JSON, line 1, column 2: invalid UTF-8");
		CHECK_STR(round_trip("\"\xc0\xaf\""), "JSON, line 1, column 2: invalid UTF-8");
		CHECK_STR(round_trip("\"\xf4\x90\x80\x80\""),
			  "JSON, line 1, column 2: invalid UTF-8");
	}
	CASE ("json_bytes_that_end_with_the_buffer_are_safe") {
		/* not NUL terminated: the sanitisers watch */
		struct vm *v = fresh(0);
		struct err e;
		static const char *const texts[] = {"12345678901234567", "1e5",       "-0.0",
						    "\"\\u12",           "\"\\ud83d", "tru",
						    "\"\xf0\x9f",        "[",         "\"\\",
						    "1234567890123456.5"};
		for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
			size_t n = strlen(texts[i]);
			char *exact = (char *)malloc(n);
			memcpy(exact, texts[i], n);
			bool number = texts[i][0] == '-' || texts[i][0] == '1';
			CHECK_INT(json_decode(vm_lua(v), exact, n, &e), number);
			free(exact);
		}
		vm_free(v);
	}
}

static void limits(void)
{
	CASE ("json_depth_is_64_both_ways") {
		char text[140];
		memset(text, '[', 64);
		memset(text + 64, ']', 64);
		text[128] = '\0';
		CHECK_STR(round_trip(text), text);
		memset(text, '[', 65);
		memset(text + 65, ']', 65);
		text[130] = '\0';
		CHECK_STR(round_trip(text), "JSON, line 1, column 65: nested deeper than 64");
		CHECK_STR(lua("local t = {} t.t = t return select(2, json.encode(t)).text:sub(1, "
			      "30)"),
			  "JSON: nested deeper than 64 at");
	}
	CASE ("json_size_is_capped_both_ways") {
		struct err e;
		struct vm *v = fresh(0);
		size_t n = JSON_MAX + 1;
		char *big = (char *)malloc(n);
		memset(big, ' ', n);
		big[0] = '1';
		CHECK(!json_decode(vm_lua(v), big, n, &e));
		CHECK_STR(e.text, "JSON: longer than 16 MiB");
		CHECK(json_decode(vm_lua(v), big, n - 1, &e));
		free(big);
		vm_free(v);
		CHECK_STR(lua("local s = ('x'):rep(1 << 20) local t = {} for i = 1, 4096 do t[i] = "
			      "s end "
			      "return select(2, json.encode(t)).text"),
			  "JSON: longer than 16 MiB at [16]");
	}
	CASE ("json_what_has_no_form_is_refused_with_its_place") {
		CHECK_STR(lua("return select(2, json.encode{a = {b = {1, print or function() "
			      "end}}}).text"),
			  "t.lua:1: undeclared global 'print'");
		CHECK_STR(lua("return select(2, json.encode{a = {b = {1, function() end}}}).text"),
			  "JSON: a function cannot be written at a.b[2]");
		CHECK_STR(lua("return select(2, json.encode{a = 0/0}).text"),
			  "JSON: not a number or infinite at a");
		CHECK_STR(lua("return select(2, json.encode{1/0}).text"),
			  "JSON: not a number or infinite at [1]");
		CHECK_STR(lua("return select(2, json.encode{1, nil, 3}).text"),
			  "JSON: an array with holes (use null)");
		CHECK_STR(lua("return select(2, json.encode{1, a = 2}).text"),
			  "JSON: a table with both names and positions");
		CHECK_STR(lua("return select(2, json.encode{[1.5] = 2}).text"),
			  "JSON: a key that is neither a name nor a position");
		CHECK_STR(lua("return select(2, json.encode{x = '\\xff'}).text"),
			  "JSON: text that is not valid UTF-8 at x");
	}
	CASE ("json_no_memory_is_an_error_not_a_crash") {
		struct vm *v = fresh(1u << 20);
		struct err e;
		struct buf text = {0};
		buf_adds(&text, "[");
		for (int i = 0; i < 100000; i++) {
			buf_adds(&text, "{\"a\":[]},");
		}
		buf_adds(&text, "1]");
		CHECK(!json_decode(vm_lua(v), text.data, text.len, &e));
		CHECK_STR(e.text, "not enough memory for JSON");
		CHECK_INT(lua_gettop(vm_lua(v)), 0);
		CHECK(json_decode(vm_lua(v), "[1]", 3, &e));
		buf_free(&text);
		vm_free(v);
	}
}

void check_json(void)
{
	numbers();
	shapes();
	limits();
}
