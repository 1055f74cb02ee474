/*
 * A sign-in that is tried.  Owns its grant and its remotes.
 */
#include "remote/sign_in.h"

#include <stdlib.h>

void sign_in_free(struct sign_in *s)
{
	if (!s)
		return;
	remotes_free(s->remotes);
	oauth_free(s->oauth);
	crypto_drop(&s->secret);
	free(s->grant);
	free(s);
}
