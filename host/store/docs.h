/*
 * Rows for the practice environment: a collection holds documents by id, with a tag (changes with
 * every write; one counter for the file), the JSON body, and up to four indexed texts.
 */
#ifndef STORE_DOCS_H
#define STORE_DOCS_H

#include "base/buf.h"
#include "store/db.h"

struct docs;

#define DOCS_KEYS 4
struct doc {
	const char *id;
	const char *body; /* JSON text */
	int64_t tag;      /* docs_put: 0: the next one; else this one, of a row put back */
	const char *key[DOCS_KEYS]; /* NULL: none */
};

struct docs *docs_new(struct db *d);
void docs_free(struct docs *s);

bool docs_put(struct docs *s, const char *collection, const struct doc *in, int64_t *tag,
	      struct err *e) MUST_USE; /* makes or replaces */
bool docs_drop(struct docs *s, const char *collection, const char *id, bool *was,
	       struct err *e) MUST_USE;
typedef bool docs_each(void *arg, const struct doc *d); /* false stops */
/* One by id: each is called at most once. */
bool docs_get(struct docs *s, const char *collection, const char *id, docs_each *each, void *arg,
	      struct err *e) MUST_USE;
/* By key (at 0..3, compared byte for byte) or all (key NULL), in order of id, ids > after; or in
 * order of tag, tags > after_tag, if after_tag >= 0; or in order of the key at `at`, then id, all
 * that comes behind (key, after) on that way. */
enum docs_order { DOCS_PLAIN, DOCS_UP, DOCS_DOWN };
struct docs_query {
	int at;
	const char *key;
	const char *after;
	int64_t after_tag; /* -1: order by id */
	int most;
	enum docs_order order; /* DOCS_UP, DOCS_DOWN: by key */
};
bool docs_find(struct docs *s, const char *collection, const struct docs_query *q, docs_each *each,
	       void *arg, struct err *e) MUST_USE;
bool docs_count(struct docs *s, const char *collection, int64_t *n, struct err *e) MUST_USE;

/* JSON edited as text, other members byte for byte (sqlite's functions): value is JSON text; path as
 * sqlite writes it: $.a.b[0].  *out to be freed.  Used by script/json for bodies that go back whole. */
bool docs_json_set(struct docs *s, const char *json, const char *path, const char *value,
		   char **out, struct err *e) MUST_USE;
bool docs_json_remove(struct docs *s, const char *json, const char *path, char **out,
		      struct err *e) MUST_USE;

#endif
