/*
 * io/http_client against our own server, against a peer that answers whatever bytes a case names,
 * and against a TLS server with good and bad certificates.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "io/child.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "pump.h"
#include "tests.h"

void check_http_client(void);

/* What the client meets. */

struct stage {
	struct loop *loop;
	struct http_client *client;
	struct http_server *server;
	struct world world;
	bool hold;
	bool drop; /* ends every connection without a byte */
	struct http_call *held[32];
	int nheld;
	int runs;
	int most_held;
	struct buf heard; /* the last request, as text */
};

static void on_call(void *ctx, struct http_call *c)
{
	struct stage *s = ctx;
	size_t len;
	const char *body = http_call_body(c, &len);
	s->heard.len = 0;
	buf_addf(&s->heard, "%s %s\n", http_call_method(c), http_call_target(c));
	for (size_t i = 0; http_call_header_at(c, i).name != NULL; i++) {
		struct web_header h = http_call_header_at(c, i);
		buf_addf(&s->heard, "%s: %s\n", h.name, h.value);
	}
	buf_addf(&s->heard, "\n%.*s", (int)len, body);
	s->runs++;
	if (s->drop) {
		http_call_drop(c);
		return;
	}
	if (s->hold) {
		s->held[s->nheld++] = c;
		s->most_held = s->nheld > s->most_held ? s->nheld : s->most_held;
		return;
	}
	struct web_header h[] = {{"X-Case", "Kept"},
				 {"Set-Thing", "one"},
				 {"Set-Thing", "two"},
				 {"Location", "/elsewhere"},
				 {"Content-Encoding", "gzip"}};
	int status = strcmp(http_call_target(c), "/moved") == 0 ? 302 : 200;
	http_call_answer(c, status, h, 5, "not gzip at all", 15);
}

static struct stage *stage_new(int most)
{
	struct err e;
	struct stage *s = NEW(struct stage);
	struct http_server_config config = {.address = "127.0.0.1",
					    .methods = "GET POST PUT PATCH DELETE HEAD",
					    .max_body = 1 << 20};
	s->loop = loop_new(&e);
	s->server = http_server_new(s->loop, &config, on_call, s, &e);
	s->client = http_client_new(s->loop, NULL, most, &e);
	CHECK(s->server != NULL && s->client != NULL);
	s->world = http_client_world(s->client);
	return s;
}

static void stage_free(struct stage *s)
{
	http_client_free(s->client);
	http_server_free(s->server);
	turn(s->loop, 2);
	loop_free(s->loop);
	buf_free(&s->heard);
	free(s);
}

/* What came back. */

struct result {
	bool done;
	int calls;
	int status;
	enum err_kind kind;
	const char *step;
	char text[1000];
	struct buf body;
	char header[100]; /* x-case */
	int things;       /* set-thing headers */
	struct stage *stage;
	int again;            /* start that many more from inside done */
	struct result *rival; /* whichever ends first cancels the other */
	struct web_call *call;
};

static struct web_call *get(struct stage *s, const char *url, struct result *r);

static void on_done(void *arg, const struct web_answer *a, const struct err *e)
{
	struct result *r = arg;
	r->calls++;
	r->kind = e->kind;
	r->step = e->step;
	if (a == NULL) {
		(void)snprintf(r->text, sizeof r->text, "%s", e->text);
	} else {
		const char *kept = web_header_get(a->headers, a->nheaders, "x-case");
		r->status = a->status;
		buf_add(&r->body, a->body, a->len);
		CHECK_INT(a->body[a->len], 0);
		(void)snprintf(r->header, sizeof r->header, "%s", kept != NULL ? kept : "");
		for (size_t i = 0; i < a->nheaders; i++) {
			r->things += strcmp(a->headers[i].name, "set-thing") == 0;
		}
	}
	if (r->rival != NULL) {
		r->rival->rival = NULL;
		r->stage->world.cancel(r->stage->world.ctx, r->rival->call);
	}
	if (r->again > 0) {
		r->again--;
		int before = r->calls;
		(void)get(r->stage, "/again", r);
		CHECK_INT(r->calls, before); /* never from inside start */
		return;
	}
	r->done = true;
}

static char *local(const struct stage *s, const char *path)
{
	return xasprintf("http://127.0.0.1:%d%s", http_server_port(s->server), path);
}

static struct web_call *start(struct stage *s, const struct web_request *rq, struct result *r)
{
	struct err e = {.kind = ERR_NONE};
	struct web_call *c = s->world.start(s->world.ctx, rq, on_done, r, &e);
	if (c == NULL) {
		r->kind = e.kind;
		(void)snprintf(r->text, sizeof r->text, "%s", e.text);
	}
	return c;
}

static struct web_call *get(struct stage *s, const char *url, struct result *r)
{
	char *full = url[0] == '/' ? local(s, url) : xstrdup(url);
	struct web_request rq = {
		.method = "GET", .url = full, .plain_ok = true, .timeout_ms = 5000};
	struct web_call *c = start(s, &rq, r);
	free(full);
	return c;
}

static bool finished(struct stage *s, struct result *r)
{
	return pump(s->loop, pump_flag, &r->done, 8000);
}

/* A peer that answers every connection with the same bytes and closes. */

struct raw {
	struct loop *loop;
	int fd;
	struct loop_fd *ready;
	int peer;
	struct loop_fd *peer_ready;
	const char *bytes;
	size_t len;
};

static void on_raw_request(void *arg, int ready)
{
	(void)ready;
	struct raw *w = arg;
	char in[4096];
	ssize_t n = recv(w->peer, in, sizeof in, 0); /* the whole request: it is small */
	n = n > 0 ? send(w->peer, w->bytes, w->len, MSG_NOSIGNAL) : n;
	(void)n;
	loop_fd_free(w->peer_ready);
	w->peer_ready = NULL;
	(void)close(w->peer);
}

static void on_raw_peer(void *arg, int ready)
{
	(void)ready;
	struct raw *w = arg;
	if (w->peer_ready == NULL) {
		w->peer = accept(w->fd, NULL, NULL);
		w->peer_ready = loop_fd_new(w->loop, w->peer, LOOP_READ, on_raw_request, w);
	}
}

static struct raw *raw_new(struct stage *s, const char *bytes, size_t len, char url[64])
{
	struct raw *w = NEW(struct raw);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof sa;
	w->fd = socket(AF_INET, SOCK_STREAM, 0);
	w->loop = s->loop;
	w->bytes = bytes;
	w->len = len;
	if (bind(w->fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(w->fd, 8) != 0 ||
	    getsockname(w->fd, (struct sockaddr *)&sa, &size) != 0) {
		abort();
	}
	(void)snprintf(url, 64, "http://127.0.0.1:%d/", ntohs(sa.sin_port));
	w->ready = loop_fd_new(s->loop, w->fd, LOOP_READ, on_raw_peer, w);
	return w;
}

static void raw_free(struct raw *w)
{
	loop_fd_free(w->ready);
	loop_fd_free(w->peer_ready);
	(void)close(w->fd);
	free(w);
}

static void meet_raw(const char *bytes, size_t len, struct result *r)
{
	struct stage *s = stage_new(4);
	char url[64];
	struct raw *w = raw_new(s, bytes, len, url);
	CHECK(get(s, url, r) != NULL);
	CHECK(finished(s, r));
	CHECK_INT(r->calls, 1);
	raw_free(w);
	stage_free(s);
	buf_free(&r->body);
}

static void answers(void)
{
	CASE ("http_client_get_brings_status_headers_body") {
		struct stage *s = stage_new(4);
		struct result r = {.calls = 0};
		CHECK(get(s, "/a?b=%20c", &r) != NULL);
		CHECK_INT(r.calls, 0);
		CHECK(finished(s, &r));
		CHECK_INT(r.calls, 1);
		CHECK_INT(r.status, 200);
		CHECK_STR(r.body.data, "not gzip at all"); /* nothing is unpacked */
		CHECK_STR(r.header, "Kept");
		CHECK_INT(r.things, 2);
		CHECK(strncmp(s->heard.data, "GET /a?b=%20c\n", 14) == 0);
		CHECK(strcasestr(s->heard.data, "accept-encoding") == NULL);
		CHECK(strcasestr(s->heard.data, "content-length") == NULL);
		CHECK(strcasestr(s->heard.data, "content-type") == NULL);
		buf_free(&r.body);
		stage_free(s);
	}
	CASE ("http_client_sends_headers_and_body_as_given") {
		static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
		struct stage *s = stage_new(4);
		for (size_t i = 0; i < 4; i++) {
			struct result r = {.calls = 0};
			char *url = local(s, "/p");
			struct web_header h[] = {{"Content-Type", "application/json"},
						 {"If-Match", "W/\"1\""},
						 {"X-Empty", ""}};
			char body[] = "{\"a\":1}";
			struct web_request rq = {.method = methods[i],
						 .url = url,
						 .headers = h,
						 .nheaders = 3,
						 .body = body,
						 .len = 7,
						 .plain_ok = true};
			CHECK(start(s, &rq, &r) != NULL);
			memset(body, 'X', 7); /* was copied */
			memset(url, 'X', 5);
			CHECK(finished(s, &r));
			CHECK(strncmp(s->heard.data, methods[i], strlen(methods[i])) == 0);
			CHECK(strstr(s->heard.data, "Content-Type: application/json\n") != NULL);
			CHECK(strstr(s->heard.data, "If-Match: W/\"1\"\n") != NULL);
			CHECK(strstr(s->heard.data, "X-Empty: \n") != NULL);
			CHECK(strstr(s->heard.data, "Content-Length: 7\n") != NULL);
			CHECK(strstr(s->heard.data, "\n\n{\"a\":1}") != NULL);
			CHECK(strcasestr(s->heard.data, "expect") == NULL);
			free(url);
			buf_free(&r.body);
		}
		stage_free(s);
	}
	CASE ("http_client_post_without_body_says_length_0") {
		struct stage *s = stage_new(4);
		struct result r = {.calls = 0};
		char *url = local(s, "/p");
		struct web_request rq = {.method = "POST", .url = url, .plain_ok = true};
		CHECK(start(s, &rq, &r) != NULL);
		CHECK(finished(s, &r));
		CHECK(strstr(s->heard.data, "Content-Length: 0\n") != NULL);
		CHECK(strcasestr(s->heard.data, "content-type") == NULL);
		free(url);
		buf_free(&r.body);
		stage_free(s);
	}
	CASE ("http_client_large_body_both_ways") {
		struct stage *s = stage_new(4);
		struct result r = {.calls = 0};
		char *url = local(s, "/p");
		char *body = xmalloc(900000);
		memset(body, 'b', 900000);
		struct web_request rq = {.method = "POST",
					 .url = url,
					 .body = body,
					 .len = 900000,
					 .plain_ok = true};
		CHECK(start(s, &rq, &r) != NULL);
		CHECK(finished(s, &r));
		CHECK_INT(r.status, 200);
		CHECK(s->heard.len > 900000);
		free(body);
		free(url);
		buf_free(&r.body);
		stage_free(s);
	}
	CASE ("http_client_follows_no_redirect") {
		struct stage *s = stage_new(4);
		struct result r = {.calls = 0};
		CHECK(get(s, "/moved", &r) != NULL);
		CHECK(finished(s, &r));
		CHECK_INT(r.status, 302);
		CHECK_INT(s->runs, 1);
		buf_free(&r.body);
		stage_free(s);
	}
	CASE ("http_client_takes_no_proxy_from_the_environment") {
		CHECK_INT(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
		CHECK_INT(setenv("all_proxy", "http://127.0.0.1:9", 1), 0);
		struct stage *s = stage_new(4);
		struct result r = {.calls = 0};
		CHECK(get(s, "/x", &r) != NULL);
		CHECK(finished(s, &r));
		CHECK_INT(r.status, 200);
		buf_free(&r.body);
		stage_free(s);
	}
}

static void refusals(void)
{
	CASE ("http_client_refuses_addresses_it_must_not_ask") {
		static const char *const bad[] = {
			"http://a.example/",
			"http://127.0.0.1.a.example/",
			"http://10.0.0.1/",
			"ftp://127.0.0.1/",
			"file:///etc/passwd",
			"gopher://127.0.0.1/",
			"127.0.0.1/",
			"",
			"https://user:secret@a.example/",
			"http://user@127.0.0.1/",
			"http://127.0.0.1/a b",
			"http://127.0.0.1/a\r\nX: y",
			"https://a.example/\x01",
			"https://a.example/\xc3\xa9",
			"https://",
			"http://127.0.0.1:99999/",
		};
		struct stage *s = stage_new(4);
		for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
			struct result r = {.calls = 0};
			struct web_request rq = {.method = "GET", .url = bad[i], .plain_ok = true};
			if (!CHECK(start(s, &rq, &r) == NULL) || !CHECK_INT(r.kind, ERR_CONFIG)) {
				CHECK_STR(bad[i], "refused");
			}
			CHECK(strstr(r.text, "secret") == NULL);
		}
		turn(s->loop, 5);
		CHECK_INT(s->runs, 0);
		stage_free(s);
	}
	CASE ("http_client_plain_http_only_where_allowed") {
		struct stage *s = stage_new(4);
		struct result r = {.calls = 0};
		char *url = local(s, "/x");
		struct web_request rq = {.method = "GET", .url = url};
		CHECK(start(s, &rq, &r) == NULL);
		CHECK_INT(r.kind, ERR_CONFIG);
		free(url);
		url = xasprintf("http://localhost:%d/", http_server_port(s->server));
		rq.url = url;
		rq.plain_ok = true;
		CHECK(start(s, &rq, &r) != NULL);
		CHECK(finished(s, &r));
		CHECK_INT(r.status, 200);
		free(url);
		buf_free(&r.body);
		stage_free(s);
	}
	CASE ("http_client_refuses_bytes_that_could_split_a_header") {
		static const struct web_header bad[] = {
			{"X-A", "b\r\nX-C: d"},
			{"X-A", "b\n"},
			{"X-A", "b\x01"},
			{"X-A\r\nB", "c"},
			{"X A", "b"},
			{"", "b"},
			{"X:A", "b"},
			{"X-A", "\x7f"},
			{"Host", "b.example"},
			{"Content-Length", "3"},
			{"Transfer-Encoding", "chunked"},
		};
		struct stage *s = stage_new(4);
		char *url = local(s, "/x");
		for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
			struct result r = {.calls = 0};
			struct web_request rq = {.method = "GET",
						 .url = url,
						 .headers = &bad[i],
						 .nheaders = 1,
						 .plain_ok = true};
			if (!CHECK(start(s, &rq, &r) == NULL) || !CHECK_INT(r.kind, ERR_CONFIG)) {
				CHECK_STR(bad[i].name, "refused");
			}
		}
		struct result r = {.calls = 0};
		struct web_request rq = {
			.method = "GET /x HTTP/1.1\r\nX:", .url = url, .plain_ok = true};
		CHECK(start(s, &rq, &r) == NULL);
		free(url);
		stage_free(s);
	}
}

static void failures(void)
{
	CASE ("http_client_refused_connection_is_net_without_the_path") {
		struct stage *s = stage_new(4);
		struct result r = {.calls = 0};
		CHECK(get(s, "http://127.0.0.1:1/private?name=x", &r) != NULL);
		CHECK(finished(s, &r));
		CHECK_INT(r.kind, ERR_NET);
		CHECK(strstr(r.text, "127.0.0.1") != NULL && strstr(r.text, "private") == NULL);
		CHECK_STR(r.step, "connect");
		stage_free(s);
	}
	CASE ("http_client_unknown_name_is_net_and_says_so") {
		struct stage *s = stage_new(1);
		struct result r = {.calls = 0};
		CHECK(get(s, "https://nobody.invalid/", &r) != NULL);
		CHECK(finished(s, &r));
		CHECK_INT(r.kind, ERR_NET);
		CHECK_STR(r.step, "name");
		stage_free(s);
	}
	CASE ("http_client_silent_server_is_timed_out") {
		struct stage *s = stage_new(1);
		struct result r = {.calls = 0};
		struct result behind = {.calls = 0};
		char *url = local(s, "/x");
		struct web_request rq = {
			.method = "GET", .url = url, .plain_ok = true, .timeout_ms = 200};
		int64_t begin = clock_mono_us();
		s->hold = true;
		CHECK(start(s, &rq, &r) != NULL);
		CHECK(start(s, &rq, &behind) != NULL); /* its time runs while it waits */
		CHECK(finished(s, &r));
		CHECK_INT(r.kind, ERR_NET);
		CHECK_STR(r.step, "answer");
		CHECK(finished(s, &behind));
		CHECK_INT(behind.kind, ERR_NET);
		CHECK(clock_mono_us() - begin < 1500000);
		free(url);
		stage_free(s);
	}
	CASE ("http_client_answer_above_the_cap_is_cut") {
		struct stage *s = stage_new(4);
		for (size_t cap = 14; cap <= 15; cap++) {
			struct result r = {.calls = 0};
			char *url = local(s, "/x");
			struct web_request rq = {
				.method = "GET", .url = url, .plain_ok = true, .max_answer = cap};
			CHECK(start(s, &rq, &r) != NULL);
			CHECK(finished(s, &r));
			CHECK_INT(r.kind, cap == 15 ? ERR_NONE : ERR_NET);
			CHECK(cap == 15 || strstr(r.text, "larger than allowed") != NULL);
			free(url);
			buf_free(&r.body);
		}
		stage_free(s);
	}
	CASE ("http_client_endless_headers_are_cut") {
		struct buf b = {0};
		struct result r = {.calls = 0};
		buf_adds(&b, "HTTP/1.1 200 OK\r\n");
		for (int i = 0; i < 100; i++) {
			buf_addf(&b, "X-%d: %01000d\r\n", i, 0);
		}
		buf_adds(&b, "Content-Length: 0\r\n\r\n");
		meet_raw(b.data, b.len, &r);
		CHECK_INT(r.kind, ERR_NET);
		buf_free(&b);
	}
	CASE ("http_client_cut_or_unreadable_answers_are_net") {
#define OK      "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
		static const char *const bad[] = {
			"",
			OK "Content-Length: 10\r\n\r\nabc",
			"hello\r\n",
			"\x16\x03\x01",
			CHUNKED "5\r\nab",
			CHUNKED "zz\r\nab\r\n0\r\n\r\n",
			"HTTP/1.1 100 Continue\r\n\r\n",
			OK "X",
			"HTTP/21.1 200 OK\r\nContent-Length: 0\r\n\r\n", /* libcurl: status 1 */
		};
		for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
			struct result r = {.calls = 0};
			meet_raw(bad[i], strlen(bad[i]), &r);
			if (!CHECK_INT(r.kind, ERR_NET)) {
				CHECK_STR(bad[i], "refused");
			}
		}
	}
	/* libcurl would send it once more by itself, over a new connection. */
	CASE ("http_client_request_on_a_used_connection_that_ends_without_an_answer_is_sent_once") {
		struct stage *s = stage_new(1);
		struct result first = {.calls = 0};
		struct result r = {.calls = 0};
		char *url = local(s, "/create");
		struct web_request rq = {.method = "POST",
					 .url = url,
					 .body = "x",
					 .len = 1,
					 .plain_ok = true,
					 .timeout_ms = 5000};
		CHECK(get(s, "/first", &first) != NULL && finished(s, &first));
		s->drop = true;
		CHECK(start(s, &rq, &r) != NULL && finished(s, &r));
		CHECK_INT(r.kind, ERR_NET);
		CHECK_INT(s->runs, 2);
		free(url);
		buf_free(&first.body);
		stage_free(s);
	}
	CASE ("http_client_interim_answers_and_trailers_leave_no_headers") {
		struct result r = {.calls = 0};
		const char *bytes =
			"HTTP/1.1 100 Continue\r\nX-Case: wrong\r\nSet-Thing: a\r\n\r\n"
			"HTTP/1.1 200 OK\r\nX-Case: right\r\nTransfer-Encoding: chunked\r\n\r\n"
			"3\r\nabc\r\n0\r\nSet-Thing: b\r\n\r\n";
		meet_raw(bytes, strlen(bytes), &r);
		CHECK_INT(r.status, 200);
		CHECK_STR(r.header, "right");
		CHECK_INT(r.things, 0);
	}
}

struct crowd {
	struct stage *stage;
	struct result r[10];
};

/* Answers what is held, so that the next may come; true when all are done. */
static bool until_crowd_done(void *arg)
{
	struct crowd *c = arg;
	struct stage *s = c->stage;
	bool all = true;
	if (s->nheld > 0) {
		http_call_answer(s->held[--s->nheld], 200, NULL, 0, "x", 1);
	}
	for (int i = 0; i < 10; i++) {
		all = all && c->r[i].done;
	}
	return all;
}

static bool until_two_held(void *arg)
{
	const struct stage *s = arg;
	return s->nheld >= 2;
}

static void crowds(void)
{
	CASE ("http_client_more_than_its_places_wait_inside") {
		struct crowd c = {.stage = stage_new(2)};
		c.stage->hold = true;
		for (int i = 0; i < 10; i++) {
			CHECK(get(c.stage, "/x", &c.r[i]) != NULL);
		}
		CHECK(pump(c.stage->loop, until_two_held, c.stage, 5000));
		turn(c.stage->loop, 20);
		CHECK_INT(c.stage->nheld, 2);
		CHECK(pump(c.stage->loop, until_crowd_done, &c, 8000));
		CHECK_INT(c.stage->most_held, 2);
		for (int i = 0; i < 10; i++) {
			CHECK_INT(c.r[i].calls, 1);
			CHECK_INT(c.r[i].status, 200);
			buf_free(&c.r[i].body);
		}
		stage_free(c.stage);
	}
	CASE ("http_client_cancelled_calls_never_come_back") {
		struct stage *s = stage_new(2);
		struct result r[3] = {{.calls = 0}};
		struct web_call *call[3];
		s->hold = true;
		for (int i = 0; i < 3; i++) {
			call[i] = get(s, "/x", &r[i]);
		}
		CHECK(pump(s->loop, until_two_held, s, 5000));
		s->world.cancel(s->world.ctx, call[0]); /* in flight */
		s->world.cancel(s->world.ctx, call[2]); /* waiting */
		http_call_answer(s->held[0], 200, NULL, 0, "x", 1);
		http_call_answer(s->held[1], 200, NULL, 0, "x", 1);
		CHECK(finished(s, &r[1]));
		turn(s->loop, 10);
		CHECK_INT(r[0].calls, 0);
		CHECK_INT(r[1].calls, 1);
		CHECK_INT(r[2].calls, 0);
		CHECK_INT(s->runs, 2);
		buf_free(&r[1].body);
		stage_free(s);
	}
	CASE ("http_client_cancel_from_inside_done_is_safe") {
		struct stage *s = stage_new(2);
		struct result a = {.stage = s};
		struct result b = {.stage = s, .rival = &a};
		a.rival = &b;
		s->hold = true;
		a.call = get(s, "/a", &a);
		b.call = get(s, "/b", &b);
		CHECK(pump(s->loop, until_two_held, s, 5000));
		http_call_answer(s->held[0], 200, NULL, 0, "x", 1);
		http_call_answer(s->held[1], 200, NULL, 0, "x", 1);
		(void)pump(s->loop, NULL, NULL, 50); /* both answers are there by now */
		CHECK_INT(a.calls + b.calls, 1);
		buf_free(&b.body);
		buf_free(&a.body);
		stage_free(s);
	}
	CASE ("http_client_done_may_start_the_next") {
		struct stage *s = stage_new(1);
		struct result r = {.stage = s, .again = 50};
		CHECK(get(s, "/first", &r) != NULL);
		CHECK(finished(s, &r));
		CHECK_INT(r.calls, 51);
		CHECK_INT(s->runs, 51);
		buf_free(&r.body);
		stage_free(s);
	}
	CASE ("http_client_freed_with_open_calls_ends_them_first") {
		struct stage *s = stage_new(2);
		struct result r[3] = {{.calls = 0}};
		s->hold = true;
		for (int i = 0; i < 3; i++) {
			CHECK(get(s, "/x", &r[i]) != NULL);
		}
		CHECK(pump(s->loop, until_two_held, s, 5000));
		http_client_free(s->client);
		s->client = NULL;
		for (int i = 0; i < 3; i++) {
			CHECK_INT(r[i].calls, 1);
			CHECK_INT(r[i].kind, ERR_NET);
		}
		stage_free(s);
	}
	CASE ("http_client_world_has_the_clocks_and_random_bytes") {
		struct stage *s = stage_new(1);
		char a[37];
		char b[37];
		world_uuid(&s->world, a);
		world_uuid(&s->world, b);
		CHECK(strcmp(a, b) != 0);
		CHECK(WORLD_NOW(&s->world) - clock_wall_ms() < 1000);
		CHECK(s->world.mono_us(s->world.ctx) <= clock_mono_us());
		stage_free(s);
	}
}

/* TLS, with openssl's own test server as the peer. */

struct tls {
	struct stage *stage;
	struct child *child;
	char *dir;
	char *ca_file;
	int port;
	bool ended;
};

static void on_tls_end(void *arg, int status)
{
	struct tls *t = arg;
	(void)status;
	t->ended = true;
}

static char *save(const struct tls *t, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", t->dir, name);
	FILE *f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
		abort();
	}
	return path;
}

static int free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &size) != 0) {
		abort();
	}
	(void)close(fd);
	return ntohs(sa.sin_port);
}

static bool until_listening(void *arg)
{
	const struct tls *t = arg;
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)t->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool up = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0;
	(void)close(fd);
	return up || t->ended;
}

static void tls_start(struct tls *t, const char *key, const char *cert)
{
	struct err e;
	char port[16];
	char *key_file = save(t, "key.pem", key);
	char *cert_file = save(t, "cert.pem", cert);
	t->port = free_port();
	(void)snprintf(port, sizeof port, "%d", t->port);
	const char *argv[] = {"openssl", "s_server", "-quiet",  "-www", "-key", key_file,
			      "-cert",   cert_file,  "-accept", port,   NULL};
	struct child_spec spec = {
		.path = "/usr/bin/openssl", .argv = argv, .channel = -1, .out = -1};
	t->child = child_start(t->stage->loop, &spec, on_tls_end, t, &e);
	CHECK(t->child != NULL);
	CHECK(pump(t->stage->loop, until_listening, t, 8000) && !t->ended);
	free(key_file);
	free(cert_file);
}

/* Asks https://localhost of a server whose certificate is issued as said, trusting `trusted`. */
static void tls_try(const char *name, int days, bool trusted, struct result *r)
{
	struct err e;
	struct tls t = {.stage = stage_new(2), .dir = xstrdup(tests_tempdir())};
	char *ca_key = NULL, *ca_cert = NULL, *key = NULL, *cert = NULL, *x_key = NULL,
	     *x_cert = NULL;
	struct crypto_issue root = {"Test Root", "Example", 2048, clock_wall_ms(), 10, NULL, NULL};
	struct crypto_issue strange = {"Other Root", "Example", 2048, clock_wall_ms(),
				       10,           NULL,      NULL};
	CHECK(crypto_issue(&root, &ca_key, &ca_cert, &e) &&
	      crypto_issue(&strange, &x_key, &x_cert, &e));
	struct crypto_issue leaf = {name, "Example", 2048, clock_wall_ms(), days, ca_key, ca_cert};
	CHECK(crypto_issue(&leaf, &key, &cert, &e));
	char *ca_file = save(&t, "ca.pem", trusted ? ca_cert : x_cert);
	tls_start(&t, key, cert);
	http_client_free(t.stage->client);
	t.stage->client = http_client_new(t.stage->loop, ca_file, 2, &e);
	t.stage->world = http_client_world(t.stage->client);
	char *url = xasprintf("https://localhost:%d/", t.port);
	CHECK(get(t.stage, url, r) != NULL);
	CHECK(finished(t.stage, r));
	child_free(t.child);
	stage_free(t.stage);
	free(url);
	free(ca_file);
	free(ca_key);
	free(ca_cert);
	free(key);
	free(cert);
	free(x_key);
	free(x_cert);
	free(t.dir);
	buf_free(&r->body);
}

static void certificates(void)
{
	CASE ("http_client_tls_good_certificate_is_accepted") {
		struct result r = {.calls = 0};
		tls_try("localhost", 5, true, &r);
		CHECK_STR(r.text, "");
		CHECK_INT(r.status, 200);
	}
	CASE ("http_client_tls_unknown_issuer_is_refused") {
		struct result r = {.calls = 0};
		tls_try("localhost", 5, false, &r);
		CHECK_INT(r.kind, ERR_NET);
		CHECK_INT(r.status, 0);
		CHECK(strstr(r.text, "certificate") != NULL);
		CHECK_STR(r.step, "tls");
	}
	CASE ("http_client_tls_other_name_is_refused") {
		struct result r = {.calls = 0};
		tls_try("other.example", 5, true, &r);
		CHECK_INT(r.kind, ERR_NET);
		CHECK_INT(r.status, 0);
		CHECK(strstr(r.text, "certificate subject name") != NULL);
	}
	CASE ("http_client_tls_expired_certificate_is_refused") {
		struct result r = {.calls = 0};
		tls_try("localhost", -1, true, &r);
		CHECK_INT(r.kind, ERR_NET);
		CHECK_INT(r.status, 0);
		CHECK(strstr(r.text, "expired") != NULL);
	}
}

void check_http_client(void)
{
	answers();
	refusals();
	failures();
	crowds();
	certificates();
}
