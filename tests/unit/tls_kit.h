/*
 * TLS peers for the checks of a listener: OpenSSL's client on memory, its bytes carried by a plain
 * peer (http_kit.h), so that a check may drip, cut or hold back any of them.
 */
#ifndef TLS_KIT_H
#define TLS_KIT_H

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/crypto.h"
#include "base/crypto_tls.h"
#include "http_kit.h"

/* ---- pairs ---- */

struct authority {
	char *key, *cert;
};

struct pem_pair {
	char *key, *cert, *chain; /* chain: the certificate and its issuer's */
};

static inline int64_t issue_now_ms(void)
{
	return clock_wall_ms() - 60000;
}

static inline struct authority authority_new(void)
{
	struct crypto_issue in = {
		.common_name = "Test Root", .bits = 2048, .from_ms = issue_now_ms(), .days = 30};
	struct authority a = {NULL, NULL};
	struct err e;
	CHECK(crypto_issue(&in, &a.key, &a.cert, &e));
	return a;
}

static inline struct pem_pair pair_new(const struct authority *a, int bits, int days)
{
	struct crypto_issue in = {.common_name = "127.0.0.1",
				  .bits = bits,
				  .from_ms = issue_now_ms(),
				  .days = days,
				  .ca_key = a->key,
				  .ca_cert = a->cert};
	struct pem_pair p = {NULL, NULL, NULL};
	struct err e;
	CHECK(crypto_issue(&in, &p.key, &p.cert, &e));
	p.chain = xasprintf("%s%s", p.cert, a->cert);
	return p;
}

static inline void pair_free(struct pem_pair *p)
{
	free(p->key);
	free(p->cert);
	free(p->chain);
}

static inline void authority_free(struct authority *a)
{
	free(a->key);
	free(a->cert);
}

static inline struct crypto_tls *tls_of(const struct pem_pair *p)
{
	struct err e;
	struct crypto_tls *t = crypto_tls_new(p->chain, p->key, &e);
	if (t == NULL) {
		CHECK_STR(e.text, "a pair");
		abort();
	}
	return t;
}

/* ---- peers ---- */

struct tls_peer {
	struct peer *raw;
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *from; /* what the server sent */
	BIO *to;   /* what is to be sent to it */
	bool hold; /* nothing leaves by itself */
	bool greeted;
	struct buf in; /* plain */
	const char *want;
};

static inline void tls_flush(struct tls_peer *t)
{
	char bytes[16384];
	int n;
	while (!t->hold && (n = BIO_read(t->to, bytes, sizeof bytes)) > 0) {
		peer_send(t->raw, bytes, (size_t)n);
	}
}

/* Carries what has come, and what that brings forth. */
static inline void tls_look(struct tls_peer *t)
{
	char bytes[65536];
	int n;
	peer_look(t->raw);
	if (t->raw->in.len > 0) {
		(void)BIO_write(t->from, t->raw->in.data, (int)t->raw->in.len);
		t->raw->in.len = 0;
	}
	t->greeted = t->greeted || SSL_do_handshake(t->ssl) == 1;
	while (t->greeted && (n = SSL_read(t->ssl, bytes, sizeof bytes)) > 0) {
		buf_add(&t->in, bytes, (size_t)n);
	}
	tls_flush(t);
}

/* newest: of TLS, 0: any; hold: nothing leaves by itself. */
static inline struct tls_peer *tls_peer_on(struct peer *raw, int newest, bool hold)
{
	struct tls_peer *t = NEW(struct tls_peer);
	t->raw = raw;
	t->hold = hold;
	t->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(t->ctx, 0);
	(void)SSL_CTX_set_min_proto_version(t->ctx, TLS1_VERSION);
	(void)SSL_CTX_set_max_proto_version(t->ctx, newest);
	t->ssl = SSL_new(t->ctx);
	t->from = BIO_new(BIO_s_mem());
	t->to = BIO_new(BIO_s_mem());
	SSL_set_bio(t->ssl, t->from, t->to);
	SSL_set_connect_state(t->ssl);
	tls_look(t);
	return t;
}

static inline struct tls_peer *tls_peer_new(struct stage *s)
{
	return tls_peer_on(peer_new(s), 0, false);
}

static inline void tls_peer_free(struct tls_peer *t)
{
	peer_free(t->raw);
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	buf_free(&t->in);
	free(t);
}

static inline bool until_greeted(void *arg)
{
	struct tls_peer *t = arg;
	tls_look(t);
	return t->greeted || t->raw->ended;
}

static inline bool until_tls_ended(void *arg)
{
	struct tls_peer *t = arg;
	tls_look(t);
	return t->raw->ended;
}

static inline bool until_tls_got(void *arg)
{
	struct tls_peer *t = arg;
	tls_look(t);
	return t->in.data != NULL && strstr(t->in.data, t->want) != NULL;
}

static inline bool tls_greets(struct tls_peer *t)
{
	return pump(t->raw->stage->loop, until_greeted, t, 5000) && t->greeted;
}

/* After the greeting. */
static inline void tls_sends(struct tls_peer *t, const void *p, size_t n)
{
	if (n > 0) {
		CHECK_INT(SSL_write(t->ssl, p, (int)n), n);
	}
	tls_flush(t);
}

static inline void tls_says(struct tls_peer *t, const char *text)
{
	if (CHECK(t->greeted || tls_greets(t))) {
		tls_sends(t, text, strlen(text));
	}
}

static inline bool tls_gets(struct tls_peer *t, const char *want)
{
	t->want = want;
	bool got = pump(t->raw->stage->loop, until_tls_got, t, 5000);
	if (!got) {
		CHECK_STR(t->in.data, want);
	}
	return got;
}

static inline bool tls_ends(struct tls_peer *t, int ms)
{
	return pump(t->raw->stage->loop, until_tls_ended, t, ms);
}

static inline int tls_status(const struct tls_peer *t)
{
	return t->in.len > 12 && memcmp(t->in.data, "HTTP/1.", 7) == 0
		       ? (int)strtol(t->in.data + 9, NULL, 10)
		       : 0;
}

/* Is it this certificate that the server showed? */
static inline bool tls_saw(struct tls_peer *t, const struct pem_pair *p)
{
	unsigned char want[32];
	unsigned char have[32];
	unsigned char sha1[20];
	struct err e;
	X509 *x = SSL_get1_peer_certificate(t->ssl);
	struct crypto_cert *c = crypto_cert_load(p->cert, strlen(p->cert), &e);
	if (x == NULL || c == NULL) {
		return false;
	}
	crypto_cert_thumbprints(c, sha1, want);
	(void)X509_digest(x, EVP_sha256(), have, NULL);
	X509_free(x);
	crypto_cert_free(c);
	return memcmp(want, have, sizeof want) == 0;
}

#endif
