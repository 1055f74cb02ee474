/*
 * Callbacks that were not taken, in the log.  Owns nothing but its counts.  Whoever knows the path
 * can cause these lines, so they must stay few, and must never hold what a caller sent.
 */
#include "app/refusals.h"

#include "base/log.h"

#define EVERY_US INT64_C(60000000)

/* May a line be written now?  *n: how many it is to tell of. */
static bool its_time(struct refusals *r, struct refusals_told *t, uint64_t *n)
{
	int64_t now_us = r->world->mono_us(r->world->ctx);
	t->since++;
	if (t->ever && now_us - t->at_us < EVERY_US)
		return false;
	*n = t->since;
	*t = (struct refusals_told){.ever = true, .at_us = now_us};
	return true;
}

void refusals_note(struct refusals *r, bool unproved, uint64_t in_a_row, const struct err *why)
{
	uint64_t n = 0;
	if (unproved) {
		r->why = *why;
		if (!its_time(r, &r->unproved, &n))
			return;
		r->alarmed = true;
		log_error("callbacks: %llu rejected, %llu in a row: %s; changes come by polls",
			  (unsigned long long)n, (unsigned long long)in_a_row, why->text);
	} else if (its_time(r, &r->put_off, &n)) {
		log_warn("callbacks: %llu put off with 503: %s", (unsigned long long)n, why->text);
	}
}

void refusals_not_passed(struct refusals *r)
{
	uint64_t n = 0;
	if (its_time(r, &r->not_passed, &n))
		log_error(
			"callbacks: %llu not passed on to `webhook.forward`: too many wait for it",
			(unsigned long long)n);
}

void refusals_end(struct refusals *r)
{
	if (r->alarmed)
		log_info("callbacks: proved again");
	r->alarmed = false;
}
