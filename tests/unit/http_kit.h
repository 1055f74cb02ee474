/*
 * A listener under test with a handler that answers at once or keeps its calls, and raw sockets as
 * its peers.
 */
#ifndef HTTP_KIT_H
#define HTTP_KIT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/http_server.h"
#include "pump.h"
#include "tests.h"

#define HOST "Host: a.example\r\n"

/* The server under test, with a handler that answers at once or keeps its calls. */

enum { MOST_CALLS = 64 };

struct stage {
	struct loop *loop;
	struct http_server *server;
	bool hold;
	bool drop;
	bool free_inside;
	const char *big;
	size_t big_len;
	int runs;
	struct http_call *held[MOST_CALLS];
	int nheld;
	char method[16];
	char target[256];
	char host[64];
	char first[64];
	size_t headers;
	struct buf body;
};

static inline void answer(struct http_call *c, const char *text)
{
	struct web_header h[] = {{"X-Test", "yes"}, {"Content-Length", "999"}};
	http_call_answer(c, 200, h, 2, text, strlen(text));
}

static inline void copy(char *out, size_t n, const char *s)
{
	memset(out, 0, n);
	strncpy(out, s != NULL ? s : "(null)", n - 1);
}

static inline void remember(struct stage *s, struct http_call *c)
{
	size_t len;
	const char *body = http_call_body(c, &len);
	copy(s->method, sizeof s->method, http_call_method(c));
	copy(s->target, sizeof s->target, http_call_target(c));
	copy(s->host, sizeof s->host, http_call_host(c));
	copy(s->first, sizeof s->first, http_call_header_at(c, 0).value);
	s->headers = 0;
	while (http_call_header_at(c, s->headers).name != NULL) {
		s->headers++;
	}
	s->body.len = 0;
	buf_add(&s->body, body, len);
	CHECK_INT(body[len], 0);
}

static inline void on_call(void *ctx, struct http_call *c)
{
	struct stage *s = ctx;
	s->runs++;
	remember(s, c);
	if (s->free_inside) {
		http_server_free(s->server);
		s->server = NULL;
	}
	if (s->drop) {
		http_call_drop(c);
	} else if (s->hold) {
		s->held[s->nheld++] = c;
	} else if (s->big != NULL) {
		http_call_answer(c, 200, NULL, 0, s->big, s->big_len);
	} else {
		answer(c, s->target);
	}
}

static inline struct stage *stage_new(struct http_server_config config)
{
	struct err e;
	struct stage *s = NEW(struct stage);
	config.address = "127.0.0.1";
	config.methods = config.methods != NULL ? config.methods : "GET POST";
	config.max_body = config.max_body > 0 ? config.max_body : 4096;
	s->loop = loop_new(&e);
	s->server = http_server_new(s->loop, &config, on_call, s, &e);
	if (s->server == NULL) {
		CHECK_STR(e.text, "a server");
		abort();
	}
	return s;
}

static inline void stage_free(struct stage *s)
{
	http_server_free(s->server);
	turn(s->loop, 2);
	loop_free(s->loop);
	buf_free(&s->body);
	free(s);
}

#define STAGE(...) stage_new((struct http_server_config){__VA_ARGS__})

/* A peer: a plain socket that reads what has come after each round. */

struct peer {
	int fd;
	struct buf in;
	bool ended;
	const char *want; /* for peer_got */
	struct stage *stage;
};

static inline struct peer *peer_new(struct stage *s)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_server_port(s->server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct peer *p = NEW(struct peer);
	p->stage = s;
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
		abort();
	}
	turn(s->loop, 2);
	return p;
}

static inline void peer_look(struct peer *p)
{
	char bytes[65536];
	ssize_t n;
	while ((n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
		buf_add(&p->in, bytes, (size_t)n);
	}
	p->ended = p->ended || n == 0 || (errno != EAGAIN && errno != EINTR);
}

static inline void peer_free(struct peer *p)
{
	(void)close(p->fd);
	buf_free(&p->in);
	free(p);
}

static inline void peer_send(struct peer *p, const void *bytes, size_t n)
{
	ssize_t sent = send(p->fd, bytes, n, MSG_NOSIGNAL);
	(void)sent; /* the server may have closed: the test looks at what comes back */
}

static inline void peer_says(struct peer *p, const char *text)
{
	peer_send(p, text, strlen(text));
}

static inline bool until_ended(void *arg)
{
	struct peer *p = arg;
	peer_look(p);
	return p->ended;
}

static inline bool until_got(void *arg)
{
	struct peer *p = arg;
	peer_look(p);
	return p->in.data != NULL && strstr(p->in.data, p->want) != NULL;
}

static inline bool peer_gets(struct peer *p, const char *want)
{
	p->want = want;
	bool got = pump(p->stage->loop, until_got, p, 5000);
	if (!got) {
		CHECK_STR(p->in.data, want);
	}
	return got;
}

static inline bool peer_ends(struct peer *p, int ms)
{
	return pump(p->stage->loop, until_ended, p, ms);
}

static inline int peer_status(const struct peer *p)
{
	return p->in.len > 12 && memcmp(p->in.data, "HTTP/1.", 7) == 0
		       ? (int)strtol(p->in.data + 9, NULL, 10)
		       : 0;
}

static inline int count(const char *text, const char *what)
{
	int n = 0;
	for (const char *p = text; p != NULL && (p = strstr(p, what)) != NULL; p++) {
		n++;
	}
	return n;
}

static inline bool until_run(void *arg)
{
	const struct stage *s = arg;
	return s->runs > 0;
}

/* ---- how often the loop turns ---- */

struct rounds {
	struct loop *loop;
	int n;
	int64_t end_us;
};

static inline bool count_rounds(void *ctx)
{
	struct rounds *r = ctx;
	r->n++;
	if (clock_mono_us() > r->end_us) {
		loop_stop(r->loop);
	}
	return false;
}

static inline int rounds_in(struct stage *s, int ms)
{
	struct rounds r = {.loop = s->loop, .end_us = clock_mono_us() + (int64_t)ms * 1000};
	struct err e;
	CHECK(loop_run(s->loop, count_rounds, &r, &e));
	return r.n;
}

#endif
