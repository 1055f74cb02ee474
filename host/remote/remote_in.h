/*
 * A remote from inside: what remote_set.c (the set of them) needs of remote.c (calls), nobody else.
 */
#ifndef REMOTE_REMOTE_IN_H
#define REMOTE_REMOTE_IN_H

#include "remote/gate.h"
#include "remote/remote.h"

struct remote {
	struct remotes *set;
	char *name, *base, *audience;
	struct oauth *oauth;
	char *bearer;
	struct web_mail *mail;
	int cap;
	bool plain_ok, exact;

	struct remote_call *first, **last; /* all, in order of start: this is the line, too */
	int in_flight;                     /* SIGNING and SENT */
	void *timer;                       /* looks at the line again */

	struct gate gate;
	bool signed_in, needs_sign_in;
	struct err why; /* needs_sign_in */
	char text[200]; /* the last error; "" if the last answer was fine */
	int64_t last_ok_ms;
};

struct remotes {
	struct remotes_env env;
	struct remote **list;
	size_t n;
};

/* The address that a request goes to, to be freed; NULL and *e (ERR_DATA): it may not be made. */
char *remote_ask(const struct remote *r, const struct remote_request *rq, struct err *e) MUST_USE;

void remote_look(struct remote *r); /* something changed: who in line may go, who must leave */
int remote_waiting(const struct remote *r);
void remote_end_all(struct remote *r); /* open calls end with ERR_NET */

#endif
