/*
 * Secrets stay where they are: what may leave in a header, what a log line may hold, what a process
 * leaves behind when it dies, which modes files and sockets have.
 */
#include "app/process.h"
#include "base/log.h"
#include "io/http_request.h"

#include "store_kit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void check_secrets(void);

/* ---- headers ---- */

static bool may_leave(const char *name, const char *value)
{
	struct http_request r;
	struct err e = {0};
	const struct web_header h = {name, value};
	const struct web_request rq = {
		.method = "GET", .url = "https://crm.example/api", .headers = &h, .nheaders = 1};
	bool ok = http_request_take(&r, &rq, &e);
	if (ok) {
		http_request_free(&r);
	} else {
		CHECK_STR(err_kind_name(e.kind), "config");
		CHECK(strstr(e.text, "forged") == NULL); /* the value is not told */
	}
	return ok;
}

static void check_headers(void)
{
	CASE ("guard 7: no header value with a control byte leaves, wherever it stands") {
		for (int c = 1; c < 256; c++) {
			bool control = c < 0x20 || c == 0x7f;
			char middle[] = {'a', (char)c, 'X', ':', 'f', 'o',
					 'r', 'g',     'e', 'd', '\0'};
			char first[] = {(char)c, 'a', '\0'};
			char last[] = {'a', (char)c, '\0'};
			CHECK(may_leave("If-Match", middle) == !control);
			CHECK(may_leave("Authorization", first) == !control);
			CHECK(may_leave("If-Match", last) == !control);
		}
	}

	CASE ("guard 7: no header name but a token leaves, nor one that is the client's own") {
		static const char *const bad[] = {"",
						  "a b",
						  "a:b",
						  "a\r\nb",
						  "a\tb",
						  "\xc3\xa4",
						  "a\x7f",
						  "(a)",
						  "a/b",
						  "a=b",
						  "a@b",
						  "Host",
						  "content-length",
						  "Transfer-Encoding",
						  "EXPECT"};
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			CHECK(!may_leave(bad[i], "x"));
		}
		CHECK(may_leave("X-Plain_1.a", "x"));
	}
}

/* ---- the log ---- */

/* What log_line writes; to be freed. */
static char *logged(const char *text)
{
	char *path = in_tempdir("log");
	int kept = dup(STDERR_FILENO);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(dup2(fd, STDERR_FILENO) == STDERR_FILENO);
	log_error("%s", text);
	dup2(kept, STDERR_FILENO);
	close(kept);
	char said[8192] = "";
	CHECK(pread(fd, said, sizeof(said) - 1, 0) > 0);
	close(fd);
	free(path);
	return xstrdup(said);
}

static void check_log(void)
{
	CASE ("guard 7: a log line is one line, whatever it is told") {
		for (int c = 1; c < 0x20; c++) {
			char text[] = {'a', (char)c, '2', '0', '3', '1', ' ', 'o', 'k', '\0'};
			char *said = logged(text);
			CHECK(strchr(said, '\n') == said + strlen(said) - 1);
			CHECK(strchr(said, '\x1b') == NULL && strchr(said, '\r') == NULL);
			free(said);
		}
		char *said = logged("a\x7f");
		CHECK(strstr(said, "a\\x7f\n") != NULL);
		free(said);
	}

	CASE ("guard 7: a log line of a long text is bounded and ends") {
		static char text[100000];
		memset(text, '\x01', sizeof(text) - 1);
		char *said = logged(text);
		CHECK(strlen(said) <= 4096 && said[strlen(said) - 1] == '\n');
		free(said);
	}
}

/* ---- the process ---- */

static void check_process(void)
{
	CASE ("guard 7: a process with secrets is never dumped, nor looked into") {
		struct rlimit l;
		CHECK_INT(prctl(PR_GET_DUMPABLE), 1);
		process_seal();
		CHECK_INT(prctl(PR_GET_DUMPABLE), 0);
		CHECK(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_cur == 0 && l.rlim_max == 0);
	}
}

void check_secrets(void)
{
	check_headers();
	check_log();
	check_process();
}
