/*
 * One connection of the HTTP server: the gate's hand on the bufferevent.  Owns our reference to the
 * bufferevent and what waits behind the present request; evhttp owns the connection itself.  Never
 * touches the descriptor of a connection that evhttp has let go: the number may be another's by
 * then.
 *
 * Under TLS the library's bufferevent does the handshake and hands on plain bytes: the gate, evhttp
 * and the crowd see no difference.  What differs is said here: who speaks past evhttp speaks through
 * the session, and the time for the first request begins with the handshake.
 */
#include "io/http_conn.h"

#include "base/clock.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>

#include <stdlib.h>
#include <sys/socket.h>

enum { MOST_LATER = 65536 }; /* bytes kept of what follows a request that is being answered */

/* evhttp takes its callbacks off when it frees its side. */
bool http_conn_let_go(const struct http_conn *c)
{
	bufferevent_event_cb on_event = NULL;
	bufferevent_getcb(c->bev, NULL, NULL, &on_event, NULL);
	return on_event == NULL;
}

void http_conn_free(struct http_conn *c)
{
	(void)bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	(void)evbuffer_remove_cb_entry(bufferevent_get_input(c->bev), c->input_cb);
	(void)bufferevent_decref(c->bev);
	crypto_tls_session_free(c->tls); /* the bufferevent has no event any more */
	evbuffer_free(c->later);
	http_gate_free(&c->gate);
	free(c);
}

void http_conn_enter(struct http_conn *c, enum http_conn_state state)
{
	c->state = state;
	c->since_us = clock_mono_us();
}

void http_conn_cut(struct http_conn *c)
{
	if (!c->cut && !http_conn_let_go(c)) {
		c->cut = true;
		(void)shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
	}
}

const char *http_conn_ungreeted(const struct http_conn *c)
{
	if (c->tls == NULL || c->cut || crypto_tls_greeted(c->tls)) {
		return NULL;
	}
	const char *why = crypto_tls_reason(bufferevent_get_openssl_error(c->bev));
	return why != NULL ? why : "the caller went away";
}

static const char *reason(int status)
{
	switch (status) {
	case 401: return "Unauthorized";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 417: return "Expectation Failed";
	case 431: return "Request Header Fields Too Large";
	case 505: return "HTTP Version Not Supported";
	default: return "Bad Request";
	}
}

static void add_allow(struct buf *b, const char *methods)
{
	buf_adds(b, "Allow: ");
	for (const char *p = methods; *p != '\0'; p++) {
		buf_adds(b, *p == ' ' ? ", " : (char[]){*p, '\0'});
	}
	buf_adds(b, "\r\n");
}

void http_conn_refuse(struct http_conn *c, int status)
{
	struct buf b = {0};
	int fd = bufferevent_getfd(c->bev);
	if (status == 405 && c->other_method != 0) {
		status = c->other_method;
	}
	buf_addf(&b, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n", status,
		 reason(status));
	if (status == 405) {
		add_allow(&b, c->gate.methods);
	}
	buf_adds(&b, "\r\n");
	if (c->tls != NULL) { /* a peer that takes not even this gets the close alone */
		crypto_tls_last_words(c->tls, b.data, b.len);
	} else {
		ssize_t sent = send(fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)sent;
	}
	buf_free(&b);
	(void)shutdown(fd, SHUT_WR);
	http_conn_enter(c, HTTP_CONN_REFUSED);
}

/* Reads the last n bytes of the input; returns how many belong to the present request. */
static size_t gate_read_tail(struct http_conn *c, struct evbuffer *input, size_t n)
{
	size_t used = 0;
	struct evbuffer_ptr at;
	struct evbuffer_iovec part;
	size_t begin = evbuffer_get_length(input) - n;
	while (used < n && c->gate.verdict == HTTP_GATE_MORE &&
	       evbuffer_ptr_set(input, &at, begin + used, EVBUFFER_PTR_SET) == 0 &&
	       evbuffer_peek(input, -1, &at, &part, 1) > 0) {
		used += http_gate_read(&c->gate, part.iov_base, part.iov_len);
	}
	return used;
}

/* Takes everything behind the first `keep` bytes out of evhttp's sight. */
static void keep_for_later(struct http_conn *c, struct evbuffer *input, size_t keep)
{
	struct evbuffer *now = evbuffer_new();
	if (now == NULL) {
		abort();
	}
	c->moving = true;
	(void)evbuffer_remove_buffer(input, now, keep);
	(void)evbuffer_add_buffer(c->later, input);
	(void)evbuffer_add_buffer(input, now);
	c->moving = false;
	evbuffer_free(now);
	if (evbuffer_get_length(c->later) > MOST_LATER) {
		(void)bufferevent_disable(c->bev, EV_READ);
	}
}

static void throw_away(struct http_conn *c, struct evbuffer *input)
{
	c->moving = true;
	(void)evbuffer_drain(input, evbuffer_get_length(input));
	c->moving = false;
}

/* Runs when bytes have come, before evhttp looks at them. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct http_conn *c = arg;
	if (c->moving || info->n_added == 0 || http_conn_let_go(c)) {
		return; /* TLS hands on the bytes before an end only when the end is known */
	}
	bool greeting = c->tls != NULL && c->first; /* its time is part of the first request's */
	if (c->state == HTTP_CONN_READING && !http_gate_started(&c->gate) && !greeting) {
		c->since_us = clock_mono_us();
	}
	/* What came early comes first: until it is resumed, all that follows waits behind it. */
	bool reads = c->state != HTTP_CONN_REFUSED && !http_conn_has_early(c);
	size_t used = reads ? gate_read_tail(c, input, info->n_added) : 0;
	if (c->state != HTTP_CONN_REFUSED && c->gate.verdict == HTTP_GATE_REFUSE) {
		http_conn_refuse(c, c->gate.status);
	}
	if (c->state == HTTP_CONN_REFUSED) {
		throw_away(c, input);
	} else if (used < info->n_added) {
		keep_for_later(c, input, evbuffer_get_length(input) - (info->n_added - used));
	}
}

void http_conn_resume(struct http_conn *c)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);
	struct evbuffer *early = evbuffer_new();
	bufferevent_data_cb on_read = NULL;
	void *arg = NULL;
	if (early == NULL) {
		abort();
	}
	(void)bufferevent_enable(c->bev, EV_READ); /* keep_for_later may have stopped it */
	(void)evbuffer_add_buffer(early, c->later);
	(void)evbuffer_unfreeze(input, 0);
	(void)evbuffer_add_buffer(input, early);
	if (c->tls == NULL) { /* as the library has it: a TLS one reads into it itself */
		(void)evbuffer_freeze(input, 0);
	}
	evbuffer_free(early);
	bufferevent_getcb(c->bev, &on_read, NULL, NULL, &arg);
	if (on_read != NULL) {
		on_read(c->bev, arg);
	}
}

bool http_conn_next(struct http_conn *c)
{
	c->first = false;
	http_gate_next(&c->gate);
	http_conn_enter(c, HTTP_CONN_READING);
	return http_conn_has_early(c);
}

bool http_conn_has_early(const struct http_conn *c)
{
	return evbuffer_get_length(c->later) > 0;
}

static struct bufferevent *new_bev(struct event_base *base, struct ssl_st *tls)
{
	struct bufferevent *b = tls == NULL ? bufferevent_socket_new(base, -1, 0)
					    : bufferevent_openssl_socket_new(
						      base, -1, tls, BUFFEREVENT_SSL_ACCEPTING, 0);
	if (b == NULL) {
		abort();
	}
	return b;
}

struct http_conn *http_conn_new(struct event_base *base, const struct crypto_tls *tls,
				const char *methods, size_t max_body, void *server)
{
	struct http_conn *c = NEW(struct http_conn);
	c->server = server;
	c->first = true;
	c->tls = tls != NULL ? crypto_tls_session(tls) : NULL;
	c->bev = new_bev(base, c->tls);
	c->later = evbuffer_new();
	if (c->later == NULL) {
		abort();
	}
	bufferevent_incref(c->bev);
	c->input_cb = evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c);
	http_gate_init(&c->gate, methods, max_body);
	http_conn_enter(c, HTTP_CONN_READING);
	return c;
}
