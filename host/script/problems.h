/*
 * What the checks found wrong with a profile folder: lists of { file=, line=, key=, text= }.
 */
#ifndef SCRIPT_PROBLEMS_H
#define SCRIPT_PROBLEMS_H

#include "base/buf.h"
#include "script/vm.h"

#include <lua.h>

/* The first one of the list on top of the stack, as ERR_CONFIG in *e ("file:line: key: text", and
 * how many more); true if the list is empty.  Raises. */
bool problems_first(lua_State *L, struct err *e);

/* The answer of the mapping process to "check".  true: nothing is wrong, *fixtures of them gave
 * what they expect.  false: *e as above (or it is no such answer). */
bool problems_none(struct vm *v, const char *json, size_t len, int *fixtures,
		   struct err *e) MUST_USE;

/* All of them as a JSON list, appended: of a list, of an answer to "check", or of what is neither
 * (NULL): then e alone is one. */
void problems_list(struct vm *v, const char *json, const struct err *e, struct buf *out);

#endif
