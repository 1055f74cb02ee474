/*
 * References of a profile: where a secret, or a certificate, stands, and reading it when it is asked
 * for.  Owns nothing; keeps nothing that it read.  Nothing here logs.
 */
#include "script/profile.h"

#include "store/private_file.h"
#include "store/vault.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_MOST 65536 /* bytes of a file that is no secret */

bool profile_ref_given(const struct profile_ref *r)
{
	return r->env || r->file || r->credential || r->sealed;
}

void profile_ref_clear(struct profile_ref *r)
{
	free(r->env);
	free(r->file);
	free(r->credential);
}

void profile_ref_copy(struct profile_ref *to, const struct profile_ref *from)
{
	to->env = xstrdup(from->env);
	to->file = xstrdup(from->file);
	to->credential = xstrdup(from->credential);
	to->sealed = from->sealed;
}

char *profile_ref_path(const struct profile_ref *r)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	if (r->file)
		return xstrdup(r->file);
	return r->credential && dir ? xasprintf("%s/%s", dir, r->credential) : NULL;
}

static bool from_credential(const struct profile_ref *r, const char *key, struct buf *out,
			    struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	if (!dir || strchr(r->credential, '/'))
		return err_set(
			e, ERR_CONFIG,
			"%s: there is no systemd credential '%s'; give it with LoadCredential= "
			"in the unit",
			key, r->credential);
	char *path = xasprintf("%s/%s", dir, r->credential);
	bool ok = vault_read_file(path, out, e) || err_add(e, "%s", key);
	free(path);
	return ok;
}

bool profile_secret(const struct profile_ref *r, const char *key, struct buf *out, struct err *e)
{
	if (r->file)
		return vault_read_file(r->file, out, e) || err_add(e, "%s", key);
	if (r->credential)
		return from_credential(r, key, out, e);
	if (!r->env)
		return err_set(e, ERR_CONFIG, "%s: is missing", key);
	const char *value = getenv(r->env);
	if (!value || !*value)
		return err_set(e, ERR_CONFIG, "%s: the environment variable %s is not set", key,
			       r->env);
	buf_adds(out, value);
	return true;
}

bool profile_shown(const struct profile_ref *r, const char *key, struct buf *out, struct err *e)
{
	if (!r->file)
		return profile_secret(r, key, out, e);
	size_t before = out->len;
	if (!private_file_read_shown(r->file, SHOWN_MOST, out, e))
		return err_add(e, "%s", key);
	return out->len > before || err_set(e, ERR_CONFIG, "%s: %s: is empty", key, r->file);
}
