/*
 * What reading PEM texts by libcrypto needs; for the crypto_*.c of this folder alone.
 */
#ifndef BASE_CRYPTO_PEM_H
#define BASE_CRYPTO_PEM_H

#include "base/err.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <stdlib.h>

/* The library's reason behind our words; empties its queue. */
static inline bool fail(struct err *e, enum err_kind kind, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	return err_set(e, kind, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

/* Without this the library would ask the terminal. */
static inline int no_passphrase(char *to, int size, int writing, void *arg)
{
	(void)to, (void)size, (void)writing, (void)arg;
	return -1;
}

static inline BIO *text_bio(const char *text)
{
	BIO *b = BIO_new_mem_buf(text, -1);
	if (!b)
		abort();
	return b;
}

#endif
