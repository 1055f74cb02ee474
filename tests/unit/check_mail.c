/*
 * Mail by io/http_client, against a relay of the tests (build/relay): what goes out, to whom, and
 * that nothing does before TLS where TLS is asked for.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "io/child.h"
#include "io/http_client.h"
#include "pump.h"
#include "tests.h"

void check_mail(void);

static const char TEXT[] = "Subject: one\r\n\r\nfirst\r\n.second\r\n";

struct stage {
	struct loop *loop;
	struct http_client *client;
	struct world world;
	struct child *relay;
	int out;         /* what it prints */
	struct buf said; /* so far */
	char *url;
	bool done;
	int status;
	struct err e;
};

/* ---- the relay ---- */

static void hear(struct stage *s, int wait_ms)
{
	struct pollfd p = {.fd = s->out, .events = POLLIN};
	char part[4096];
	while (poll(&p, 1, wait_ms) == 1) {
		ssize_t n = read(s->out, part, sizeof(part));
		if (n <= 0) {
			break;
		}
		buf_add(&s->said, part, (size_t)n);
		wait_ms = 0;
	}
}

static bool has_said(struct stage *s, const char *text)
{
	for (int i = 0; i < 40; i++) {
		hear(s, i == 0 ? 0 : 50);
		if (s->said.data != NULL && strstr(s->said.data, text) != NULL) {
			return true;
		}
	}
	return false;
}

/* build/relay, of build/test/unit-tests; to be freed. */
static char *relay_path(void)
{
	char self[PATH_MAX] = {0};
	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');
		if (slash != NULL) {
			*slash = '\0';
		}
	}
	return xasprintf("%s/relay", self);
}

static void relay_start(struct stage *s, const char *const *more)
{
	struct err e;
	char *path = relay_path();
	const char *argv[12] = {"relay"};
	int fds[2] = {-1, -1};
	CHECK(pipe(fds) == 0);
	for (int i = 0; more[i] != NULL; i++) {
		argv[i + 1] = more[i];
	}
	struct child_spec spec = {.path = path, .argv = argv, .channel = -1, .out = fds[1]};
	s->relay = child_start(s->loop, &spec, NULL, NULL, &e);
	(void)close(fds[1]);
	s->out = fds[0];
	CHECK(s->relay != NULL && has_said(s, "\n") && strncmp(s->said.data, "port ", 5) == 0);
	s->url = xasprintf("smtp://localhost:%ld", strtol(s->said.data + 5, NULL, 10));
	free(path);
}

static struct stage *stage_new(const char *ca_file, const char *const *more)
{
	struct err e;
	struct stage *s = NEW(struct stage);
	s->loop = loop_new(&e);
	s->client = http_client_new(s->loop, ca_file, 2, &e);
	CHECK(s->client != NULL);
	s->world = http_client_world(s->client);
	relay_start(s, more);
	return s;
}

static void stage_free(struct stage *s)
{
	child_free(s->relay);
	http_client_free(s->client);
	turn(s->loop, 2);
	loop_free(s->loop);
	(void)close(s->out);
	buf_free(&s->said);
	free(s->url);
	free(s);
}

/* ---- a message ---- */

static void on_done(void *arg, const struct web_answer *a, const struct err *e)
{
	struct stage *s = arg;
	s->done = true;
	s->status = a != NULL ? a->status : 0;
	s->e = *e;
}

static const char *const two[] = {"one@north.example", "two@north.example", NULL};

static bool try(struct stage *s, const char *url, const struct web_mail *mail, bool plain_ok)
{
	const struct web_request rq = {.method = "POST",
				       .url = url,
				       .body = TEXT,
				       .len = sizeof(TEXT) - 1,
				       .plain_ok = plain_ok,
				       .mail = mail};
	s->done = false;
	s->status = 0;
	return s->world.start(s->world.ctx, &rq, on_done, s, &s->e) != NULL;
}

static void send(struct stage *s, bool plain_ok)
{
	const struct web_mail mail = {.from = "crm@north.example", .to = two};
	CHECK(try(s, s->url, &mail, plain_ok));
	CHECK(pump(s->loop, pump_flag, &s->done, 10000));
}

static void plain(void)
{
	static const char *const none[] = {NULL};
	static const char *const later[] = {"--refuse", "451", NULL};
	CASE ("mail_plain_to_this_machine_arrives_whole") {
		struct stage *s = stage_new(NULL, none);
		send(s, true);
		CHECK_INT(s->status, 250);
		CHECK(has_said(s, "from <crm@north.example>\nto <one@north.example>\n"
				  "to <two@north.example>\n"));
		CHECK(has_said(s, "| Subject: one\n| \n| first\n| .second\nend\n"));
		stage_free(s);
	}
	CASE ("mail_relay_without_tls_gets_nothing_where_tls_is_asked_for") {
		struct stage *s = stage_new(NULL, none);
		send(s, false);
		CHECK(s->status < 200 || s->status > 299);
		hear(s, 100);
		CHECK(strstr(s->said.data, "from") == NULL);
		stage_free(s);
	}
	CASE ("mail_answer_of_the_relay_is_its_status") {
		struct stage *s = stage_new(NULL, later);
		send(s, true);
		CHECK_INT(s->status, 451);
		stage_free(s);
	}
	CASE ("mail_relay_that_is_not_there_is_net") {
		struct stage *s = stage_new(NULL, none);
		const struct web_mail mail = {.from = "crm@north.example", .to = two};
		CHECK(try(s, "smtp://127.0.0.1:1", &mail, true));
		CHECK(pump(s->loop, pump_flag, &s->done, 10000));
		CHECK_INT(s->status, 0);
		CHECK_INT(s->e.kind, ERR_NET);
		stage_free(s);
	}
}

static void refusals(void)
{
	static const char *const none[] = {NULL};
	static const char *const nobody[] = {NULL};
	static const char *const bad[] = {"one@north.example", "a@b.example>\r\nDATA", NULL};
	CASE ("mail_that_may_not_be_sent_at_all_is_refused") {
		struct stage *s = stage_new(NULL, none);
		const struct web_mail good = {.from = "crm@north.example", .to = two};
		const struct web_mail mails[] = {
			{.from = "crm@north.example", .to = bad},
			{.from = "crm@north.example", .to = nobody},
			{.from = "crm\r\nRCPT TO:<x@y.example>", .to = two},
			{.from = "nobody", .to = two},
			{.from = "a@b@c.example", .to = two},
		};
		for (size_t i = 0; i < sizeof(mails) / sizeof(*mails); i++) {
			CHECK(!try(s, s->url, &mails[i], true));
			CHECK_INT(s->e.kind, ERR_CONFIG);
		}
		CHECK(!try(s, "smtp://relay.example", &good, true)); /* plain, and elsewhere */
		CHECK(!try(s, "https://relay.example", &good, true));
		CHECK(!try(s, "smtp://relay.example", NULL, true));
		stage_free(s);
	}
}

/* ---- TLS ---- */

static char *save(const char *dir, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
		abort();
	}
	return path;
}

/* A relay whose certificate is for localhost, to a client that trusts its issuer or another. */
static struct stage *tls_stage(bool trusted)
{
	struct err e;
	const char *dir = tests_tempdir();
	char *ca_key = NULL, *ca = NULL, *key = NULL, *cert = NULL, *x_key = NULL, *x = NULL;
	struct crypto_issue root = {"Test Root", "Example", 2048, clock_wall_ms(), 10, NULL, NULL};
	CHECK(crypto_issue(&root, &ca_key, &ca, &e) && crypto_issue(&root, &x_key, &x, &e));
	struct crypto_issue leaf = {"localhost", "Example", 2048, clock_wall_ms(), 5, ca_key, ca};
	CHECK(crypto_issue(&leaf, &key, &cert, &e));
	char *cert_file = save(dir, "cert.pem", cert);
	char *key_file = save(dir, "key.pem", key);
	char *ca_file = save(dir, "ca.pem", trusted ? ca : x);
	const char *const more[] = {"--tls", cert_file, key_file, NULL};
	struct stage *s = stage_new(ca_file, more);
	free(ca_key);
	free(ca);
	free(key);
	free(cert);
	free(x_key);
	free(x);
	free(cert_file);
	free(key_file);
	free(ca_file);
	return s;
}

static void tls(void)
{
	CASE ("mail_starttls_good_certificate_is_used") {
		struct stage *s = tls_stage(true);
		send(s, false);
		CHECK_INT(s->status, 250);
		CHECK(has_said(s, "tls yes\nfrom <crm@north.example>"));
		CHECK(has_said(s, "end\n"));
		stage_free(s);
	}
	CASE ("mail_starttls_unknown_issuer_gets_nothing") {
		struct stage *s = tls_stage(false);
		send(s, false);
		CHECK(s->status < 200 || s->status > 299);
		CHECK(has_said(s, "tls no"));
		CHECK(strstr(s->said.data, "from") == NULL);
		stage_free(s);
	}
}

void check_mail(void)
{
	plain();
	refusals();
	tls();
}
