/*
 * Mail by libcurl: the addresses judged and copied, the text handed over.  Owns its copies and
 * overwrites the password at the end.  Must never let a message or a password out over a connection
 * that is not encrypted, unless it was told that it may.
 */
#include "io/mail.h"

#include <stdlib.h>
#include <string.h>

/* One address and nothing else: no space, no bracket, no second command for the relay. */
static bool is_address(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f ||
		    strchr("<>,;\"\\", s[i]) != NULL) {
			return false;
		}
	}
	const char *at = strchr(s, '@');
	return at != NULL && at != s && at[1] != '\0' && strchr(at + 1, '@') == NULL;
}

static bool add_to(struct mail *m, const char *address, struct err *e)
{
	if (!is_address(address)) {
		return err_set(e, ERR_CONFIG, "a mail's receiver is not an address");
	}
	char *one = xasprintf("<%s>", address);
	m->to = curl_slist_append(m->to, one);
	free(one);
	if (m->to == NULL) {
		abort();
	}
	return true;
}

bool mail_take(struct mail *m, const struct web_mail *in, struct err *e)
{
	*m = (struct mail){0};
	if (!is_address(in->from)) {
		return err_set(e, ERR_CONFIG, "a mail's sender is not an address");
	}
	if (in->to[0] == NULL) {
		return err_set(e, ERR_CONFIG, "a mail is for nobody");
	}
	m->from = xasprintf("<%s>", in->from);
	m->user = xstrdup(in->user);
	m->password = xstrdup(in->password);
	for (size_t i = 0; in->to[i] != NULL; i++) {
		if (!add_to(m, in->to[i], e)) {
			return false;
		}
	}
	return true;
}

void mail_free(struct mail *m)
{
	if (m->password != NULL) {
		explicit_bzero(m->password, strlen(m->password));
	}
	free(m->from);
	free(m->user);
	free(m->password);
	curl_slist_free_all(m->to);
	*m = (struct mail){0};
}

static size_t on_read(char *out, size_t size, size_t n, void *arg)
{
	struct mail *m = arg;
	size_t left = m->text->len - m->gone;
	size_t part = size * n < left ? size * n : left;
	if (part > 0) {
		memcpy(out, m->text->data + m->gone, part);
	}
	m->gone += part;
	return part;
}

void mail_set(CURL *h, struct mail *m, const struct buf *text, bool plain)
{
	m->text = text;
	m->gone = 0;
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(h, CURLOPT_USE_SSL, (long)(plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	curl_easy_setopt(h, CURLOPT_MAIL_FROM, m->from);
	curl_easy_setopt(h, CURLOPT_MAIL_RCPT, m->to);
	if (m->user != NULL) {
		curl_easy_setopt(h, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(h, CURLOPT_PASSWORD, m->password != NULL ? m->password : "");
	}
	curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)text->len);
	curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(h, CURLOPT_READDATA, m);
	curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L); /* some an hour: nothing to keep */
}
