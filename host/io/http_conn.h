/*
 * One connection of io/http_server: where its request stands, the gate in front of evhttp, what
 * came too early, and the ways to end it.  Only io/http_server uses this.
 */
#ifndef IO_HTTP_CONN_H
#define IO_HTTP_CONN_H

#include <sys/queue.h>

#include "base/crypto_tls.h"
#include "io/http_gate.h"

struct bufferevent;
struct evbuffer;
struct evbuffer_cb_entry;
struct event_base;

enum http_conn_state {
	HTTP_CONN_READING, /* waits for a request, or for the rest of one */
	HTTP_CONN_HELD,    /* a whole request waits for its answer */
	HTTP_CONN_WRITING, /* the answer is on its way */
	HTTP_CONN_REFUSED, /* we said no and ended our side; what comes is thrown away */
};

struct http_conn {
	void *server;
	struct bufferevent *bev;
	struct ssl_st *tls; /* NULL: plain */
	struct evbuffer_cb_entry *input_cb;
	struct evbuffer *later; /* what came behind the present request */
	struct http_gate gate;
	enum http_conn_state state;
	bool first;       /* no request was answered yet */
	bool cut;         /* we shut it down; evhttp will find out */
	bool moving;      /* our own change of the input buffer */
	int64_t since_us; /* when this state, or the present request, began */
	int other_method; /* the status of a refusal for it */
	bool known;       /* whose it is: the address is that of the peer */
	unsigned char address[16];
	LIST_ENTRY(http_conn) link;
};

/* c->bev is what evhttp gets.  tls NULL: plain. */
struct http_conn *http_conn_new(struct event_base *base, const struct crypto_tls *tls,
				const char *methods, size_t max_body, void *server);
void http_conn_free(struct http_conn *c); /* only once evhttp has let go */

/* Has evhttp freed its side? */
bool http_conn_let_go(const struct http_conn *c);

void http_conn_enter(struct http_conn *c, enum http_conn_state state);

/* Shuts the connection down, if evhttp still has it: evhttp finds out and cleans up. */
void http_conn_cut(struct http_conn *c);

/* Why the greeting failed, though nobody here cut it; NULL: it did not. */
const char *http_conn_ungreeted(const struct http_conn *c);

/* Answers past evhttp, which never saw a whole request, and says that no more is sent.  The peer
 * gets a moment to read that. */
void http_conn_refuse(struct http_conn *c, int status);

/* The answer is with the kernel: ready for the next request.  True if bytes of it are here already;
 * then call http_conn_resume once evhttp is ready too. */
bool http_conn_next(struct http_conn *c);
bool http_conn_has_early(const struct http_conn *c);

/* Gives evhttp the bytes that came early, as if they had come now. */
void http_conn_resume(struct http_conn *c);

#endif
