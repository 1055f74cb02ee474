/*
 * Is this callback signed by whom we trust?  The signature is RSASSA-PKCS1-v1_5 with SHA-256 over
 * the raw body; the certificate is fetched from an allowed address, checked against pinned roots,
 * cached.
 */
#ifndef REMOTE_VERIFY_H
#define REMOTE_VERIFY_H

#include "base/world.h"

struct verify;

struct verify_config {
	const char *const *hosts;    /* NULL terminated: exact host names, https, default port */
	const char *practice_origin; /* "http://127.0.0.1:PORT" or NULL: that very origin too */
	const char *roots;           /* PEM text of the pinned roots */
	const char *organization;    /* "Microsoft Corporation" */
	/* 0 in any of these: the usual */
	int max_waiting;        /* callbacks that wait for a certificate: 64 */
	int max_fetching;       /* certificates fetched at once: 4 */
	int max_fetches;        /* in a minute: 30 */
	int fetch_ms;           /* for one: 5,000 */
	size_t max_certificate; /* bytes: 65,536 */
};
struct verify *verify_new(const struct world *w, const struct verify_config *c);
void verify_free(struct verify *v); /* who still waits is told VERDICT_UNKNOWN */

/* What a delivery carries; copied if it has to wait. NULL where missing. */
struct verify_in {
	const char *authorization;   /* header value: "Signature ..." */
	const char *signature;       /* the other place: x-ms-signature */
	const char *certificate_url; /* x-ms-certificate-url */
	const char *algorithm;       /* x-ms-signature-algorithm */
	const void *body;
	size_t len;
};
enum verdict {
	VERDICT_GOOD,
	VERDICT_BAD,    /* answer 401, empty */
	VERDICT_UNKNOWN /* certificate not to be had now, or too many wait: answer 503 */
};
/* done: at once, or from the loop after a fetch; called exactly once. */
typedef void verify_done(void *arg, enum verdict v, const struct err *why);
void verify_check(struct verify *v, const struct verify_in *in, verify_done *done, void *arg);

struct verify_state {
	uint64_t good, bad, unknown;
};
void verify_state(const struct verify *v, struct verify_state *out);

#endif
