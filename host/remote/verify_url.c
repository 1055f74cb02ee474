/*
 * Where a signer's certificate may be fetched from.  Owns nothing.  The address comes from whoever
 * calls, unproved: what is not plainly right is refused, so that no two parsers can read it
 * differently.
 */
#include "remote/verify_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_URL = 512 };

/* An escape may stand for a letter, a digit or a harmless sign, not for what divides an address. */
static bool escape_ok(const char *s)
{
	if (!isxdigit((unsigned char)s[1]) || !isxdigit((unsigned char)s[2]))
		return false;
	const char digits[] = {s[1], s[2], '\0'};
	unsigned long byte = strtoul(digits, NULL, 16);
	return isalnum((int)byte) || (byte < 0x7f && strchr(" -_~+,()'", (int)byte) && byte != 0);
}

static bool bytes_ok(const char *path)
{
	for (const char *s = path; *s; s++) {
		if (*s == '%' && escape_ok(s))
			s += 2;
		else if (!isalnum((unsigned char)*s) && !strchr("/-._~", *s))
			return false;
	}
	return true;
}

/* /a/b/name.cer: no empty segment, none of dots. */
static bool path_ok(const char *path)
{
	size_t n = strlen(path);
	if (path[0] != '/' || n < sizeof("/x.cer") - 1 || strcmp(path + n - 4, ".cer") != 0)
		return false;
	return bytes_ok(path) && !strstr(path, "//") && !strstr(path, "/.") && !strstr(path, "..");
}

bool verify_url_allowed(const char *url, const char *const *hosts, const char *origin)
{
	static const char https[] = "https://";
	if (strlen(url) > MOST_URL)
		return false;
	size_t n = origin ? strlen(origin) : 0;
	if (n > 0 && strncmp(url, origin, n) == 0 && path_ok(url + n))
		return true;
	if (strncmp(url, https, sizeof(https) - 1) != 0)
		return false;
	for (const char *host = url + sizeof(https) - 1; *hosts; hosts++) {
		n = strlen(*hosts);
		if (n == 0 || strncmp(host, *hosts, n) != 0)
			continue;
		const char *path = host + n;
		if (strncmp(path, ":443/", 5) == 0)
			path += 4;
		if (path_ok(path))
			return true;
	}
	return false;
}
