/*
 * A workbook.  What begins with "PK" is the file itself; else it is parts, parted by lines "%%": the
 * sheet, shared texts, styles, the workbook, its relations, the root's; a part that is not there is a
 * good one.  Whatever they are: cells within the bounds, rows in order, or an error of one line.
 */
#include "io/sheet.h"
#include "base/buf.h"
#include "unit/sheet_kit.h"

#include "fuzz.h"

#include <sys/mman.h>

#define CELLS_MOST 100000

static const char mark[] = "\n%%\n";

static int fd = -1; /* of the file, in memory */
static char path[64];

static void begin(void)
{
	if (fd >= 0)
		return;
	fd = memfd_create("book", MFD_CLOEXEC);
	MUST(fd >= 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

static void write_file(const void *p, size_t n)
{
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, p, n, 0) == (ssize_t)n);
}

/* ---- a zip, stored: libzip takes ten times as long to make one ---- */

static uint32_t crc(const char *p, size_t n)
{
	uint32_t c = 0xffffffff;
	for (size_t i = 0; i < n; i++) {
		c ^= (uint8_t)p[i];
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}

static void put(struct buf *b, int bytes, size_t v)
{
	for (int i = 0; i < bytes; i++)
		buf_addc(b, (char)(i < 8 ? v >> 8 * i : 0));
}

/* What a part's own header and its line in the directory have alike. */
static void head(struct buf *b, const struct kit_part *part)
{
	put(b, 2, 20);
	put(b, 8, 0);
	put(b, 4, crc(part->text, part->len));
	put(b, 4, part->len);
	put(b, 4, part->len);
	put(b, 2, strlen(part->name));
	put(b, 2, 0);
}

static void zip(struct buf *b, const struct kit_part *parts, size_t n)
{
	struct buf list = {0};
	for (size_t i = 0; i < n; i++) {
		put(&list, 4, 0x02014b50);
		put(&list, 2, 20);
		head(&list, &parts[i]);
		put(&list, 10, 0);
		put(&list, 4, b->len);
		buf_adds(&list, parts[i].name);
		put(b, 4, 0x04034b50);
		head(b, &parts[i]);
		buf_adds(b, parts[i].name);
		buf_add(b, parts[i].text, parts[i].len);
	}
	size_t at = b->len;
	buf_add(b, list.data, list.len);
	put(b, 4, 0x06054b50);
	put(b, 4, 0);
	put(b, 2, n);
	put(b, 2, n);
	put(b, 4, list.len);
	put(b, 4, at);
	put(b, 2, 0);
	buf_free(&list);
}

/* ---- what holds ---- */

struct seen {
	int row, cells;
};

static void look(void *arg, int row, int column, char kind, const char *text, size_t n)
{
	struct seen *s = arg;
	MUST(row >= 1 && row <= SHEET_ROWS_MOST && row >= s->row);
	MUST(column >= 1 && column <= SHEET_COLUMNS_MOST);
	MUST(n > 0 && n <= 128u << 10);
	MUST(kind && strchr("tndbe", kind));
	MUST((kind != 'n' && kind != 'd') ||
	     strspn(text, " \t\r\n+-.0123456789eEinfatyINFATYxXabcdpP") > 0);
	MUST(s->cells++ < CELLS_MOST);
	s->row = row;
}

static void read_all(const char *wanted)
{
	struct err e = {0};
	struct seen s = {0};
	bool more = true;
	struct sheet *book = sheet_open(path, wanted, &e);
	bool ok = book != NULL;
	MUST(!ok || *sheet_name(book) || !wanted);
	while (ok && more)
		ok = sheet_read(book, look, &s, &more, &e);
	MUST(ok || (e.kind == ERR_DATA && *e.text && fuzz_is_line(e.text)));
	sheet_close(book);
}

static void write_parts(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"xl/worksheets/sheet1.xml", "xl/sharedStrings.xml",       "xl/styles.xml",
		"xl/workbook.xml",          "xl/_rels/workbook.xml.rels", "_rels/.rels"};
	static const char *const good[] = {"<worksheet/>", KIT_TEXTS, KIT_STYLES,
					   KIT_BOOK,       KIT_LINKS, KIT_ROOT};
	struct kit_part parts[6];
	const char *at = (const char *)data;
	const char *stop = at + size;
	for (int i = 0; i < 6; i++) {
		const char *next = at < stop ? memmem(at, (size_t)(stop - at), mark, 4) : NULL;
		size_t n = (size_t)((next ? next : stop) - at);
		parts[i] = n ? (struct kit_part){names[i], at, n}
			     : (struct kit_part){names[i], good[i], strlen(good[i])};
		at = next ? next + 4 : stop;
	}
	struct buf b = {0};
	zip(&b, parts, 6);
	write_file(b.data, b.len);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	if (size >= 2 && memcmp(data, "PK", 2) == 0)
		write_file(data, size);
	else
		write_parts(data, size);
	read_all(size % 2 ? "Ours" : NULL);
	return 0;
}
