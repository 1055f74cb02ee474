/*
 * HTTP answers turned into kinds of errors, and the service's own error code out of a body.
 * Owns nothing.  Must never put text of a body into an error: it may hold personal values.
 */
#include "remote/answer.h"

#include "base/buf.h"
#include "base/clock.h"
#include "store/json_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LOOKED_INTO = 256 * 1024 };

static int64_t clamp(int64_t ms)
{
	if (ms < ANSWER_LEAST_WAIT_MS)
		return ANSWER_LEAST_WAIT_MS;
	return ms > ANSWER_MOST_WAIT_MS ? ANSWER_MOST_WAIT_MS : ms;
}

bool answer_served(const struct web_answer *a, int64_t now_ms, struct err *e)
{
	int64_t wait_ms = ANSWER_USUAL_WAIT_MS;
	if (a->status != 408 && a->status != 429 && a->status < 500)
		return true;
	const char *text = web_header_get(a->headers, a->nheaders, "retry-after");
	bool said = text && clock_retry_after(text, now_ms, &wait_ms);
	if (a->status == 429 || (said && a->status >= 500)) {
		err_set(e, ERR_BUSY, "answered %d, not before %lld s from now", a->status,
			(long long)(clamp(wait_ms) + 999) / 1000);
		e->wait_ms = clamp(wait_ms);
	} else {
		err_set(e, ERR_NET, "answered %d", a->status);
	}
	e->status = a->status;
	return false;
}

bool answer_mailed(const struct web_answer *a, struct err *e)
{
	if (a->status >= 200 && a->status < 300)
		return true;
	if (a->status >= 530 && a->status <= 538)
		err_set(e, ERR_AUTH, "the mail relay wants another user or password (%d)",
			a->status);
	else if (a->status < 500)
		err_set(e, ERR_NET, "the mail relay says %d: not now", a->status);
	else
		err_set(e, ERR_REMOTE, "the mail relay refuses the message (%d)", a->status);
	e->status = a->status;
	return false;
}

char *answer_member(struct db *d, const struct web_answer *a, const char *path)
{
	char *text = NULL;
	struct err e;
	if (a->len == 0 || a->len > MOST_LOOKED_INTO || !json_text_get(d, a->body, path, &text, &e))
		return NULL;
	return text;
}

static bool is_code(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_-.", s[i]))
			return false;
	return n > 0 && n < ANSWER_CODE;
}

/* Both spellings and both shapes are met; the deepest says most. */
static const char *const code_paths[] = {
	"$.error.innerError.innerError.code",
	"$.error.innererror.innererror.code",
	"$.error.innerError.code",
	"$.error.innererror.code",
	"$.error.code",
	"$.code",
};
enum { CODE_PATHS = sizeof(code_paths) / sizeof(code_paths[0]) };

void answer_code(struct db *d, const struct web_answer *a, char out[ANSWER_CODE])
{
	out[0] = '\0';
	for (size_t i = 0; i < CODE_PATHS && !out[0]; i++) {
		char *code = answer_member(d, a, code_paths[i]);
		if (code && is_code(code))
			memcpy(out, code, strlen(code) + 1);
		free(code);
	}
}

void answer_add_code(struct db *d, const struct web_answer *a, struct err *e)
{
	char code[ANSWER_CODE];
	answer_code(d, a, code);
	if (code[0])
		err_add(e, "code %s", code);
}

bool answer_has_code(struct db *d, const struct web_answer *a, const char *code)
{
	bool has = false;
	for (size_t i = 0; i < CODE_PATHS && !has; i++) {
		char *one = answer_member(d, a, code_paths[i]);
		has = one && strcmp(one, code) == 0;
		free(one);
	}
	return has;
}
