/*
 * The token endpoint on the wire: the form that is posted, and what its answer says.  For
 * remote/oauth alone; it decides when to ask and what is kept.
 */
#ifndef REMOTE_OAUTH_WIRE_H
#define REMOTE_OAUTH_WIRE_H

#include "base/buf.h"
#include "remote/oauth.h"

/* The form for one audience, appended to body (a secret: wipe it).  refresh: NULL with client
 * credentials. */
bool oauth_wire_form(const struct world *w, const struct oauth_config *c, const char *audience,
		     const char *refresh, struct buf *body, struct err *e) MUST_USE;

/* The same for a consent. */
bool oauth_wire_consent(const struct world *w, const struct oauth_config *c, const char *audience,
			const struct oauth_consent *by, struct buf *body, struct err *e) MUST_USE;
/* The form that asks for a device code. */
void oauth_wire_device(const struct oauth_config *c, const char *audience, struct buf *body);

struct oauth_answer {
	char *token;   /* access token */
	char *refresh; /* NULL: none came */
	char *who;     /* JSON of who signed in, one line; NULL: not told */
	int64_t life_ms;
	bool refused; /* invalid_grant: this refresh token will not do any more */
};
void oauth_answer_clear(struct oauth_answer *a); /* wipes */

/* false with *e: ERR_AUTH (says what to do), ERR_BUSY, ERR_NET. */
bool oauth_wire_read(const struct oauth_env *env, const struct web_answer *a,
		     struct oauth_answer *out, struct err *e) MUST_USE;

#endif
