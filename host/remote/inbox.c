/*
 * Callbacks of one site: from a held HTTP call to a row on disk to the answer.
 * Owns the callbacks that are not answered yet.  Must never answer 2xx before the row's commit, and
 * never say why somebody was refused.
 */
#include "remote/inbox.h"

#include "base/buf.h"
#include "base/crypto.h"

#include <stdlib.h>
#include <string.h>

/* One callback under way.  The verify or the round's end still calls it after inbox_free, so it
 * knows then that its inbox is gone. */
struct held {
	struct inbox *inbox; /* NULL: freed, and the call answered */
	struct held *next;
	struct http_call *call;
};

struct inbox {
	struct db *db;
	struct queue *queue;
	char *path, *job_kind;
	struct verify *verify;
	void (*stored)(void *ctx);
	void (*refused)(void *ctx, bool unproved, const struct err *why);
	void *ctx;
	struct held *first;
	struct inbox_state state;
};

/* ---- answers ---- */

static void hold_end(struct inbox *b, const struct held *h)
{
	struct held **at = &b->first;
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
}

static void answer_retry(struct http_call *c)
{
	static const struct web_header later[] = {{"Retry-After", "5"}};
	http_call_answer(c, 503, later, 1, NULL, 0);
}

static void refuse(struct inbox *b, struct http_call *c, const struct err *why)
{
	b->state.refused++;
	if (why && b->refused)
		b->refused(b->ctx, false, why);
	answer_retry(c);
}

static void reject(struct inbox *b, struct http_call *c, const struct err *why)
{
	b->state.rejected++;
	b->state.rejected_in_a_row++;
	if (b->refused)
		b->refused(b->ctx, true, why);
	http_call_answer(c, 401, NULL, 0, NULL, 0);
}

static void reject_for(struct inbox *b, struct http_call *c, const char *why)
{
	struct err e;
	err_set(&e, ERR_DATA, "%s", why);
	reject(b, c, &e);
}

/* ---- the row ---- */

static void round_over(void *arg, bool ok)
{
	struct held *h = arg;
	struct inbox *b = h->inbox;
	if (b) {
		hold_end(b, h);
		if (ok) {
			b->state.stored++;
			http_call_answer(h->call, 200, NULL, 0, NULL, 0);
			if (b->stored)
				b->stored(b->ctx);
		} else {
			refuse(b, h->call, NULL); /* the round's end is told by whom it is */
		}
	}
	free(h);
}

/* Equal bodies that wait together are one row: the hash is the key. */
static bool put_row(struct inbox *b, const void *body, size_t n, struct err *e)
{
	unsigned char hash[32];
	struct buf key = {0};
	struct buf payload = {0};
	int64_t id;
	crypto_sha256(body, n, hash);
	crypto_hex(&key, hash, sizeof(hash));
	buf_adds(&payload, "{\"body\":");
	buf_add_json(&payload, body, n);
	buf_addc(&payload, '}');
	struct queue_put p = {
		.kind = b->job_kind, .lane = "", .key = key.data, .payload = payload.data};
	db_step_begin(b->db);
	bool ok = queue_put(b->queue, &p, &id, e);
	db_step_end(b->db, ok);
	buf_free(&key);
	buf_free(&payload);
	return ok;
}

static void store(struct held *h)
{
	struct inbox *b = h->inbox;
	struct err e;
	size_t n;
	const void *body = http_call_body(h->call, &n);
	if (put_row(b, n > 0 ? body : "", n, &e)) {
		db_after_commit(b->db, round_over, h);
		return;
	}
	hold_end(b, h);
	refuse(b, h->call, &e);
	free(h);
}

static void verified(void *arg, enum verdict v, const struct err *why)
{
	struct held *h = arg;
	struct inbox *b = h->inbox;
	if (b && v == VERDICT_GOOD) {
		b->state.rejected_in_a_row = 0;
		store(h);
		return;
	}
	if (b) {
		hold_end(b, h);
		if (v == VERDICT_BAD)
			reject(b, h->call, why);
		else
			refuse(b, h->call, why);
	}
	free(h);
}

/* ---- a call comes ---- */

static bool same_path(const struct inbox *b, const char *target)
{
	unsigned char want[32];
	unsigned char have[32];
	crypto_sha256(b->path, strlen(b->path), want); /* equal lengths, so time tells nothing */
	crypto_sha256(target, strlen(target), have);
	return crypto_equal(want, have, sizeof(want));
}

/* A header that is there twice can be read two ways. */
static bool heads_once(const struct http_call *c)
{
	static const char *const once[] = {"authorization", "x-ms-signature",
					   "x-ms-certificate-url", "x-ms-signature-algorithm"};
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (http_call_header_count(c, once[i]) > 1)
			return false;
	return true;
}

static void hold(struct inbox *b, struct http_call *c)
{
	struct held *h = NEW(struct held);
	*h = (struct held){.inbox = b, .next = b->first, .call = c};
	b->first = h;
	if (!b->verify) {
		store(h);
		return;
	}
	struct verify_in in = {.authorization = http_call_header(c, "authorization"),
			       .signature = http_call_header(c, "x-ms-signature"),
			       .certificate_url = http_call_header(c, "x-ms-certificate-url"),
			       .algorithm = http_call_header(c, "x-ms-signature-algorithm")};
	in.body = http_call_body(c, &in.len);
	verify_check(b->verify, &in, verified, h);
}

bool inbox_take(struct inbox *b, struct http_call *c)
{
	if (!same_path(b, http_call_target(c)))
		return false;
	if (strcmp(http_call_method(c), "POST") != 0)
		reject_for(b, c, "a callback is a POST");
	else if (!heads_once(c))
		reject_for(b, c, "a header stands there twice");
	else
		hold(b, c);
	return true;
}

/* ---- the whole ---- */

struct inbox *inbox_new(struct db *d, struct queue *q, const struct inbox_config *c)
{
	struct inbox *b = NEW(struct inbox);
	b->db = d;
	b->queue = q;
	b->path = xstrdup(c->path);
	b->job_kind = xstrdup(c->job_kind);
	b->verify = c->verify;
	b->stored = c->stored;
	b->refused = c->refused;
	b->ctx = c->ctx;
	return b;
}

void inbox_free(struct inbox *b)
{
	if (!b)
		return;
	while (b->first) {
		struct held *h = b->first;
		hold_end(b, h);
		refuse(b, h->call, NULL);
		h->inbox = NULL;
	}
	crypto_drop(&b->path);
	free(b->job_kind);
	free(b);
}

void inbox_state(const struct inbox *b, struct inbox_state *out)
{
	*out = b->state;
}
