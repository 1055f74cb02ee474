/*
 * Callbacks that were not taken, told to whoever reads the log: at once, then at most once a minute
 * with how many they were.
 */
#ifndef APP_REFUSALS_H
#define APP_REFUSALS_H

#include "base/world.h"

struct refusals_told {
	bool ever;
	int64_t at_us;
	uint64_t since; /* refusals that no line has told yet */
};

struct refusals {
	const struct world *world;
	struct refusals_told unproved, put_off, not_passed;
	struct err why; /* of the last that was unproved */
	bool alarmed;   /* the log's last word is that callbacks are unproved */
};

/* unproved: answered 401, the so-manieth in a row; else 503. */
void refusals_note(struct refusals *r, bool unproved, uint64_t in_a_row, const struct err *why);

/* One was kept, but does not go on to the other receiver. */
void refusals_not_passed(struct refusals *r);

/* One was proved again. */
void refusals_end(struct refusals *r);

#endif
