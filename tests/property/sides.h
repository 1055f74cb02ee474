/*
 * The two sides of the world: the host (a whole site) and the practice environment, in which the
 * person of the test acts too.
 */
#ifndef PROPERTY_SIDES_H
#define PROPERTY_SIDES_H

#include "world.h"

struct sides_config {
	const char *scripts, *commands, *defaults, *countries,
		*profile; /* folders; countries.lua */
	const char *self; /* some program: the mapping process is looked for, but not started */
};

/* The practice environment starts to run a command of `commands`; its text goes to `said`. */
bool practice_start(const struct sides_config *c, const char *command, const char *request,
		    struct err *e) MUST_USE;
struct buf;
struct buf *practice_said(void);
int practice_status(void); /* of the command; -1 while it runs */
void practice_reseed(uint64_t seed);

/* The host; again after it died, on what it had written. */
bool host_start(const struct sides_config *c, struct err *e) MUST_USE;
void host_reseed(uint64_t seed);
bool host_ready(void);
const char *host_fatal(void); /* why it ended by itself, or NULL */
void host_kill(void);         /* at once, from outside */
bool host_dead(void);         /* died, and nobody started it again */

#endif
