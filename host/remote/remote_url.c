/*
 * Addresses below a base.  Owns nothing.  Must never let an address out that a server, a proxy or
 * libcurl could read as another place than the base: a token goes there.
 */
#include "remote/remote_url.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One byte of a path, an encoded dot, slash or backslash taken as what it stands for. */
static char path_byte(const char *s, size_t *len)
{
	static const struct {
		const char *text;
		char byte;
	} encoded[] = {{"%2e", '.'}, {"%2f", '/'}, {"%5c", '/'}, {"\\", '/'}};
	for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++) {
		*len = strlen(encoded[i].text);
		if (strncasecmp(s, encoded[i].text, *len) == 0)
			return encoded[i].byte;
	}
	*len = 1;
	return *s;
}

static bool path_ends(char c)
{
	return c == '\0' || c == '?' || c == '#';
}

/* "." or ".." between slashes, in any spelling, before the query. */
static bool has_dot_segment(const char *s)
{
	size_t dots = 0;
	size_t others = 0;
	for (;;) {
		size_t len;
		char c = path_byte(s, &len);
		if (c == '/' || path_ends(c)) {
			if (others == 0 && (dots == 1 || dots == 2))
				return true;
			dots = others = 0;
		} else if (c == '.') {
			dots++;
		} else {
			others++;
		}
		if (path_ends(c))
			return false;
		s += len;
	}
}

static bool has_bad_byte(const char *s)
{
	bool query = false;
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		query = query || c == '?';
		if (c <= ' ' || c == 0x7f || c == '#' || (c == '\\' && !query))
			return true;
	}
	return false;
}

/* "name:" before any slash, query or bracket, with slashes behind it: an address of its own. */
static bool has_scheme(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
	return n > 0 && s[n] == ':' && (s[n + 1] == '/' || s[n + 1] == '\\');
}

char *remote_url_base(const char *base, bool plain_ok, struct err *e)
{
	const char *host = NULL;
	if (strncmp(base, "https://", 8) == 0)
		host = base + 8;
	else if (plain_ok && strncmp(base, "http://", 7) == 0)
		host = base + 7;
	if (!host) {
		err_set(e, ERR_CONFIG, "a base URL must begin with https://");
		return NULL;
	}
	size_t n = strcspn(host, "/");
	if (n == 0 || strcspn(host, "@?#") < strlen(host) || has_bad_byte(base) ||
	    has_dot_segment(host)) {
		err_set(e, ERR_CONFIG,
			"a base URL must be https://host/path/ with no user, query or dot "
			"segment");
		return NULL;
	}
	return xasprintf("%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/");
}

char *remote_url_exact(const char *url, bool mail, struct err *e)
{
	static const char *const schemes[] = {"https://", "http://", "smtps://", "smtp://"};
	size_t first = mail ? 2 : 0;
	for (size_t i = first; i < first + 2; i++) {
		size_t n = strlen(schemes[i]);
		if (strncmp(url, schemes[i], n) == 0 && !has_bad_byte(url) &&
		    strcspn(url + n, "@/?") == strcspn(url + n, "/?") && !strchr("/?", url[n]))
			return xstrdup(url);
	}
	err_set(e, ERR_CONFIG, "the address must begin with %s and hold no user, space or '#'",
		schemes[first]);
	return NULL;
}

char *remote_url_join(const char *base, const char *path, struct err *e)
{
	size_t n = strlen(base);
	const char *rest = strncmp(path, base, n) == 0 ? path + n : path;
	if (rest == path && has_scheme(path))
		err_set(e, ERR_DATA, "the address is not below the remote's base URL");
	else if (*rest == '/' || *rest == '\\')
		err_set(e, ERR_DATA, "the path must be relative, without a slash in front");
	else if (has_bad_byte(rest))
		err_set(e, ERR_DATA, "the path holds a byte that must be percent-encoded");
	else if (has_dot_segment(rest))
		err_set(e, ERR_DATA, "the path holds a dot segment");
	else
		return xasprintf("%s%s", base, rest);
	return NULL;
}

/* A user part would hide another host. */
bool remote_url_loopback(const char *url)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
	const char *rest = NULL;
	if (strncmp(url, "http://", 7) == 0)
		rest = url + 7;
	else if (strncmp(url, "https://", 8) == 0)
		rest = url + 8;
	for (size_t i = 0; rest && i < sizeof(hosts) / sizeof(*hosts); i++) {
		size_t n = strlen(hosts[i]);
		if (strncmp(rest, hosts[i], n) == 0 && strchr(":/?#", rest[n]) &&
		    !memchr(rest, '@', strcspn(rest, "/?#")))
			return true;
	}
	return false;
}
