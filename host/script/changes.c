/*
 * What differs between two sets of files.
 *
 * Owns nothing.  Judges by contents alone; must never read a file.
 */
#include "script/changes.h"

#include "base/crypto.h"

#include <stdlib.h>
#include <string.h>

#define HASH_LEN  64
#define MOST_JSON 50
#define MOST_TEXT 3

struct telling {
	const char *folder;
	struct buf *json, *text;
	size_t n;
};

/* ---- a set ---- */

static void add_files(struct buf *b, const struct files_one *f, size_t n)
{
	unsigned char hash[HASH_LEN / 2];
	for (size_t i = 0; i < n; i++) {
		crypto_sha256(f[i].text, f[i].len, hash);
		crypto_hex(b, hash, sizeof(hash));
		buf_addf(b, " %s\n", f[i].shown);
	}
}

char *changes_set(const struct files *f)
{
	struct buf b = {0};
	add_files(&b, f->scripts, f->nscripts);
	add_files(&b, f->mapping, f->nmapping);
	return buf_take(&b);
}

/* ---- two of them ---- */

static const char *without(const char *name, const char *folder)
{
	size_t n = strlen(folder);
	return strncmp(name, folder, n) == 0 && name[n] == '/' ? name + n + 1 : name;
}

static void add(struct telling *t, const char *name, const char *what)
{
	char *line = xasprintf("%s %s", without(name, t->folder), what);
	if (t->n < MOST_JSON) {
		buf_adds(t->json, t->n > 0 ? "," : "");
		buf_add_json(t->json, line, strlen(line));
	}
	if (t->n < MOST_TEXT)
		buf_addf(t->text, "%s%s", t->n > 0 ? ", " : "", line);
	free(line);
	t->n++;
}

/* Each line of a set that the other one lacks: `there` if it has the name, else `not_there`; NULL
 * is not told. */
static void compare(struct telling *t, const char *set, const char *other, const char *there,
		    const char *not_there)
{
	const char *end;
	for (const char *at = set; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		char *line = xmemdup0(at, (size_t)(end - at) + 1);
		if (strlen(line) > HASH_LEN && !strstr(other, line)) {
			const char *what = strstr(other, line + HASH_LEN) ? there : not_there;
			line[end - at] = '\0';
			if (what)
				add(t, line + HASH_LEN + 1, what);
		}
		free(line);
	}
}

void changes_tell(const char *was, const char *now, const char *folder, struct buf *json,
		  struct buf *text)
{
	struct telling t = {.folder = folder, .json = json, .text = text};
	buf_addc(json, '[');
	if (was && now && *was && *now) {
		compare(&t, now, was, "changed", "new");
		compare(&t, was, now, NULL, "removed");
	}
	if (t.n > MOST_TEXT)
		buf_addf(text, " and %zu more", t.n - MOST_TEXT);
	buf_addc(json, ']');
}

char *changes_short(const char *text, const char *folder)
{
	struct buf b = {0};
	size_t n = strlen(folder);
	const char *found;
	while (n > 0 && (found = strstr(text, folder)) != NULL) {
		bool whole = (found == text || found[-1] == ' ') && found[n] == '/';
		buf_add(&b, text, (size_t)(found - text) + (whole ? 0 : n));
		text = found + n + (whole ? 1 : 0);
	}
	buf_adds(&b, text);
	return buf_take(&b);
}
