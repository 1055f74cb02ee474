/*
 * The row of a grant: a line each of version, hash, current token, previous token or nothing, two
 * times, and who.  Rows of version 1 end behind the previous token.
 * Owns nothing.  Must never name a token in an error.
 */
#include "remote/oauth_row.h"

#include "base/crypto.h"

#include <stdlib.h>
#include <string.h>

#define VERSION "2"
#define FIRST   "1"

void oauth_row_clear(struct oauth_row *r)
{
	free(r->begun);
	crypto_drop(&r->current);
	crypto_drop(&r->previous);
	crypto_drop(&r->who);
	*r = (struct oauth_row){0};
}

struct oauth_row oauth_row_copy(const struct oauth_row *r)
{
	struct oauth_row copy = *r;
	copy.begun = xstrdup(r->begun);
	copy.current = xstrdup(r->current);
	copy.previous = xstrdup(r->previous);
	copy.who = xstrdup(r->who);
	return copy;
}

static char *take_line(char **at)
{
	char *line = *at;
	char *end = line ? strchr(line, '\n') : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static bool parse(char *text, struct oauth_row *r)
{
	const char *version = take_line(&text);
	const char *begun = version ? take_line(&text) : NULL;
	const char *current = begun ? take_line(&text) : NULL;
	const char *previous = current ? take_line(&text) : NULL;
	if (!previous || !*current ||
	    (strcmp(version, VERSION) != 0 && strcmp(version, FIRST) != 0))
		return false;
	const char *signed_ms = take_line(&text);
	const char *used_ms = signed_ms ? take_line(&text) : NULL;
	const char *who = used_ms ? take_line(&text) : NULL;
	r->begun = xstrdup(begun);
	r->current = xstrdup(current);
	r->previous = *previous ? xstrdup(previous) : NULL;
	r->signed_ms = signed_ms ? strtoll(signed_ms, NULL, 10) : 0;
	r->used_ms = used_ms ? strtoll(used_ms, NULL, 10) : 0;
	r->who = who && *who ? xstrdup(who) : NULL;
	return true;
}

bool oauth_row_read(struct vault *v, const char *name, struct oauth_row *r, bool *found,
		    struct err *e)
{
	struct buf text = {0};
	*r = (struct oauth_row){0};
	*found = false;
	if (!vault_get(v, name, &text, found, e))
		return false;
	*found = *found && parse(text.data, r);
	buf_wipe(&text);
	return true;
}

bool oauth_row_write(struct vault *v, const char *name, const struct oauth_row *r, struct err *e)
{
	struct buf text = {0};
	buf_addf(&text, "%s\n%s\n%s\n%s\n%lld\n%lld\n%s\n", VERSION, r->begun, r->current,
		 r->previous ? r->previous : "", (long long)r->signed_ms, (long long)r->used_ms,
		 r->who ? r->who : "");
	bool ok = vault_set(v, name, text.data, text.len, e);
	buf_wipe(&text);
	return ok;
}
