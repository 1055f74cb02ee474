/* io/sheet: cells of every kind, files that want to harm, and writing that is whole or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/sheet.h"
#include "tests.h"
#include "unit/sheet_kit.h"

void check_sheet(void);

#define DATA(rows)      "<worksheet><sheetData>" rows "</sheetData></worksheet>"
#define CELL(ref, text) "<c r=\"" ref "\" t=\"inlineStr\"><is><t>" text "</t></is></c>"

enum { ROOT, BOOK, LINKS, TEXTS, STYLES, SHEET, OTHER, PARTS };

static struct kit_part parts[PARTS];

/* A workbook whose parts are good, to be spoilt by the test. */
static void good(const char *sheet)
{
	parts[ROOT] = (struct kit_part){"_rels/.rels", KIT_ROOT, 0};
	parts[BOOK] = (struct kit_part){"xl/workbook.xml", KIT_BOOK, 0};
	parts[LINKS] = (struct kit_part){"xl/_rels/workbook.xml.rels", KIT_LINKS, 0};
	parts[TEXTS] = (struct kit_part){"xl/sharedStrings.xml", KIT_TEXTS, 0};
	parts[STYLES] = (struct kit_part){"xl/styles.xml", KIT_STYLES, 0};
	parts[SHEET] = (struct kit_part){"xl/worksheets/sheet1.xml", sheet, 0};
	parts[OTHER] = (struct kit_part){"xl/worksheets/sheet2.xml", DATA(""), 0};
}

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", tests_tempdir(), name);
}

static void add(void *arg, int row, int column, char kind, const char *text, size_t n)
{
	struct buf *b = arg;
	if (b->len < 4000)
		buf_addf(b, "%d.%d%c[%.*s]", row, column, kind, n > 100 ? 100 : (int)n, text);
}

/* Everything in the sheet, or "!" and what is wrong. */
static char *read_file(const char *path, const char *sheet)
{
	struct buf b = {0};
	struct err e = {0};
	bool more = true;
	struct sheet *s = sheet_open(path, sheet, &e);
	bool ok = s != NULL;
	while (ok && more)
		ok = sheet_read(s, add, &b, &more, &e);
	if (!ok) {
		buf_free(&b);
		buf_addf(&b, "!%s: %s", err_kind_name(e.kind), e.text);
	}
	sheet_close(s);
	return buf_take(&b);
}

static char *read_parts(const char *sheet)
{
	char *path = path_of("book.xlsx");
	CHECK(kit_zip(path, parts, PARTS, false));
	char *out = read_file(path, sheet);
	free(path);
	return out;
}

static void reads(const char *rows, const char *want)
{
	good(rows);
	char *out = read_parts(NULL);
	CHECK_STR(out, want);
	free(out);
}

static void refuses(const char *want)
{
	char *out = read_parts(NULL);
	if (!CHECK(out[0] == '!' && strstr(out, want)))
		printf("# %s\n", out);
	free(out);
}

/* ---- what is in a sheet ---- */

static void check_cells(void)
{
	CASE ("sheet_reads_every_kind_of_cell") {
		reads(DATA("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\">"
			   "<v>1</v></c><c r=\"C1\" t=\"s\"><v>2</v></c></row>"
			   "<row r=\"3\"><c r=\"A3\"><v>12.5</v></c><c r=\"B3\" "
			   "t=\"b\"><v>1</v></c>"
			   "<c r=\"C3\" t=\"e\"><v>#N/A</v></c><c r=\"D3\" "
			   "t=\"str\"><f>A1&amp;B1</f>"
			   "<v>joined</v></c><c r=\"E3\"><f>1+1</f><v>2</v></c></row>"),
		      "1.1t[Name]1.2t[Lamp & Co]1.3t[\xe6\x9d\xb1]3.1n[12.5]3.2b[1]3.3e[#N/A]"
		      "3.4t[joined]3.5n[2]");
	}
	CASE ("sheet_tells_dates_by_their_format") {
		reads(DATA("<row r=\"1\"><c r=\"A1\" s=\"1\"><v>44000</v></c><c r=\"B1\" s=\"2\">"
			   "<v>44000.5</v></c><c r=\"C1\" s=\"3\"><v>3</v></c><c r=\"D1\" s=\"9\">"
			   "<v>4</v></c></row>"),
		      "1.1d[44000]1.2d[44000.5]1.3n[3]1.4n[4]");
		good(DATA("<row><c s=\"1\"><v>1</v></c></row>"));
		parts[BOOK].text =
			"<workbook xmlns:r=\"" KIT_REL "\"><workbookPr date1904=\"1\"/>"
			"<sheets><sheet name=\"Ours\" r:id=\"rId7\"/></sheets></workbook>";
		char *out = read_parts(NULL);
		CHECK_STR(out, "1.1d[1463]");
		free(out);
	}
	CASE ("sheet_decodes_characters_that_xml_cannot_hold") {
		reads(DATA("<row><c t=\"s\"><v>3</v></c>" CELL(
			      "B1", "_x0041__x00e9_ _x12_ _xZZZZ_") "</row>"),
		      "1.1t[a\nbA]1.2t[A\xc3\xa9 _x12_ _xZZZZ_]");
	}
	CASE ("sheet_cells_in_any_order_and_without_a_place") {
		reads(DATA("<row>" CELL("C1", "c")
				   CELL("A1", "a") "</row><row><c><v>1</v></c><c/>"
						   "<c><v>3</v></c></row><row r=\"9\"/><row><c "
						   "r=\"AA10\"><v>7</v></c></row>"),
		      "1.3t[c]1.1t[a]2.1n[1]2.3n[3]10.27n[7]");
	}
	CASE ("sheet_cells_without_a_text_are_empty") {
		good(DATA(
			"<row><c t=\"inlineStr\"/><c t=\"inlineStr\"><is><t/></is></c><c t=\"s\"/>"
			"<c t=\"s\"><v>0</v></c><c t=\"str\"><v/></c><c><v/></c></row>"));
		parts[TEXTS].text = "<sst><si/></sst>";
		char *out = read_parts(NULL);
		CHECK_STR(out, "");
		free(out);
	}
	CASE ("sheet_merged_cells_hold_what_the_first_holds") {
		reads("<worksheet><sheetData><row r=\"1\">" CELL(
			      "A1", "x") "<c r=\"B1\"/></row></sheetData><mergeCells><mergeCell "
					 "ref=\"A1:B1\"/></mergeCells>"
					 "</worksheet>",
		      "1.1t[x]");
	}
	CASE ("sheet_elements_may_have_a_prefix") {
		reads("<x:worksheet xmlns:x=\"urn:x\"><x:sheetData><x:row><x:c "
		      "t=\"s\"><x:v>0</x:v></x:c>"
		      "</x:row></x:sheetData></x:worksheet>",
		      "1.1t[Name]");
	}
}

static void check_choice(void)
{
	CASE ("sheet_first_that_is_shown_or_by_name") {
		good(DATA("<row>" CELL("A1", "ours") "</row>"));
		parts[OTHER].text = DATA("<row>" CELL("A1", "hidden") "</row>");
		static const char *const pairs[][2] = {
			{NULL, "1.1t[ours]"}, {"OURS", "1.1t[ours]"}, {"Hidden", "1.1t[hidden]"}};
		for (size_t i = 0; i < 3; i++) {
			char *out = read_parts(pairs[i][0]);
			CHECK_STR(out, pairs[i][1]);
			free(out);
		}
		char *out = read_parts("Mine");
		CHECK_STR(out, "!data: it has no sheet 'Mine'; there is: Hidden, Ours");
		free(out);
	}
	CASE ("sheet_relations_that_lead_nowhere_are_said") {
		good(DATA(""));
		parts[ROOT].text = NULL;
		refuses("!data: it holds no workbook");
		good(DATA(""));
		parts[ROOT].text = "<Relationships/>";
		refuses("!data: it holds no workbook");
		good(DATA(""));
		parts[LINKS].text = "<Relationships/>";
		refuses("!data: it has no sheet with cells; there is: none");
		good(DATA(""));
		parts[SHEET].text = NULL;
		refuses("!data: the file has no part 'xl/worksheets/sheet1.xml'");
		good(DATA(""));
		parts[LINKS].text =
			"<Relationships><Relationship Id=\"rId7\" Type=\"" KIT_REL
			"/worksheet\" Target=\"../../../../etc/passwd\"/></Relationships>";
		refuses("!data: the file has no part 'xl/../../../../etc/passwd'");
		good(DATA(""));
		parts[LINKS].text =
			"<Relationships><Relationship Id=\"rId7\" TargetMode=\"External\" "
			"Type=\"" KIT_REL "/worksheet\" Target=\"sheet.xml\"/></Relationships>";
		refuses("!data: it has no sheet with cells");
	}
}

/* ---- files that want to harm ---- */

static char *repeated(const char *head, const char *what, size_t times, const char *tail,
		      size_t *len)
{
	struct buf b = {0};
	buf_adds(&b, head);
	for (size_t i = 0; i < times; i++)
		buf_adds(&b, what);
	buf_adds(&b, tail);
	*len = b.len;
	return buf_take(&b);
}

static void check_bounds(void)
{
	CASE ("sheet_bomb_is_refused_before_it_is_unpacked") {
		good(DATA(""));
		char *large = repeated("<worksheet>", "          ", 7u << 20, "</worksheet>",
				       &parts[SHEET].len);
		parts[SHEET].text = large;
		refuses("!data: xl/worksheets/sheet1.xml is larger than 64 MiB");
		free(large);
	}
	CASE ("sheet_texts_that_are_a_bomb_are_refused") {
		good(DATA(""));
		char *large = repeated("<sst>", "<si/>", 1000001, "</sst>", &parts[TEXTS].len);
		parts[TEXTS].text = large;
		refuses("!data: xl/sharedStrings.xml: it has more than 1000000 texts");
		free(large);
		good(DATA(""));
		large = repeated("<sst><si><t>", "x", 200000, "</t></si></sst>", &parts[TEXTS].len);
		parts[TEXTS].text = large;
		refuses("!data: xl/sharedStrings.xml: text 0 is longer than 128 KiB");
		free(large);
	}
	CASE ("sheet_one_text_named_by_many_cells_is_bounded") {
		size_t len = 0;
		good(DATA(""));
		char *text =
			repeated("<sst><si><t>", "x", 100000, "</t></si></sst>", &parts[TEXTS].len);
		char *rows =
			repeated("<worksheet><sheetData>", "<row><c t=\"s\"><v>0</v></c></row>",
				 1000, "</sheetData></worksheet>", &len);
		parts[TEXTS].text = text;
		parts[SHEET] = (struct kit_part){"xl/worksheets/sheet1.xml", rows, len};
		refuses("!data: row 672, column A: more than 64 MiB of text: part the file");
		free(text);
		free(rows);
	}
	CASE ("sheet_rows_and_columns_beyond_the_bounds_are_named") {
		good(DATA("<row r=\"1048576\">" CELL("A1048576", "x") "</row>"));
		refuses("!data: row 1048576, column A: at most 100,000 rows are read");
		good(DATA("<row r=\"2\">" CELL("IW2", "x") "</row>"));
		refuses("!data: row 2, column IW: at most 256 columns are read");
		reads("<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData><row r=\"1\">" CELL(
			      "IV1", "x") "</row><row r=\"1048576\"/></sheetData></worksheet>",
		      "1.256t[x]");
	}
	CASE ("sheet_a_million_empty_rows_are_no_rows") {
		size_t len = 0;
		good(DATA(""));
		char *rows = repeated("<worksheet><sheetData>", "<row><c s=\"1\"/></row>", 1000000,
				      "</sheetData></worksheet>", &len);
		parts[SHEET] = (struct kit_part){"xl/worksheets/sheet1.xml", rows, len};
		char *out = read_parts(NULL);
		CHECK_STR(out, "");
		free(out);
		free(rows);
	}
}

static void check_hostile(void)
{
	CASE ("sheet_document_type_is_refused_in_every_part") {
		static const char bomb[] =
			"<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><x>&b;</x>";
		for (int i = 0; i <= SHEET; i++) {
			good(DATA(""));
			parts[i].text = bomb;
			refuses("it declares a document type");
		}
	}
	CASE ("sheet_rows_that_go_backwards_are_refused") {
		good(DATA("<row r=\"5\">" CELL("A5", "x") "</row><row r=\"5\"/>"));
		refuses("!data: row '5' stands behind row 5");
		good(DATA("<row r=\"0\"/>"));
		refuses("!data: row '0' stands behind row 0");
		good(DATA("<row r=\"7x\"/>"));
		refuses("!data: row '7x'");
	}
	CASE ("sheet_broken_cells_are_named") {
		good(DATA("<row r=\"4\"><c r=\"B4\" t=\"s\"><v>4</v></c></row>"));
		refuses("!data: row 4, column B: it names a text that is not there");
		good(DATA("<row r=\"4\"><c r=\"B4\" t=\"s\"><v>-1</v></c></row>"));
		refuses("!data: row 4, column B: it names a text that is not there");
		good(DATA("<row r=\"4\"><c r=\"B4\"><v>12 ft</v></c></row>"));
		refuses("!data: row 4, column B: it holds no number");
		good(DATA("<row r=\"4\">" CELL("B4", "x") CELL("B4", "y") "</row>"));
		refuses("!data: row 4, column B: the cell is there twice");
	}
	CASE ("sheet_broken_xml_is_said_with_its_part") {
		good(DATA("<row>"));
		refuses("!data: broken XML in line 1");
		good(DATA("<row>" CELL("A1", "L\xf6t") "</row>"));
		refuses("!data: broken XML in line 1: not well-formed");
		good(DATA(""));
		parts[BOOK].text = "<workbook>";
		refuses("!data: xl/workbook.xml: broken XML in line 1");
		good("");
		parts[SHEET] = (struct kit_part){"xl/worksheets/sheet1.xml", "\0\0", 2};
		refuses("!data: broken XML");
	}
}

static void write_bytes(const char *path, const char *p, size_t n)
{
	FILE *f = fopen(path, "wb");
	CHECK(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

static void check_files(void)
{
	CASE ("sheet_files_that_are_no_workbook_say_what_they_are") {
		static const char old[] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more";
		char *path = path_of("x.xlsx");
		char *out = read_file(path, NULL);
		CHECK_STR(out, "!absent: No such file or directory");
		free(out);
		write_bytes(path, "PK\3\4", 4);
		out = read_file(path, NULL);
		CHECK(strstr(out, "!data: it is no .xlsx file: ") == out);
		free(out);
		write_bytes(path, old, sizeof(old));
		out = read_file(path, NULL);
		CHECK(strstr(out, "it has a password, or is an old .xls") != NULL);
		free(out);
		out = read_file("/dev/zero", NULL);
		CHECK_STR(out, "!config: it is no file");
		free(out);
		CHECK(truncate(path, SHEET_FILE_MOST + 1) == 0);
		out = read_file(path, NULL);
		CHECK_STR(out, "!data: the file is larger than 32 MiB");
		free(out);
		free(path);
	}
	CASE ("sheet_cut_or_damaged_anywhere_is_never_read_as_whole") {
		good(DATA("<row>" CELL("A1", "whole") "</row>"));
		char *path = path_of("cut.xlsx");
		CHECK(kit_zip(path, parts, PARTS, true));
		char *bytes = NULL;
		size_t n = 0;
		struct err e;
		if (!CHECK(sheet_read_bytes(path, &bytes, &n, &e) && bytes))
			break;
		for (size_t i = 0; i < n; i += 13) {
			write_bytes(path, bytes, i);
			char *out = read_file(path, NULL);
			CHECK(out[0] == '!');
			free(out);
		}
		char *at = memmem(bytes, n, "whole", 5);
		if (at)
			*at = 'W';
		write_bytes(path, bytes, n);
		char *out = read_file(path, NULL);
		CHECK(at && strstr(out, "!data: the file is damaged") == out);
		free(out);
		free(bytes);
		free(path);
	}
}

/* ---- writing ---- */

static const struct sheet_table two = {"Solutions", 2, 2,
				       "Name\0Type\0=1+1\0\xe6\x9d\xb1 <&>\n\"x\""};

static int names_beside(const char *path)
{
	char *cmd = xasprintf("ls -A \"$(dirname '%s')\" | wc -l", path);
	FILE *p = popen(cmd, "r"); /* NOLINT(cert-env33-c): a test's own folder */
	int n = -1;
	CHECK(p && fscanf(p, "%d", &n) == 1); /* NOLINT(cert-err34-c) */
	if (p)
		(void)pclose(p);
	free(cmd);
	return n;
}

static void check_writing(void)
{
	CASE ("sheet_written_is_read_again_as_text") {
		struct err e;
		char *path = path_of("out.xlsx");
		CHECK(sheet_write(path, &two, false, &e));
		char *out = read_file(path, "Solutions");
		CHECK_STR(out, "1.1t[Name]1.2t[Type]2.1t[=1+1]2.2t[\xe6\x9d\xb1 <&>\n\"x\"]");
		free(out);
		CHECK_INT(names_beside(path), 1);
		free(path);
	}
	CASE ("sheet_write_covers_nothing_unasked") {
		struct err e = {0};
		char *path = path_of("out.csv");
		CHECK(sheet_write_bytes(path, "first", 5, false, &e));
		CHECK(!sheet_write_bytes(path, "second", 6, false, &e));
		CHECK_STR(e.text, "the file is there already");
		CHECK(!sheet_write(path, &two, false, &e));
		char *text = NULL;
		size_t n = 0;
		CHECK(sheet_read_bytes(path, &text, &n, &e));
		CHECK_STR(text, "first");
		free(text);
		CHECK(sheet_write_bytes(path, "second", 6, true, &e));
		CHECK(sheet_read_bytes(path, &text, &n, &e));
		CHECK_STR(text, "second");
		free(text);
		CHECK_INT(names_beside(path), 1);
		free(path);
	}
	CASE ("sheet_write_follows_no_link_and_covers_no_folder") {
		struct err e = {0};
		char *path = path_of("there");
		char *other = xasprintf("%s.other", path);
		CHECK(sheet_write_bytes(other, "kept", 4, false, &e));
		CHECK(symlink(other, path) == 0);
		CHECK(!sheet_write_bytes(path, "x", 1, false, &e));
		CHECK(!sheet_write_bytes(path, "x", 1, true, &e));
		CHECK_STR(e.text, "something that is no file has this name");
		CHECK_INT(names_beside(path), 2);
		free(other);
		free(path);
	}
	CASE ("sheet_write_into_no_folder_leaves_nothing") {
		struct err e = {0};
		char *path = path_of("no/where.xlsx");
		CHECK(!sheet_write(path, &two, false, &e));
		CHECK_STR(e.text, "No such file or directory");
		free(path);
	}
	CASE ("sheet_write_within_bounds") {
		struct err e = {0};
		struct sheet_table t = two;
		char *path = path_of("out.xlsx");
		t.rows = SHEET_ROWS_MOST + 1;
		CHECK(!sheet_write(path, &t, false, &e));
		CHECK_STR(e.text, "at most 100000 rows and 256 columns are written");
		free(path);
	}
}

void check_sheet(void)
{
	check_cells();
	check_choice();
	check_bounds();
	check_hostile();
	check_files();
	check_writing();
}
