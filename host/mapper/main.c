/*
 * cosell-mapper, the mapping process: evaluates the administrator's files and answers questions about
 * them, in a lock, with nothing to reach but descriptor 3.
 *
 *   channel.c        frames, several at a time
 *   lock.c           seccomp, memory, no new privileges
 *   files.c          what the host sent, and the table `files` for the modules
 *   script/vm, json  Lua in its box; exact JSON
 *   contract and the other modules come as Lua from the host, before the files
 *
 * Protocol, in frames (4 bytes length, network order, then the bytes):
 *   host:  {"files":[{"name":"p/details.lua","role":"details"},...],"settings":{...}|null,
 *           "limits":{"deadline_ms":1000,"max_memory":67108864,"max_answer":1048576}}
 *          then one frame for each file, its text
 *   host:  {"call":"account.match","d":...}                           a question
 *   this:  {"log":"...","answer":...}                                 log only if there is any
 *          {"log":"...","error":{"kind":"script","text":"..."}}
 *          {"spent":true,"log":...}            end me, start another: my memory is full of what was
 * One answer for each question, in order; the host may send several questions before the first answer.
 * The members of an answer come in just this order: the host
 * (script/mapper.c) reads them by position.
 *
 * Roles: "module:NAME" is a trusted script for `require` ("contract" is one too); the others are files
 * that the modules ask for by role ("profile", "details", "default.details", "countries", ...), and
 * "fixture:NAME".  It must never compile one of those before the lock.
 */
#include "base/buf.h"
#include "mapper/channel.h"
#include "mapper/files.h"
#include "mapper/lock.h"
#include "script/json.h"
#include "script/vm.h"

#include <lauxlib.h>
#include <lua.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_KEPT  ((size_t)256 << 10) /* of an answer that was longer */
#define FILES_MOST   10000
#define SETUP_US     5000000
#define SOFT_PERCENT 80 /* of the deadline: then Lua raises; at 100 the host kills */

struct mapper {
	struct files files;
	char *settings; /* JSON, or NULL */
	int64_t soft_us;
	size_t max_memory;
	size_t max_answer;
	struct vm *vm;
};

/* ---- set-up: the head frame, read in a Lua state of its own, before the lock ---- */

static int64_t integer_at(lua_State *L, const char *name, int64_t otherwise)
{
	int64_t n = lua_getfield(L, -1, name) == LUA_TNUMBER ? lua_tointeger(L, -1) : 0;
	lua_pop(L, 1);
	return n > 0 ? n : otherwise;
}

static char *text_at(lua_State *L, const char *name)
{
	lua_getfield(L, -1, name);
	char *s = xstrdup(luaL_checkstring(L, -1));
	lua_pop(L, 1);
	return s;
}

/* Arguments: struct mapper *, the decoded head. */
static int l_read_head(lua_State *L)
{
	struct mapper *m = (struct mapper *)lua_touserdata(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_getfield(L, 2, "limits");
	luaL_checktype(L, -1, LUA_TTABLE);
	m->soft_us = integer_at(L, "deadline_ms", 1000) * 1000 * SOFT_PERCENT / 100;
	m->max_memory = (size_t)integer_at(L, "max_memory", 64 << 20);
	m->max_answer = (size_t)integer_at(L, "max_answer", 1 << 20);
	lua_pop(L, 1);
	lua_getfield(L, 2, "files");
	luaL_checktype(L, -1, LUA_TTABLE);
	size_t n = lua_rawlen(L, -1);
	luaL_argcheck(L, n > 0 && n < FILES_MOST, 2, "files");
	m->files.all = (struct file *)xcalloc(n, sizeof(struct file));
	for (; m->files.count < n; m->files.count++) {
		lua_geti(L, -1, (lua_Integer)m->files.count + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		m->files.all[m->files.count].name = text_at(L, "name");
		m->files.all[m->files.count].role = text_at(L, "role");
		lua_pop(L, 1);
	}
	return 0;
}

static void keep_settings(struct mapper *m, lua_State *L)
{
	struct buf b = {0};
	struct err e;
	if (lua_getfield(L, -1, "settings") == LUA_TTABLE && json_encode(L, -1, &b, &e)) {
		m->settings = buf_take(&b);
	}
	lua_pop(L, 1);
	buf_free(&b);
}

static bool read_head(struct mapper *m, const char *head, size_t len, struct err *e)
{
	struct vm *v = vm_new(&(struct vm_config){.max_memory = (size_t)64 << 20});
	lua_State *L = vm_lua(v);
	json_open(L);
	bool ok = json_decode(L, head, len, e);
	if (ok) {
		lua_pushcfunction(L, l_read_head);
		lua_pushlightuserdata(L, m);
		lua_pushvalue(L, -3);
		ok = vm_call(v, L, 2, 0, SETUP_US, e);
	}
	if (ok) {
		keep_settings(m, L);
	}
	vm_free(v);
	return ok;
}

static bool read_files(struct mapper *m)
{
	for (size_t i = 0; i < m->files.count; i++) {
		const char *text = channel_read(&m->files.all[i].len);
		if (text == NULL) {
			return false;
		}
		m->files.all[i].text = xmemdup0(text, m->files.all[i].len);
	}
	return true;
}

/* ---- questions ---- */

/* Leaves the function that answers at stack place 1: require("answers").new(files), bound. */
static int l_start(lua_State *L)
{
	struct mapper *m = (struct mapper *)lua_touserdata(L, 1);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "answers");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "new");
	files_push(L, &m->files);
	lua_call(L, 1, 1);
	return 1;
}

/* Arguments: the answers, the question. */
static int l_answer(lua_State *L)
{
	lua_getfield(L, 1, "answer");
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

static bool start_lua(struct mapper *m, struct err *e)
{
	m->vm = vm_new(&(struct vm_config){
		.max_memory = m->max_memory, .requires = true, .strict = true, .brief = true});
	lua_State *L = vm_lua(m->vm);
	json_open(L);
	for (size_t i = 0; i < m->files.count; i++) {
		const struct file *f = &m->files.all[i];
		const char *colon = strncmp(f->role, "module:", 7) == 0 ? f->role + 7 : f->role;
		if (colon != f->role || strcmp(f->role, "contract") == 0) {
			vm_file(m->vm, colon, f->name, f->text, f->len);
		}
	}
	lua_pushcfunction(L, l_start);
	lua_pushlightuserdata(L, m);
	return vm_call(m->vm, L, 1, 1, SETUP_US, e);
}

/* Which question it was, for errors that have no file and line. */
static void add_call(lua_State *L, struct err *e)
{
	if (strstr(e->text, ".lua:") != NULL || !lua_istable(L, 2)) {
		return;
	}
	lua_pushliteral(L, "call"); /* short, and known since the question was decoded: no raise */
	if (lua_rawget(L, 2) == LUA_TSTRING) {
		err_add(e, "%.40s", lua_tostring(L, -1));
	}
	lua_pop(L, 1);
}

/* The answer as JSON, appended to out. */
static bool answer(struct mapper *m, const char *question, size_t len, struct buf *out,
		   struct err *e)
{
	lua_State *L = vm_lua(m->vm);
	lua_settop(L, 1);
	if (!json_decode(L, question, len, e)) {
		return false;
	}
	lua_pushcfunction(L, l_answer);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	if (!vm_call(m->vm, L, 2, 1, m->soft_us, e)) {
		add_call(L, e);
		return false;
	}
	if (!json_encode(L, -1, out, e)) {
		return err_add(e, "the mapping's answer");
	}
	if (out->len > m->max_answer) {
		return err_set(e, ERR_DATA, "the mapping's answer is longer than %zu bytes",
			       m->max_answer);
	}
	return true;
}

static void put_error(struct buf *out, const struct err *e)
{
	buf_addf(out, "\"error\":{\"kind\":\"%s\",\"text\":", err_kind_name(e->kind));
	buf_add_json(out, e->text, strlen(e->text));
	buf_adds(out, "}}");
}

/* Whether a new process would be better off: Lua gives memory back late, and what a file keeps in its
 * locals never.  Twice of what the files themselves take is what the collector needs. */
static bool is_spent(const struct mapper *m)
{
	size_t most = m->files.memory * 2 + m->max_memory / 8;
	size_t cap = m->max_memory / 4 * 3;
	return vm_refused(m->vm) || vm_memory(m->vm) > (most < cap ? most : cap);
}

static bool serve_one(struct mapper *m, const struct err *broken)
{
	static struct buf body; /* kept for the next one */
	static struct buf out;
	struct err e;
	size_t len = 0;
	const char *question = channel_read(&len);
	if (question == NULL) {
		return false;
	}
	if (body.cap > BUFFER_KEPT) {
		buf_free(&body);
		buf_free(&out);
	}
	body.len = out.len = m->files.log.len = 0;
	channel_computes();
	bool ok = broken == NULL && answer(m, question, len, &body, &e);
	channel_computed();
	buf_addc(&out, '{');
	if (is_spent(m)) {
		buf_adds(&out, "\"spent\":true,");
	}
	if (m->files.log.len > 0) {
		buf_adds(&out, "\"log\":");
		buf_add_json(&out, m->files.log.data, m->files.log.len);
		buf_addc(&out, ',');
	}
	if (ok) {
		buf_adds(&out, "\"answer\":");
		buf_add(&out, body.data, body.len);
		buf_addc(&out, '}');
	} else {
		put_error(&out, broken != NULL ? broken : &e);
	}
	return channel_write(&out);
}

static void give_settings(struct mapper *m)
{
	if (m->settings == NULL) {
		return;
	}
	struct buf question = {0};
	struct buf ignored = {0};
	struct err e;
	buf_addf(&question, "{\"call\":\"settings\",\"settings\":%s}", m->settings);
	(void)answer(m, question.data, question.len, &ignored, &e);
	buf_free(&question);
	buf_free(&ignored);
}

static void free_all(struct mapper *m)
{
	vm_free(m->vm);
	files_free(&m->files);
	free(m->settings);
	channel_close();
}

static bool set_up(struct mapper *m, struct err *e)
{
	size_t len = 0;
	const char *head = channel_read(&len);
	if (head == NULL) {
		return err_set(e, ERR_CONFIG, "no set-up came");
	}
	if (!read_head(m, head, len, e)) {
		return err_add(e, "set-up");
	}
	if (!read_files(m)) {
		return err_set(e, ERR_CONFIG, "the files did not come");
	}
	return channel_open(e) && lock_process(CHANNEL, m->max_memory, e);
}

int main(void)
{
	struct mapper m = {0};
	struct err e;
	(void)signal(SIGPIPE, SIG_IGN);
	if (!set_up(&m, &e)) {
		/* started by hand, or the host died: say it and go */
		(void)fprintf(stderr, "cosell-mapper: %s\n", e.text);
		free_all(&m);
		return 2;
	}
	const struct err *broken = start_lua(&m, &e) ? NULL : &e;
	if (broken == NULL) {
		give_settings(&m);
	}
	while (serve_one(&m, broken)) {
	}
	free_all(&m);
	_exit(0); /* the lock leaves no room for what exit() does */
}
