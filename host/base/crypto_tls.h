/*
 * A server's certificate with its chain and its private key, ready to greet callers by TLS 1.2 and
 * newer.  Never changed: a renewed pair is a new object, and a session keeps what it began with.
 */
#ifndef BASE_CRYPTO_TLS_H
#define BASE_CRYPTO_TLS_H

#include <stddef.h>

#include "base/err.h"

struct crypto_tls;
struct ssl_st; /* the library's session, carried by io/http_conn */

/* pem_cert: the certificate first, its issuers behind it.  ERR_CONFIG says what is wrong: one of
 * both cannot be read, they do not belong together, the key is too weak, the issuers are missing.
 * Dates are not judged. */
struct crypto_tls *crypto_tls_new(const char *pem_cert, const char *pem_key,
				  struct err *e) MUST_USE;
void crypto_tls_free(struct crypto_tls *t); /* NULL is fine; sessions live on */

/* When the certificate begins and ends to be valid. */
int64_t crypto_tls_from_ms(const struct crypto_tls *t);
int64_t crypto_tls_until_ms(const struct crypto_tls *t);

/* One session of a caller.  Freeing it sends nothing and closes nothing. */
struct ssl_st *crypto_tls_session(const struct crypto_tls *t);
void crypto_tls_session_free(struct ssl_st *s); /* NULL is fine */

/* Is the handshake done? */
bool crypto_tls_greeted(const struct ssl_st *s);

/* Sends what can be sent at once, and that nothing follows. */
void crypto_tls_last_words(struct ssl_st *s, const void *p, size_t n);

/* One of the library's errors in a few words; NULL: it is none, or has no words. */
const char *crypto_tls_reason(unsigned long code);

#endif
