/*
 * XML, read as it comes: elements by their local names, whatever the prefix.  A document type is
 * refused, so there are no entities but the five.
 */
#ifndef IO_XML_H
#define IO_XML_H

#include "base/err.h"

#include <stddef.h>

struct xml;

/* May call xml_refuse.  attrs: name, value, ..., NULL. */
struct xml_ears {
	void (*start)(void *ctx, struct xml *x, const char *name, const char **attrs);
	void (*end)(void *ctx, struct xml *x, const char *name);
	void (*text)(void *ctx, struct xml *x, const char *s, size_t n); /* NULL: nobody asks */
};

struct xml *xml_new(const struct xml_ears *ears, void *ctx); /* ears must outlive it */
bool xml_feed(struct xml *x, const char *p, size_t n, bool last, struct err *e) MUST_USE;
/* From inside an ear: nothing more is heard, and xml_feed returns this error. */
void xml_refuse(struct xml *x, const char *fmt, ...) PRINTF(2, 3);
void xml_free(struct xml *x);

/* The value of an attribute by its local name, or NULL. */
const char *xml_attr(const char **attrs, const char *name);

#endif
