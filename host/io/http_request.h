/*
 * What io/http_client may send: the rules for addresses and headers, and the copy that is kept
 * while a request waits or runs.  Only io/http_client uses this.
 */
#ifndef IO_HTTP_REQUEST_H
#define IO_HTTP_REQUEST_H

#include "base/buf.h"
#include "base/world.h"
#include "io/mail.h"

#include <curl/curl.h>

struct http_request {
	char *method;
	char *url;
	char *host; /* for error texts: the URL may hold more than may be logged */
	struct curl_slist *headers;
	struct buf body;
	bool has_body;
	bool plain;       /* http, not https; smtp without STARTTLS */
	struct mail mail; /* from is NULL: it is none */
};

/* Fills r with a copy; ERR_CONFIG, and nothing to free, if the request may not be made at all. */
bool http_request_take(struct http_request *r, const struct web_request *rq,
		       struct err *e) MUST_USE;
void http_request_free(struct http_request *r);

/* What a request failed in, "name" "connect" "tls" "answer": curl has no time of what was not
 * reached. */
const char *http_request_step(CURL *h, CURLcode rc);

#endif
