/*
 * A sign-in that is tried before it counts: a grant of its own, which the one in use knows nothing
 * of, and remotes that ask with it.  Kept, it takes that one's place; else nothing has happened.
 */
#ifndef REMOTE_SIGN_IN_H
#define REMOTE_SIGN_IN_H

#include "remote/remote.h"

struct sign_in {
	char *grant;  /* which one it is to become */
	char *secret; /* the application's, as it was entered; NULL: none was */
	struct oauth_env env;
	struct oauth *oauth;
	struct remotes *remotes; /* those of that grant */
};
void sign_in_free(struct sign_in *s); /* what is on its way ends with ERR_NET; NULL is fine */

/* Who makes and keeps them, for all grants of a profile. */
struct sign_ins {
	/* secret: NULL: what the profile names, read anew, or what was entered before. To be freed
	 * with sign_in_free. */
	struct sign_in *(*begin)(void *ctx, const char *grant, const char *secret, struct err *e);
	/* From now on, without a restart; remotes that waited for a person go on. */
	bool (*keep)(void *ctx, struct sign_in *s, struct err *e);
	/* What was signed in or entered here is no more. */
	bool (*forget)(void *ctx, const char *grant, struct err *e);
	void (*tell)(void *ctx, struct buf *json); /* [{"name":..,"sealed":..,see oauth_tell}] */
	void *ctx;
};

#endif
