/*
 * Ticks: kinds of jobs that come again by themselves, as main.lua names them.
 */
#ifndef SCRIPT_TICKS_H
#define SCRIPT_TICKS_H

#include "script/vm.h"

#define TICKS_MOST 32

struct ticks {
	size_t n;
	struct {
		char *kind;
		int64_t first_ms; /* from the start to the first run */
	} at[TICKS_MOST];
};

/* require("main").ticks = { kind = seconds until the first run }; none is fine.  ERR_SCRIPT: it is
 * something else. */
bool ticks_read(struct vm *v, struct ticks *out, struct err *e) MUST_USE;
bool ticks_has(const struct ticks *t, const char *kind);
void ticks_clear(struct ticks *t);

#endif
