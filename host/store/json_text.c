/*
 * One value out of a JSON text.  Owns nothing; reads no table and writes nothing.
 */
#include "store/json_text.h"

#include "base/buf.h"

bool json_text_get(struct db *d, const char *json, const char *path, char **out, struct err *e)
{
	*out = NULL;
	struct stmt *s = db_stmt(d, "json_text_get",
				 "select json_valid(?1), case when not json_valid(?1) then null"
				 " when json_type(?1, ?2) in ('object', 'array') then null"
				 " else json_extract(?1, ?2) end");
	stmt_text(s, 1, json);
	stmt_text(s, 2, path);
	if (stmt_row(s, e) != 1)
		return false;
	bool valid = stmt_get_int(s, 0) != 0;
	*out = xstrdup(stmt_get_text(s, 1));
	stmt_reset(s);
	return valid || err_set(e, ERR_DATA, "not JSON");
}
