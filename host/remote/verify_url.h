/*
 * Where a signer's certificate may be fetched from: for remote/verify alone.
 */
#ifndef REMOTE_VERIFY_URL_H
#define REMOTE_VERIFY_URL_H

#include <stdbool.h>

/* https://HOST[:443]/path.cer with HOST one of hosts (NULL terminated, byte for byte), or the
 * origin (NULL: none) with such a path behind it; nothing else, and no other spelling of it. */
bool verify_url_allowed(const char *url, const char *const *hosts, const char *origin);

#endif
