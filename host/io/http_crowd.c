/*
 * The crowd at an HTTP listener.  Owns the records of its connections.  Merely pausing at the cap
 * would let idle peers keep a good caller out, so one of them goes instead: the oldest without a
 * whole request, else one that does not take its answer.  Never cuts a call that waits for its
 * answer, and never trusts a header for whose a connection is.
 */
#include "io/http_crowd.h"

#include "base/clock.h"
#include "base/log.h"

#include <event2/bufferevent.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
	SLOW_READER_US = 1000 * 1000, /* an answer to a callback fits the kernel's buffer at once */
	MOST_CUT = 64,                /* cut, and not yet let go */
	FOR_OTHERS = 64,              /* descriptors: state, remotes, children, control */
};

void http_crowd_add(struct http_crowd *w, struct http_conn *c)
{
	LIST_INSERT_HEAD(&w->conns, c, link);
}

static void note_ungreeted(struct http_crowd *w, const struct http_conn *c)
{
	const char *why = http_conn_ungreeted(c);
	if (why != NULL) {
		w->ungreeted++;
		(void)snprintf(w->why, sizeof w->why, "%s", why);
	}
}

void http_crowd_prune(struct http_crowd *w)
{
	struct http_conn *next = NULL;
	for (struct http_conn *c = LIST_FIRST(&w->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (http_conn_let_go(c) && c->state != HTTP_CONN_HELD) {
			note_ungreeted(w, c);
			LIST_REMOVE(c, link);
			http_conn_free(c);
		}
	}
}

/* Whose: NULL counts them all. */
static bool is_of(const struct http_conn *c, const struct http_conn *whose)
{
	return whose == NULL ||
	       (c->known && memcmp(c->address, whose->address, sizeof c->address) == 0);
}

static int count_open(const struct http_crowd *w, const struct http_conn *whose)
{
	int n = 0;
	struct http_conn *c = NULL;
	LIST_FOREACH(c, &w->conns, link)
	{
		n += !c->cut && is_of(c, whose);
	}
	return n;
}

static int count_cut(const struct http_crowd *w)
{
	int n = 0;
	struct http_conn *c = NULL;
	LIST_FOREACH(c, &w->conns, link)
	{
		n += c->cut;
	}
	return n;
}

/* 2: before all others; 1: if there is no such; 0: never. */
static int may_go(const struct http_conn *c, int64_t now_us)
{
	if (c->cut || c->state == HTTP_CONN_HELD) {
		return 0;
	}
	if (c->state != HTTP_CONN_WRITING) {
		return 2;
	}
	return now_us - c->since_us > SLOW_READER_US ? 1 : 0;
}

static struct http_conn *first_to_go(const struct http_crowd *w, const struct http_conn *whose)
{
	int64_t now_us = clock_mono_us();
	struct http_conn *first = NULL;
	struct http_conn *c = NULL;
	LIST_FOREACH(c, &w->conns, link)
	{
		int rank = is_of(c, whose) ? may_go(c, now_us) : 0;
		int best = first != NULL ? may_go(first, now_us) : 0;
		if (rank > best || (first && rank == best && c->since_us < first->since_us)) {
			first = c;
		}
	}
	return first;
}

bool http_crowd_cut_one(struct http_crowd *w)
{
	struct http_conn *first = first_to_go(w, NULL);
	if (first != NULL) {
		http_conn_cut(first);
	}
	return first != NULL;
}

bool http_crowd_make_place(struct http_crowd *w)
{
	http_crowd_prune(w);
	return count_open(w, NULL) < w->most || http_crowd_cut_one(w);
}

bool http_crowd_is_thick(const struct http_crowd *w)
{
	return count_cut(w) >= MOST_CUT;
}

bool http_crowd_has_place(const struct http_crowd *w)
{
	return !http_crowd_is_thick(w) &&
	       (count_open(w, NULL) < w->most || first_to_go(w, NULL) != NULL);
}

/* Descriptors that a crowd may need, the cut ones too. */
static int descriptors(int most)
{
	return most + MOST_CUT + 1;
}

int http_crowd_fitting(int connections)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY ||
	    descriptors(connections) + FOR_OTHERS <= (int64_t)r.rlim_cur) {
		return connections;
	}
	int64_t fit = (int64_t)r.rlim_cur - descriptors(0) - FOR_OTHERS;
	log_warn("%lld open files are allowed: at most %lld connections at once, not %d",
		 (long long)r.rlim_cur, (long long)(fit > 1 ? fit : 1), connections);
	return fit > 1 ? (int)fit : 1;
}

/* Of an IPv6 address the network: who has one address there has them all. */
static void read_address(struct http_conn *c)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa = {.v6 = {.sin6_port = 0}};
	socklen_t len = sizeof sa;
	memset(c->address, 0, sizeof c->address);
	c->known = true;
	if (getpeername(bufferevent_getfd(c->bev), &sa.any, &len) != 0) {
		return; /* it is gone already */
	}
	if (sa.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&sa.v6.sin6_addr)) {
		memcpy(c->address, &sa.v6.sin6_addr, 8);
	} else if (sa.any.sa_family == AF_INET6) {
		memcpy(c->address + 12, &sa.v6.sin6_addr.s6_addr[12], 4);
	} else {
		memcpy(c->address + 12, &sa.v4.sin_addr, 4);
	}
}

void http_crowd_settle(struct http_crowd *w)
{
	struct http_conn *c = NULL;
	LIST_FOREACH(c, &w->conns, link)
	{
		if (w->most_per_address == 0 || c->known || c->cut || http_conn_let_go(c)) {
			continue;
		}
		read_address(c);
		if (count_open(w, c) > w->most_per_address) {
			struct http_conn *first = first_to_go(w, c);
			http_conn_cut(first != NULL ? first : c);
		}
	}
}
