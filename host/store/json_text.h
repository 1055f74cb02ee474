/*
 * One value out of a JSON text, read by sqlite: for the few places in C that must look into an
 * answer (a token, an error code).
 */
#ifndef STORE_JSON_TEXT_H
#define STORE_JSON_TEXT_H

#include "store/db.h"

/* The string, number or truth value (as 1 or 0) at path, which is written as sqlite does: $.a.b[0].
 * *out is to be freed; NULL if there is none there, or null, an object or an array.  ERR_DATA: the
 * text is not JSON. */
bool json_text_get(struct db *d, const char *json, const char *path, char **out,
		   struct err *e) MUST_USE;

#endif
