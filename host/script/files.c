/*
 * Reading the file set of a generation.
 *
 * Owns what it read.  Reads plain files only, bounded, that not everybody may write; must never
 * evaluate anything.
 */
#include "script/files.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST      (256u << 10)
#define COUNTRIES_MOST (4u << 20) /* made at build time, with all languages */
#define FILES_MOST     2000
#define DEPTH_MOST     4
#define TRIES          5

struct reader {
	struct files *out;
	struct buf stamps; /* path, device, inode, size, time, hash of each file, in order */
	bool look;         /* only take stamps */
};

/* ---- one file ---- */

/* The time alone would not tell two writes within one tick of the kernel apart. */
static void stamp(struct reader *r, const char *path, const struct stat *st, const struct buf *text)
{
	unsigned char hash[32];
	crypto_sha256(text->data ? text->data : "", text->len, hash);
	buf_addf(&r->stamps, "%s %llx %llx %llx %lld.%09ld ", path, (unsigned long long)st->st_dev,
		 (unsigned long long)st->st_ino, (unsigned long long)st->st_size,
		 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	crypto_hex(&r->stamps, hash, sizeof(hash));
	buf_addc(&r->stamps, '\n');
}

static bool check_stat(const char *path, const struct stat *st, size_t most, struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_CONFIG, "%s: is not a plain file", path);
	if (st->st_mode & S_IWOTH)
		return err_set(e, ERR_CONFIG, "%s: everybody may write it; chmod o-w", path);
	if ((size_t)st->st_size > most)
		return err_set(e, ERR_CONFIG, "%s: is larger than %zu KiB", path, most >> 10);
	return true;
}

static bool read_fd(int fd, const char *path, size_t most, struct buf *b, struct err *e)
{
	char part[8192];
	ssize_t n = 0;
	while (b->len <= most && (n = read(fd, part, sizeof(part))) > 0)
		buf_add(b, part, (size_t)n);
	if (n < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	if (b->len > most)
		return err_set(e, ERR_CONFIG, "%s: is larger than %zu KiB", path, most >> 10);
	return true;
}

/* The file's text in b. */
static bool read_one(struct reader *r, const char *path, size_t most, struct buf *b, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	struct stat st;
	bool ok = fstat(fd, &st) == 0 ? check_stat(path, &st, most, e)
				      : err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	ok = ok && read_fd(fd, path, most, b, e);
	if (ok)
		stamp(r, path, &st, b);
	close(fd);
	return ok;
}

/* Adds the file to a list under this name. Takes over name and shown. */
static bool add(struct reader *r, bool script, char *name, char *shown, const char *path,
		size_t most, struct err *e)
{
	struct buf b = {0};
	bool ok = read_one(r, path, most, &b, e);
	size_t *n = script ? &r->out->nscripts : &r->out->nmapping;
	struct files_one **list = script ? &r->out->scripts : &r->out->mapping;
	if (ok && !r->look && *n == FILES_MOST)
		ok = err_set(e, ERR_CONFIG, "%s: too many files", path);
	if (!ok || r->look) {
		free(name);
		free(shown);
		buf_free(&b);
		return ok;
	}
	*list = xrealloc(*list, (*n + 1) * sizeof(**list));
	struct files_one *f = &(*list)[(*n)++];
	f->name = name;
	f->shown = shown;
	f->path = xstrdup(path);
	f->len = b.len;
	f->text = buf_take(&b);
	return true;
}

/* ---- folders ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Calls each(path, name) for every visible entry, in order of name. */
typedef bool entry_fn(struct reader *r, const char *path, const char *name, void *arg,
		      struct err *e);

static bool walk(struct reader *r, const char *folder, entry_fn *each, void *arg, struct err *e)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, visible, by_name);
	if (n < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", folder, strerror(errno));
	bool ok = true;
	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", folder, entries[i]->d_name);
		ok = ok && each(r, path, entries[i]->d_name, arg, e);
		free(path);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

/* name without `ending` (to be freed), or NULL */
static char *stem(const char *name, const char *ending)
{
	size_t n = strlen(name);
	size_t m = strlen(ending);
	if (n <= m || strcmp(name + n - m, ending) != 0)
		return NULL;
	return xmemdup0(name, n - m);
}

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- scripts ---- */

struct place {
	const char *module; /* "" or "flows." */
	const char *shown;  /* "scripts" or "scripts/flows" */
	int depth;
};

static bool script_entry(struct reader *r, const char *path, const char *name, void *arg,
			 struct err *e)
{
	const struct place *at = arg;
	char *base = stem(name, ".lua");
	if (base) {
		char *module = xasprintf("%s%s", at->module, base);
		bool stub = strcmp(module, "host") == 0; /* annotations for editors */
		free(base);
		if (!stub)
			return add(r, true, module, xasprintf("%s/%s", at->shown, name), path,
				   FILE_MOST, e);
		free(module);
		return true;
	}
	if (at->depth == DEPTH_MOST || !is_folder(path))
		return true;
	char *module = xasprintf("%s%s.", at->module, name);
	char *shown = xasprintf("%s/%s", at->shown, name);
	struct place below = {module, shown, at->depth + 1};
	bool ok = walk(r, path, script_entry, &below, e);
	free(module);
	free(shown);
	return ok;
}

/* ---- mappings ---- */

static bool default_entry(struct reader *r, const char *path, const char *name, void *arg,
			  struct err *e)
{
	(void)arg;
	char *base = stem(name, ".lua");
	if (!base)
		return true;
	char *role = xasprintf("default.%s", base);
	free(base);
	return add(r, false, role, xasprintf("mappings/default/%s", name), path, FILE_MOST, e);
}

static bool fixture_entry(struct reader *r, const char *path, const char *name, void *arg,
			  struct err *e)
{
	const char *shown = arg;
	char *base = stem(name, ".json");
	if (!base)
		return true;
	char *role = xasprintf("fixture:%s", base);
	free(base);
	return add(r, false, role, xasprintf("%s/fixtures/%s", shown, name), path, FILE_MOST, e);
}

/* A folder of the administrator's: the profile, the mapping's files, or both. */
struct own {
	const struct files_source *in;
	const char *shown;
	bool profile, mapping;
};

/* What is of the mapping stands in a folder that is for the profile alone. */
static bool misplaced(const struct own *own, const char *name, struct err *e)
{
	return own->in->lent ||
	       err_set(e, ERR_CONFIG,
		       "%s/%s: is not read, since `mapping` of the profile names %s; move it there",
		       own->shown, name, own->in->mapping_shown);
}

static bool known_file(struct reader *r, const struct own *own, const char *path, const char *name,
		       struct err *e)
{
	if (strcmp(name, "profile.lua") == 0 ? !own->profile : !own->mapping)
		return strcmp(name, "profile.lua") == 0 || misplaced(own, name, e);
	return add(r, false, stem(name, ".lua"), xasprintf("%s/%s", own->shown, name), path,
		   FILE_MOST, e);
}

static bool own_entry(struct reader *r, const char *path, const char *name, void *arg,
		      struct err *e)
{
	static const char *const known[] = {"profile.lua", "settings.lua",   "details.lua",
					    "country.lua", "deal_value.lua", "taxonomy.lua"};
	const struct own *own = arg;
	if (strcmp(name, "fixtures") == 0 && is_folder(path))
		return own->mapping ? walk(r, path, fixture_entry, (void *)own->shown, e)
				    : misplaced(own, name, e);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(name, known[i]) == 0)
			return known_file(r, own, path, name, e);
	char *base = stem(name, ".lua");
	if (base && !r->look)
		log_warn("%s/%s: is not read; known are profile, settings, details, country, "
			 "deal_value, taxonomy",
			 own->shown, name);
	free(base);
	return true;
}

static bool mapping_folder(struct reader *r, const struct files_source *in, struct err *e)
{
	struct own own = {.in = in, .shown = in->mapping_shown, .mapping = true};
	if (!is_folder(in->mapping))
		return err_set(e, ERR_CONFIG,
			       "%s: there is no such folder; `mapping` of the profile names it",
			       in->mapping_shown);
	return walk(r, in->mapping, own_entry, &own, e);
}

/* "fixture:NAME" is fixtures/NAME.json, the others are ROLE.lua */
static char *shown_of(const char *folder, const char *role)
{
	const char *fixture = strncmp(role, "fixture:", 8) == 0 ? role + 8 : NULL;
	return fixture ? xasprintf("%s/fixtures/%s.json", folder, fixture)
		       : xasprintf("%s/%s.lua", folder, role);
}

static bool kept_files(struct reader *r, const struct files_source *in)
{
	for (size_t i = 0; !r->look && i < in->kept->nmapping; i++) {
		const struct files_one *f = &in->kept->mapping[i];
		files_add(r->out, f->name, f->text, f->len);
		struct files_one *last = &r->out->mapping[r->out->nmapping - 1];
		free(last->shown);
		last->shown = shown_of(in->shown, f->name);
	}
	return true;
}

static bool profile_folder(struct reader *r, const struct files_source *in, struct err *e)
{
	if (in->defaults && !walk(r, in->defaults, default_entry, NULL, e))
		return false;
	if (in->countries && !add(r, false, xstrdup("countries"), xstrdup("countries.lua"),
				  in->countries, COUNTRIES_MOST, e))
		return false;
	if (in->kept)
		return kept_files(r, in);
	char *path = xasprintf("%s/profile.lua", in->profile);
	bool there = access(path, F_OK) == 0;
	free(path);
	if (!there)
		return err_set(e, ERR_CONFIG, "%s: there is no profile.lua in this folder",
			       in->shown);
	struct own own = {.in = in, .shown = in->shown, .profile = true, .mapping = !in->mapping};
	return walk(r, in->profile, own_entry, &own, e) &&
	       (!in->mapping || mapping_folder(r, in, e));
}

/* ---- the whole ---- */

static bool pass(struct reader *r, const struct files_source *in, struct err *e)
{
	struct place scripts = {"", "scripts", 0};
	struct place commands = {"commands.", in->commands, 0};
	if (!walk(r, in->scripts, script_entry, &scripts, e))
		return false;
	if (in->commands && !walk(r, in->commands, script_entry, &commands, e))
		return false;
	return !in->profile || profile_folder(r, in, e);
}

static bool read_once(struct files *out, const struct files_source *in, bool *same, struct err *e)
{
	struct reader r = {.out = out};
	struct reader again = {.out = out, .look = true};
	bool ok = pass(&r, in, e) && pass(&again, in, e);
	*same = ok && strcmp(r.stamps.data ? r.stamps.data : "",
			     again.stamps.data ? again.stamps.data : "") == 0;
	buf_free(&r.stamps);
	buf_free(&again.stamps);
	return ok;
}

static void add_list(struct buf *b, const struct files_one *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(b, "%s %zu\n", f[i].name, f[i].len);
		buf_add(b, f[i].text, f[i].len);
	}
}

static void make_hash(struct files *f)
{
	unsigned char hash[32];
	struct buf b = {0};
	struct buf hex = {0};
	add_list(&b, f->scripts, f->nscripts);
	add_list(&b, f->mapping, f->nmapping);
	crypto_sha256(b.data ? b.data : "", b.len, hash);
	crypto_hex(&hex, hash, sizeof(hash));
	snprintf(f->hash, sizeof(f->hash), "%s", hex.data);
	buf_free(&b);
	buf_free(&hex);
}

bool files_read(struct files *out, const struct files_source *in, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		bool same = false;
		memset(out, 0, sizeof(*out));
		if (!read_once(out, in, &same, e)) {
			files_clear(out);
			return false;
		}
		if (same) {
			make_hash(out);
			return true;
		}
		files_clear(out);
	}
	return err_set(e, ERR_CONFIG, "%s: the files keep changing",
		       in->shown ? in->shown : in->scripts);
}

static void list_free(struct files_one *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(f[i].name);
		free(f[i].shown);
		free(f[i].path);
		free(f[i].text);
	}
	free(f);
}

void files_clear(struct files *f)
{
	list_free(f->scripts, f->nscripts);
	list_free(f->mapping, f->nmapping);
	memset(f, 0, sizeof(*f));
}

void files_add(struct files *f, const char *role, const char *text, size_t len)
{
	f->mapping = xrealloc(f->mapping, (f->nmapping + 1) * sizeof(*f->mapping));
	f->mapping[f->nmapping++] = (struct files_one){.name = xstrdup(role),
						       .shown = xstrdup(role),
						       .path = xstrdup(""),
						       .text = xmemdup0(text, len),
						       .len = len};
}

bool files_own(const struct files_one *f)
{
	return strncmp(f->name, "default.", 8) != 0 && strcmp(f->name, "countries") != 0;
}

const struct files_one *files_mapping(const struct files *f, const char *role)
{
	for (size_t i = 0; i < f->nmapping; i++)
		if (strcmp(f->mapping[i].name, role) == 0)
			return &f->mapping[i];
	return NULL;
}
