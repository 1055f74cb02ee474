/*
 * XML by expat.  Expat's own guard against entities that grow stays on; a document type, where they
 * would be declared, is refused before it.  Owns the parser; knows no element by name.
 */
#include "io/xml.h"

#include "base/buf.h"

#include <expat.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xml {
	XML_Parser parser;
	const struct xml_ears *ears;
	void *ctx;
	bool refused;
	struct err why;
};

/* Names come as "namespace|local". */
static const char *local(const char *name)
{
	const char *bar = strrchr(name, '|');
	return bar ? bar + 1 : name;
}

const char *xml_attr(const char **attrs, const char *name)
{
	for (; *attrs; attrs += 2)
		if (strcmp(local(attrs[0]), name) == 0)
			return attrs[1];
	return NULL;
}

void xml_refuse(struct xml *x, const char *fmt, ...)
{
	va_list args;
	if (x->refused)
		return;
	va_start(args, fmt);
	(void)vsnprintf(x->why.text, sizeof(x->why.text), fmt, args);
	va_end(args);
	x->refused = true;
	(void)XML_StopParser(x->parser, XML_FALSE);
}

/* Expat may still call ears after it was stopped. */
static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct xml *x = arg;
	if (!x->refused)
		x->ears->start(x->ctx, x, local(name), attrs);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct xml *x = arg;
	if (!x->refused)
		x->ears->end(x->ctx, x, local(name));
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int n)
{
	struct xml *x = arg;
	if (!x->refused && x->ears->text)
		x->ears->text(x->ctx, x, s, (size_t)n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
			       const XML_Char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	xml_refuse(arg, "it declares a document type, which no workbook does");
}

struct xml *xml_new(const struct xml_ears *ears, void *ctx)
{
	struct xml *x = NEW(struct xml);
	x->ears = ears;
	x->ctx = ctx;
	x->parser = XML_ParserCreateNS(NULL, '|');
	if (!x->parser)
		abort(); /* out of memory */
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
	return x;
}

bool xml_feed(struct xml *x, const char *p, size_t n, bool last, struct err *e)
{
	if (!x->refused && XML_Parse(x->parser, p, (int)n, last) == XML_STATUS_OK && !x->refused)
		return true;
	if (x->refused)
		return err_set(e, ERR_DATA, "%s", x->why.text);
	return err_set(e, ERR_DATA, "broken XML in line %lu: %s",
		       (unsigned long)XML_GetCurrentLineNumber(x->parser),
		       XML_ErrorString(XML_GetErrorCode(x->parser)));
}

void xml_free(struct xml *x)
{
	if (!x)
		return;
	XML_ParserFree(x->parser);
	free(x);
}
