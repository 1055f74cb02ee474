/*
 * The parts of a workbook around a sheet.
 *
 * Owns what it read of them.  Follows the file's own relations from the root to the workbook and
 * from there to the sheet; part names are data of anybody and never leave the archive.
 */
#include "io/sheet_book.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINKS_MOST   4000
#define TEXTS_MOST   1000000
#define STYLES_MOST  65536
#define FORMATS_MOST 4096

/* ---- reading a part ---- */

bool sheet_part_read(struct pack *p, const char *name, const struct xml_ears *ears, void *ctx,
		     struct err *e)
{
	char piece[16384];
	struct pack_part *f = pack_part_open(p, name, SHEET_PART_MOST, e);
	if (!f)
		return false;
	struct xml *x = xml_new(ears, ctx);
	size_t got = 0;
	bool ok = true;
	do {
		ok = pack_part_read(f, piece, sizeof(piece), &got, e) &&
		     (xml_feed(x, piece, got, got == 0, e) || err_add(e, "%s", name));
	} while (ok && got > 0);
	xml_free(x);
	pack_part_close(f);
	return ok;
}

/* ---- texts ---- */

/* The code of "_xHHHH_" at s, or -1. */
static int escaped(const char *s, size_t n)
{
	int code = 0;
	if (n < 7 || s[0] != '_' || s[1] != 'x' || s[6] != '_')
		return -1;
	for (int i = 2; i < 6; i++) {
		int c = (unsigned char)s[i] | 0x20;
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return -1;
		code = code * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return code;
}

static void add_character(struct buf *to, int code)
{
	if (code == 0 || (code >= 0xd800 && code <= 0xdfff))
		code = 0xfffd; /* half a character */
	if (code < 0x80) {
		buf_addc(to, (char)code);
	} else if (code < 0x800) {
		buf_addc(to, (char)(0xc0 | code >> 6));
		buf_addc(to, (char)(0x80 | (code & 0x3f)));
	} else {
		buf_addc(to, (char)(0xe0 | code >> 12));
		buf_addc(to, (char)(0x80 | (code >> 6 & 0x3f)));
		buf_addc(to, (char)(0x80 | (code & 0x3f)));
	}
}

void sheet_add_text(struct buf *to, const char *s, size_t n)
{
	size_t from = 0;
	if (n == 0)
		return; /* there may be no text at all */
	for (size_t i = 0; i < n; i++) {
		int code = s[i] == '_' ? escaped(s + i, n - i) : -1;
		if (code < 0)
			continue;
		buf_add(to, s + from, i - from);
		add_character(to, code);
		i += 6;
		from = i + 1;
	}
	buf_add(to, s + from, n - from);
}

void sheet_text_start(struct sheet_text *t, const char *name)
{
	t->inside += strcmp(name, "t") == 0;
	t->phonetic += strcmp(name, "rPh") == 0;
}

void sheet_text_end(struct sheet_text *t, const char *name)
{
	t->inside -= strcmp(name, "t") == 0;
	t->phonetic -= strcmp(name, "rPh") == 0;
}

bool sheet_text_add(struct sheet_text *t, const char *s, size_t n)
{
	if (t->inside > 0 && t->phonetic == 0)
		buf_add(&t->raw, s, n);
	return t->raw.len <= SHEET_TEXT_MOST;
}

/* ---- relations: from an id, or a kind, to a part ---- */

struct link {
	char *id, *kind, *part;
};

struct links {
	const char *base; /* of relative names: "xl/" */
	struct link *at;
	size_t n;
};

/* Type is an address that ends in the kind. */
static const char *kind_of(const char *type)
{
	const char *slash = type ? strrchr(type, '/') : NULL;
	return slash ? slash + 1 : "";
}

static char *part_name(const char *base, const char *target)
{
	if (target[0] == '/')
		return xstrdup(target + 1);
	return xasprintf("%s%s", base, strncmp(target, "./", 2) == 0 ? target + 2 : target);
}

static void on_link(void *ctx, struct xml *x, const char *name, const char **attrs)
{
	struct links *l = ctx;
	const char *id = xml_attr(attrs, "Id");
	const char *target = xml_attr(attrs, "Target");
	const char *mode = xml_attr(attrs, "TargetMode");
	if (strcmp(name, "Relationship") != 0 || !id || !target ||
	    (mode && strcmp(mode, "External") == 0))
		return;
	if (l->n == LINKS_MOST) {
		xml_refuse(x, "it has more than %d relations", LINKS_MOST);
		return;
	}
	l->at = xrealloc(l->at, (l->n + 1) * sizeof(*l->at));
	l->at[l->n++] = (struct link){xstrdup(id), xstrdup(kind_of(xml_attr(attrs, "Type"))),
				      part_name(l->base, target)};
}

static void on_nothing(void *ctx, struct xml *x, const char *name)
{
	(void)ctx;
	(void)x;
	(void)name;
}

static void links_clear(struct links *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->at[i].id);
		free(l->at[i].kind);
		free(l->at[i].part);
	}
	free(l->at);
}

static const struct link *link_of_kind(const struct links *l, const char *kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].kind, kind) == 0)
			return &l->at[i];
	return NULL;
}

static const struct link *link_of_id(const struct links *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].id, id) == 0)
			return &l->at[i];
	return NULL;
}

static bool links_read(struct links *l, struct pack *p, const char *part, struct err *e)
{
	static const struct xml_ears ears = {on_link, on_nothing, NULL};
	return sheet_part_read(p, part, &ears, l, e);
}

/* ---- the workbook: which sheet ---- */

struct choice {
	const struct links *links;
	const char *wanted;
	const struct link *found;
	char *name;
	struct buf names; /* all that there are, for people */
	bool from_1904;
};

static void on_sheet(struct choice *c, const char **attrs)
{
	const char *name = xml_attr(attrs, "name");
	const char *state = xml_attr(attrs, "state");
	const char *id = xml_attr(attrs, "id");
	const struct link *l = id ? link_of_id(c->links, id) : NULL;
	if (!name || !l || strcmp(l->kind, "worksheet") != 0)
		return; /* a chart's sheet has no cells */
	if (c->names.len < 400)
		buf_addf(&c->names, "%s%s", c->names.len ? ", " : "", name);
	bool shown = !state || strcmp(state, "visible") == 0;
	if (c->found || (c->wanted ? strcasecmp(name, c->wanted) != 0 : !shown))
		return;
	c->found = l;
	c->name = xstrdup(name);
}

static void on_workbook(void *ctx, struct xml *x, const char *name, const char **attrs)
{
	(void)x;
	struct choice *c = ctx;
	const char *flag = strcmp(name, "workbookPr") == 0 ? xml_attr(attrs, "date1904") : NULL;
	if (flag)
		c->from_1904 = strcmp(flag, "1") == 0 || strcmp(flag, "true") == 0;
	if (strcmp(name, "sheet") == 0)
		on_sheet(c, attrs);
}

static bool choose(struct sheet_book *b, struct pack *p, const char *workbook,
		   const struct links *links, const char *wanted, struct err *e)
{
	static const struct xml_ears ears = {on_workbook, on_nothing, NULL};
	struct choice c = {.links = links, .wanted = wanted};
	bool ok = sheet_part_read(p, workbook, &ears, &c, e);
	if (ok && c.found) {
		b->part = xstrdup(c.found->part);
		b->name = xstrdup(c.name);
		b->from_1904 = c.from_1904;
	} else if (ok) {
		ok = err_set(e, ERR_DATA, "it has no sheet%s%s%s; there is: %s",
			     wanted ? " '" : " with cells", wanted ? wanted : "", wanted ? "'" : "",
			     c.names.len ? c.names.data : "none");
	}
	free(c.name);
	buf_free(&c.names);
	return ok;
}

/* ---- shared texts ---- */

struct texts {
	struct sheet_book *b;
	struct sheet_text text;
	size_t room;
};

static void on_text_start(void *ctx, struct xml *x, const char *name, const char **attrs)
{
	(void)x;
	(void)attrs;
	struct texts *t = ctx;
	sheet_text_start(&t->text, name);
	if (strcmp(name, "si") == 0)
		t->text = (struct sheet_text){.raw = t->text.raw};
	if (strcmp(name, "si") == 0)
		t->text.raw.len = 0;
}

static void on_text_end(void *ctx, struct xml *x, const char *name)
{
	struct texts *t = ctx;
	struct sheet_book *b = t->b;
	sheet_text_end(&t->text, name);
	if (strcmp(name, "si") != 0)
		return;
	if (b->ntexts == TEXTS_MOST) {
		xml_refuse(x, "it has more than %d texts", TEXTS_MOST);
		return;
	}
	if (b->ntexts == t->room) {
		t->room = t->room ? t->room * 2 : 1024;
		b->ends = xrealloc(b->ends, t->room * sizeof(*b->ends));
	}
	sheet_add_text(&b->texts, t->text.raw.data, t->text.raw.len);
	b->ends[b->ntexts++] = b->texts.len;
}

static void on_text(void *ctx, struct xml *x, const char *s, size_t n)
{
	struct texts *t = ctx;
	if (!sheet_text_add(&t->text, s, n))
		xml_refuse(x, "text %zu is longer than %u KiB", t->b->ntexts,
			   SHEET_TEXT_MOST >> 10);
}

static bool read_texts(struct sheet_book *b, struct pack *p, const char *part, struct err *e)
{
	static const struct xml_ears ears = {on_text_start, on_text_end, on_text};
	struct texts t = {.b = b};
	bool ok = sheet_part_read(p, part, &ears, &t, e);
	buf_free(&t.text.raw);
	return ok;
}

/* ---- styles: which are dates ---- */

struct styles {
	struct sheet_book *b;
	long *formats; /* ids of the file's own date formats */
	size_t nformats;
	bool in_cells;
};

/* Letters of a day or an hour, outside of quotes, brackets and escapes. */
static bool is_date_code(const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '[') {
			const char *end = strchr(s + 1, *s == '"' ? '"' : ']');
			if (!end)
				return false;
			s = end;
		} else if (*s == '\\' || *s == '_' || *s == '*') {
			if (!*++s)
				return false;
		} else if (strchr("ymdhsYMDHS", *s)) {
			return true;
		}
	}
	return false;
}

static bool is_date_id(const struct styles *s, long id)
{
	if ((id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) ||
	    (id >= 50 && id <= 58))
		return true; /* of every workbook */
	for (size_t i = 0; i < s->nformats; i++)
		if (s->formats[i] == id)
			return true;
	return false;
}

static void on_style_start(void *ctx, struct xml *x, const char *name, const char **attrs)
{
	struct styles *s = ctx;
	const char *id = xml_attr(attrs, "numFmtId");
	const char *code = xml_attr(attrs, "formatCode");
	if (strcmp(name, "cellXfs") == 0) {
		s->in_cells = true;
	} else if (strcmp(name, "numFmt") == 0 && id && code && is_date_code(code)) {
		if (s->nformats == FORMATS_MOST) {
			xml_refuse(x, "it has more than %d formats", FORMATS_MOST);
			return;
		}
		s->formats = xrealloc(s->formats, (s->nformats + 1) * sizeof(*s->formats));
		s->formats[s->nformats++] = strtol(id, NULL, 10);
	} else if (strcmp(name, "xf") == 0 && s->in_cells) {
		if (s->b->nstyles == STYLES_MOST) {
			xml_refuse(x, "it has more than %d styles", STYLES_MOST);
			return;
		}
		s->b->dates = xrealloc(s->b->dates, s->b->nstyles + 1);
		s->b->dates[s->b->nstyles++] = id && is_date_id(s, strtol(id, NULL, 10));
	}
}

static void on_style_end(void *ctx, struct xml *x, const char *name)
{
	(void)x;
	struct styles *s = ctx;
	if (strcmp(name, "cellXfs") == 0)
		s->in_cells = false;
}

static bool read_styles(struct sheet_book *b, struct pack *p, const char *part, struct err *e)
{
	static const struct xml_ears ears = {on_style_start, on_style_end, NULL};
	struct styles s = {.b = b};
	bool ok = sheet_part_read(p, part, &ears, &s, e);
	free(s.formats);
	return ok;
}

/* ---- all of it ---- */

/* "xl/workbook.xml" -> "xl/_rels/workbook.xml.rels" */
static char *relations_of(const char *part)
{
	const char *slash = strrchr(part, '/');
	int folder = slash ? (int)(slash + 1 - part) : 0;
	return xasprintf("%.*s_rels/%s.rels", folder, part, part + folder);
}

static bool read_around(struct sheet_book *b, struct pack *p, const struct links *links,
			struct err *e)
{
	const struct link *texts = link_of_kind(links, "sharedStrings");
	const struct link *styles = link_of_kind(links, "styles");
	return (!texts || read_texts(b, p, texts->part, e)) &&
	       (!styles || read_styles(b, p, styles->part, e));
}

static bool read_from(struct sheet_book *b, struct pack *p, const char *workbook,
		      const char *wanted, struct err *e)
{
	const char *slash = strrchr(workbook, '/');
	char *base = xasprintf("%.*s", slash ? (int)(slash + 1 - workbook) : 0, workbook);
	char *part = relations_of(workbook);
	struct links links = {.base = base};
	bool ok = links_read(&links, p, part, e) && choose(b, p, workbook, &links, wanted, e) &&
		  read_around(b, p, &links, e);
	links_clear(&links);
	free(part);
	free(base);
	return ok;
}

bool sheet_book_read(struct sheet_book *b, struct pack *p, const char *wanted, struct err *e)
{
	struct links root = {.base = ""};
	*b = (struct sheet_book){0};
	bool ok = links_read(&root, p, "_rels/.rels", e);
	const struct link *workbook = ok ? link_of_kind(&root, "officeDocument") : NULL;
	if (workbook)
		ok = read_from(b, p, workbook->part, wanted, e);
	else if (ok || e->kind == ERR_ABSENT)
		ok = err_set(e, ERR_DATA, "it holds no workbook: save it as .xlsx");
	if (!ok && e->kind == ERR_ABSENT)
		e->kind = ERR_DATA; /* the file is there, a part of it is not */
	links_clear(&root);
	if (!ok)
		sheet_book_clear(b);
	return ok;
}

void sheet_book_clear(struct sheet_book *b)
{
	free(b->part);
	free(b->name);
	buf_free(&b->texts);
	free(b->ends);
	free(b->dates);
	*b = (struct sheet_book){0};
}
