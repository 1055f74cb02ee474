/*
 * One record a run: which flow did what for which link, why, how it ended, what it cost.  Kept as
 * long as `keep` rows; older ones go.
 */
#ifndef STORE_RUNS_H
#define STORE_RUNS_H

#include "store/db.h"

struct runs;

struct run {
	int64_t id;          /* set by add */
	int64_t at_ms;       /* start, wall */
	const char *flow;    /* "" if none said so */
	int64_t link;        /* 0: none */
	const char *trigger; /* "callback", "delta", "poll", "retry", ... */
	const char *outcome; /* "created", "updated", "equal", "refused", "failed", ... */
	int64_t ms;
	int64_t requests;   /* HTTP requests, pages apart */
	int64_t operations; /* API operations: batch items counted one by one */
	const char *calls;  /* JSON: requests by remote */
	int generation;
	const char *detail; /* JSON of the script's */
};

struct runs *runs_new(struct db *d, int64_t keep);
void runs_free(struct runs *r);
bool runs_add(struct runs *r, const struct run *in, int64_t *id, struct err *e) MUST_USE;
/* Newest first if after == 0; else those with id > after, oldest first. link 0: all. */
bool runs_list(struct runs *r, int64_t link, int64_t after, int most,
	       bool (*each)(void *arg, const struct run *row), void *arg, struct err *e) MUST_USE;

/* What the records say of one flow (a run that named none: of its job's kind). */
struct runs_flow {
	const char *flow;
	int64_t ok_ms;      /* the last run that did not fail; 0: none */
	int64_t failed_ms;  /* the last that did; 0: none */
	const char *detail; /* JSON of that one, or NULL */
	int64_t failed;     /* how many failed since `since_ms` */
};
bool runs_flows(struct runs *r, int64_t since_ms,
		bool (*each)(void *arg, const struct runs_flow *f), void *arg,
		struct err *e) MUST_USE;

#endif
