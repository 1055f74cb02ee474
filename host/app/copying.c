/*
 * One backup at a time, a step after each round.  Owns it until its end was told.
 */
#include "app/copying.h"

#include "base/buf.h"

bool copying_begin(struct copying *c, struct db *d, const char *path, copying_done *done, void *arg,
		   struct err *e)
{
	if (c->backup)
		return err_set(e, ERR_BUSY, "another backup is being made");
	c->backup = backup_begin(d, path, e);
	c->done = done;
	c->arg = arg;
	return c->backup != NULL;
}

void copying_end(struct copying *c, const struct err *why)
{
	struct buf b = {0};
	if (!c->backup)
		return;
	if (!why)
		backup_report(c->backup, &b);
	backup_free(c->backup);
	c->backup = NULL;
	c->done(c->arg, b.data, why);
	buf_free(&b);
}

void copying_round(struct copying *c)
{
	struct err e;
	int got = c->backup ? backup_step(c->backup, &e) : 1;
	if (got < 1)
		copying_end(c, got < 0 ? &e : NULL);
}
