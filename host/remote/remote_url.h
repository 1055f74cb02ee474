/*
 * Addresses below a base: for remote/remote alone.
 */
#ifndef REMOTE_REMOTE_URL_H
#define REMOTE_REMOTE_URL_H

#include "base/err.h"

/* The base with one '/' at its end, to be freed, or NULL and *e (ERR_CONFIG): https with a host, or
 * http where plain_ok; no user, query, fragment, dot segment. */
char *remote_url_base(const char *base, bool plain_ok, struct err *e) MUST_USE;

/* The same of a remote of one address, which is kept as it is and may have a query; of a mail
 * relay (smtp, smtps).  Must not be in e: such an address may be a secret. */
char *remote_url_exact(const char *url, bool mail, struct err *e) MUST_USE;

/* The whole address of path (relative, or absolute and beginning with base byte for byte), to be
 * freed, or NULL and *e (ERR_DATA) if it would leave the base. */
char *remote_url_join(const char *base, const char *path, struct err *e) MUST_USE;

/* http or https to this very machine. */
bool remote_url_loopback(const char *url);

#endif
