/*
 * A signer's certificate, and the text of pinned roots: what stands in front of the line "-- roots"
 * is the certificate, what stands behind it the roots (none: the golden ones).  The golden authority's
 * key is not here, so whatever is trusted by its roots holds the golden signer's key.
 */
#include "base/crypto.h"
#include "unit/golden.h"

#include "fuzz.h"

static const char mark[] = "\n-- roots\n";
static const int64_t now_ms = INT64_C(1940000000000); /* in the year 2031 */

static void judge(struct crypto_cert *c, struct buf *signature)
{
	unsigned char sha1[20];
	unsigned char sha256[32];
	MUST(crypto_verify(c, CRYPTO_RS256, golden_body, strlen(golden_body), signature->data,
			   signature->len));
	MUST(crypto_cert_not_after_ms(c) > now_ms);
	crypto_cert_thumbprints(c, sha1, sha256);
}

static void try_cert(const void *p, size_t n, const char *roots, bool golden)
{
	struct err e = {0};
	struct buf signature = {0};
	struct crypto_cert *c = crypto_cert_load(p, n, &e);
	MUST(c || e.kind == ERR_DATA);
	if (!c)
		return;
	MUST(crypto_base64_decode(&signature, golden_rs256, strlen(golden_rs256), false));
	bool ok = crypto_cert_check(c, roots, GOLDEN_ORGANIZATION, now_ms, &e);
	MUST(ok || e.kind == ERR_DATA || (e.kind == ERR_CONFIG && !golden));
	if (ok && golden)
		judge(c, &signature);
	(void)crypto_verify(c, CRYPTO_PS256, p, n, signature.data, signature.len);
	(void)crypto_cert_not_after_ms(c);
	buf_free(&signature);
	crypto_cert_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char golden[8192];
	snprintf(golden, sizeof(golden), "%s%s", golden_root, golden_intermediate);
	const uint8_t *end = memmem(data, size, mark, sizeof(mark) - 1);
	if (!end) {
		try_cert(data, size, golden, true);
		return 0;
	}
	const uint8_t *roots = end + sizeof(mark) - 1;
	char *text = xmemdup0(roots, size - (size_t)(roots - data));
	try_cert(data, (size_t)(end - data), text, false);
	try_cert(golden_signer, sizeof(golden_signer) - 1, text, false);
	free(text);
	return 0;
}
