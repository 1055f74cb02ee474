/*
 * The real world's requests: libcurl's multi interface driven by the loop.  Owns the
 * requests in flight and those that wait for a place.  Never follows a redirect, never
 * takes a proxy, a password or a cookie from the environment, never skips the check of a
 * certificate, never sends what may change something a second time, and never calls anybody back
 * from inside start() or cancel().
 */
#include "io/http_client.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "io/http_answer.h"
#include "io/http_request.h"

#include <curl/curl.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
	CONNECT_MS = 10000,
	TIMEOUT_MS = 60000,
	SLOW_SECONDS = 30, /* below 10 bytes a second for that long */
	SLOW_BYTES = 10,
	MOST_ANSWER = 16 << 20,
};

struct web_call {
	struct http_client *client;
	CURL *easy; /* NULL: still waiting for a place */
	struct http_request rq;
	int64_t start_us;
	int64_t timeout_ms;
	web_done *done;
	void *arg;
	struct http_answer answer;
	char why[CURL_ERROR_SIZE];
	bool sent;        /* curl began to send it */
	bool sent_off;    /* and wanted to once more, which was not allowed */
	const char *step; /* that it failed in, or NULL */
	TAILQ_ENTRY(web_call) link;
};

TAILQ_HEAD(call_list, web_call);

struct http_client {
	struct loop *loop;
	CURLM *multi;
	char *ca_file;
	struct loop_timer *timer; /* curl's own */
	struct loop_timer *kick;  /* starts what waits */
	struct call_list waiting;
	struct call_list flying;
	CURLSH *sessions; /* of TLS, for all handles */
	int in_flight;
	int most;
};

/* Requests. */

static void call_free(struct web_call *c)
{
	http_request_free(&c->rq);
	http_answer_free(&c->answer);
	free(c);
}

static struct web_call *call_new(struct http_client *client, const struct web_request *rq,
				 struct err *e)
{
	struct http_request request;
	if (!http_request_take(&request, rq, e)) {
		return NULL;
	}
	struct web_call *c = NEW(struct web_call);
	c->client = client;
	c->rq = request;
	c->start_us = clock_mono_us();
	c->timeout_ms = rq->timeout_ms > 0 ? rq->timeout_ms : TIMEOUT_MS;
	c->answer.max_body = rq->max_answer > 0 ? rq->max_answer : MOST_ANSWER;
	return c;
}

/* What curl tells while it works. */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct web_call *c = arg;
	return http_answer_take_body(&c->answer, p, size * n) ? size * n : 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct web_call *c = arg;
	return http_answer_take_line(&c->answer, p, size * n) ? size * n : 0;
}

/* Plain text only ever goes to this machine, whatever a name resolves to. */
static curl_socket_t on_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *sa)
{
	(void)purpose;
	const struct web_call *c = arg;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&sa->addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&sa->addr;
	bool loopback = (sa->family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127) ||
			(sa->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
	if (c->rq.plain && !loopback) {
		return CURL_SOCKET_BAD;
	}
	return socket(sa->family, sa->socktype | SOCK_CLOEXEC, sa->protocol);
}

/* Before each sending.  When a kept connection ends without an answer, curl sends the request once
 * more by itself, a POST too: but the first one may well have been done. */
static int on_send(void *arg, char *ip, char *own_ip, int port, int own_port)
{
	(void)ip, (void)own_ip, (void)port, (void)own_port;
	struct web_call *c = arg;
	c->sent_off = c->sent && strcmp(c->rq.method, "GET") != 0;
	c->sent = true;
	return c->sent_off ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* The handles. */

/* Each request has a handle of its own: in a used one libcurl 7.88.1 keeps a pointer to the last
 * answer's headers, freed by then, and a folded first line of the next answer is read through it.
 * Connections are the multi's, so they are kept all the same. */
static void set_safety(CURL *h, const struct http_client *client)
{
	curl_easy_setopt(h, CURLOPT_SHARE, client->sessions);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
	curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
	if (client->ca_file != NULL) {
		curl_easy_setopt(h, CURLOPT_CAINFO, client->ca_file);
	}
}

static void set_request(CURL *h, struct web_call *c)
{
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->rq.headers);
	if (c->rq.has_body) {
		curl_easy_setopt(h, CURLOPT_POST, 1L);
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->rq.body.len);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS,
				 c->rq.body.data != NULL ? c->rq.body.data : "");
	} else if (strcmp(c->rq.method, "HEAD") == 0) {
		curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, c->rq.method);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, c);
}

static void set_call(CURL *h, struct web_call *c)
{
	int64_t left = c->timeout_ms - (clock_mono_us() - c->start_us) / 1000;
	curl_easy_setopt(h, CURLOPT_URL, c->rq.url);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left : 1));
	curl_easy_setopt(h, CURLOPT_PRIVATE, c);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->why);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket_open);
	curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, c);
	curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(h, CURLOPT_PREREQDATA, c);
}

static CURL *new_handle(void)
{
	CURL *h = curl_easy_init();
	if (h == NULL) {
		abort();
	}
	return h;
}

/* Takes a call out of curl. */
static void land(struct web_call *c)
{
	struct http_client *client = c->client;
	(void)curl_multi_remove_handle(client->multi, c->easy);
	curl_easy_cleanup(c->easy);
	c->easy = NULL;
	client->in_flight--;
	TAILQ_REMOVE(&client->flying, c, link);
	if (!TAILQ_EMPTY(&client->waiting)) {
		loop_timer_set(client->kick, 0);
	}
}

static void fly(struct web_call *c)
{
	struct http_client *client = c->client;
	c->easy = new_handle();
	set_safety(c->easy, client);
	set_call(c->easy, c);
	if (c->rq.mail.from != NULL) {
		mail_set(c->easy, &c->rq.mail, &c->rq.body, c->rq.plain);
	} else {
		set_request(c->easy, c);
	}
	TAILQ_REMOVE(&client->waiting, c, link);
	TAILQ_INSERT_TAIL(&client->flying, c, link);
	client->in_flight++;
	if (curl_multi_add_handle(client->multi, c->easy) != CURLM_OK) {
		abort(); /* only for a handle that is bad or already in: a bug */
	}
}

static void on_kick(void *arg)
{
	struct http_client *client = arg;
	while (client->in_flight < client->most && !TAILQ_EMPTY(&client->waiting)) {
		fly(TAILQ_FIRST(&client->waiting));
	}
}

/* The end of a call. */

static void finish_good(struct web_call *c, int status)
{
	struct web_header *headers = http_answer_headers(&c->answer);
	struct web_answer a = {
		.status = status,
		.headers = headers,
		.nheaders = c->answer.nheaders,
		.body = c->answer.body.data != NULL ? c->answer.body.data : "",
		.len = c->answer.body.len,
		.ms = (clock_mono_us() - c->start_us) / 1000,
	};
	struct err none = {.kind = ERR_NONE};
	c->done(c->arg, &a, &none);
	free(headers);
	call_free(c);
}

static void finish_bad(struct web_call *c, const char *why)
{
	struct err e;
	err_set(&e, ERR_NET, "%s %s: %s", c->rq.method, c->rq.host, why);
	e.step = c->step;
	c->done(c->arg, NULL, &e);
	call_free(c);
}

static void finish(struct web_call *c, CURLcode rc)
{
	long status = 0;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->step = http_request_step(c->easy, rc);
	land(c);
	bool mail = c->rq.mail.from != NULL;
	if (mail && (rc == CURLE_OK || status >= 400)) {
		finish_good(c, (int)status); /* the relay has spoken: yes or no */
	} else if (mail) {
		finish_bad(c, c->why[0] != '\0' ? c->why : curl_easy_strerror(rc));
	} else if (rc == CURLE_OK && c->answer.ended && (status < 100 || status > 999)) {
		/* "HTTP/21.1 200" is status 1 to libcurl */
		finish_bad(c, "the answer's first line cannot be read");
	} else if (rc == CURLE_OK && c->answer.ended) {
		finish_good(c, (int)status);
	} else if (rc == CURLE_OK) {
		finish_bad(c, "the answer was cut");
	} else if (c->sent_off) {
		finish_bad(c, "the connection ended without an answer");
	} else if (c->answer.too_much != NULL) {
		finish_bad(c, c->answer.too_much);
	} else {
		finish_bad(c, c->why[0] != '\0' ? c->why : curl_easy_strerror(rc));
	}
}

/* Collects what has ended.  A done callback may start or cancel others: each turn asks anew. */
static void collect(struct http_client *client)
{
	int left = 0;
	for (CURLMsg *m = curl_multi_info_read(client->multi, &left); m != NULL;
	     m = curl_multi_info_read(client->multi, &left)) {
		struct web_call *c = NULL;
		if (m->msg != CURLMSG_DONE) {
			continue;
		}
		CURLcode rc = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		finish(c, rc);
	}
}

/* curl in the loop. */

struct curl_fd {
	struct http_client *client;
	struct loop_fd *ready;
	curl_socket_t fd;
};

static void act(struct http_client *client, curl_socket_t fd, int what)
{
	int running = 0;
	(void)curl_multi_socket_action(client->multi, fd, what, &running);
	collect(client);
}

static void on_curl_fd(void *arg, int ready)
{
	const struct curl_fd *f = arg; /* may be gone after act */
	act(f->client, f->fd,
	    ((ready & LOOP_READ) ? CURL_CSELECT_IN : 0) |
		    ((ready & LOOP_WRITE) ? CURL_CSELECT_OUT : 0));
}

static void curl_fd_free(struct curl_fd *f)
{
	if (f != NULL) {
		loop_fd_free(f->ready);
		free(f);
	}
}

static int on_curl_wants(CURL *h, curl_socket_t fd, int what, void *arg, void *of_fd)
{
	(void)h;
	struct http_client *client = arg;
	struct curl_fd *f = of_fd;
	if (what == CURL_POLL_REMOVE) {
		(void)curl_multi_assign(client->multi, fd, NULL);
		curl_fd_free(f);
		return 0;
	}
	int want =
		((what & CURL_POLL_IN) ? LOOP_READ : 0) | ((what & CURL_POLL_OUT) ? LOOP_WRITE : 0);
	if (f != NULL) {
		loop_fd_want(f->ready, want);
		return 0;
	}
	f = NEW(struct curl_fd);
	f->client = client;
	f->fd = fd;
	f->ready = loop_fd_new(client->loop, fd, want, on_curl_fd, f);
	(void)curl_multi_assign(client->multi, fd, f);
	return 0;
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	struct http_client *client = arg;
	if (ms < 0) {
		loop_timer_clear(client->timer);
	} else {
		loop_timer_set(client->timer, ms);
	}
	return 0;
}

static void on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

struct http_client *http_client_new(struct loop *l, const char *ca_file, int max_in_flight,
				    struct err *e)
{
	CURLM *multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	if (multi == NULL) {
		err_set(e, ERR_CONFIG, "cannot start libcurl");
		return NULL;
	}
	struct http_client *c = NEW(struct http_client);
	c->loop = l;
	c->multi = multi;
	c->ca_file = xstrdup(ca_file);
	c->most = max_in_flight > 0 ? max_in_flight : 1;
	c->sessions = curl_share_init();
	if (c->sessions == NULL) {
		abort();
	}
	curl_share_setopt(c->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	c->timer = loop_timer_new(l, on_timer, c);
	loop_timer_real(c->timer);
	c->kick = loop_timer_new(l, on_kick, c);
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->flying);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_wants);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)c->most + 4);
	return c;
}

/* Ends all calls, also those that a done callback starts meanwhile. */
static void end_all(struct http_client *client)
{
	struct web_call *c;
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): it loses track of what TAILQ_REMOVE took out */
	while ((c = TAILQ_FIRST(&client->flying)) != NULL) {
		land(c);
		finish_bad(c, "the program is stopping");
	}
	while ((c = TAILQ_FIRST(&client->waiting)) != NULL) {
		TAILQ_REMOVE(&client->waiting, c, link);
		finish_bad(c, "the program is stopping");
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

void http_client_free(struct http_client *c)
{
	if (c == NULL) {
		return;
	}
	end_all(c);
	(void)curl_multi_cleanup(c->multi); /* closes connections: calls on_curl_wants */
	(void)curl_share_cleanup(c->sessions);
	loop_timer_free(c->timer);
	loop_timer_free(c->kick);
	free(c->ca_file);
	free(c);
	curl_global_cleanup(); /* counted, one for each new */
}

/* The verbs of the world. */

static int64_t real_now_ms(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static int64_t real_mono_us(void *ctx)
{
	(void)ctx;
	return clock_mono_us();
}

static void real_random(void *ctx, void *out, size_t n)
{
	(void)ctx;
	crypto_random(out, n);
}

static struct web_call *real_start(void *ctx, const struct web_request *rq, web_done *done,
				   void *arg, struct err *e)
{
	struct http_client *client = ctx;
	struct web_call *c = call_new(client, rq, e);
	if (c == NULL) {
		return NULL;
	}
	c->done = done;
	c->arg = arg;
	TAILQ_INSERT_TAIL(&client->waiting, c, link);
	loop_timer_set(client->kick, 0);
	return c;
}

static void real_cancel(void *ctx, struct web_call *c)
{
	struct http_client *client = ctx;
	if (c->easy != NULL) {
		land(c);
	} else {
		TAILQ_REMOVE(&client->waiting, c, link);
	}
	call_free(c);
}

struct world http_client_world(struct http_client *c)
{
	return (struct world){
		.ctx = c,
		.now_ms = real_now_ms,
		.mono_us = real_mono_us,
		.random = real_random,
		.start = real_start,
		.cancel = real_cancel,
	};
}
