/*
 * The network of the world: the listeners of io/http_server.h and the requests of a struct world
 * meet in memory.  Each way takes a moment; a request, its answer or a callback may be lost, late
 * or doubled.
 *
 * Owns every request under way.  What a fault is decided by is the dice of the net alone, so that
 * two runs of a seed agree.  A request that arrived has its effect, whatever becomes of its answer.
 */
#include "world.h"

#include "base/buf.h"
#include "io/http_server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#define TIMEOUT_MS 60000

enum fate { FATE_FINE, FATE_REFUSED, FATE_LOST, FATE_ANSWER_LOST, FATE_UNHEARD };

struct web_call {
	LIST_ENTRY(web_call) link;
	struct loop *owner;
	bool host;
	char *method, *url;
	struct web_header *headers;
	size_t nheaders;
	struct buf body;
	web_done *done; /* NULL: cancelled, over, or its sender is dead */
	void *arg;
	enum fate fate;
	bool again; /* arrives twice */
	struct http_call *held;
	struct loop_timer *arrive, *deliver, *late;
	int64_t began_us;
	int status; /* the answer; 0: none came */
	struct web_header *answer_headers;
	size_t nanswer_headers;
	struct buf answer;
	const char *why;
};

struct http_call {
	LIST_ENTRY(http_call) link;
	struct http_server *server;
	struct web_call *from; /* NULL: nobody waits for the answer any more */
	char *method, *target, *host;
	struct web_header *headers;
	size_t nheaders;
	struct buf body;
};

struct http_server {
	LIST_ENTRY(http_server) link;
	struct loop *loop;
	int port;
	bool paused;
	http_handler *handler;
	void *ctx;
	LIST_HEAD(, http_call) calls;
};

struct side {
	struct loop *loop;
	struct dice *dice;
	bool host;
};

static struct loop *wire; /* the time that bytes are under way belongs to no side */
static struct dice luck;
static struct net_faults faults;
static LIST_HEAD(, http_server) servers;
static LIST_HEAD(, web_call) calls;
static int next_port = 20000;
static long copies;
static int64_t kill_in;

void net_begin(uint64_t seed)
{
	struct err e;
	if (!wire)
		wire = loop_new(&e);
	luck.state = seed;
}

void net_faults_set(const struct net_faults *f)
{
	faults = *f;
}

void net_kill_in(int64_t n)
{
	kill_in = n;
}

static bool chance(int in_a_thousand)
{
	return in_a_thousand > 0 && dice_below(&luck, 1000) < in_a_thousand;
}

static int64_t moment(int64_t most_ms)
{
	return 1 + dice_below(&luck, most_ms + 1);
}

/* ---- headers ---- */

static struct web_header *headers_copy(const struct web_header *from, size_t n, bool lower)
{
	struct web_header *to = xcalloc(n + 3, sizeof(*to));
	for (size_t i = 0; i < n; i++) {
		char *name = xstrdup(from[i].name);
		for (char *c = name; lower && *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		to[i] = (struct web_header){name, xstrdup(from[i].value)};
	}
	return to;
}

static void headers_free(struct web_header *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)h[i].name);
		free((char *)h[i].value);
	}
	free(h);
}

/* ---- the end of a request ---- */

static void forget(struct web_call *c)
{
	LIST_REMOVE(c, link);
	if (c->held)
		c->held->from = NULL;
	loop_timer_free(c->arrive);
	loop_timer_free(c->deliver);
	loop_timer_free(c->late);
	headers_free(c->headers, c->nheaders);
	headers_free(c->answer_headers, c->nanswer_headers);
	buf_free(&c->body);
	buf_free(&c->answer);
	free(c->method);
	free(c->url);
	free(c);
}

static void tell(void *arg)
{
	struct web_call *c = arg;
	web_done *done = c->done;
	struct err e = {0};
	c->done = NULL;
	if (c->status == 0) {
		err_set(&e, ERR_NET, "%s", c->why);
		done(c->arg, NULL, &e);
		return;
	}
	const struct web_answer answer = {.status = c->status,
					  .headers = c->answer_headers,
					  .nheaders = c->nanswer_headers,
					  .body = c->answer.data ? c->answer.data : "",
					  .len = c->answer.len,
					  .ms = (world_now_us() - c->began_us) / 1000};
	done(c->arg, &answer, &e);
}

static void on_deliver(void *arg)
{
	struct web_call *c = arg;
	if (c->done)
		world_enter(c->owner, tell, c);
	forget(c);
}

static void end(struct web_call *c, const char *why)
{
	c->why = why;
	loop_timer_set(c->deliver, moment(faults.latency_ms));
}

static void on_late(void *arg)
{
	struct web_call *c = arg;
	trace("net timeout %s %s", c->method, c->url);
	c->status = 0;
	end(c, "no answer in time");
}

/* ---- arriving ---- */

static struct http_server *server_at(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	const char *colon = host + strcspn(host, ":/?");
	int port = *colon == ':' ? (int)strtol(colon + 1, NULL, 10) : 0;
	struct http_server *s = NULL;
	LIST_FOREACH(s, &servers, link)
	{
		if (s->port == port && !s->paused)
			break;
	}
	return s;
}

static struct http_call *call_new(struct http_server *s, struct web_call *from)
{
	struct http_call *c = NEW(struct http_call);
	const char *host = strstr(from->url, "://") + 3;
	size_t n = strcspn(host, "/?");
	c->server = s;
	c->method = xstrdup(from->method);
	c->host = xmemdup0(host, n);
	c->target = host[n] == '/' ? xstrdup(host + n) : xasprintf("/%s", host + n);
	c->headers = headers_copy(from->headers, from->nheaders, false);
	c->nheaders = from->nheaders;
	c->headers[c->nheaders++] = (struct web_header){xstrdup("Host"), xstrdup(c->host)};
	buf_add(&c->body, from->body.data ? from->body.data : "", from->body.len);
	LIST_INSERT_HEAD(&s->calls, c, link);
	return c;
}

static void call_free(struct http_call *c)
{
	LIST_REMOVE(c, link);
	headers_free(c->headers, c->nheaders);
	buf_free(&c->body);
	free(c->method);
	free(c->target);
	free(c->host);
	free(c);
}

static void handle(void *arg)
{
	struct http_call *c = arg;
	c->server->handler(c->server->ctx, c);
}

long net_copies(void)
{
	return copies;
}

/* One that was doubled on its way: nobody waits for its answer. */
static void on_echo(void *arg)
{
	struct web_call *c = arg;
	copies--;
	struct http_server *s = server_at(c->url);
	if (s) {
		trace("net again %s %s", c->method, c->url);
		world_enter(s->loop, handle, call_new(s, c));
	}
	forget(c);
}

static void echo(const struct web_call *c)
{
	struct web_call *copy = NEW(struct web_call);
	copy->method = xstrdup(c->method);
	copy->url = xstrdup(c->url);
	copy->headers = headers_copy(c->headers, c->nheaders, false);
	copy->nheaders = c->nheaders;
	copy->owner = c->owner;
	buf_add(&copy->body, c->body.data ? c->body.data : "", c->body.len);
	LIST_INSERT_HEAD(&calls, copy, link);
	copies++;
	copy->arrive = loop_timer_new(wire, on_echo, copy);
	loop_timer_set(copy->arrive, moment(faults.late_ms));
}

static void on_arrive(void *arg)
{
	struct web_call *c = arg;
	struct http_server *s = server_at(c->url);
	if (c->fate == FATE_UNHEARD) { /* somebody said 200 and forgot it */
		c->status = 200;
		end(c, NULL);
		return;
	}
	if (!s || c->fate == FATE_REFUSED || c->fate == FATE_LOST) {
		end(c, !s || c->fate == FATE_REFUSED ? "connection refused" : "connection cut");
		return;
	}
	if (c->again)
		echo(c);
	c->held = call_new(s, c);
	c->held->from = c;
	world_enter(s->loop, handle, c->held);
}

/* ---- io/http_server.h ---- */

struct http_server *http_server_new(struct loop *l, const struct http_server_config *config,
				    http_handler *h, void *ctx, struct err *e)
{
	(void)e;
	struct http_server *s = NEW(struct http_server);
	s->loop = l;
	s->port = config->port ? config->port : next_port++;
	s->handler = h;
	s->ctx = ctx;
	LIST_INSERT_HEAD(&servers, s, link);
	return s;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

/* Nobody speaks TLS here. */
void http_server_greet(struct http_server *s, const struct crypto_tls *tls)
{
	(void)s, (void)tls;
	abort();
}

uint64_t http_server_ungreeted(const struct http_server *s, const char **why)
{
	(void)s;
	*why = "";
	return 0;
}

void http_server_pause(struct http_server *s)
{
	s->paused = true;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	struct http_call *next = NULL;
	for (struct http_call *c = LIST_FIRST(&s->calls); c; c = next) {
		next = LIST_NEXT(c, link);
		http_call_drop(c);
	}
	LIST_REMOVE(s, link);
	free(s);
}

const char *http_call_method(const struct http_call *c)
{
	return c->method;
}

const char *http_call_target(const struct http_call *c)
{
	return c->target;
}

const char *http_call_host(const struct http_call *c)
{
	return c->host;
}

struct web_header http_call_header_at(const struct http_call *c, size_t i)
{
	return i < c->nheaders ? c->headers[i] : (struct web_header){NULL, NULL};
}

const char *http_call_header(const struct http_call *c, const char *name)
{
	return web_header_get(c->headers, c->nheaders, name);
}

size_t http_call_header_count(const struct http_call *c, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < c->nheaders; i++)
		n += strcasecmp(c->headers[i].name, name) == 0;
	return n;
}

const void *http_call_body(const struct http_call *c, size_t *len)
{
	*len = c->body.len;
	return c->body.data;
}

void http_call_answer(struct http_call *c, int status, const struct web_header *h, size_t n,
		      const void *body, size_t len)
{
	struct web_call *to = c->from;
	if (to) {
		bool same = strncmp(c->target, "/cert/", 6) != 0; /* keys differ from run to run */
		trace("net %d %s %s %.*s > %.*s", status, c->method, c->target, (int)c->body.len,
		      c->body.data ? c->body.data : "", same ? (int)len : 0,
		      body ? (const char *)body : "");
		to->held = NULL;
		to->status = to->fate == FATE_ANSWER_LOST ? 0 : status;
		to->answer_headers = headers_copy(h, n, true);
		to->nanswer_headers = n;
		if (status != 204 && status != 304)
			buf_add(&to->answer, body ? body : "", len);
		end(to, "the answer was cut");
	}
	call_free(c);
}

void http_call_drop(struct http_call *c)
{
	struct web_call *to = c->from;
	if (to) {
		to->held = NULL;
		end(to, "connection closed without an answer");
	}
	call_free(c);
}

void net_forget(const struct loop *l)
{
	struct http_server *next = NULL;
	for (struct http_server *s = LIST_FIRST(&servers); s; s = next) {
		next = LIST_NEXT(s, link);
		if (s->loop == l)
			http_server_free(s);
	}
	struct web_call *c = NULL;
	LIST_FOREACH(c, &calls, link)
	{
		if (c->owner != l || !c->done)
			continue;
		c->done = NULL;
		if (dice_below(&luck, 2) == 0 && c->fate != FATE_UNHEARD)
			c->fate = FATE_LOST; /* if it has not arrived yet */
	}
}

/* ---- the verbs ---- */

static int64_t now_ms(void *ctx)
{
	(void)ctx;
	return world_now_us() / 1000;
}

static int64_t mono_us(void *ctx)
{
	(void)ctx;
	return world_now_us();
}

static void random_bytes(void *ctx, void *out, size_t n)
{
	const struct side *s = ctx;
	dice_bytes(s->dice, out, n);
}

static enum fate fate_of(bool host)
{
	if (!host)
		return chance(faults.lose_event) ? FATE_UNHEARD : FATE_FINE;
	if (chance(faults.refuse))
		return FATE_REFUSED;
	if (chance(faults.lose_request))
		return FATE_LOST;
	return chance(faults.lose_answer) ? FATE_ANSWER_LOST : FATE_FINE;
}

static void on_kill(void *arg)
{
	(void)arg;
	world_die();
}

static struct web_call *start(void *ctx, const struct web_request *rq, web_done *done, void *arg,
			      struct err *e)
{
	struct side *s = ctx;
	if (strncmp(rq->url, "http://", 7) != 0 || !rq->plain_ok) {
		err_set(e, ERR_CONFIG, "this world has no such address");
		return NULL;
	}
	struct web_call *c = NEW(struct web_call);
	*c = (struct web_call){.owner = s->loop, .host = s->host, .done = done, .arg = arg};
	c->method = xstrdup(rq->method);
	c->url = xstrdup(rq->url);
	c->headers = headers_copy(rq->headers, rq->nheaders, false);
	c->nheaders = rq->nheaders;
	buf_add(&c->body, rq->body ? rq->body : "", rq->body ? rq->len : 0);
	c->began_us = world_now_us();
	c->fate = fate_of(s->host);
	c->again = !s->host && chance(faults.twice);
	c->arrive = loop_timer_new(wire, on_arrive, c);
	c->deliver = loop_timer_new(wire, on_deliver, c);
	c->late = loop_timer_new(wire, on_late, c);
	loop_timer_set(c->arrive, moment(s->host ? faults.latency_ms : faults.late_ms));
	loop_timer_set(c->late, rq->timeout_ms > 0 ? rq->timeout_ms : TIMEOUT_MS);
	LIST_INSERT_HEAD(&calls, c, link);
	if (c->fate != FATE_FINE || c->again)
		trace("net fate %d%s %s %s", (int)c->fate, c->again ? " twice" : "", c->method,
		      c->url);
	if (s->host && kill_in > 0 && --kill_in == 0)
		world_later(s->loop, on_kill, NULL);
	return c;
}

static void cancel(void *ctx, struct web_call *c)
{
	(void)ctx;
	c->done = NULL; /* it may have left already: it goes on by itself */
}

struct world net_world(struct loop *l, struct dice *d, bool host)
{
	struct side *s = NEW(struct side);
	*s = (struct side){l, d, host};
	return (struct world){s, now_ms, mono_us, random_bytes, start, cancel};
}
