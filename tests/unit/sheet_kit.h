/* Workbooks for tests: parts by name and text, put into a zip by libzip. */
#ifndef SHEET_KIT_H
#define SHEET_KIT_H

#include <zip.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct kit_part {
	const char *name;
	const char *text; /* NULL: left out */
	size_t len;       /* 0: of the text */
};

#define KIT_REL "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define KIT_ROOT                                                \
	"<Relationships><Relationship Id=\"r\" Type=\"" KIT_REL \
	"/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
#define KIT_BOOK                                                                       \
	"<workbook xmlns:r=\"" KIT_REL "\"><workbookPr date1904=\"0\"/><sheets>"       \
	"<sheet name=\"Hidden\" state=\"hidden\" r:id=\"rId3\"/><sheet name=\"Ours\" " \
	"r:id=\"rId7\"/>"                                                              \
	"</sheets></workbook>"
#define KIT_LINKS                                                  \
	"<Relationships><Relationship Id=\"rId3\" Type=\"" KIT_REL \
	"/worksheet\" Target=\"worksheets/sheet2.xml\"/>"          \
	"<Relationship Id=\"rId7\" Type=\"" KIT_REL                \
	"/worksheet\" Target=\"/xl/worksheets/sheet1.xml\"/>"      \
	"<Relationship Id=\"rId8\" Type=\"" KIT_REL                \
	"/sharedStrings\" Target=\"sharedStrings.xml\"/>"          \
	"<Relationship Id=\"rId9\" Type=\"" KIT_REL                \
	"/styles\" Target=\"./styles.xml\"/></Relationships>"
#define KIT_TEXTS                                                                                 \
	"<sst><si><t>Name</t></si><si><r><t>Lamp</t></r><r><t> &amp; Co</t></r></si>"             \
	"<si><t>\xe6\x9d\xb1</t><rPh><t>higashi</t></rPh></si><si><t>a_x000A_b_x0041_</t></si></" \
	"sst>"
#define KIT_STYLES                                                                        \
	"<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\"/>"        \
	"<numFmt numFmtId=\"165\" formatCode=\"0.0&quot; days&quot;\"/></numFmts>"        \
	"<cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/>" \
	"<xf numFmtId=\"14\"/><xf numFmtId=\"164\"/><xf numFmtId=\"165\"/></cellXfs></styleSheet>"

/* Writes the parts; `stored`: without compression. */
static inline bool kit_zip(const char *path, const struct kit_part *parts, size_t n, bool stored)
{
	int code = 0;
	zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
	for (size_t i = 0; z && i < n; i++) {
		if (!parts[i].text)
			continue;
		size_t len = parts[i].len ? parts[i].len : strlen(parts[i].text);
		zip_source_t *s = zip_source_buffer(z, parts[i].text, len, 0);
		zip_int64_t at = zip_file_add(z, parts[i].name, s, ZIP_FL_OVERWRITE);
		if (at >= 0 && stored)
			(void)zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0);
	}
	return z && zip_close(z) == 0;
}

#endif
