/*
 * A device code: what a person enters in a browser elsewhere, while we ask again and again whether
 * he is through (oauth_consent).
 */
#ifndef REMOTE_OAUTH_DEVICE_H
#define REMOTE_OAUTH_DEVICE_H

#include "remote/oauth.h"

struct oauth_device {
	char *code;            /* ours, a secret */
	char *user_code, *url; /* what the person is told; printable */
	int64_t every_ms, life_ms;
};
void oauth_device_clear(struct oauth_device *d);

/* d dies on return; NULL and *e as of oauth_token. Never from inside oauth_device_ask. */
typedef void oauth_device_done(void *arg, const struct oauth_device *d, const struct err *e);
struct oauth_device_ask;
/* NULL and *e: it could not be asked for, and done is not called. */
struct oauth_device_ask *oauth_device_ask(const struct oauth_env *env, const struct oauth *o,
					  const char *audience, oauth_device_done *done, void *arg,
					  struct err *e) MUST_USE;
void oauth_device_cancel(struct oauth_device_ask *a);

#endif
