/*
 * Access tokens.  One grant may serve several audiences.  Grants: client credentials with a secret
 * or a certificate assertion; refresh token with rotation, which begins with a person's consent.
 * Access tokens live in memory only; a refresh token lives sealed in the vault, the previous one
 * beside it until the new one has worked. Rotations are serialised per grant; the new refresh token
 * is on disk before its access token is used.
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
	bool tried;       /* it has no such row before another grant takes it over */
	enum oauth_grant grant;
	enum oauth_form form;
	const char *token_url;
	const char *client_id;
	const char *secret;        /* NULL with a certificate; copied, wiped at the end */
	bool secret_later;         /* a person has still to enter it: no error before it is used */
	struct crypto_key *key;    /* certificate assertion; owned by the oauth from here on (freed
	                            * even if oauth_new refuses) */
	enum crypto_alg alg;       /* of the assertion */
	const char *refresh_token; /* OAUTH_REFRESH: the first one, used while the vault has none or
	                            * when its row began with another one (signed in again) */
	struct oauth
		*until; /* OAUTH_REFRESH: that one's tokens do while nobody has signed in to this
			      * one; outlives it */
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

/* What a person's consent came back with. */
struct oauth_consent {
	const char *code, *redirect, *verifier; /* an authorization code, with PKCE */
	const char *device;                     /* or a device code */
};
/* The grant begins with this consent: oauth_token for this audience, by it.  For a grant that asks
 * for nothing else meanwhile.  Besides the errors there: ERR_BUSY if the person is not through yet;
 * its wait_ms is what the endpoint wants more between two questions. */
struct oauth_wait *oauth_consent(struct oauth *o, const char *audience,
				 const struct oauth_consent *c, oauth_done *done, void *arg);
/* Takes over the secret, the certificate and the sign-in of one that was tried: from now on o asks
 * with them, also for what is on its way.  false: nothing was changed. */
bool oauth_take(struct oauth *o, struct oauth *from, struct err *e) MUST_USE;
/* Nobody is signed in any more; a secret is forgotten as well. */
bool oauth_forget(struct oauth *o, struct err *e) MUST_USE;
/* Whose tokens does it give out: its own, or those of the one it has until then? */
bool oauth_is(const struct oauth *o, const struct oauth *other);
const struct oauth_config *oauth_config(const struct oauth *o); /* secrets in it stay there */
/* What a person may know of it, appended as members of a JSON object: "own":..,"signed":..
 * ,"signed_ms":..,"used_ms":..,"who":{..},"certificate_ends_ms":.. */
void oauth_tell(struct oauth *o, struct buf *json);
/* Drops the held token if it is this one (a 401 came with it). */
void oauth_reject(struct oauth *o, const char *audience, const char *token);

#endif
