/*
 * OpenSSL, the part without certificates: random bytes, digests, text forms, sealing.
 * Owns nothing.  Must never print or keep what passes through it, and leaves OpenSSL's error queue
 * empty (libcurl shares it).
 */
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SEAL_VERSION = 1, NONCE = 12, TAG = 16, SEAL_EXTRA = 1 + NONCE + TAG };

void crypto_random(void *out, size_t n)
{
	unsigned char *at = out;
	while (n > 0) {
		int part = n > INT_MAX ? INT_MAX : (int)n;
		if (RAND_bytes(at, part) != 1)
			abort();
		at += part;
		n -= (size_t)part;
	}
}

void crypto_sha256(const void *p, size_t n, unsigned char out[32])
{
	if (EVP_Digest(n > 0 ? p : "", n, out, NULL, EVP_sha256(), NULL) != 1)
		abort();
}

void crypto_wipe(void *p, size_t n)
{
	if (p)
		OPENSSL_cleanse(p, n);
}

void crypto_drop(char **text)
{
	if (*text)
		crypto_wipe(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

/* ---- text forms ---- */

/* The library's coder takes int lengths and knows the standard alphabet only: blocks, then
 * letters. */
enum { BLOCK_BYTES = 768, BLOCK_TEXT = BLOCK_BYTES / 3 * 4 };

static void to_url_letters(char *text, size_t *n)
{
	while (*n > 0 && text[*n - 1] == '=')
		--*n;
	for (size_t i = 0; i < *n; i++) {
		if (text[i] == '+')
			text[i] = '-';
		else if (text[i] == '/')
			text[i] = '_';
	}
}

void crypto_base64(struct buf *b, const void *p, size_t n, bool url)
{
	const unsigned char *at = p;
	char text[BLOCK_TEXT + 1];
	while (n > 0) {
		size_t part = n > BLOCK_BYTES ? BLOCK_BYTES : n;
		size_t len = (size_t)EVP_EncodeBlock((unsigned char *)text, at, (int)part);
		if (url)
			to_url_letters(text, &len);
		buf_add(b, text, len);
		at += part;
		n -= part;
	}
	crypto_wipe(text, sizeof(text));
}

/* One block of at most BLOCK_TEXT letters; only the last of a text may be padded or short. */
static bool decode_block(struct buf *b, const char *text, size_t n, bool url)
{
	char in[BLOCK_TEXT];
	unsigned char out[BLOCK_BYTES];
	struct buf again = {0};
	size_t pad = 0;

	memcpy(in, text, n);
	for (size_t i = 0; url && i < n; i++) {
		if (in[i] == '-')
			in[i] = '+';
		else if (in[i] == '_')
			in[i] = '/';
	}
	if (url)
		memset(in + n, '=', pad = (4 - n % 4) % 4);
	else
		while (pad < n && pad < 2 && text[n - 1 - pad] == '=')
			pad++;
	size_t whole = url ? n + pad : n;
	if (whole % 4 != 0 || pad > 2)
		return false;
	int len = EVP_DecodeBlock(out, (unsigned char *)in, (int)whole);
	if (len < (int)pad)
		return false;
	/* The library forgives blanks, stray bits and the other alphabet: what is right comes back
	 * equal. */
	crypto_base64(&again, out, (size_t)len - pad, url);
	bool ok = again.len == n && memcmp(again.data, text, n) == 0;
	if (ok)
		buf_add(b, out, (size_t)len - pad);
	buf_wipe(&again);
	crypto_wipe(in, sizeof(in));
	crypto_wipe(out, sizeof(out));
	return ok;
}

bool crypto_base64_decode(struct buf *b, const char *text, size_t n, bool url)
{
	size_t before = b->len;
	while (n > 0) {
		size_t part = n > BLOCK_TEXT ? BLOCK_TEXT : n;
		size_t had = b->len;
		bool last = part == n;
		if (!decode_block(b, text, part, url) || (!last && b->len - had != BLOCK_BYTES)) {
			if (b->len > before) {
				b->len = before;
				b->data[before] = '\0';
			}
			return false;
		}
		text += part;
		n -= part;
	}
	return true;
}

void crypto_hex(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *at = p;
	for (size_t i = 0; i < n; i++) {
		buf_addc(b, digits[at[i] >> 4]);
		buf_addc(b, digits[at[i] & 15]);
	}
}

/* ---- sealing ---- */

/* A context for AES-256-GCM in one direction, with `about` already authenticated. */
static EVP_CIPHER_CTX *seal_begin(const unsigned char key[32], const unsigned char *nonce,
				  const char *about, int encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0;
	if (!c || EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) != 1 ||
	    EVP_CipherUpdate(c, NULL, &len, (const unsigned char *)about, (int)strlen(about)) != 1)
		abort(); /* no memory, or a library without AES: nothing to go on with */
	return c;
}

void crypto_seal(const unsigned char key[32], const char *about, const void *p, size_t n,
		 struct buf *out)
{
	assert(n < INT_MAX - SEAL_EXTRA);
	unsigned char *sealed = xmalloc(n + SEAL_EXTRA);
	sealed[0] = SEAL_VERSION;
	crypto_random(sealed + 1, NONCE);
	EVP_CIPHER_CTX *c = seal_begin(key, sealed + 1, about, 1);
	unsigned char *text = sealed + 1 + NONCE;
	int len = 0;
	int rest = 0;
	if ((n > 0 && EVP_CipherUpdate(c, text, &len, p, (int)n) != 1) ||
	    EVP_CipherFinal_ex(c, text + len, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, text + n) != 1)
		abort();
	EVP_CIPHER_CTX_free(c);
	buf_add(out, sealed, n + SEAL_EXTRA);
	free(sealed);
}

bool crypto_unseal(const unsigned char key[32], const char *about, const void *p, size_t n,
		   struct buf *out, struct err *e)
{
	const unsigned char *sealed = p;
	if (n < SEAL_EXTRA || n > INT_MAX || sealed[0] != SEAL_VERSION)
		return err_set(e, ERR_CONFIG, "a sealed value is damaged or of another version");
	size_t plain = n - SEAL_EXTRA;
	unsigned char *text = xmalloc(plain + 1);
	unsigned char tag[TAG];
	memcpy(tag, sealed + n - TAG, TAG);
	EVP_CIPHER_CTX *c = seal_begin(key, sealed + 1, about, 0);
	int len = 0;
	int rest = 0;
	bool ok = (plain == 0 ||
		   EVP_CipherUpdate(c, text, &len, sealed + 1 + NONCE, (int)plain) == 1) &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
		  EVP_CipherFinal_ex(c, text + len, &rest) == 1;
	EVP_CIPHER_CTX_free(c);
	if (ok)
		buf_add(out, text, plain);
	crypto_wipe(text, plain);
	free(text);
	ERR_clear_error();
	return ok || err_set(e, ERR_CONFIG, "a sealed value does not open with this key");
}
