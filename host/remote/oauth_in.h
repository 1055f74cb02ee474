/*
 * A grant from inside: what oauth_change.c (sign-ins that come and go) needs of oauth.c (tokens),
 * nobody else.
 */
#ifndef REMOTE_OAUTH_IN_H
#define REMOTE_OAUTH_IN_H

#include "remote/oauth_row.h"
#include "remote/oauth_wire.h"

/* One audience and its token. */
struct slot {
	struct slot *next;
	char *audience;
	char *token; /* NULL: none held */
	int64_t renew_wall_ms;
	int64_t renew_mono_us;
};

struct oauth_wait {
	struct oauth *oauth;
	struct slot *slot;
	struct oauth_wait *next;
	uint64_t number;
	oauth_done *done;
	void *arg;
};

/* What waits for the round's end outlives the oauth, since it cannot be taken back. */
struct release {
	struct oauth *oauth; /* NULL: freed meanwhile */
};

enum phase {
	IDLE,
	ASKED,  /* a request is on the way */
	SAVING, /* an answer waits for the commit of its refresh token */
	ENDED
};

/* A consent that is being redeemed; the texts are ours. */
struct consent {
	bool given;
	char *code, *redirect, *verifier, *device;
};

struct oauth {
	struct oauth_env env;
	struct oauth_config c; /* the texts are ours */
	char *vault_name;
	struct slot *slots;
	struct oauth_wait *first; /* in order of arrival */
	uint64_t numbers;

	enum phase phase;
	struct slot *asked; /* for whom; valid unless IDLE */
	struct web_call *call;
	struct release *release;
	struct oauth_row row;  /* as it was when we asked */
	struct oauth_row kept; /* of one that is tried: instead of the vault's */
	struct consent consent;
	bool by_previous; /* the request carries the previous token */
	bool own;         /* somebody has signed in to this very grant */
	struct oauth_answer answer;
	int64_t asked_wall_ms, asked_mono_us;
};

/* The row as it is now. */
bool oauth_get_row(struct oauth *o, struct oauth_row *r, bool *found, struct err *e) MUST_USE;
/* Whatever held or asked is of the sign-in before: it is dropped; who waits is asked for anew. */
void oauth_begin_anew(struct oauth *o);

#endif
