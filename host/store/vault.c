/*
 * Secrets of ours, sealed in the table secret.  Owns that table and, while it lives, the key.  It
 * must never write a value or the key anywhere else, nor name a value in an error.
 */
#include "store/vault.h"

#include "base/crypto.h"
#include "store/private_file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 32, KEY_TEXT = 2 * KEY + 1 /* hex digits and a line end */, SECRET_MOST = 65536 };

struct vault {
	struct db *db;
	unsigned char key[KEY];
};

/* ---- the key ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 bytes as they are, or 64 hex digits with or without a line end. */
static bool parse_key(const struct buf *b, unsigned char key[KEY])
{
	if (b->len == KEY) {
		memcpy(key, b->data, KEY);
		return true;
	}
	bool ended = b->len == KEY_TEXT && b->data[KEY_TEXT - 1] == '\n';
	if (b->len != (size_t)2 * KEY && !ended) {
		return false;
	}
	for (size_t i = 0; i < KEY; i++) {
		int high = hex_digit(b->data[2 * i]);
		int low = hex_digit(b->data[2 * i + 1]);
		if (high < 0 || low < 0) {
			return false;
		}
		key[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool read_key(const char *path, unsigned char key[KEY], struct err *e)
{
	struct buf b = {0};
	bool ok = private_file_read(path, SECRET_MOST, &b, e);
	if (ok && !parse_key(&b, key)) {
		ok = err_set(
			e, ERR_CONFIG,
			"%s: wrong size or form (%zu bytes): a key is 32 bytes or 64 hex digits",
			path, b.len);
	}
	buf_wipe(&b);
	return ok;
}

static bool make_key(const struct world *w, const char *path, bool *made, struct err *e)
{
	unsigned char key[KEY];
	struct buf text = {0};
	w->random(w->ctx, key, sizeof(key));
	crypto_hex(&text, key, sizeof(key));
	buf_addc(&text, '\n');
	bool ok = private_file_make(path, text.data, text.len, made, e);
	crypto_wipe(key, sizeof(key));
	buf_wipe(&text);
	return ok;
}

static bool holds_secrets(struct db *d, bool *any, struct err *e)
{
	struct stmt *s = db_stmt(d, "vault.any", "select 1 from secret limit 1");
	int got = stmt_row(s, e);
	*any = got == 1;
	stmt_reset(s);
	return got >= 0;
}

/* A new key would silently lose what an old one sealed, so then the file must not be missing. */
static bool load_key(struct vault *v, const char *path, struct err *e)
{
	bool any, made = false;
	if (!holds_secrets(v->db, &any, e)) {
		return false;
	}
	if (!any && !make_key(db_world(v->db), path, &made, e)) {
		return false;
	}
	if (read_key(path, v->key, e)) {
		return true;
	}
	return any ? err_add(e, "the key of the secrets in the state file") : false;
}

struct vault *vault_open(struct db *d, const char *key_file, struct err *e)
{
	struct vault *v = NEW(struct vault);
	v->db = d;
	if (!key_file) {
		const struct world *w = db_world(d);
		w->random(w->ctx, v->key, KEY);
	} else if (!load_key(v, key_file, e)) {
		vault_free(v);
		return NULL;
	}
	return v;
}

void vault_free(struct vault *v)
{
	if (v) {
		crypto_wipe(v->key, KEY);
		free(v);
	}
}

/* ---- the values ---- */

static bool drop(struct vault *v, const char *name, struct err *e)
{
	struct stmt *s = db_stmt(v->db, "vault.drop", "delete from secret where name = ?1");
	stmt_text(s, 1, name);
	return stmt_write(s, NULL, e);
}

bool vault_set(struct vault *v, const char *name, const void *p, size_t n, struct err *e)
{
	if (!p) {
		return drop(v, name, e);
	}
	struct buf sealed = {0};
	crypto_seal(v->key, name, p, n, &sealed);
	struct stmt *s = db_stmt(v->db, "vault.set",
				 "insert into secret (name, sealed) values (?1, ?2)"
				 " on conflict (name) do update set sealed = excluded.sealed");
	stmt_text(s, 1, name);
	stmt_blob(s, 2, sealed.data, sealed.len);
	bool ok = stmt_write(s, NULL, e);
	buf_free(&sealed);
	return ok;
}

bool vault_get(struct vault *v, const char *name, struct buf *out, bool *found, struct err *e)
{
	struct stmt *s = db_stmt(v->db, "vault.get", "select sealed from secret where name = ?1");
	stmt_text(s, 1, name);
	int got = stmt_row(s, e);
	*found = got == 1;
	if (got != 1) {
		return got == 0;
	}

	size_t n;
	const void *sealed = stmt_get_blob(s, 0, &n);
	struct err why;
	bool ok = crypto_unseal(v->key, name, sealed, n, out, &why);
	stmt_reset(s);
	return ok || err_set(e, ERR_CONFIG,
			     "secret \"%s\" was sealed with another key, or is damaged", name);
}

/* The first name behind `after`; false at the end or on *e. */
static bool next_name(struct db *d, struct buf *after, struct err *e)
{
	struct stmt *s = db_stmt(d, "vault.next",
				 "select name from secret where name > ?1 order by name limit 1");
	stmt_text(s, 1, after->data ? after->data : "");
	bool got = stmt_row(s, e) == 1;
	char *name = got ? xstrdup(stmt_get_text(s, 0)) : NULL;
	stmt_reset(s);
	buf_free(after);
	if (got) {
		buf_adds(after, name);
	}
	free(name);
	return got;
}

bool vault_fits(struct db *d, const char *key_file, bool *fits, struct err *e)
{
	struct vault *v = vault_open(d, key_file, e);
	if (!v) {
		return false;
	}
	struct buf name = {0};
	struct err why;
	*fits = true;
	e->kind = ERR_NONE;
	while (*fits && next_name(d, &name, e)) {
		struct buf value = {0};
		bool found;
		*fits = vault_get(v, name.data, &value, &found, &why);
		buf_wipe(&value);
	}
	buf_free(&name);
	vault_free(v);
	return e->kind == ERR_NONE;
}

bool vault_read_file(const char *path, struct buf *out, struct err *e)
{
	struct buf b = {0};
	bool ok = private_file_read(path, SECRET_MOST, &b, e);
	if (ok && b.len > 0 && b.data[b.len - 1] == '\n') {
		b.len -= b.len > 1 && b.data[b.len - 2] == '\r' ? 2 : 1;
	}
	if (ok && b.len == 0) {
		ok = err_set(e, ERR_CONFIG, "%s: is empty", path);
	}
	if (ok) {
		buf_add(out, b.data, b.len);
	}
	buf_wipe(&b);
	return ok;
}
