/*
 * A profile: the table that profile.lua returned, as the mapping process hands it over (JSON), with
 * that of settings.lua if the input goes on with `,"shared":`, and behind the line "-- text" the
 * text of the file itself, of which only the lines of keys are read.
 * The shipped scripts/schema.lua judges it.  What it lets pass is fit to start a host with.
 */
#include "script/profile.h"
#include "script/api.h"
#include "script/files.h"

#include "fuzz.h"

static const char mark[] = "\n-- text\n";
static struct vm *vm;

static void start(void)
{
	struct err e;
	struct files files;
	const struct files_source in = {.scripts = getenv("COSELL_SCRIPTS")};
	static struct services none;
	MUST(in.scripts && files_read(&files, &in, &e));
	vm = vm_new(&(struct vm_config){.requires = true, .strict = true});
	for (size_t i = 0; i < files.nscripts; i++)
		vm_file(vm, files.scripts[i].name, files.scripts[i].shown, files.scripts[i].text,
			files.scripts[i].len);
	api_open(vm, &none);
	files_clear(&files);
}

static bool is_loopback(const char *url)
{
	return strncmp(url, "http://127.", 11) == 0 || strncmp(url, "http://localhost", 16) == 0 ||
	       strncmp(url, "http://[::1]", 12) == 0;
}

static bool is_safe(const char *url)
{
	return fuzz_is_line(url) && (strncmp(url, "https://", 8) == 0 || is_loopback(url));
}

static void judge(const struct profile *p)
{
	MUST(p->state && p->key_file && p->setup && p->view && p->listen.address);
	MUST(p->listen.port >= 0 && p->listen.port < 65536 && p->listen.max_body > 0);
	MUST(p->listen.max_connections > 0 && p->listen.deadline_ms > 0);
	MUST(p->mapping_deadline_ms > 0 && p->mapping_memory > 0 && p->jobs_at_once > 0);
	MUST(p->callbacks.hosts && p->callbacks.organization);
	MUST(!p->callbacks.practice_origin ||
	     strncmp(p->callbacks.practice_origin, "http://127.0.0.1:", 17) == 0);
	for (char **host = p->callbacks.hosts; *host; host++)
		MUST(**host && !strpbrk(*host, "/@:?#\\ \t\r\n"));
	for (size_t i = 0; i < p->ngrants; i++)
		MUST(p->grants[i].client_id && is_safe(p->grants[i].token_url));
	for (size_t i = 0; i < p->nremotes; i++) {
		MUST(p->remotes[i].budget >= 0 && p->remotes[i].budget_s > 0);
		MUST(p->remotes[i].in_flight > 0 && is_safe(p->remotes[i].base));
	}
	MUST(profile_restart(p, p) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	char *problems = NULL;
	if (!vm)
		start();
	const uint8_t *end = memmem(data, size, mark, sizeof(mark) - 1);
	size_t n = end ? (size_t)(end - data) : size;
	const uint8_t *rest = end ? end + sizeof(mark) - 1 : data + size;
	char *table = xmemdup0(data, n);
	char *answer = xasprintf("{\"profile\":%s}", table); /* it may go on with "shared" */
	char *text = xmemdup0(rest, size - (size_t)(rest - data));
	const struct profile_source in = {.dir = "/etc/cosell",
					  .file = "profile.lua",
					  .text = text,
					  .shared_file = "settings.lua",
					  .shared_text = text,
					  .answer = answer};
	struct profile_mapping m = {0};
	struct profile *p = profile_read(vm, &in, &m, &problems, &e);
	if (p)
		judge(p);
	else
		MUST(e.kind == ERR_CONFIG && e.text[0]);
	MUST(lua_gettop(vm_lua(vm)) == 0);
	MUST(!m.dir == !m.shown && (!m.dir || m.dir[0] == '/'));
	profile_mapping_clear(&m);
	profile_free(p);
	free(problems);
	free(answer);
	free(table);
	free(text);
	return 0;
}
