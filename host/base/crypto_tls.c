/*
 * OpenSSL, the part that a TLS listener needs: a certificate with its key, judged before it is
 * used, and sessions for callers.
 *
 * Owns struct crypto_tls.  Must never ask a terminal for a passphrase, nor leave errors in
 * OpenSSL's queue (libcurl shares it).  The system's roots are asked only whether callers are likely
 * to know an issuer; nobody is trusted for them.
 */
#include "base/crypto_tls.h"

#include "base/buf.h"
#include "base/crypto_pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { STRENGTH = 2 }; /* RSA of 2,048 bits, no SHA-1 */

#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES" /* of TLS 1.2 */

struct crypto_tls {
	SSL_CTX *ctx;
	int64_t from_ms, until_ms;
};

/* A pair that is being judged. */
struct pair {
	X509 *cert;
	STACK_OF(X509) * behind; /* the other certificates of its file */
	EVP_PKEY *key;
};

static void pair_clear(struct pair *p)
{
	X509_free(p->cert);
	sk_X509_pop_free(p->behind, X509_free);
	EVP_PKEY_free(p->key);
}

/* ---- reading ---- */

static bool read_certs(struct pair *p, const char *pem, struct err *e)
{
	BIO *b = text_bio(pem);
	X509 *x;
	ERR_clear_error();
	p->cert = PEM_read_bio_X509(b, NULL, no_passphrase, NULL);
	while (p->cert && (x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL)))
		if (sk_X509_push(p->behind, x) < 1)
			abort();
	BIO_free(b);
	/* the end of the text is the error "no start line"; anything else is a broken block */
	bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	if (p->cert && whole) {
		ERR_clear_error();
		return true;
	}
	return fail(e, ERR_CONFIG,
		    p->cert ? "a certificate behind the first one cannot be read"
			    : "the certificate cannot be read (PEM is wanted)");
}

static bool read_pair(struct pair *p, const char *pem_cert, const char *pem_key, struct err *e)
{
	if (!read_certs(p, pem_cert, e))
		return false;
	BIO *b = text_bio(pem_key);
	p->key = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
	BIO_free(b);
	if (!p->key)
		return fail(e, ERR_CONFIG,
			    "the private key cannot be read (PEM without a passphrase is wanted)");
	return X509_check_private_key(p->cert, p->key) == 1 ||
	       fail(e, ERR_CONFIG, "the private key does not belong to the certificate");
}

/* ---- the issuers ---- */

/* Is the issuer among the roots of this machine? */
static bool root_is_known(X509 *x)
{
	X509_STORE *roots = X509_STORE_new();
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	X509 *issuer = NULL;
	if (!roots || !c)
		abort();
	bool known = X509_STORE_set_default_paths(roots) == 1 &&
		     X509_STORE_CTX_init(c, roots, x, NULL) == 1 &&
		     X509_STORE_CTX_get1_issuer(&issuer, c, x) == 1;
	X509_free(issuer);
	X509_STORE_CTX_free(c);
	X509_STORE_free(roots);
	ERR_clear_error();
	return known;
}

static void add_name(struct buf *b, const X509_NAME *name)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text = NULL;
	if (!out || X509_NAME_print_ex(out, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) < 0)
		abort();
	long n = BIO_get_mem_data(out, &text);
	buf_add(b, text, (size_t)n);
	BIO_free(out);
}

/* A caller knows roots, not what stands between them and us.  Of a certificate that is its own
 * issuer, or a root's, nothing is missing. */
static bool leads_on(const struct pair *p, struct err *e)
{
	bool on = X509_check_issued(p->cert, p->cert) == X509_V_OK;
	for (int i = 0; i < sk_X509_num(p->behind) && !on; i++)
		on = X509_check_issued(sk_X509_value(p->behind, i), p->cert) == X509_V_OK;
	ERR_clear_error();
	if (on || root_is_known(p->cert))
		return true;
	struct buf name = {0};
	add_name(&name, X509_get_issuer_name(p->cert));
	err_set(e, ERR_CONFIG,
		"the certificate of its issuer (%s) is missing, so callers cannot check it: put "
		"the "
		"issuers' certificates behind it in the same file, as in a fullchain.pem",
		name.data);
	buf_free(&name);
	return false;
}

/* ---- the pair, ready ---- */

/* A caller who asks for new keys in the middle makes reading wait for writing; cut then, events
 * would stay behind on a closed descriptor.  No callback is so long that it needs new keys. */
static void on_message(int ours, int version, int type, const void *p, size_t n, SSL *s, void *arg)
{
	(void)version, (void)arg;
	if (!ours && type == SSL3_RT_HANDSHAKE && n > 0 &&
	    *(const unsigned char *)p == SSL3_MT_KEY_UPDATE)
		(void)shutdown(SSL_get_fd(s), SHUT_RDWR);
}

/* No resumption: callers are few, and nothing of an old pair is left anywhere. */
static bool set_up(SSL_CTX *c, const struct pair *p, struct err *e)
{
	SSL_CTX_set_security_level(c, STRENGTH);
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				       SSL_OP_CIPHER_SERVER_PREFERENCE |
				       SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_msg_callback(c, on_message);
	if (SSL_CTX_set_num_tickets(c, 0) != 1 ||
	    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(c, CIPHERS) != 1)
		return fail(e, ERR_CONFIG, "TLS cannot be set up");
	if (SSL_CTX_use_certificate(c, p->cert) != 1 || SSL_CTX_use_PrivateKey(c, p->key) != 1)
		return fail(e, ERR_CONFIG, "the certificate cannot be used");
	for (int i = 0; i < sk_X509_num(p->behind); i++)
		if (SSL_CTX_add1_chain_cert(c, sk_X509_value(p->behind, i)) != 1)
			return fail(e, ERR_CONFIG,
				    "a certificate behind the first one cannot be used");
	return true;
}

static int64_t ms_of(const ASN1_TIME *at)
{
	struct tm t = {0};
	return ASN1_TIME_to_tm(at, &t) == 1 ? (int64_t)timegm(&t) * 1000 : 0;
}

struct crypto_tls *crypto_tls_new(const char *pem_cert, const char *pem_key, struct err *e)
{
	struct pair p = {.behind = sk_X509_new_null()};
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	struct crypto_tls *t = NULL;
	if (!p.behind || !c)
		abort();
	if (read_pair(&p, pem_cert, pem_key, e) && leads_on(&p, e) && set_up(c, &p, e)) {
		t = NEW(struct crypto_tls);
		t->ctx = c;
		t->from_ms = ms_of(X509_get0_notBefore(p.cert));
		t->until_ms = ms_of(X509_get0_notAfter(p.cert));
	} else {
		SSL_CTX_free(c);
	}
	pair_clear(&p);
	return t;
}

void crypto_tls_free(struct crypto_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

int64_t crypto_tls_from_ms(const struct crypto_tls *t)
{
	return t->from_ms;
}

int64_t crypto_tls_until_ms(const struct crypto_tls *t)
{
	return t->until_ms;
}

/* ---- sessions ---- */

struct ssl_st *crypto_tls_session(const struct crypto_tls *t)
{
	SSL *s = SSL_new(t->ctx);
	if (!s)
		abort();
	return s;
}

void crypto_tls_session_free(struct ssl_st *s)
{
	SSL_free(s);
}

bool crypto_tls_greeted(const struct ssl_st *s)
{
	return SSL_is_init_finished(s);
}

void crypto_tls_last_words(struct ssl_st *s, const void *p, size_t n)
{
	if (n <= INT_MAX && SSL_write(s, p, (int)n) == (int)n)
		(void)SSL_shutdown(s);
	ERR_clear_error();
}

const char *crypto_tls_reason(unsigned long code)
{
	return ERR_GET_LIB(code) != 0 ? ERR_reason_error_string(code) : NULL;
}
