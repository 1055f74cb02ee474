/*
 * The cells of one sheet, read as the archive unpacks.
 *
 * Owns archive, parser and what was read of the cell under way.  Where a cell stands is told by the
 * cell itself, or else by the one before it; a file whose rows go backwards is refused.
 */
#include "io/sheet.h"

#include "io/sheet_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVEN_MOST (64u << 20)
#define PIECE      16384

struct cell {
	int column; /* 0: none is open */
	char type;  /* s shared, i inline, f a formula's text, n number, b, e */
	bool date;
	bool in_value;
	struct sheet_text value; /* of <v>, or of what stands inside of <is> */
};

struct sheet {
	struct pack *pack;
	struct sheet_book book;
	struct pack_part *part;
	struct xml *xml;
	bool in_data;
	int row;    /* the last one that began */
	int column; /* the last cell's */
	bool seen[SHEET_COLUMNS_MOST + 1];
	struct cell cell;
	struct buf shown;
	size_t given;
	sheet_got *got; /* while a piece is read */
	void *arg;
};

/* ---- where a cell stands ---- */

/* "AB12" -> 28; 0: no such reference.  Beyond all bounds it stays beyond. */
static int column_of(const char *ref)
{
	int n = 0;
	for (; *ref >= 'A' && *ref <= 'Z'; ref++)
		if (n <= SHEET_COLUMNS_MOST)
			n = n * 26 + (*ref - 'A' + 1);
	return n;
}

static const char *letters(int column, char out[8])
{
	char *p = out + 7;
	*p = '\0';
	for (; column > 0 && p > out; column = (column - 1) / 26)
		*--p = (char)('A' + (column - 1) % 26);
	return p;
}

static void refuse_cell(struct sheet *s, struct xml *x, const char *why)
{
	char name[8];
	xml_refuse(x, "row %d, column %s: %s", s->row, letters(s->cell.column, name), why);
}

/* Empty rows may lie anywhere, so only a cell that holds something is judged by where it is. */
static void start_row(struct sheet *s, struct xml *x, const char **attrs)
{
	const char *r = xml_attr(attrs, "r");
	char *rest = NULL;
	long row = r ? strtol(r, &rest, 10) : (long)s->row + 1;
	if (row <= s->row || row > 1 << 24 || (rest && *rest)) {
		xml_refuse(x, "row '%.20s' stands behind row %d: save the file anew", r ? r : "",
			   s->row);
		return;
	}
	s->row = (int)row;
	s->column = 0;
	memset(s->seen, 0, sizeof(s->seen));
}

static char type_of(const char *t)
{
	static const struct {
		const char *name;
		char type;
	} types[] = {{"s", 's'}, {"inlineStr", 'i'}, {"str", 'f'}, {"b", 'b'},
		     {"e", 'e'}, {"d", 'f'},         {"n", 'n'}};
	for (size_t i = 0; t && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(t, types[i].name) == 0)
			return types[i].type;
	return 'n';
}

static bool is_date(const struct sheet_book *b, const char *style)
{
	unsigned long i = style ? strtoul(style, NULL, 10) : 0;
	return i < b->nstyles && b->dates[i];
}

static void start_cell(struct sheet *s, const char **attrs)
{
	struct cell *c = &s->cell;
	const char *r = xml_attr(attrs, "r");
	int column = r ? column_of(r) : 0;
	c->column = column > 0 ? column : s->column + 1;
	s->column = c->column;
	c->type = type_of(xml_attr(attrs, "t"));
	c->date = is_date(&s->book, xml_attr(attrs, "s"));
	c->in_value = false;
	c->value.raw.len = 0;
	c->value.inside = c->value.phonetic = 0;
}

/* ---- what it holds ---- */

static bool shared(struct sheet *s, const char *index, const char **text, size_t *n)
{
	char *rest = NULL;
	unsigned long i = strtoul(index, &rest, 10);
	if (rest == index || *rest || i >= s->book.ntexts)
		return false;
	size_t from = i ? s->book.ends[i - 1] : 0;
	*text = s->book.texts.data ? s->book.texts.data + from : "";
	*n = s->book.ends[i] - from;
	return true;
}

static void give(struct sheet *s, struct xml *x, char kind, const char *text, size_t n)
{
	struct cell *c = &s->cell;
	if (n == 0)
		return;
	if (s->row > SHEET_ROWS_MOST)
		refuse_cell(s, x, "at most 100,000 rows are read: part the file");
	else if (c->column > SHEET_COLUMNS_MOST)
		refuse_cell(s, x, "at most 256 columns are read: take the others out");
	else if (s->seen[c->column])
		refuse_cell(s, x, "the cell is there twice: save the file anew");
	else if (n > SHEET_TEXT_MOST)
		refuse_cell(s, x, "the text is longer than 128 KiB: shorten it");
	else if ((s->given += n) > GIVEN_MOST)
		refuse_cell(s, x, "more than 64 MiB of text: part the file");
	else {
		s->seen[c->column] = true;
		s->got(s->arg, s->row, c->column, kind, text, n);
	}
}

static void give_number(struct sheet *s, struct xml *x, const struct buf *raw)
{
	char text[40];
	char *rest = NULL;
	if (raw->len == 0)
		return;
	double v = strtod(raw->data, &rest);
	if (rest == raw->data || *rest) {
		refuse_cell(s, x, "it holds no number: type it anew");
	} else if (s->cell.date) {
		int n = snprintf(text, sizeof(text), "%.12g", s->book.from_1904 ? v + 1462 : v);
		give(s, x, 'd', text, (size_t)n);
	} else {
		give(s, x, 'n', raw->data, raw->len);
	}
}

static void end_cell(struct sheet *s, struct xml *x)
{
	const struct buf *raw = &s->cell.value.raw;
	const char *text = "";
	size_t n = 0;
	switch (s->cell.type) {
	case 's':
		if (raw->len > 0 && !shared(s, raw->data, &text, &n))
			refuse_cell(s, x, "it names a text that is not there: save the file anew");
		else
			give(s, x, 't', text, n);
		break;
	case 'i':
	case 'f':
		s->shown.len = 0;
		sheet_add_text(&s->shown, raw->data, raw->len);
		give(s, x, 't', s->shown.data, s->shown.len);
		break;
	case 'n': give_number(s, x, raw); break;
	default: give(s, x, s->cell.type, raw->data, raw->len);
	}
	s->cell.column = 0;
}

/* ---- the part, element by element ---- */

static void on_start(void *ctx, struct xml *x, const char *name, const char **attrs)
{
	struct sheet *s = ctx;
	struct cell *c = &s->cell;
	if (strcmp(name, "sheetData") == 0)
		s->in_data = true;
	if (!s->in_data)
		return;
	if (strcmp(name, "row") == 0)
		start_row(s, x, attrs);
	else if (strcmp(name, "c") == 0 && s->row > 0)
		start_cell(s, attrs);
	else if (c->column && strcmp(name, "v") == 0)
		c->in_value = c->type != 'i';
	else if (c->column && c->type == 'i')
		sheet_text_start(&c->value, name);
}

static void on_end(void *ctx, struct xml *x, const char *name)
{
	struct sheet *s = ctx;
	struct cell *c = &s->cell;
	if (strcmp(name, "sheetData") == 0)
		s->in_data = false;
	else if (!c->column)
		return;
	else if (strcmp(name, "c") == 0)
		end_cell(s, x);
	else if (strcmp(name, "v") == 0)
		c->in_value = false;
	else if (c->type == 'i')
		sheet_text_end(&c->value, name);
}

static void on_text(void *ctx, struct xml *x, const char *text, size_t n)
{
	struct sheet *s = ctx;
	struct cell *c = &s->cell;
	if (!c->column)
		return;
	if (c->in_value)
		buf_add(&c->value.raw, text, n);
	if (!sheet_text_add(&c->value, text, n))
		refuse_cell(s, x, "the text is longer than 128 KiB: shorten it");
}

/* ---- the object ---- */

static bool open_all(struct sheet *s, const char *path, const char *wanted, struct err *e)
{
	static const struct xml_ears ears = {on_start, on_end, on_text};
	s->pack = pack_open(path, SHEET_FILE_MOST, e);
	if (!s->pack || !sheet_book_read(&s->book, s->pack, wanted, e))
		return false;
	s->part = pack_part_open(s->pack, s->book.part, SHEET_PART_MOST, e);
	if (!s->part) {
		e->kind = ERR_DATA; /* the file is there, the sheet is not */
		return false;
	}
	s->xml = xml_new(&ears, s);
	return true;
}

struct sheet *sheet_open(const char *path, const char *wanted, struct err *e)
{
	struct sheet *s = NEW(struct sheet);
	if (open_all(s, path, wanted, e))
		return s;
	sheet_close(s);
	return NULL;
}

const char *sheet_name(const struct sheet *s)
{
	return s->book.name;
}

bool sheet_read(struct sheet *s, sheet_got *got, void *arg, bool *more, struct err *e)
{
	char piece[PIECE];
	size_t n = 0;
	s->got = got;
	s->arg = arg;
	bool ok = pack_part_read(s->part, piece, sizeof(piece), &n, e) &&
		  xml_feed(s->xml, piece, n, n == 0, e);
	s->got = NULL;
	*more = ok && n > 0;
	return ok;
}

void sheet_close(struct sheet *s)
{
	if (!s)
		return;
	xml_free(s->xml);
	pack_part_close(s->part);
	pack_close(s->pack);
	sheet_book_clear(&s->book);
	buf_free(&s->cell.value.raw);
	buf_free(&s->shown);
	free(s);
}
