/*
 * Links: rows that join two records of two remotes.  What a link says is a JSON document that the
 * scripts own; what this file owns are its keys: aliases (remote, id -> link, unique), two bases (per
 * side, JSON), notes (what happened: audit, conflicts), and marks (named texts: how far one has read).
 */
#ifndef STORE_LINKS_H
#define STORE_LINKS_H

#include "base/buf.h"
#include "store/db.h"

struct links;
struct links *links_new(struct db *d);
void links_free(struct links *l);

bool links_add(struct links *l, const char *doc, int64_t *id, struct err *e) MUST_USE;
bool links_set(struct links *l, int64_t id, const char *doc, struct err *e) MUST_USE;
/* *doc: to be freed, NULL if there is none. */
bool links_get(struct links *l, int64_t id, char **doc, struct err *e) MUST_USE;
bool links_list(struct links *l, int64_t after, int most,
		bool (*each)(void *arg, int64_t id, const char *doc), void *arg,
		struct err *e) MUST_USE;

bool links_count(struct links *l, int64_t *n, struct err *e) MUST_USE;

/* ERR_CONFLICT if the key belongs to another link; setting the same again is fine. */
bool links_alias_set(struct links *l, int64_t id, const char *remote, const char *key,
		     struct err *e) MUST_USE;
bool links_alias_get(struct links *l, const char *remote, const char *key, int64_t *id,
		     struct err *e) MUST_USE; /* *id 0: none */
/* All keys of one link become another's. */
bool links_alias_move(struct links *l, int64_t from, int64_t to, struct err *e) MUST_USE;
bool links_alias_drop(struct links *l, const char *remote, const char *key, struct err *e) MUST_USE;

/* side: a short name the scripts choose. */
bool links_base_set(struct links *l, int64_t id, const char *side, const char *doc,
		    struct err *e) MUST_USE;
bool links_base_get(struct links *l, int64_t id, const char *side, char **doc,
		    struct err *e) MUST_USE;

/* Notes: id 0 = about no link. kind: "audit", "conflict", ... `at` is the world's time. */
bool links_note_add(struct links *l, int64_t id, const char *kind, const char *doc, int64_t *note,
		    struct err *e) MUST_USE;
bool links_note_drop(struct links *l, int64_t note, struct err *e) MUST_USE;
/* Newest first; id < 0: of all links; kind NULL: every kind. */
struct links_note {
	int64_t note, link, at_ms;
	const char *kind, *doc;
};
bool links_note_list(struct links *l, int64_t id, const char *kind, int most,
		     bool (*each)(void *arg, const struct links_note *n), void *arg,
		     struct err *e) MUST_USE;

bool links_mark_set(struct links *l, const char *name, const char *value,
		    struct err *e) MUST_USE; /* NULL drops it */
bool links_mark_get(struct links *l, const char *name, char **value, struct err *e) MUST_USE;

#endif
