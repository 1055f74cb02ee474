/*
 * A request on its way to libcurl: judged first, then copied, so that the caller's memory is free
 * at once.  Owns its copies and overwrites them at the end, for they may hold a token.  Never lets
 * a byte through that could start a second header or reach another host.
 */
#include "io/http_request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			return true;
		}
	}
	return false;
}

static bool is_token(const char *s)
{
	for (const char *p = s; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL) {
			return false;
		}
	}
	return *s != '\0';
}

static bool is_loopback_name(const char *host)
{
	return strcmp(host, "127.0.0.1") == 0 || strcasecmp(host, "localhost") == 0 ||
	       strcmp(host, "[::1]") == 0;
}

/* One part of a parsed URL, "" if it has none; to be freed. */
static char *url_part(CURLU *u, CURLUPart part)
{
	char *got = NULL;
	char *copy = xstrdup(curl_url_get(u, part, &got, 0) == CURLUE_OK ? got : "");
	curl_free(got);
	return copy;
}

static bool judge_url(struct http_request *r, CURLU *u, const struct web_request *rq, struct err *e)
{
	char *scheme = url_part(u, CURLUPART_SCHEME);
	char *user = url_part(u, CURLUPART_USER);
	bool good = true;
	const char *secure = rq->mail != NULL ? "smtps" : "https";
	const char *other = rq->mail != NULL ? "smtp" : "http";
	r->host = url_part(u, CURLUPART_HOST);
	/* smtp with STARTTLS is as good as smtps */
	r->plain = strcmp(scheme, other) == 0 && (rq->mail == NULL || rq->plain_ok);
	if (*user != '\0') {
		good = err_set(e, ERR_CONFIG, "an address must not hold a user name (%s)", r->host);
	} else if (strcmp(scheme, other) != 0 && strcmp(scheme, secure) != 0) {
		good = err_set(e, ERR_CONFIG, "only %s is allowed, not %s (%s)", secure, scheme,
			       r->host);
	} else if (r->plain && (!rq->plain_ok || !is_loopback_name(r->host))) {
		good = err_set(e, ERR_CONFIG, "plain %s is not allowed here (%s)", other, r->host);
	}
	free(scheme);
	free(user);
	return good;
}

static bool check_url(struct http_request *r, const struct web_request *rq, struct err *e)
{
	for (const unsigned char *p = (const unsigned char *)rq->url; *p != '\0'; p++) {
		if (*p <= 0x20 || *p >= 0x7f) {
			return err_set(e, ERR_CONFIG,
				       "an address holds a space, a control byte or a letter "
				       "that is not encoded");
		}
	}
	CURLU *u = curl_url();
	if (u == NULL) {
		abort();
	}
	CURLUcode rc = curl_url_set(u, CURLUPART_URL, rq->url, CURLU_NON_SUPPORT_SCHEME);
	bool good = rc == CURLUE_OK
			    ? judge_url(r, u, rq, e)
			    : err_set(e, ERR_CONFIG, "not an address: %s", curl_url_strerror(rc));
	curl_url_cleanup(u);
	return good;
}

static void add_line(struct http_request *r, const char *line)
{
	r->headers = curl_slist_append(r->headers, line);
	if (r->headers == NULL) {
		abort();
	}
}

static bool is_ours(const char *name)
{
	return strcasecmp(name, "content-length") == 0 ||
	       strcasecmp(name, "transfer-encoding") == 0 || strcasecmp(name, "host") == 0 ||
	       strcasecmp(name, "expect") == 0;
}

static bool copy_headers(struct http_request *r, const struct web_request *rq, struct err *e)
{
	bool typed = false;
	for (size_t i = 0; i < rq->nheaders; i++) {
		const struct web_header *h = &rq->headers[i];
		if (!is_token(h->name) || has_control(h->value)) {
			return err_set(e, ERR_CONFIG, "header %zu holds a byte that is not allowed",
				       i + 1);
		}
		if (is_ours(h->name)) {
			return err_set(e, ERR_CONFIG, "the header %s is set by the client",
				       h->name);
		}
		typed = typed || strcasecmp(h->name, "content-type") == 0;
		char *line = *h->value != '\0'
				     ? xasprintf("%s: %s", h->name, h->value)
				     : xasprintf("%s;", h->name); /* curl's form of an empty one */
		add_line(r, line);
		explicit_bzero(line, strlen(line));
		free(line);
	}
	add_line(r, "Expect:"); /* no wait for "100 Continue" */
	if (!typed) {
		add_line(r, "Content-Type:"); /* nor curl's guess that a body is a form */
	}
	return true;
}

/* These say "Content-Length: 0" where there is none; servers ask for it. */
static bool may_have_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

bool http_request_take(struct http_request *r, const struct web_request *rq, struct err *e)
{
	*r = (struct http_request){0};
	if (!is_token(rq->method)) {
		return err_set(e, ERR_CONFIG, "not a method");
	}
	if (!check_url(r, rq, e) || !copy_headers(r, rq, e) ||
	    (rq->mail != NULL && !mail_take(&r->mail, rq->mail, e))) {
		http_request_free(r);
		return false;
	}
	r->method = xstrdup(rq->method);
	r->url = xstrdup(rq->url);
	r->has_body = rq->body != NULL || may_have_body(rq->method);
	if (rq->body != NULL) {
		buf_add(&r->body, rq->body, rq->len);
	}
	return true;
}

void http_request_free(struct http_request *r)
{
	for (struct curl_slist *h = r->headers; h != NULL; h = h->next) {
		explicit_bzero(h->data, strlen(h->data));
	}
	curl_slist_free_all(r->headers);
	buf_wipe(&r->body);
	mail_free(&r->mail);
	free(r->method);
	free(r->url);
	free(r->host);
	*r = (struct http_request){0};
}

static bool is_of_tls(CURLcode rc)
{
	static const CURLcode codes[] = {CURLE_SSL_CONNECT_ERROR,    CURLE_PEER_FAILED_VERIFICATION,
					 CURLE_SSL_CERTPROBLEM,      CURLE_SSL_CIPHER,
					 CURLE_SSL_CACERT_BADFILE,   CURLE_SSL_ISSUER_ERROR,
					 CURLE_SSL_INVALIDCERTSTATUS};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i] == rc) {
			return true;
		}
	}
	return false;
}

const char *http_request_step(CURL *h, CURLcode rc)
{
	curl_off_t found = 0;
	curl_off_t connected = 0;
	curl_easy_getinfo(h, CURLINFO_NAMELOOKUP_TIME_T, &found);
	curl_easy_getinfo(h, CURLINFO_CONNECT_TIME_T, &connected);
	if (is_of_tls(rc)) {
		return "tls";
	}
	return found == 0 ? "name" : connected == 0 ? "connect" : "answer";
}
