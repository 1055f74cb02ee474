/*
 * The grants of a profile: how this program is signed in to its remotes, and how that changes while
 * it runs.
 */
#ifndef APP_GRANTS_H
#define APP_GRANTS_H

#include "remote/sign_in.h"
#include "script/profile.h"

struct grants;

struct grants_env {
	struct vault *vault;
	struct remotes_env remotes;   /* for those of a sign-in that is tried */
	void (*signed_in)(void *ctx); /* somebody was: what waited for that may go on */
	void *ctx;
};
/* p lives as long. */
struct grants *grants_new(const struct grants_env *env, const struct profile *p,
			  struct err *e) MUST_USE;
void grants_free(struct grants *g); /* NULL is fine */

struct oauth *grants_named(const struct grants *g, const char *name); /* NULL: no such */
/* The remotes of the profile, signed in by them; grants_use tells which are in use. */
bool grants_add_remote(struct remotes *set, const struct profile_remote *r, struct oauth *o,
		       struct err *e) MUST_USE;
void grants_use(struct grants *g, struct remotes *in_use);
struct sign_ins grants_sign_ins(struct grants *g);

#endif
