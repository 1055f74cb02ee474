/*
 * What a sheet's cells refer to: the workbook's list of sheets, its shared texts, which number
 * formats are dates.  For io/sheet alone.
 */
#ifndef IO_SHEET_BOOK_H
#define IO_SHEET_BOOK_H

#include "base/buf.h"
#include "io/pack.h"
#include "io/xml.h"

#define SHEET_PART_MOST (64u << 20)
#define SHEET_TEXT_MOST (128u << 10) /* bytes of a cell: 32,767 characters */

struct sheet_book {
	char *part; /* of the chosen sheet */
	char *name;
	bool from_1904; /* its days are counted from that year */
	struct buf texts;
	size_t *ends; /* of each shared text, in texts */
	size_t ntexts;
	bool *dates; /* by cell style */
	size_t nstyles;
};

/* wanted: a sheet by its name; NULL: the first that is not hidden. */
bool sheet_book_read(struct sheet_book *b, struct pack *p, const char *wanted,
		     struct err *e) MUST_USE;
void sheet_book_clear(struct sheet_book *b);

/* Reads a whole part; ERR_ABSENT if there is none. */
bool sheet_part_read(struct pack *p, const char *name, const struct xml_ears *ears, void *ctx,
		     struct err *e) MUST_USE;
/* Adds the text as people see it: "_x000D_" stands for a character that XML cannot hold. */
void sheet_add_text(struct buf *to, const char *s, size_t n);
/* Is the element's text one that is shown: not the reading of a word beside it. */
struct sheet_text {
	struct buf raw;
	int inside;   /* of <t> */
	int phonetic; /* of <rPh> */
};
void sheet_text_start(struct sheet_text *t, const char *name);
void sheet_text_end(struct sheet_text *t, const char *name);
bool sheet_text_add(struct sheet_text *t, const char *s, size_t n); /* false: too long */

#endif
