/*
 * The signer's key, parsed once: the practice environment hands it over as text for each callback,
 * and reading it takes longer than signing with it.  Stands in for base/crypto's loader by the
 * linker's --wrap.
 */
#include "base/buf.h"
#include "base/crypto.h"

#include <stdlib.h>
#include <string.h>

struct crypto_key *__real_crypto_key_load(const char *pem_key, const char *pem_cert, struct err *e);
void __real_crypto_key_free(struct crypto_key *k);
struct crypto_key *__wrap_crypto_key_load(const char *pem_key, const char *pem_cert, struct err *e);
void __wrap_crypto_key_free(struct crypto_key *k);

static struct crypto_key *kept;
static char *kept_key, *kept_cert;

static void keep(struct crypto_key *k, const char *pem_key, const char *pem_cert)
{
	kept = k;
	kept_key = xstrdup(pem_key);
	kept_cert = xstrdup(pem_cert);
}

struct crypto_key *__wrap_crypto_key_load(const char *pem_key, const char *pem_cert, struct err *e)
{
	if (kept && strcmp(pem_key, kept_key) == 0 && strcmp(pem_cert, kept_cert) == 0)
		return kept;
	struct crypto_key *k = __real_crypto_key_load(pem_key, pem_cert, e);
	if (k && !kept)
		keep(k, pem_key, pem_cert);
	return k;
}

void __wrap_crypto_key_free(struct crypto_key *k)
{
	if (k != kept)
		__real_crypto_key_free(k);
}
