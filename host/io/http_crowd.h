/*
 * The crowd at an HTTP listener: which connections there are, whose they are, and who goes when
 * they are too many.  Only io/http_server uses this.
 */
#ifndef IO_HTTP_CROWD_H
#define IO_HTTP_CROWD_H

#include "io/http_conn.h"

struct http_crowd {
	int most;
	int most_per_address; /* 0: as many as come */
	uint64_t ungreeted;   /* callers with whom no TLS came about, and why the last one */
	char why[80];
	LIST_HEAD(http_conn_list, http_conn) conns;
};

void http_crowd_add(struct http_crowd *w, struct http_conn *c);

/* Forgets those that evhttp has let go. */
void http_crowd_prune(struct http_crowd *w);

/* Makes room for one more; false if all are being answered. */
bool http_crowd_make_place(struct http_crowd *w);

/* Looks whose the new ones are; of an address that has too many, the same kind goes. */
void http_crowd_settle(struct http_crowd *w);

/* Cuts the connection that may go first; false if there is none. */
bool http_crowd_cut_one(struct http_crowd *w);

/* May one more be accepted?  No, while all places are taken by calls that wait for their answer, or
 * so many were cut that their descriptors have to be free first. */
bool http_crowd_has_place(const struct http_crowd *w);

/* More were cut than evhttp could let go of so far. */
bool http_crowd_is_thick(const struct http_crowd *w);

/* As many of these connections as there are descriptors for, beside those of everything else. */
int http_crowd_fitting(int connections);

#endif
