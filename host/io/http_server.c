/*
 * An HTTP listener on evhttp.  Owns the crowd of connections and the calls that wait for their
 * answer.  A gate (http_gate) sees every byte before evhttp does: evhttp gets one sound request at
 * a time, what follows it waits here, and a doubtful head is answered and closed without it.
 *
 * evhttp owns and frees the connections; we keep a reference to each bufferevent and let it go when
 * a sweep finds that evhttp has.  It never tells us, but it takes its callbacks off.  No event of a
 * connection may be pending at that time, or a later owner of the descriptor's number would suffer:
 * so reading is off from the end of a request to the end of its answer.
 */
#include "io/http_server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/http_call.h"
#include "io/http_crowd.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SWEEP_MS = 100,
	LINGER_MS = 1000, /* after a refusal: time for the peer to read it */
	WRITE_MS = 60000, /* for the peer to take a whole answer */
	WARN_EVERY_US = 10 * 1000 * 1000,
};

struct http_server {
	struct http_server_config config;
	char *methods;
	struct event_base *base;
	struct evhttp *http;
	struct evconnlistener *listener;
	struct loop_timer *sweep;
	struct loop_timer *resume; /* connections whose answer is out; also a deferred free */
	http_handler *handler;
	void *ctx;
	bool paused;
	bool full;         /* not accepting until a place or a descriptor is free */
	int spare;         /* a descriptor for bad times, or -1 */
	int64_t warned_us; /* of a failed accept */
	bool in_handler;
	bool doomed;
	struct http_crowd crowd;
	LIST_HEAD(held_list, http_call) calls;
	LIST_ENTRY(http_server) link;
};

/* The one thing the library gives no argument for is a failed accept. */
static LIST_HEAD(server_list, http_server) all_servers;

/* One descriptor is kept for bad times.  When there is no other, it is the rest of the program's,
 * and nothing is accepted until it is here again. */
static bool take_spare(struct http_server *s)
{
	if (s->spare < 0) {
		s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	return s->spare >= 0;
}

static void drop_spare(struct http_server *s)
{
	if (s->spare >= 0) {
		(void)close(s->spare);
	}
	s->spare = -1;
}

static void stop_accepting(struct http_server *s)
{
	s->full = true;
	(void)evconnlistener_disable(s->listener);
}

static void accept_again(struct http_server *s)
{
	if (s->full && !s->paused && http_crowd_has_place(&s->crowd) && take_spare(s)) {
		s->full = false;
		(void)evconnlistener_enable(s->listener);
	}
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct http_server *s = arg;
	/* before the new one is in the list: it has no callbacks yet */
	if (!http_crowd_make_place(&s->crowd)) {
		stop_accepting(s); /* all are being answered; the sweep goes on when one is done */
	} else if (http_crowd_is_thick(&s->crowd)) {
		stop_accepting(s); /* in a moment: those who were cut hold descriptors still */
		loop_timer_set(s->resume, 0);
	}
	struct http_conn *c = http_conn_new(base, s->config.tls, s->methods, s->config.max_body, s);
	c->other_method = s->config.other_method;
	http_crowd_add(&s->crowd, c);
	if (s->config.max_per_address > 0) {
		loop_timer_set(s->resume, 0); /* its descriptor is known only then */
	}
	return c->bev;
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg; /* evhttp's own */
	struct http_server *s = NULL;
	LIST_FOREACH(s, &all_servers, link)
	{
		if (s->listener == listener) {
			break;
		}
	}
	if (s == NULL) {
		return;
	}
	int64_t now_us = clock_mono_us();
	if (s->warned_us == 0 || now_us - s->warned_us > WARN_EVERY_US) {
		s->warned_us = now_us;
		log_warn("cannot accept on port %d: %s", http_server_port(s), strerror(errno));
	}
	stop_accepting(s); /* else the loop would run at full speed until a descriptor is free */
	drop_spare(s);
	(void)http_crowd_cut_one(&s->crowd); /* who has sent nothing whole holds one of them */
}

static void sweep_conn(const struct http_server *s, struct http_conn *c, int64_t now_us)
{
	const struct http_server_config *config = &s->config;
	int64_t age_ms = (now_us - c->since_us) / 1000;
	bool started = http_gate_started(&c->gate);
	switch (c->state) {
	case HTTP_CONN_READING:
		if (started && age_ms > config->deadline_ms) {
			http_conn_refuse(c, 408);
		} else if (!started && (s->paused || age_ms > (c->first ? config->deadline_ms
									: config->idle_ms))) {
			http_conn_cut(c);
		}
		break;
	case HTTP_CONN_WRITING:
		if (age_ms > WRITE_MS) {
			http_conn_cut(c);
		}
		break;
	case HTTP_CONN_REFUSED:
		if (age_ms > LINGER_MS) {
			http_conn_cut(c);
		}
		break;
	case HTTP_CONN_HELD: break;
	}
}

static void on_sweep(void *arg)
{
	struct http_server *s = arg;
	struct http_conn *c = NULL;
	int64_t now_us = clock_mono_us();
	http_crowd_prune(&s->crowd);
	http_crowd_settle(&s->crowd);
	LIST_FOREACH(c, &s->crowd.conns, link)
	{
		if (!c->cut) {
			sweep_conn(s, c, now_us);
		}
	}
	accept_again(s);
	loop_timer_set(s->sweep, SWEEP_MS);
}

/* Requests. */

/* The answer is with the kernel.  What waits behind it can only be read when evhttp has made the
 * connection ready for a next request, which it does after this. */
static void on_complete(struct evhttp_request *req, void *arg)
{
	(void)req;
	struct http_conn *c = arg;
	struct http_server *s = c->server;
	if (http_conn_next(c)) {
		loop_timer_set(s->resume, 0);
	}
}

static void handle(struct http_server *s, struct http_call *call)
{
	s->in_handler = true;
	s->handler(s->ctx, call);
	s->in_handler = false;
}

static void handle_fresh(struct http_server *s)
{
	struct http_call *c = LIST_FIRST(&s->calls);
	while (c != NULL && !s->doomed) {
		bool fresh = c->fresh;
		c->fresh = false;
		if (fresh) {
			handle(s, c); /* may answer any of them */
		}
		c = fresh ? LIST_FIRST(&s->calls) : LIST_NEXT(c, link);
	}
}

static void really_free(struct http_server *s);

static void on_resume(void *arg)
{
	struct http_server *s = arg;
	struct http_conn *next = NULL;
	handle_fresh(s);
	http_crowd_prune(&s->crowd);
	http_crowd_settle(&s->crowd);
	for (struct http_conn *c = LIST_FIRST(&s->crowd.conns); c != NULL && !s->doomed; c = next) {
		next = LIST_NEXT(c, link);
		if (c->state == HTTP_CONN_READING && http_conn_has_early(c) &&
		    !http_conn_let_go(c)) {
			http_conn_resume(c);
		}
	}
	accept_again(s);
	if (http_crowd_is_thick(&s->crowd)) {
		loop_timer_set(s->resume, 1);
	}
	if (s->doomed) {
		really_free(s);
	}
}

static struct http_conn *conn_of(struct http_server *s, struct evhttp_request *req)
{
	struct bufferevent *bev =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	struct http_conn *c = NULL;
	LIST_FOREACH(c, &s->crowd.conns, link)
	{
		if (c->bev == bev) {
			return c;
		}
	}
	return NULL;
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct http_server *s = arg;
	struct http_conn *c = conn_of(s, req);
	if (c == NULL || c->state != HTTP_CONN_READING || c->gate.verdict != HTTP_GATE_WHOLE) {
		log_error("a request arrived past the gate"); /* cannot be; but never let it in */
		evhttp_send_error(req, 400, NULL);
		return;
	}
	struct http_call *call = NEW(struct http_call);
	struct evbuffer *body = evhttp_request_get_input_buffer(req);
	call->conn = c;
	call->req = req;
	call->len = evbuffer_get_length(body);
	(void)evbuffer_add(body, "", 1);
	call->body = evbuffer_pullup(body, -1);
	LIST_INSERT_HEAD(&s->calls, call, link);
	(void)bufferevent_disable(c->bev, EV_READ);
	http_conn_enter(c, HTTP_CONN_HELD);
	/* Under TLS the library may still be about to tell evhttp that "100 Continue" left, which
	 * it would take for the end of an answer that is given now. */
	call->fresh = c->tls != NULL && http_call_header(call, "expect") != NULL;
	if (call->fresh) {
		loop_timer_set(s->resume, 0);
	} else {
		handle(s, call);
	}
}

static bool is_framing(const char *name)
{
	return strcasecmp(name, "content-length") == 0 ||
	       strcasecmp(name, "transfer-encoding") == 0;
}

static void add_headers(struct http_call *c, const struct web_header *h, size_t n)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(c->req);
	for (size_t i = 0; i < n; i++) {
		if (!is_framing(h[i].name)) {
			(void)evhttp_add_header(out, h[i].name,
						h[i].value); /* leaves out one with a CR or LF */
		}
	}
	const struct http_server *s = c->conn->server;
	if (s->paused) {
		(void)evhttp_remove_header(out, "Connection");
		(void)evhttp_add_header(out, "Connection", "close");
	}
}

/* Hands the answer to evhttp, and the call is gone. */
static void finish(struct http_call *call, int status, struct evbuffer *body)
{
	struct http_conn *c = call->conn;
	LIST_REMOVE(call, link);
	http_conn_enter(c, HTTP_CONN_WRITING);
	evhttp_request_set_on_complete_cb(call->req, on_complete, c);
	evhttp_send_reply(call->req, status, NULL, body);
	(void)bufferevent_disable(c->bev, EV_READ);
	free(call);
}

void http_call_answer(struct http_call *c, int status, const struct web_header *h, size_t n,
		      const void *body, size_t len)
{
	struct evbuffer *out = evbuffer_new();
	char length[24];
	if (out == NULL) {
		abort();
	}
	if (status < 200 || status > 599) {
		status = 500;
	}
	add_headers(c, h, n);
	if (status != 204 && status != 304) {
		(void)snprintf(length, sizeof length, "%zu", len);
		(void)evhttp_add_header(evhttp_request_get_output_headers(c->req), "Content-Length",
					length);
		if (evhttp_request_get_command(c->req) != EVHTTP_REQ_HEAD && len > 0) {
			(void)evbuffer_add(out, body, len);
		}
	}
	finish(c, status, out);
	evbuffer_free(out);
}

/* The connection is shut first, so evhttp's write fails and it cleans up as for any lost peer. */
void http_call_drop(struct http_call *c)
{
	http_conn_cut(c->conn);
	finish(c, 500, NULL);
}

/* The listener. */

static struct evconnlistener *listen_on(struct event_base *base, const char *address, int port,
					struct err *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	char service[12];
	(void)snprintf(service, sizeof service, "%d", port);
	int rc = getaddrinfo(address, service, &hints, &found);
	if (rc != 0) {
		err_set(e, ERR_CONFIG, "cannot listen on %s port %d: %s", address, port,
			gai_strerror(rc));
		return NULL;
	}
	unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct evconnlistener *l = evconnlistener_new_bind(base, NULL, NULL, flags, 512,
							   found->ai_addr, (int)found->ai_addrlen);
	if (l == NULL) {
		err_set(e, ERR_CONFIG, "cannot listen on %s port %d: %s", address, port,
			strerror(errno));
	}
	freeaddrinfo(found);
	return l;
}

static void set_defaults(struct http_server_config *c)
{
	c->max_connections = http_crowd_fitting(c->max_connections > 0 ? c->max_connections : 256);
	c->deadline_ms = c->deadline_ms > 0 ? c->deadline_ms : 10000;
	c->idle_ms = c->idle_ms > 0 ? c->idle_ms : 5000;
}

static void set_up_evhttp(struct http_server *s)
{
	s->http = evhttp_new(s->base);
	if (s->http == NULL) {
		abort();
	}
	evhttp_set_bevcb(s->http, on_connection, s);
	evhttp_set_gencb(s->http, on_request, s);
	evhttp_set_allowed_methods(s->http, (ev_uint16_t)http_call_methods(s->methods));
	evhttp_set_max_headers_size(s->http, 32768); /* the gate's limits are below these */
	evhttp_set_max_body_size(s->http, (ev_ssize_t)s->config.max_body);
	evhttp_set_default_content_type(s->http, NULL);
	if (evhttp_bind_listener(s->http, s->listener) == NULL) {
		abort();
	}
	evconnlistener_set_error_cb(s->listener, on_accept_error);
}

struct http_server *http_server_new(struct loop *l, const struct http_server_config *c,
				    http_handler *h, void *ctx, struct err *e)
{
	struct evconnlistener *listener = listen_on(loop_base(l), c->address, c->port, e);
	if (listener == NULL) {
		return NULL;
	}
	struct http_server *s = NEW(struct http_server);
	s->config = *c;
	s->methods = xstrdup(c->methods);
	s->base = loop_base(l);
	s->listener = listener;
	s->handler = h;
	s->ctx = ctx;
	s->config.address = NULL; /* lives only as long as this call */
	s->config.methods = NULL;
	set_defaults(&s->config);
	s->crowd.most = s->config.max_connections;
	s->crowd.most_per_address = s->config.max_per_address;
	s->spare = -1;
	(void)take_spare(s);
	set_up_evhttp(s);
	LIST_INSERT_HEAD(&all_servers, s, link);
	s->resume = loop_timer_new(l, on_resume, s);
	s->sweep = loop_timer_new(l, on_sweep, s);
	loop_timer_set(s->sweep, SWEEP_MS);
	return s;
}

int http_server_port(const struct http_server *s)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa = {.v6 = {.sin6_port = 0}};
	socklen_t len = sizeof sa;
	if (getsockname(evconnlistener_get_fd(s->listener), &sa.any, &len) != 0) {
		return 0;
	}
	return ntohs(sa.any.sa_family == AF_INET6 ? sa.v6.sin6_port : sa.v4.sin_port);
}

void http_server_greet(struct http_server *s, const struct crypto_tls *tls)
{
	assert(s->config.tls != NULL && tls != NULL); /* plain and TLS are never exchanged */
	s->config.tls = tls;
}

uint64_t http_server_ungreeted(const struct http_server *s, const char **why)
{
	*why = s->crowd.why;
	return s->crowd.ungreeted;
}

void http_server_pause(struct http_server *s)
{
	s->paused = true;
	(void)evconnlistener_disable(s->listener);
}

static void really_free(struct http_server *s)
{
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): it loses track of what LIST_REMOVE took out */
	while (!LIST_EMPTY(&s->calls)) {
		http_call_drop(LIST_FIRST(&s->calls));
	}
	LIST_REMOVE(s, link);
	evhttp_free(s->http); /* the listener and all connections too */
	while (!LIST_EMPTY(&s->crowd.conns)) {
		struct http_conn *c = LIST_FIRST(&s->crowd.conns);
		LIST_REMOVE(c, link);
		http_conn_free(c);
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	drop_spare(s);
	loop_timer_free(s->resume);
	loop_timer_free(s->sweep);
	free(s->methods);
	free(s);
}

void http_server_free(struct http_server *s)
{
	if (s == NULL) {
		return;
	}
	if (s->in_handler) { /* evhttp is below us on the stack: a round later */
		s->doomed = true;
		http_server_pause(s);
		loop_timer_set(s->resume, 0);
		return;
	}
	really_free(s);
}
