/*
 * Is this callback signed by whom we trust?
 * Owns the cache of certificates and the callbacks that wait for one.  Must never open a
 * connection for an address that is not allowed, nor let forged callbacks make many: one fetch an
 * address, few at once, few a minute, and a failure is remembered.  Its "why" is for the log; who
 * called is told nothing.
 */
#include "remote/verify.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "remote/verify_url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	USUAL_WAITING = 64,
	MOST_ENTRIES = 64, /* more than are ever fetched at once */
	MOST_FETCHING = 32,
	USUAL_FETCHING = 4,
	USUAL_FETCHES = 30, /* a minute */
	MINUTE_MS = 60 * 1000,
	BAD_FOR_MS = 60 * 1000,
	GOOD_FOR_MS = 24 * 3600 * 1000,
	USUAL_FETCH_MS = 5000,
	USUAL_CERTIFICATE = 64 * 1024,
	MOST_SIGNATURE = 2048 /* letters */
};

/* One address: what came from there, or who waits for it. */
struct entry {
	struct verify *verify;
	struct entry *next;
	char *url;
	struct crypto_cert *cert; /* checked; NULL: none that is any good */
	enum verdict otherwise;   /* without a certificate: what is said until then */
	struct err why;
	int64_t from_ms, until_ms; /* the outcome is believed so long */
	struct web_call *fetch;
	struct waiter *first, **last;
};

struct waiter {
	struct waiter *next;
	struct buf signature;
	char *body;
	size_t len;
	verify_done *done;
	void *arg;
};

struct verify {
	const struct world *world;
	char **hosts;
	char *origin, *roots, *organization;
	int most_waiting, most_fetching, most_fetches, fetch_ms;
	size_t most_certificate;
	struct entry *entries;
	int nentries, waiting, fetching;
	int64_t minute_ms; /* when the minute of `fetches` began */
	int fetches;
	struct verify_state state;
};

/* ---- the end of one ---- */

static void tell(struct verify *v, verify_done *done, void *arg, enum verdict verdict,
		 const struct err *why)
{
	if (verdict == VERDICT_GOOD)
		v->state.good++;
	else if (verdict == VERDICT_BAD)
		v->state.bad++;
	else
		v->state.unknown++;
	done(arg, verdict, why);
}

static enum verdict judge(const struct entry *n, const struct buf *signature, const void *body,
			  size_t len, struct err *why)
{
	if (!n->cert) {
		*why = n->why;
		return n->otherwise;
	}
	if (crypto_verify(n->cert, CRYPTO_RS256, body, len, signature->data, signature->len))
		return VERDICT_GOOD;
	err_set(why, ERR_DATA, "the signature is not of this body");
	return VERDICT_BAD;
}

static void tell_waiters(struct entry *n)
{
	struct waiter *w;
	struct waiter *list = n->first; /* who is told may bring new ones */
	n->first = NULL;
	n->last = &n->first;
	while ((w = list)) {
		struct err why = {0};
		list = w->next;
		n->verify->waiting--;
		enum verdict verdict = judge(n, &w->signature, w->body, w->len, &why);
		tell(n->verify, w->done, w->arg, verdict, &why);
		buf_free(&w->signature);
		free(w->body);
		free(w);
	}
}

/* ---- the cache ---- */

static struct entry *find_entry(const struct verify *v, const char *url)
{
	struct entry *n = v->entries;
	while (n && strcmp(n->url, url) != 0)
		n = n->next;
	return n;
}

static void entry_free(struct entry *n)
{
	crypto_cert_free(n->cert);
	free(n->url);
	free(n);
}

/* Forged addresses must not push out a good certificate: failures go first, the oldest of them. */
static bool worse(const struct entry *a, const struct entry *b)
{
	if (!a->cert != !b->cert)
		return !a->cert;
	return a->until_ms < b->until_ms;
}

static void make_room(struct verify *v)
{
	struct entry **worst = NULL;
	if (v->nentries < MOST_ENTRIES)
		return;
	for (struct entry **at = &v->entries; *at; at = &(*at)->next)
		if (!(*at)->fetch && (!worst || worse(*at, *worst)))
			worst = at;
	if (!worst)
		return; /* cannot be: fewer are fetched than stand here */
	struct entry *gone = *worst;
	*worst = gone->next;
	entry_free(gone);
	v->nentries--;
}

static struct entry *need_entry(struct verify *v, const char *url)
{
	struct entry *n = find_entry(v, url);
	if (n)
		return n;
	make_room(v);
	n = NEW(struct entry);
	n->verify = v;
	n->url = xstrdup(url);
	n->last = &n->first;
	n->next = v->entries;
	v->entries = n;
	v->nentries++;
	return n;
}

/* ---- fetching ---- */

static bool fetch_allowed(struct verify *v)
{
	int64_t now = WORLD_NOW(v->world);
	if (now >= v->minute_ms + MINUTE_MS || now < v->minute_ms) {
		v->minute_ms = now;
		v->fetches = 0;
	}
	return v->fetching < v->most_fetching && v->fetches < v->most_fetches;
}

static void settle_bad(struct entry *n, enum verdict otherwise, const struct err *why)
{
	int64_t now = WORLD_NOW(n->verify->world);
	n->from_ms = now;
	n->until_ms = now + BAD_FOR_MS;
	n->otherwise = otherwise;
	n->why = *why;
	/* the one we have is as good as it was, as long as the address gives no other */
	int64_t end = n->cert ? crypto_cert_not_after_ms(n->cert) : 0;
	if (otherwise == VERDICT_BAD || end <= now) {
		crypto_cert_free(n->cert);
		n->cert = NULL;
	} else if (n->until_ms > end) {
		n->until_ms = end;
	}
}

static void settle_good(struct entry *n, struct crypto_cert *cert)
{
	int64_t end = crypto_cert_not_after_ms(cert);
	n->from_ms = WORLD_NOW(n->verify->world);
	n->until_ms = n->from_ms + GOOD_FOR_MS;
	if (n->until_ms > end)
		n->until_ms = end;
	crypto_cert_free(n->cert);
	n->cert = cert;
}

static void settle(struct entry *n, const struct web_answer *a, const struct err *net)
{
	struct verify *v = n->verify;
	struct err why;
	if (!a || a->status != 200) {
		if (a)
			err_set(&why, ERR_NET, "answered %d", a->status);
		else
			why = *net;
		err_add(&why, "the certificate's address");
		settle_bad(n, VERDICT_UNKNOWN, &why);
		return;
	}
	struct crypto_cert *cert = crypto_cert_load(a->body, a->len, &why);
	if (cert && crypto_cert_check(cert, v->roots, v->organization, WORLD_NOW(v->world), &why)) {
		settle_good(n, cert);
		return;
	}
	crypto_cert_free(cert);
	settle_bad(n, VERDICT_BAD, &why);
}

static void fetched(void *arg, const struct web_answer *a, const struct err *net)
{
	struct entry *n = arg;
	n->fetch = NULL;
	n->verify->fetching--;
	settle(n, a, net);
	tell_waiters(n);
}

static bool fetch(struct entry *n, struct err *why)
{
	struct verify *v = n->verify;
	bool plain = strncmp(n->url, "https://", 8) != 0;
	struct web_request rq = {.method = "GET",
				 .url = n->url,
				 .timeout_ms = v->fetch_ms,
				 .max_answer = v->most_certificate,
				 .plain_ok = plain};
	if (!fetch_allowed(v))
		return err_set(why, ERR_BUSY, "too many certificates were asked for");
	n->fetch = v->world->start(v->world->ctx, &rq, fetched, n, why);
	if (!n->fetch)
		return false;
	v->fetching++;
	v->fetches++;
	return true;
}

/* ---- one callback ---- */

/* "Signature abc=" or, where allowed, "abc=": the letters, or NULL. */
static const char *after_scheme(const char *value, bool bare_ok)
{
	static const char scheme[] = "signature";
	size_t n = sizeof(scheme) - 1;
	if (strncasecmp(value, scheme, n) == 0 && value[n] == ' ')
		return value + n + strspn(value + n, " ");
	return bare_ok ? value : NULL;
}

static bool read_signature(const struct verify_in *in, struct buf *out, struct err *why)
{
	const char *first = in->authorization ? after_scheme(in->authorization, false) : NULL;
	const char *second = in->signature ? after_scheme(in->signature, true) : NULL;
	if (first && second && strcmp(first, second) != 0)
		return err_set(why, ERR_DATA, "two different signatures");
	const char *text = first ? first : second;
	if (!text)
		return err_set(why, ERR_DATA, "no signature");
	size_t n = strlen(text);
	if (n == 0 || n > MOST_SIGNATURE || !crypto_base64_decode(out, text, n, false))
		return err_set(why, ERR_DATA, "the signature is not base64");
	return true;
}

/* All that can be said without a certificate. */
static bool read_head(const struct verify *v, const struct verify_in *in, struct buf *signature,
		      struct err *why)
{
	if (!in->algorithm || strcasecmp(in->algorithm, "rsa-sha256") != 0)
		return err_set(why, ERR_DATA, "the algorithm is not rsa-sha256");
	if (!in->certificate_url ||
	    !verify_url_allowed(in->certificate_url, (const char *const *)v->hosts, v->origin))
		return err_set(why, ERR_DATA, "the certificate's address is not an allowed one");
	return read_signature(in, signature, why);
}

static void wait_for(struct entry *n, const struct verify_in *in, struct buf *signature,
		     verify_done *done, void *arg)
{
	struct waiter *w = NEW(struct waiter);
	*w = (struct waiter){.signature = *signature,
			     .body = xmemdup0(in->body, in->len),
			     .len = in->len,
			     .done = done,
			     .arg = arg};
	*signature = (struct buf){0};
	*n->last = w;
	n->last = &w->next;
	n->verify->waiting++;
}

/* Not for ever after the clock was set back. */
static bool is_believed(const struct entry *n)
{
	int64_t now = WORLD_NOW(n->verify->world);
	return now >= n->from_ms && now < n->until_ms;
}

static void with_signature(struct verify *v, const struct verify_in *in, struct buf *signature,
			   verify_done *done, void *arg)
{
	struct err why = {0};
	struct entry *n = find_entry(v, in->certificate_url);
	if (n && !n->fetch && is_believed(n)) {
		enum verdict verdict = judge(n, signature, in->body, in->len, &why);
		tell(v, done, arg, verdict, &why);
		return;
	}
	if (v->waiting >= v->most_waiting) {
		err_set(&why, ERR_BUSY, "too many wait for a certificate");
		tell(v, done, arg, VERDICT_UNKNOWN, &why);
		return;
	}
	if (!n)
		n = need_entry(v, in->certificate_url);
	if (n->fetch || fetch(n, &why))
		wait_for(n, in, signature, done, arg);
	else
		tell(v, done, arg, VERDICT_UNKNOWN, &why);
}

void verify_check(struct verify *v, const struct verify_in *in, verify_done *done, void *arg)
{
	struct err why = {0};
	struct buf signature = {0};
	if (read_head(v, in, &signature, &why))
		with_signature(v, in, &signature, done, arg);
	else
		tell(v, done, arg, VERDICT_BAD, &why);
	buf_free(&signature);
}

/* ---- the whole ---- */

static int usual(int given, int otherwise)
{
	return given > 0 ? given : otherwise;
}

static void set_limits(struct verify *v, const struct verify_config *c)
{
	v->most_waiting = usual(c->max_waiting, USUAL_WAITING);
	v->most_fetching = usual(c->max_fetching, USUAL_FETCHING);
	if (v->most_fetching > MOST_FETCHING)
		v->most_fetching = MOST_FETCHING;
	v->most_fetches = usual(c->max_fetches, USUAL_FETCHES);
	v->fetch_ms = usual(c->fetch_ms, USUAL_FETCH_MS);
	v->most_certificate = c->max_certificate > 0 ? c->max_certificate : USUAL_CERTIFICATE;
}

struct verify *verify_new(const struct world *w, const struct verify_config *c)
{
	struct verify *v = NEW(struct verify);
	size_t n = 0;
	v->world = w;
	while (c->hosts && c->hosts[n])
		n++;
	v->hosts = xcalloc(n + 1, sizeof(*v->hosts));
	for (size_t i = 0; i < n; i++)
		v->hosts[i] = xstrdup(c->hosts[i]);
	v->origin = xstrdup(c->practice_origin);
	v->roots = xstrdup(c->roots);
	v->organization = xstrdup(c->organization);
	set_limits(v, c);
	return v;
}

static void drop_entry(struct entry *n)
{
	struct verify *v = n->verify;
	struct err why;
	if (n->fetch)
		v->world->cancel(v->world->ctx, n->fetch);
	err_set(&why, ERR_NET, "ended");
	crypto_cert_free(n->cert);
	n->cert = NULL;
	settle_bad(n, VERDICT_UNKNOWN, &why);
	tell_waiters(n);
	entry_free(n);
}

void verify_free(struct verify *v)
{
	if (!v)
		return;
	while (v->entries) {
		struct entry *n = v->entries;
		v->entries = n->next;
		drop_entry(n);
	}
	for (char **host = v->hosts; *host; host++)
		free(*host);
	free(v->hosts);
	free(v->origin);
	free(v->roots);
	free(v->organization);
	free(v);
}

void verify_state(const struct verify *v, struct verify_state *out)
{
	*out = v->state;
}
