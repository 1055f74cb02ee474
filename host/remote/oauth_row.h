/*
 * What the vault holds of a grant that a person gave: its refresh tokens, whose they are, and since
 * when.  For remote/oauth alone.
 */
#ifndef REMOTE_OAUTH_ROW_H
#define REMOTE_OAUTH_ROW_H

#include "store/vault.h"

struct oauth_row {
	char *begun; /* hex hash of the configured token it began with; "" if there was none */
	char *current;
	char *previous;    /* NULL: none */
	char *who;         /* JSON of who signed in, one line; NULL: never told */
	int64_t signed_ms; /* 0: not known */
	int64_t used_ms;   /* when the current token came; 0: not known */
};

void oauth_row_clear(struct oauth_row *r); /* wipes */
struct oauth_row oauth_row_copy(const struct oauth_row *r);
/* *found false: there is none, or it is no row of ours. */
bool oauth_row_read(struct vault *v, const char *name, struct oauth_row *r, bool *found,
		    struct err *e) MUST_USE;
bool oauth_row_write(struct vault *v, const char *name, const struct oauth_row *r,
		     struct err *e) MUST_USE;

#endif
