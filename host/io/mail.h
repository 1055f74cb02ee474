/*
 * A message to a mail relay, as libcurl sends it: who it is from and for, how it signs in.  Only
 * io/http_request and io/http_client use this.
 */
#ifndef IO_MAIL_H
#define IO_MAIL_H

#include "base/buf.h"
#include "base/world.h"

#include <curl/curl.h>

struct mail {
	char *from; /* NULL: this is no mail */
	struct curl_slist *to;
	char *user, *password;  /* NULL: nobody signs in */
	const struct buf *text; /* set by mail_set, with what of it has gone */
	size_t gone;
};

/* Fills m with a copy; ERR_CONFIG if an address holds what could end it before its time. */
bool mail_take(struct mail *m, const struct web_mail *in, struct err *e) MUST_USE;
void mail_free(struct mail *m);

/* What a handle needs to send it.  plain: nothing is encrypted; else it is, or nothing is sent. */
void mail_set(CURL *h, struct mail *m, const struct buf *text, bool plain);

#endif
