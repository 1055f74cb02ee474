/*
 * Callbacks of one site: from a held HTTP call to a row on disk to the answer.
 * Owns the callbacks that are not answered yet.  Must never answer 2xx before the row's commit, and
 * never say why somebody was refused.
 */
#include "remote/inbox.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "store/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MOST = 100 /* bytes of a member: identifiers and names */ };

/* Second rows share so many lanes: a receiver that hangs holds no more jobs than that. */
#define PASS_LANE      "pass:"
#define PASS_LANES     4
#define COUNT_AGAIN_US INT64_C(100000)

/* One callback under way.  The verify or the round's end still calls it after inbox_free, so it
 * knows then that its inbox is gone. */
struct held {
	struct inbox *inbox; /* NULL: freed, and the call answered */
	struct held *next;
	struct http_call *call;
	bool passed; /* it has a second row */
};

struct inbox {
	struct db *db;
	struct queue *queue;
	char *path, *job_kind;
	char *pass_kind; /* NULL: callbacks end here */
	int64_t pass_most;
	int64_t waiting;    /* second rows at most, as counted last and put since */
	int64_t counted_us; /* 0: never */
	struct verify *verify;
	char **keep; /* NULL: the whole body */
	void (*stored)(void *ctx);
	void (*refused)(void *ctx, bool unproved, const struct err *why);
	void (*not_passed)(void *ctx);
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
			b->state.passed += h->passed;
			http_call_answer(h->call, 200, NULL, 0, NULL, 0);
			if (b->stored)
				b->stored(b->ctx);
		} else {
			refuse(b, h->call, NULL); /* the round's end is told by whom it is */
		}
	}
	free(h);
}

/* Of a body that is no JSON nothing is kept: its row is a hint at nothing. */
static bool add_kept(struct inbox *b, const char *body, struct buf *payload, struct err *e)
{
	buf_addc(payload, '{');
	for (size_t i = 0; b->keep[i]; i++) {
		char *path = xasprintf("$.\"%s\"", b->keep[i]);
		char *value = NULL;
		bool ok = json_text_get(b->db, body, path, &value, e) || e->kind == ERR_DATA;
		if (value && strlen(value) <= KEPT_MOST) {
			buf_adds(payload, payload->len > 1 ? "," : "");
			buf_add_json(payload, b->keep[i], strlen(b->keep[i]));
			buf_addc(payload, ':');
			buf_add_json(payload, value, strlen(value));
		}
		free(value);
		free(path);
		if (!ok)
			return false;
	}
	buf_addc(payload, '}');
	return true;
}

static bool make_payload(struct inbox *b, const char *body, size_t n, struct buf *payload,
			 struct err *e)
{
	if (b->keep)
		return add_kept(b, body, payload, e);
	buf_adds(payload, "{\"body\":");
	buf_add_json(payload, body, n);
	buf_addc(payload, '}');
	return true;
}

static bool put_row(struct inbox *b, const char *payload, const char *key, struct err *e)
{
	const struct queue_put p = {
		.kind = b->job_kind, .lane = "", .key = key, .payload = payload};
	int64_t id;
	return queue_put(b->queue, &p, &id, e);
}

/* ---- the second row ---- */

/* Counted anew only where it looks full, and then not for each callback: most never count. */
static bool has_room(struct inbox *b, bool *room, struct err *e)
{
	const struct world *w = db_world(b->db);
	int64_t now_us = w->mono_us(w->ctx);
	bool unsure = b->waiting >= b->pass_most && now_us - b->counted_us >= COUNT_AGAIN_US;
	if (!b->counted_us || unsure) {
		if (!queue_count_lanes(b->queue, PASS_LANE, &b->waiting, e))
			return false;
		b->counted_us = now_us ? now_us : 1;
	}
	*room = b->waiting < b->pass_most;
	return true;
}

/* The body in base64, since it may hold any bytes, and the headers that belong to it. */
static void add_as_it_came(struct buf *out, const struct http_call *c)
{
	static const char *const names[] = {"Content-Type", "Authorization", "X-MS-Signature",
					    "X-MS-Certificate-Url", "X-MS-Signature-Algorithm"};
	size_t n;
	const void *body = http_call_body(c, &n);
	buf_adds(out, "{\"body\":\"");
	crypto_base64(out, n > 0 ? body : "", n, false);
	buf_adds(out, "\",\"headers\":{\"" INBOX_PASSED_ON "\":\"1\"");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = http_call_header(c, names[i]);
		if (!value)
			continue;
		buf_addf(out, ",\"%s\":", names[i]);
		buf_add_json(out, value, strlen(value));
	}
	buf_adds(out, "}}");
}

static bool put_second(struct inbox *b, struct held *h, const char *key, struct err *e)
{
	bool room;
	if (!b->pass_kind || http_call_header_count(h->call, INBOX_PASSED_ON) > 0)
		return true;
	if (!has_room(b, &room, e))
		return false;
	if (!room) {
		b->state.not_passed++;
		b->state.not_passed_ms = WORLD_NOW(db_world(b->db));
		if (b->not_passed)
			b->not_passed(b->ctx);
		return true;
	}
	char lane[sizeof(PASS_LANE) + 1];
	char *own_key = xasprintf(PASS_LANE "%s", key);
	struct buf payload = {0};
	int64_t id;
	snprintf(lane, sizeof(lane), PASS_LANE "%d", (unsigned char)key[0] % PASS_LANES);
	add_as_it_came(&payload, h->call);
	const struct queue_put p = {
		.kind = b->pass_kind, .lane = lane, .key = own_key, .payload = payload.data};
	bool ok = queue_put(b->queue, &p, &id, e);
	h->passed = ok;
	b->waiting += ok;
	free(own_key);
	buf_free(&payload);
	return ok;
}

/* Both rows, or none.  What would say the same and waits together is one: the hash is the key. */
static bool put_rows(struct inbox *b, struct held *h, struct err *e)
{
	unsigned char hash[32];
	struct buf key = {0};
	struct buf payload = {0};
	size_t n;
	const void *body = http_call_body(h->call, &n);
	body = n > 0 ? body : "";
	bool ok = make_payload(b, body, n, &payload, e);
	if (ok) {
		crypto_sha256(b->keep ? payload.data : body, b->keep ? payload.len : n, hash);
		crypto_hex(&key, hash, sizeof(hash));
		db_step_begin(b->db);
		ok = put_row(b, payload.data, key.data, e) && put_second(b, h, key.data, e);
		db_step_end(b->db, ok);
	}
	buf_free(&key);
	buf_free(&payload);
	return ok;
}

static void store(struct held *h)
{
	struct inbox *b = h->inbox;
	struct err e;
	if (put_rows(b, h, &e)) {
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

static char **copy_of(const char *const *texts)
{
	size_t n = 0;
	while (texts && texts[n])
		n++;
	char **copy = texts ? xcalloc(n + 1, sizeof(char *)) : NULL;
	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(texts[i]);
	return copy;
}

struct inbox *inbox_new(struct db *d, struct queue *q, const struct inbox_config *c)
{
	struct inbox *b = NEW(struct inbox);
	b->db = d;
	b->queue = q;
	b->path = xstrdup(c->path);
	b->job_kind = xstrdup(c->job_kind);
	b->pass_kind = xstrdup(c->pass_kind);
	b->pass_most = c->pass_most;
	b->verify = c->verify;
	b->keep = copy_of(c->keep);
	b->stored = c->stored;
	b->refused = c->refused;
	b->not_passed = c->not_passed;
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
	for (char **k = b->keep; k && *k; k++)
		free(*k);
	free(b->keep);
	free(b->job_kind);
	free(b->pass_kind);
	free(b);
}

void inbox_state(const struct inbox *b, struct inbox_state *out)
{
	*out = b->state;
}

bool inbox_waiting(struct inbox *b, int64_t *n)
{
	struct err e;
	return b->pass_kind && queue_count_lanes(b->queue, PASS_LANE, n, &e);
}
