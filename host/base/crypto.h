/*
 * All of OpenSSL that cosell uses, behind plain bytes.  No other file includes its headers
 * (io/http_client sets TLS options through libcurl alone).
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

void crypto_random(void *out, size_t n); /* aborts if the system has none */
void crypto_sha256(const void *p, size_t n, unsigned char out[32]);
void crypto_wipe(void *p, size_t n);
void crypto_drop(char **text); /* overwrites and frees a secret text (NULL is fine), leaves NULL */
bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */

/* Text forms; appended to b.  url: base64url without padding. decode: false on anything else. */
void crypto_base64(struct buf *b, const void *p, size_t n, bool url);
bool crypto_base64_decode(struct buf *b, const char *text, size_t n, bool url) MUST_USE;
void crypto_hex(struct buf *b, const void *p, size_t n);

/* AES-256-GCM: out = version byte, 12 byte nonce, ciphertext, 16 byte tag.  `about` is authenticated
 * with it (the name of the secret), so a sealed value cannot be moved to another name. */
void crypto_seal(const unsigned char key[32], const char *about, const void *p, size_t n,
		 struct buf *out);
bool crypto_unseal(const unsigned char key[32], const char *about, const void *p, size_t n,
		   struct buf *out, struct err *e) MUST_USE;

/* A private key with its certificate, both PEM. */
struct crypto_key;
struct crypto_key *crypto_key_load(const char *pem_key, const char *pem_cert,
				   struct err *e) MUST_USE;
void crypto_key_free(struct crypto_key *k);
enum crypto_alg { CRYPTO_RS256, CRYPTO_PS256 };
bool crypto_sign(const struct crypto_key *k, enum crypto_alg alg, const void *p, size_t n,
		 struct buf *sig, struct err *e) MUST_USE;
/* Thumbprints of the certificate: SHA-1 and SHA-256 of the DER, as x5t and x5t#S256 want them. */
void crypto_key_thumbprints(const struct crypto_key *k, unsigned char sha1[20],
			    unsigned char sha256[32]);
int64_t crypto_key_not_after_ms(const struct crypto_key *k); /* its certificate's last moment */

/* A signer's certificate (DER or PEM), checked against pinned roots. */
struct crypto_cert;
struct crypto_cert *crypto_cert_load(const void *p, size_t n, struct err *e) MUST_USE;
void crypto_cert_free(struct crypto_cert *c);
/* Chain to one of the PEM roots (intermediates may stand among them), valid at now_ms, subject or
 * issuer organisation exactly `organization` (parsed field), RSA of at least 2,048 bits. */
bool crypto_cert_check(const struct crypto_cert *c, const char *pem_roots, const char *organization,
		       int64_t now_ms, struct err *e) MUST_USE;
int64_t crypto_cert_not_after_ms(const struct crypto_cert *c);
void crypto_cert_thumbprints(const struct crypto_cert *c, unsigned char sha1[20],
			     unsigned char sha256[32]);
bool crypto_verify(struct crypto_cert *c, enum crypto_alg alg, const void *p, size_t n,
		   const void *sig, size_t siglen) MUST_USE;

/* For the practice environment and the tests: a self-signed root, or a certificate below one
 * (ca != NULL). PEM texts, to be freed.  bits >= 1024; days < 0 makes an expired one. */
struct crypto_issue {
	const char *common_name;
	const char *organization;
	int bits;
	int64_t from_ms;
	int days;
	const char *ca_key;  /* PEM; NULL: self-signed root */
	const char *ca_cert; /* PEM */
};
bool crypto_issue(const struct crypto_issue *in, char **pem_key, char **pem_cert,
		  struct err *e) MUST_USE;

#endif
