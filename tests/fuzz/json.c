/*
 * The JSON that scripts and mappings see: what is decoded is written, what was written is decoded
 * again, and both times it is the same text, plain and pretty.
 */
#include "script/json.h"
#include "script/vm.h"

#include "fuzz.h"

static struct vm *vm;

/* Decodes and writes again. */
static bool again(const char *text, size_t len, struct buf *out)
{
	struct err e = {0};
	lua_State *L = vm_lua(vm);
	if (!json_decode(L, text, len, &e)) {
		MUST(e.kind == ERR_DATA && lua_gettop(L) == 0);
		return false;
	}
	MUST(json_encode(L, -1, out, &e));
	lua_settop(L, 0);
	return true;
}

/* json.pretty, as a script calls it, of the text's value. */
static void pretty(const struct buf *text, struct buf *out)
{
	struct err e;
	lua_State *L = vm_lua(vm);
	size_t n;
	lua_getglobal(L, "json");
	lua_getfield(L, -1, "pretty");
	MUST(json_decode(L, text->data, text->len, &e));
	MUST(vm_call(vm, L, 1, 1, 0, &e));
	const char *s = lua_tolstring(L, -1, &n);
	MUST(s);
	buf_add(out, s, n);
	lua_settop(L, 0);
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = {0};
	struct buf second = {0};
	struct buf third = {0};
	struct buf shown = {0};
	if (!vm) {
		vm = vm_new(&(struct vm_config){.strict = true});
		json_open(vm_lua(vm));
	}
	if (again((const char *)data, size, &first)) {
		MUST(again(first.data, first.len, &second) && same(&first, &second));
		pretty(&first, &shown);
		MUST(again(shown.data, shown.len, &third) && same(&first, &third));
	}
	buf_free(&first);
	buf_free(&second);
	buf_free(&third);
	buf_free(&shown);
	return 0;
}
