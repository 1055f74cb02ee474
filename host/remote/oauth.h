/*
 * Access tokens.  One grant may serve several audiences.  Grants: client credentials with a secret
 * or a certificate assertion; refresh token with rotation.  Access tokens live in memory only; a
 * refresh token lives sealed in the vault, the previous one beside it until the new one has
 * worked. Rotations are serialised per grant; the new refresh token is on disk before its access
 * token is used.
 */
#ifndef REMOTE_OAUTH_H
#define REMOTE_OAUTH_H

#include "base/crypto.h"
#include "base/world.h"
#include "store/db.h"
#include "store/vault.h"

struct oauth;

enum oauth_grant { OAUTH_CLIENT_CREDENTIALS, OAUTH_REFRESH };
enum oauth_form {
	OAUTH_V1, /* resource=audience, numbers may be text */
	OAUTH_V2  /* scope=audience */
};

struct oauth_config {
	const char *name; /* of the grant; names its row in the vault */
	enum oauth_grant grant;
	enum oauth_form form;
	const char *token_url;
	const char *client_id;
	const char *secret;        /* NULL with a certificate; copied, wiped at the end */
	struct crypto_key *key;    /* certificate assertion; owned by the oauth from here on (freed
	                            * even if oauth_new refuses) */
	enum crypto_alg alg;       /* of the assertion */
	const char *refresh_token; /* OAUTH_REFRESH: the first one, used while the vault has none or
	                            * when its row began with another one (signed in again) */
	bool plain_ok;
};

struct oauth_env {
	const struct world *world;
	struct db *db;
	struct vault *vault;
};

struct oauth *oauth_new(const struct oauth_env *env, const struct oauth_config *c,
			struct err *e) MUST_USE;
void oauth_free(struct oauth *o); /* waiting calls end with ERR_NET */

/* An access token for this audience: at once through done if a live one is at hand (renewed at 80
 * % of its life), else after a token request; one request in flight per grant.  done is called
 * from inside oauth_token only if the token is at hand or cannot even be asked for.  Errors:
 * ERR_AUTH (someone must act: text says what), ERR_NET / ERR_BUSY / ERR_STORE (may be tried
 * again).  fresh: do not use the token we hold (a 401 came). */
typedef void oauth_done(void *arg, const char *token, const struct err *e);
struct oauth_wait; /* to cancel; NULL if done was called already */
struct oauth_wait *oauth_token(struct oauth *o, const char *audience, bool fresh, oauth_done *done,
			       void *arg);
void oauth_cancel(struct oauth_wait *w);
/* Drops the held token if it is this one (a 401 came with it). */
void oauth_reject(struct oauth *o, const char *audience, const char *token);

#endif
