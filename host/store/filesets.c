/*
 * The files of the last generations.  Owns the tables generation, generation_file and file_text.
 * It must never look into a file.
 */
#include "store/filesets.h"

#include "base/crypto.h"

#include <stdlib.h>

struct filesets {
	struct db *db;
};

static bool is_kept(struct filesets *f, int generation, bool *kept, struct err *e)
{
	struct stmt *s = db_stmt(f->db, "filesets.has", "select 1 from generation where id = ?1");
	stmt_int(s, 1, generation);
	int got = stmt_row(s, e);
	*kept = got == 1;
	if (*kept)
		stmt_reset(s);
	return got >= 0;
}

static bool add_generation(struct filesets *f, int generation, struct err *e)
{
	struct stmt *s = db_stmt(f->db, "filesets.add",
				 "insert into generation (id, at_ms) values (?1, ?2)");
	stmt_int(s, 1, generation);
	stmt_int(s, 2, WORLD_NOW(db_world(f->db)));
	return stmt_write(s, NULL, e);
}

static bool add_text(struct filesets *f, const char *hash, const struct fileset_file *file,
		     struct err *e)
{
	struct stmt *s = db_stmt(f->db, "filesets.add_text",
				 "insert or ignore into file_text (hash, text) values (?1, ?2)");
	stmt_text(s, 1, hash);
	stmt_blob(s, 2, file->text, file->len);
	return stmt_write(s, NULL, e);
}

static bool add_file(struct filesets *f, int generation, const struct fileset_file *file,
		     struct err *e)
{
	unsigned char hash[32];
	struct buf hex = {0};
	crypto_sha256(file->text, file->len, hash);
	crypto_hex(&hex, hash, sizeof(hash));
	bool ok = add_text(f, hex.data, file, e);
	if (ok) {
		struct stmt *s = db_stmt(f->db, "filesets.add_file",
					 "insert into generation_file (generation, role, hash)"
					 " values (?1, ?2, ?3)");
		stmt_int(s, 1, generation);
		stmt_text(s, 2, file->role);
		stmt_text(s, 3, hex.data);
		ok = stmt_write(s, NULL, e);
	}
	buf_free(&hex);
	return ok;
}

static bool trim(struct filesets *f, struct err *e)
{
	static const struct {
		const char *name, *sql;
	} steps[] = {
		{"filesets.trim", "delete from generation where id not in"
				  " (select id from generation order by id desc limit ?1)"},
		{"filesets.trim_files", "delete from generation_file where ?1 > 0 and"
					" generation not in (select id from generation)"},
		{"filesets.trim_texts", "delete from file_text where ?1 > 0 and"
					" hash not in (select hash from generation_file)"},
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct stmt *s = db_stmt(f->db, steps[i].name, steps[i].sql);
		stmt_int(s, 1, FILESETS_KEPT);
		if (!stmt_write(s, NULL, e))
			return false;
	}
	return true;
}

bool filesets_keep(struct filesets *f, int generation, const struct fileset_file *files, size_t n,
		   struct err *e)
{
	bool kept = false;
	if (!is_kept(f, generation, &kept, e))
		return false;
	if (kept)
		return true;
	bool ok = add_generation(f, generation, e);
	for (size_t i = 0; ok && i < n; i++)
		ok = add_file(f, generation, &files[i], e);
	return ok && trim(f, e);
}

bool filesets_get(struct filesets *f, int generation,
		  void (*each)(void *arg, const struct fileset_file *file), void *arg,
		  struct err *e)
{
	struct stmt *s = db_stmt(f->db, "filesets.get",
				 "select f.role, t.text from generation_file f"
				 " join file_text t on t.hash = f.hash"
				 " where f.generation = ?1 order by f.role");
	stmt_int(s, 1, generation);
	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		struct fileset_file file = {.role = stmt_get_text(s, 0)};
		file.text = stmt_get_blob(s, 1, &file.len);
		each(arg, &file);
	}
	return got == 0;
}

/* A role that is new, that has another text, or that is not there any more. */
#define CHANGED                                                                               \
	"(select json_group_array(role) from (select role from"                               \
	" (select role, hash from generation_file where generation = g.id"                    \
	"  except select role, hash from generation_file where generation = g.before)"        \
	" union select role from generation_file where generation = g.before and role not in" \
	"  (select role from generation_file where generation = g.id) order by role))"

bool filesets_list(struct filesets *f, void (*each)(void *arg, const struct fileset_row *row),
		   void *arg, struct err *e)
{
	struct stmt *s =
		db_stmt(f->db, "filesets.list",
			"select id, at_ms,"
			" (select count(*) from generation_file where generation = id), " CHANGED
			" from (select id, at_ms, lag(id) over (order by id) as before"
			" from generation) g order by id desc");
	int got = stmt_row(s, e);
	for (; got == 1; got = stmt_row(s, e)) {
		const struct fileset_row row = {
			.generation = stmt_get_int(s, 0),
			.at_ms = stmt_get_int(s, 1),
			.files = stmt_get_int(s, 2),
			.changed = stmt_get_text(s, 3),
		};
		each(arg, &row);
	}
	return got == 0;
}

struct filesets *filesets_new(struct db *d)
{
	struct filesets *f = NEW(struct filesets);
	f->db = d;
	return f;
}

void filesets_free(struct filesets *f)
{
	free(f);
}
