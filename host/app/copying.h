/*
 * A backup of a site's state, made between its rounds for a script that waits for it.
 */
#ifndef APP_COPYING_H
#define APP_COPYING_H

#include "store/backup.h"

typedef void copying_done(void *arg, const char *json, const struct err *e);

struct copying {
	struct backup *backup; /* NULL: none is being made */
	copying_done *done;
	void *arg;
};

bool copying_begin(struct copying *c, struct db *d, const char *path, copying_done *done, void *arg,
		   struct err *e) MUST_USE;
void copying_round(struct copying *c); /* after each round */
/* One that is not through ends with *why. */
void copying_end(struct copying *c, const struct err *why);

#endif
