/*
 * A profile as C reads it: what scripts/schema.lua made of the administrator's table, as plain
 * structs. Strings are owned by the profile.  Secrets are references here; profile_secret resolves
 * one.
 */
#ifndef SCRIPT_PROFILE_H
#define SCRIPT_PROFILE_H

#include "script/vm.h"

/* Where a secret stands; all NULL and not sealed: not given. */
struct profile_ref {
	char *env, *file, *credential;
	bool sealed; /* a person enters it, and the vault keeps it */
};

struct profile_grant {
	char *name, *token_url, *client_id;
	char *until;  /* a grant whose tokens and secret it has while it has no sign-in; or NULL */
	bool refresh; /* else client credentials */
	bool v2;      /* scope, else resource */
	bool plain_ok, ps256;
	struct profile_ref secret, key, cert, refresh_token;
};

struct profile_remote {
	char *name, *base, *audience, *grant;
	int in_flight, budget, budget_s;
	bool plain_ok;
	/* of one address, without a grant */
	bool exact;
	struct profile_ref url;   /* in place of base, where the address is a secret */
	struct profile_ref token; /* who asks, to an https address */
	char *from, **to, *user;  /* a mail relay; to: NULL terminated */
	struct profile_ref password;
};

struct profile_restart { /* a member that needs a restart, as JSON, to be compared */
	char *key, *json;
};

struct profile {
	char *state, *key_file;
	struct {
		char *address;
		int port, max_connections, max_per_address, deadline_ms, idle_ms;
		size_t max_body;
		struct profile_ref path_secret;       /* not given: no listener */
		struct profile_ref push_secret;       /* not given: no hints */
		struct profile_ref tls_cert, tls_key; /* not given: plain */
	} listen;
	struct {
		char **hosts; /* NULL terminated */
		char *practice_origin, *organization, *job_kind;
		int max_waiting, max_fetching, max_fetches, fetch_ms;
		size_t max_certificate;
		struct profile_ref roots;
	} callbacks;
	struct {
		char *job_kind;
		char **keep; /* NULL terminated: members of a hint's body */
	} hints;
	struct {
		char *address; /* or */
		struct profile_ref ref;
		char *job_kind;
		int most;
	} forward; /* where callbacks go on to; job_kind NULL: nowhere */
	struct profile_grant *grants;
	struct profile_remote *remotes;
	struct profile_restart *restart;
	size_t ngrants, nremotes, nrestart;
	int mapping_deadline_ms, jobs_at_once;
	size_t mapping_memory;
	char *setup; /* the mapping process's set-up question */
	char *view;  /* JSON of host.profile */
};

struct profile_source {
	const char *dir;         /* absolute */
	const char *file;        /* as shown in errors */
	const char *text;        /* of profile.lua, for the lines of its keys */
	const char *shared_file; /* settings.lua, which it is laid over; NULL: there is none */
	const char *shared_text;
	const char *answer; /* JSON {profile:, shared:} of the tables they returned */
};

/* The folder of the mapping's files that a profile names; all NULL: its own. */
struct profile_mapping {
	char *dir, *shown;
};
void profile_mapping_clear(struct profile_mapping *m);

/* Asks require("schema").normalise in v.  What it names goes to *m also if something is wrong.  NULL and *e: ERR_CONFIG with the first problem
 * ("file:line: key: text", and how many more); *problems (to be freed, may be NULL): all of them
 * as JSON. */
struct profile *profile_read(struct vm *v, const struct profile_source *in,
			     struct profile_mapping *m, char **problems, struct err *e) MUST_USE;
void profile_free(struct profile *p); /* NULL is fine */

/* The first member that differs and needs a restart, or NULL. */
const char *profile_restart(const struct profile *old, const struct profile *now);

bool profile_ref_given(const struct profile_ref *r);
void profile_ref_copy(struct profile_ref *to, const struct profile_ref *from);
void profile_ref_clear(struct profile_ref *r);
/* The file it stands in (to be freed), or NULL: in none. */
char *profile_ref_path(const struct profile_ref *r);
/* Appends the secret, which is not a sealed one.  key: path of the key, for the message, which says what to do. */
bool profile_secret(const struct profile_ref *r, const char *key, struct buf *out,
		    struct err *e) MUST_USE;
/* The same of what is no secret, such as a certificate: others may read its file. */
bool profile_shown(const struct profile_ref *r, const char *key, struct buf *out,
		   struct err *e) MUST_USE;

#endif
