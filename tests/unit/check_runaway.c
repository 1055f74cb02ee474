/*
 * Runaway and hostile mappings, from tests/runaway/: each is given to the true mapping process and must
 * end within its deadline as a failure of its own call, with file and line where there is one (or with
 * a plain answer, if what it tries is harmless).  The next call is answered and the memory is given back.
 *
 * A mapping stands there as
 *	== what it does
 *	kind: script | data | config | answer
 *	says: words of the message or of the answer; as often as wanted
 *	file: p/country.lua                 else p/details.lua
 *	call: opportunity.create            else owner
 *	times: 3                            asked so often; what it says counts the last time
 *	deadline: 200                       ms, else 5,000, or 200 if it says that it took longer
 *	next: fails                         the file itself is no good: the same again, and again in time
 *	----
 *	its text; a line "@5000 x" is x so often, %FF% a byte, %BYTECODE% a compiled mapping
 */
#include "base/clock.h"

#include <lauxlib.h>
#include <lua.h>

#include <dirent.h>

#include "mapper_kit.h"

void check_runaway(void);

#ifdef __SANITIZE_ADDRESS__
#define KEPT_MIB 1024L /* it keeps what was freed */
#define LATE_MS  1000  /* and is slow to die */
#else
#define LATE_MS  100
#define KEPT_MIB 16L
#endif

#define FOLDER        "tests/runaway"
#define AT_LEAST      60
#define SAYS_MOST     4
#define FOR_OTHERS_MS 5000 /* for what ends by itself, however busy the machine is */
#define KEPT_MOST     (KEPT_MIB * 1024L * 1024) /* bytes more than before it ran */

struct runaway {
	char name[120];
	char kind[20];
	char file[40];
	char call[40];
	char says[SAYS_MOST][200];
	int nsays;
	int times;
	int deadline_ms;
	bool next_fails;
	struct buf text;
};

/* ---- reading them ---- */

static int add_part(lua_State *L, const void *p, size_t n, void *arg)
{
	(void)L;
	buf_add((struct buf *)arg, p, n);
	return 0;
}

static void add_bytecode(struct buf *b)
{
	lua_State *L = luaL_newstate();
	CHECK_INT(luaL_loadstring(L, "return { api = 1, owner = function() return 'evil' end }"),
		  0);
	CHECK_INT(lua_dump(L, add_part, b, 0), 0);
	lua_close(L);
}

static void add_line(struct buf *b, const char *line, size_t len)
{
	int count = 1;
	int skip = 0;
	if (strncmp(line, "%BYTECODE%", 10) == 0) {
		add_bytecode(b);
		return;
	}
	for (; strncmp(line, "%FF%", 4) == 0; line += 4, len -= 4) {
		buf_addc(b, (char)0xff);
	}
	if (line[0] == '@' && sscanf(line, "@%d %n", &count, &skip) == 1) { /* NOLINT */
		line += skip;
		len -= (size_t)skip;
	}
	while (count-- > 0) {
		buf_add(b, line, len);
	}
	buf_addc(b, '\n');
}

/* "key: value" of a head; false if it is none. */
static bool take_key(struct runaway *r, const char *line)
{
	char key[20];
	char value[200];
	if (sscanf(line, "%19[a-z]: %199[^\n]", key, value) != 2) {
		return false;
	}
	if (strcmp(key, "says") == 0 && r->nsays < SAYS_MOST) {
		snprintf(r->says[r->nsays++], sizeof(r->says[0]), "%s", value);
		if (strstr(value, "took longer") != NULL) {
			r->deadline_ms = DEADLINE_MS;
		}
	} else if (strcmp(key, "kind") == 0) {
		snprintf(r->kind, sizeof(r->kind), "%.19s", value);
	} else if (strcmp(key, "file") == 0) {
		snprintf(r->file, sizeof(r->file), "%.39s", value);
	} else if (strcmp(key, "call") == 0) {
		snprintf(r->call, sizeof(r->call), "%.39s", value);
	} else if (strcmp(key, "times") == 0) {
		r->times = (int)strtol(value, NULL, 10);
	} else if (strcmp(key, "deadline") == 0) {
		r->deadline_ms = (int)strtol(value, NULL, 10);
	} else if (strcmp(key, "next") == 0) {
		r->next_fails = strcmp(value, "fails") == 0;
	} else {
		return false;
	}
	return true;
}

/* The next mapping of a file's text; *at moves behind it.  false: there is none. */
static bool next_runaway(const char **at, struct runaway *r)
{
	*r = (struct runaway){
		.file = "p/details.lua", .call = "owner", .times = 1, .deadline_ms = FOR_OTHERS_MS};
	bool head = true;
	if (sscanf(*at, "== %119[^\n]", r->name) != 1) {
		return false;
	}
	while (*(*at = strchrnul(*at, '\n')) != '\0') {
		const char *line = ++*at;
		size_t len = (size_t)(strchrnul(line, '\n') - line);
		if (strncmp(line, "== ", 3) == 0) {
			return true;
		}
		if (head && strncmp(line, "----", 4) == 0) {
			head = false;
		} else if (!head) {
			add_line(&r->text, line, len);
		} else if (!take_key(r, line)) {
			printf("# %s: what is \"%.*s\"?\n", r->name, (int)len, line);
			exit(1);
		}
	}
	return true;
}

/* ---- trying one ---- */

static long resident(pid_t pid)
{
	char path[64];
	long pages = 0;
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	char *text = slurp(path);
	CHECK_INT(sscanf(text, "%*d %ld", &pages), 1); /* NOLINT(cert-err34-c) */
	free(text);
	return pages * sysconf(_SC_PAGESIZE);
}

static const char good[] = "{\"call\":\"should_sync\",\"crm\":{}}";
static const char hello[] = "{\"call\":\"hello\"}";

static char *question_of(const struct runaway *r)
{
	return xasprintf(
		"{\"call\":\"%s\",\"v\":{\"name\":\"Bakery\"},\"crm\":{\"name\":\"Bakery\"},"
		"\"candidates\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"value\":\"Germany\","
		"\"code\":\"DE\",\"field\":\"notes\",\"partner\":\"b\"," DEAL "}",
		r->call);
}

/* What it must be: of this kind, with these words. */
static void check_outcome(const struct runaway *r, const struct got *g)
{
	const char *said = g->text != NULL ? g->text : g->e.text;
	CHECK_STR(g->text != NULL ? "answer" : err_kind_name(g->e.kind), r->kind);
	for (int i = 0; i < r->nsays; i++) {
		if (!CHECK(strstr(said, r->says[i]) != NULL)) {
			CHECK_STR(said, r->says[i]);
		}
	}
	CHECK(r->nsays > 0);
}

/* Asked with another question behind it, which must get its own answer. */
static void ask_both(struct set *s, const struct runaway *r, const char *question)
{
	struct got bad = {.loop = s->loop};
	struct got after = {.loop = s->loop};
	const char *second = r->next_fails ? hello : good;
	int64_t from = clock_mono_us();
	mapper_ask(s->mapper, question, strlen(question), done, &bad);
	mapper_ask(s->mapper, second, strlen(second), done, &after);
	wait_for(s, &bad, 1);
	CHECK(clock_mono_us() - from < (r->deadline_ms + LATE_MS) * 1000LL);
	check_outcome(r, &bad);
	wait_for(s, &after, 1);
	CHECK_INT(bad.count, 1);
	if (after.text == NULL) {
		CHECK_STR(after.e.text, "an answer to the next call");
	} else {
		CHECK_STR(after.text, r->next_fails ? "{}" : "{\"sync\":true}");
	}
	free(bad.text);
	free(after.text);
}

static void try_one(const struct runaway *r)
{
	struct set s = {0};
	char *question = question_of(r);
	const char *slash = strchr(r->file, '/');
	char *role = slash != NULL ? xstrdup(slash + 1) : xstrdup(r->file);
	*strchrnul(role, '.') = '\0';
	add_shipped(&s);
	s.files[s.n++] = (struct mapper_file){r->file, role, r->text.data, r->text.len};
	s.deadline_ms = r->deadline_ms;
	begin(&s);
	CHECK_STR(ask(&s, r->next_fails ? hello : good), r->next_fails ? "{}" : "{\"sync\":true}");
	long before = resident(mapper_pid(s.mapper));
	for (int i = 1; i < r->times; i++) {
		ask(&s, question);
	}
	ask_both(&s, r, question);
	if (r->next_fails) {
		ask_both(&s, r, question);
	}
	long kept = resident(mapper_pid(s.mapper)) - before;
	if (!CHECK(kept < KEPT_MOST)) {
		CHECK_INT(kept, KEPT_MOST);
	}
	end(&s);
	free(role);
	free(question);
}

/* ---- all of them ---- */

static int try_file(const char *path)
{
	static char *text; /* a CASE never comes back, and its end is asked what is lost */
	struct runaway r;
	int count = 0;
	text = slurp(path);
	const char *at = strstr(text, "== ");
	for (; at != NULL && next_runaway(&at, &r); count++) {
		char name[sizeof(r.name) + 40]; /* not of the heap: a CASE never comes back */
		snprintf(name, sizeof(name), "guard 3: a mapping: %s", r.name);
		CASE (name) {
			try_one(&r);
		}
		buf_free(&r.text);
	}
	free(text);
	return count;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_text(const struct dirent *d)
{
	return strstr(d->d_name, ".txt") != NULL;
}

void check_runaway(void)
{
	struct dirent **files = NULL;
	int n = scandir(FOLDER, &files, is_text, by_name);
	int count = 0;
	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", FOLDER, files[i]->d_name);
		count += try_file(path);
		free(path);
		free(files[i]);
	}
	free(files);
	CASE ("guard 3: the runaway mappings are all there") {
		CHECK(count >= AT_LEAST);
	}
}
