/*
 * OpenSSL, the part with keys and certificates: signing, checking a signer against pinned roots,
 * verifying, and making certificates for practice.
 * Owns struct crypto_key and struct crypto_cert.  Must never ask a terminal for a passphrase, trust
 * the system's roots, or leave errors in OpenSSL's queue (libcurl shares it).
 */
#include "base/crypto.h"

#include "base/crypto_pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEAST_BITS = 2048, DAY_S = 86400 };

struct crypto_key {
	EVP_PKEY *key;
	X509 *cert;
};

enum { ALGS = CRYPTO_PS256 + 1 };

struct crypto_cert {
	X509 *x;
	EVP_PKEY_CTX *ready[ALGS]; /* made for the first signature, good for all that follow */
};

static EVP_PKEY *read_key(const char *pem)
{
	BIO *b = text_bio(pem);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
	BIO_free(b);
	return k;
}

static X509 *read_cert(const char *pem)
{
	BIO *b = text_bio(pem);
	X509 *x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL);
	BIO_free(b);
	return x;
}

/* ---- our own key ---- */

struct crypto_key *crypto_key_load(const char *pem_key, const char *pem_cert, struct err *e)
{
	struct crypto_key *k = NEW(struct crypto_key);
	k->key = read_key(pem_key);
	if (!k->key)
		fail(e, ERR_CONFIG,
		     "the private key cannot be read (PEM without a passphrase is wanted)");
	else if (!EVP_PKEY_is_a(k->key, "RSA"))
		fail(e, ERR_CONFIG, "the private key is not an RSA key");
	else if (!(k->cert = read_cert(pem_cert)))
		fail(e, ERR_CONFIG, "the certificate cannot be read (PEM is wanted)");
	else if (X509_check_private_key(k->cert, k->key) != 1)
		fail(e, ERR_CONFIG, "the private key does not belong to the certificate");
	else
		return k;
	crypto_key_free(k);
	return NULL;
}

void crypto_key_free(struct crypto_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	X509_free(k->cert);
	free(k);
}

/* RSASSA-PSS as JWA wants it: salt as long as the digest, MGF1 with the same digest. */
static bool set_padding(EVP_PKEY_CTX *c, enum crypto_alg alg)
{
	if (alg == CRYPTO_RS256)
		return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0;
	return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(c, EVP_sha256()) > 0;
}

bool crypto_sign(const struct crypto_key *k, enum crypto_alg alg, const void *p, size_t n,
		 struct buf *sig, struct err *e)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *kc = NULL;
	size_t len = (size_t)EVP_PKEY_get_size(k->key);
	unsigned char *out = xmalloc(len + 1);
	bool ok = c && EVP_DigestSignInit(c, &kc, EVP_sha256(), NULL, k->key) == 1 &&
		  set_padding(kc, alg) && EVP_DigestSign(c, out, &len, p, n) == 1;
	EVP_MD_CTX_free(c);
	if (ok)
		buf_add(sig, out, len);
	free(out);
	return ok || fail(e, ERR_CONFIG, "signing failed");
}

static void thumbprint(const X509 *x, const EVP_MD *md, unsigned char *out)
{
	if (X509_digest(x, md, out, NULL) != 1)
		abort();
}

void crypto_key_thumbprints(const struct crypto_key *k, unsigned char sha1[20],
			    unsigned char sha256[32])
{
	thumbprint(k->cert, EVP_sha1(), sha1);
	thumbprint(k->cert, EVP_sha256(), sha256);
}

/* ---- a signer's certificate ---- */

static X509 *read_der(const void *p, size_t n)
{
	const unsigned char *at = p;
	X509 *x = n <= INT_MAX ? d2i_X509(NULL, &at, (long)n) : NULL;
	if (x && at != (const unsigned char *)p + n) { /* bytes behind it: not what was meant */
		X509_free(x);
		x = NULL;
	}
	return x;
}

/* DER in base64 without the PEM lines, as some servers store a .cer. */
static X509 *read_bare_base64(const char *text)
{
	struct buf letters = {0};
	struct buf der = {0};
	X509 *x = NULL;
	for (; *text; text++)
		if (!isspace((unsigned char)*text))
			buf_addc(&letters, *text);
	if (letters.len > 0 && crypto_base64_decode(&der, letters.data, letters.len, false))
		x = read_der(der.data, der.len);
	buf_free(&letters);
	buf_free(&der);
	return x;
}

struct crypto_cert *crypto_cert_load(const void *p, size_t n, struct err *e)
{
	X509 *x = read_der(p, n);
	if (!x) {
		char *text = xmemdup0(p, n);
		x = read_cert(text);
		if (!x)
			x = read_bare_base64(text);
		free(text);
	}
	ERR_clear_error();
	if (!x) {
		err_set(e, ERR_DATA, "not a certificate (neither DER nor PEM)");
		return NULL;
	}
	struct crypto_cert *c = NEW(struct crypto_cert);
	c->x = x;
	return c;
}

void crypto_cert_free(struct crypto_cert *c)
{
	if (!c)
		return;
	for (int i = 0; i < ALGS; i++)
		EVP_PKEY_CTX_free(c->ready[i]);
	X509_free(c->x);
	free(c);
}

/* All certificates of a PEM text; without X509_V_FLAG_PARTIAL_CHAIN only the self-signed ones of a
 * store end a chain, the others can only stand in between. */
static X509_STORE *read_roots(const char *pem, struct err *e)
{
	X509_STORE *s = X509_STORE_new();
	BIO *b = text_bio(pem);
	X509 *x;
	int n = 0;
	if (!s)
		abort();
	ERR_clear_error();
	while ((x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL))) {
		if (X509_STORE_add_cert(s, x) == 1)
			n++;
		X509_free(x);
	}
	BIO_free(b);
	/* the end of the text is the error "no start line"; anything else is a broken block */
	bool broken = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
	if (n > 0 && !broken) {
		ERR_clear_error();
		return s;
	}
	X509_STORE_free(s);
	fail(e, ERR_CONFIG,
	     n > 0 ? "a pinned root cannot be read" : "no pinned root is configured");
	return NULL;
}

/* Exactly one organisation, equal byte for byte (a NUL inside cannot shorten it). */
static bool organization_is(const X509_NAME *name, const char *want)
{
	int at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_organizationName, at) >= 0)
		return false;
	unsigned char *text = NULL;
	int len =
		ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	bool same = len >= 0 && (size_t)len == strlen(want) && memcmp(text, want, (size_t)len) == 0;
	OPENSSL_free(text);
	return same;
}

static bool key_fits(const X509 *x, struct err *e)
{
	const EVP_PKEY *k = X509_get0_pubkey(x);
	if (!k || !EVP_PKEY_is_a(k, "RSA"))
		return fail(e, ERR_DATA, "the signer's key is not RSA");
	if (EVP_PKEY_get_bits(k) < LEAST_BITS)
		return err_set(e, ERR_DATA, "the signer's key has %d bits, %d are wanted",
			       EVP_PKEY_get_bits(k), LEAST_BITS);
	return true;
}

static bool chain_holds(X509 *x, X509_STORE *roots, int64_t now_ms, struct err *e)
{
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	if (!c || X509_STORE_CTX_init(c, roots, x, NULL) != 1)
		abort();
	X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);
	X509_VERIFY_PARAM_set_time(p, (time_t)(now_ms / 1000));
	X509_VERIFY_PARAM_set_auth_level(p, 2); /* no SHA-1 signature, no short key in the chain */
	bool ok = X509_verify_cert(c) == 1;
	if (!ok)
		err_set(e, ERR_DATA, "the signer's certificate is not trusted: %s",
			X509_verify_cert_error_string(X509_STORE_CTX_get_error(c)));
	X509_STORE_CTX_free(c);
	ERR_clear_error();
	return ok;
}

bool crypto_cert_check(const struct crypto_cert *c, const char *pem_roots, const char *organization,
		       int64_t now_ms, struct err *e)
{
	if (!key_fits(c->x, e))
		return false;
	X509_STORE *roots = read_roots(pem_roots, e);
	if (!roots)
		return false;
	bool ok = chain_holds(c->x, roots, now_ms, e);
	X509_STORE_free(roots);
	if (!ok)
		return false;
	if (organization_is(X509_get_subject_name(c->x), organization) ||
	    organization_is(X509_get_issuer_name(c->x), organization))
		return true;
	return err_set(e, ERR_DATA, "the signer's certificate is not of %s", organization);
}

static int64_t not_after_ms(const X509 *x)
{
	struct tm t = {0};
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &t) != 1)
		return 0;
	return (int64_t)timegm(&t) * 1000;
}

int64_t crypto_cert_not_after_ms(const struct crypto_cert *c)
{
	return not_after_ms(c->x);
}

int64_t crypto_key_not_after_ms(const struct crypto_key *k)
{
	return not_after_ms(k->cert);
}

void crypto_cert_thumbprints(const struct crypto_cert *c, unsigned char sha1[20],
			     unsigned char sha256[32])
{
	thumbprint(c->x, EVP_sha1(), sha1);
	thumbprint(c->x, EVP_sha256(), sha256);
}

/* Setting one up costs a third of what the check itself does. */
static EVP_PKEY_CTX *verifier(struct crypto_cert *c, enum crypto_alg alg)
{
	EVP_PKEY *k = X509_get0_pubkey(c->x);
	if (c->ready[alg] || !k || !EVP_PKEY_is_a(k, "RSA"))
		return c->ready[alg];
	EVP_PKEY_CTX *kc = EVP_PKEY_CTX_new(k, NULL);
	if (kc && EVP_PKEY_verify_init(kc) == 1 && set_padding(kc, alg) &&
	    EVP_PKEY_CTX_set_signature_md(kc, EVP_sha256()) > 0)
		c->ready[alg] = kc;
	else
		EVP_PKEY_CTX_free(kc);
	return c->ready[alg];
}

bool crypto_verify(struct crypto_cert *c, enum crypto_alg alg, const void *p, size_t n,
		   const void *sig, size_t siglen)
{
	unsigned char hash[32];
	EVP_PKEY_CTX *kc = verifier(c, alg);
	crypto_sha256(p, n, hash);
	bool ok = kc && EVP_PKEY_verify(kc, sig, siglen, hash, sizeof(hash)) == 1;
	ERR_clear_error();
	return ok;
}

/* ---- certificates for practice ---- */

static bool set_name(X509 *x, const struct crypto_issue *in)
{
	X509_NAME *n = X509_get_subject_name(x);
	const unsigned char *o = (const unsigned char *)in->organization;
	const unsigned char *cn = (const unsigned char *)in->common_name;
	return (!o ||
		X509_NAME_add_entry_by_NID(n, NID_organizationName, MBSTRING_UTF8, o, -1, -1, 0)) &&
	       X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8, cn, -1, -1, 0);
}

static bool set_serial(X509 *x)
{
	unsigned char bytes[16];
	crypto_random(bytes, sizeof(bytes));
	bytes[0] &= 0x7f;
	BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

/* An expired one (days < 0) was valid for one day that ended that many days ago. */
static bool set_dates(X509 *x, const struct crypto_issue *in)
{
	time_t from = (time_t)(in->from_ms / 1000);
	time_t end = from + (time_t)in->days * DAY_S;
	time_t begin = in->days < 0 ? end - DAY_S : from;
	return ASN1_TIME_set(X509_getm_notBefore(x), begin) &&
	       ASN1_TIME_set(X509_getm_notAfter(x), end);
}

static bool add_extension(X509 *x, X509 *ca, int nid, const char *value)
{
	X509V3_CTX c;
	X509V3_set_ctx(&c, ca, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	bool ok = ext && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool set_extensions(X509 *x, X509 *ca)
{
	bool root = x == ca;
	return add_extension(x, ca, NID_basic_constraints,
			     root ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
	       add_extension(x, ca, NID_key_usage,
			     root ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
	       add_extension(x, ca, NID_subject_key_identifier, "hash") &&
	       add_extension(x, ca, NID_authority_key_identifier, "keyid");
}

/* ca == NULL and ca_key == NULL: signs itself. */
static X509 *make_cert(const struct crypto_issue *in, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
	X509 *x = X509_new();
	if (!x)
		abort();
	bool ok = X509_set_version(x, X509_VERSION_3) && set_serial(x) && set_dates(x, in) &&
		  set_name(x, in) && X509_set_issuer_name(x, X509_get_subject_name(ca ? ca : x)) &&
		  X509_set_pubkey(x, key) && set_extensions(x, ca ? ca : x) &&
		  X509_sign(x, ca ? ca_key : key, EVP_sha256()) > 0;
	if (ok)
		return x;
	X509_free(x);
	return NULL;
}

static char *pem_text(EVP_PKEY *key, X509 *cert)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text = NULL;
	if (!b || (key ? PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL)
		       : PEM_write_bio_X509(b, cert)) != 1)
		abort();
	long n = BIO_get_mem_data(b, &text);
	char *copy = xmemdup0(text, (size_t)n);
	crypto_wipe(text, (size_t)n);
	BIO_free(b);
	return copy;
}

bool crypto_issue(const struct crypto_issue *in, char **pem_key, char **pem_cert, struct err *e)
{
	if (in->bits < 1024 || in->bits > 8192)
		return err_set(e, ERR_DATA, "a key of %d bits is not made here", in->bits);
	if (!in->ca_key != !in->ca_cert)
		return err_set(e, ERR_DATA, "key and certificate of the authority go together");
	X509 *ca = in->ca_cert ? read_cert(in->ca_cert) : NULL;
	EVP_PKEY *ca_key = in->ca_key ? read_key(in->ca_key) : NULL;
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	bool ok = (!in->ca_cert || (ca && ca_key)) && (key = EVP_RSA_gen((unsigned int)in->bits)) &&
		  (x = make_cert(in, key, ca, ca_key));
	if (ok) {
		*pem_key = pem_text(key, NULL);
		*pem_cert = pem_text(NULL, x);
	} else {
		fail(e, ERR_DATA, "the certificate cannot be made");
	}
	X509_free(x);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return ok;
}
