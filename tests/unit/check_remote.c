/*
 * remote/remote.c, remote_set.c, remote_url.c, gate.c and answer.c against a service on a table.
 */
#include "remote/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_world.h"
#include "tests.h"

void check_remote(void);

#define BASE "https://api.example/v1/"

struct bench {
	struct fake *fake;
	struct db *db;
	struct vault *vault;
	struct oauth *oauth;
	struct remotes *set;
	struct remote *r;
};

static struct oauth *grant_new(struct bench *b)
{
	struct err e;
	struct oauth_env env = {&b->fake->world, b->db, b->vault};
	struct oauth_config c = {.name = "g",
				 .grant = OAUTH_CLIENT_CREDENTIALS,
				 .form = OAUTH_V2,
				 .token_url = "https://login.example/token",
				 .client_id = "c",
				 .secret = "s3cret"};
	return oauth_new(&env, &c, &e);
}

static struct bench bench_at(const char *path, struct remote_config c, bool with_grant)
{
	struct err e;
	struct bench b = {.fake = fake_new()};
	b.db = db_open(path, &b.fake->world, &e);
	b.vault = vault_open(b.db, NULL, &e);
	b.oauth = with_grant ? grant_new(&b) : NULL;
	struct remotes_env env = {&b.fake->world, b.db, fake_later, fake_cancel_later, b.fake};
	b.set = remotes_new(&env);
	c.name = "api";
	c.base = c.base ? c.base : BASE;
	c.audience = "aud";
	c.oauth = b.oauth;
	if (!CHECK(remotes_add(b.set, &c, &e))) {
		CHECK_STR(e.text, "");
		exit(1);
	}
	b.r = remotes_get(b.set, "api");
	return b;
}

static struct bench bench_new(struct remote_config c, bool with_grant)
{
	return bench_at(":memory:", c, with_grant);
}

static void bench_free(struct bench *b)
{
	remotes_free(b->set);
	oauth_free(b->oauth);
	vault_free(b->vault);
	db_close(b->db);
	fake_free(b->fake);
}

/* The end of a round, and what is due at once. */
static bool round_end(struct bench *b)
{
	struct err e;
	bool ok = db_commit(b->db, &e);
	fake_pass(b->fake, 0);
	return ok;
}

struct got {
	int n, status, tries;
	char body[100];
	struct err e;
};

static void on_done(void *arg, const struct web_answer *a, int tries, const struct err *e)
{
	struct got *g = arg;
	g->n++;
	g->tries = tries;
	g->status = a ? a->status : 0;
	snprintf(g->body, sizeof(g->body), "%s", a ? a->body : "");
	g->e = e ? *e : (struct err){0};
}

static struct remote_call *get(struct bench *b, const char *path, struct got *g)
{
	struct err e;
	struct remote_request rq = {.method = "GET", .path = path};
	struct remote_call *c = remote_start(b->r, &rq, on_done, g, &e);
	if (!c) {
		on_done(g, NULL, 0, &e);
	}
	return c;
}

static struct remote_state state(struct bench *b)
{
	struct remote_state s;
	CHECK(remotes_state(b->set, 0, &s));
	return s;
}

#define TOKEN(t) "{\"expires_in\":3600,\"access_token\":\"" t "\"}"

/* ---- the way of one call ---- */

static void check_way(void)
{
	CASE ("remote_request_leaves_after_the_commit_signed_and_whole") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g = {0};
		struct err e;
		struct web_header h[] = {{"If-Match", "W/\"1\""}};
		struct remote_request rq = {.method = "PATCH",
					    .path = "things(1)?$select=name",
					    .headers = h,
					    .nheaders = 1,
					    .body = "{}",
					    .len = 2};
		CHECK(remote_start(b.r, &rq, on_done, &g, &e) != NULL);
		CHECK_INT(b.fake->n, 0);
		CHECK_INT(state(&b).waiting, 1);
		CHECK(round_end(&b));
		CHECK_STR(b.fake->calls[0].url, "https://login.example/token");
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		CHECK_STR(b.fake->calls[1].url, BASE "things(1)?$select=name");
		CHECK_STR(b.fake->calls[1].method, "PATCH");
		CHECK_STR(b.fake->calls[1].body, "{}");
		CHECK_STR(fake_header(b.fake, 1, "if-match"), "W/\"1\"");
		CHECK_STR(fake_header(b.fake, 1, "authorization"), "Bearer T1");
		CHECK_INT(state(&b).in_flight, 1);
		fake_answer(b.fake, 1, 200, NULL, "{\"name\":\"x\"}");
		CHECK_INT(g.n, 1);
		CHECK_INT(g.status, 200);
		CHECK_INT(g.tries, 1);
		CHECK_STR(g.body, "{\"name\":\"x\"}");
		CHECK(state(&b).signed_in);
		CHECK_INT(state(&b).last_ok_ms, b.fake->now_ms);
		CHECK_INT(state(&b).in_flight, 0);
		bench_free(&b);
	}
	CASE ("remote_request_of_a_dead_round_is_never_sent") {
		char path[200];
		snprintf(path, sizeof(path), "%s/state.db", tests_tempdir());
		struct bench b = bench_at(path, (struct remote_config){0}, false);
		struct got g = {0};
		struct err e;
		CHECK(round_end(&b));
		CHECK(vault_set(b.vault, "x", "y", 1, &e)); /* something to commit */
		get(&b, "a", &g);
		fake_disk_full(true);
		CHECK(!round_end(&b));
		fake_disk_full(false);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.e.kind, ERR_STORE);
		CHECK_INT(g.tries, 0);
		CHECK_INT(b.fake->n, 0);
		get(&b, "a", &g);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 1);
		bench_free(&b);
	}
	CASE ("remote_other_4xx_and_3xx_are_answers") {
		static const int statuses[] = {204, 304, 302, 400, 403, 404,
					       409, 410, 412, 422, 423};
		struct bench b = bench_new((struct remote_config){0}, false);
		for (int i = 0; i < (int)(sizeof(statuses) / sizeof(statuses[0])); i++) {
			struct got g = {0};
			get(&b, "a", &g);
			CHECK(round_end(&b));
			fake_answer(b.fake, i, statuses[i], NULL, "");
			CHECK_INT(g.n, 1);
			CHECK_INT(g.status, statuses[i]);
		}
		bench_free(&b);
	}
	CASE ("remote_408_5xx_and_no_answer_are_net_and_not_sent_again") {
		static const int statuses[] = {408, 500, 502, 503, 504, 507};
		struct bench b = bench_new((struct remote_config){0}, false);
		struct got g = {0};
		for (int i = 0; i < 6; i++) {
			get(&b, "a", &g);
			CHECK(round_end(&b));
			fake_answer(b.fake, i, statuses[i], NULL,
				    "{\"error\":{\"code\":\"some.code\"}}");
			CHECK_INT(g.n, i + 1);
			CHECK_INT(g.e.kind, ERR_NET);
			CHECK_INT(g.e.status, statuses[i]);
			CHECK(strstr(g.e.text, "remote api: code some.code: answered") != NULL);
			CHECK_INT(state(&b).paused_until_ms, 0);
		}
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_fail(b.fake, 6);
		CHECK_INT(g.e.kind, ERR_NET);
		CHECK_INT(g.tries, 1);
		CHECK_STR(state(&b).text, "remote api: refused");
		fake_pass(b.fake, 60000);
		CHECK_INT(b.fake->n, 7);
		bench_free(&b);
	}
	CASE ("remote_error_holds_no_text_of_the_body") {
		struct bench b = bench_new((struct remote_config){0}, false);
		struct got g = {0};
		get(&b, "a?name=mary", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 500, NULL,
			    "{\"error\":{\"code\":\"mary jones\",\"message\":\"mary\"}}");
		CHECK_STR(g.e.text, "remote api: answered 500");
		bench_free(&b);
	}
}

/* ---- 401 ---- */

static void check_unauthorized(void)
{
	CASE ("remote_401_gets_one_fresh_token_and_one_more_try") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g = {0};
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		fake_answer(b.fake, 1, 401, NULL, "");
		CHECK_STR(b.fake->calls[2].url, "https://login.example/token");
		fake_answer(b.fake, 2, 200, NULL, TOKEN("T2"));
		CHECK_STR(fake_header(b.fake, 3, "authorization"), "Bearer T2");
		fake_answer(b.fake, 3, 200, NULL, "");
		CHECK_INT(g.n, 1);
		CHECK_INT(g.tries, 2);
		CHECK_INT(g.status, 200);
		CHECK(!state(&b).needs_sign_in);
		bench_free(&b);
	}
	CASE ("remote_401_to_a_fresh_token_pauses_until_someone_signs_in") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g = {0};
		struct got later = {0};
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		fake_answer(b.fake, 1, 401, NULL, "");
		fake_answer(b.fake, 2, 200, NULL, TOKEN("T2"));
		get(&b, "waits", &later);
		fake_answer(b.fake, 3, 401, NULL, "{\"error\":{\"code\":\"unauthenticated\"}}");
		CHECK_INT(g.n, 1);
		CHECK_INT(g.e.kind, ERR_AUTH);
		CHECK_INT(g.e.status, 401);
		CHECK_INT(g.tries, 2);
		CHECK(strstr(g.e.text, "sign in again") != NULL);
		CHECK(state(&b).needs_sign_in && !state(&b).signed_in);
		CHECK(round_end(&b));
		CHECK_INT(later.e.kind, ERR_AUTH);
		CHECK(get(&b, "b", &later) == NULL);
		CHECK_INT(later.e.kind, ERR_AUTH);
		CHECK_INT(b.fake->n, 4);
		remote_resume(b.r);
		CHECK(!state(&b).needs_sign_in);
		CHECK(get(&b, "c", &later) != NULL);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 5); /* a new token: T2 was dropped */
		bench_free(&b);
	}
	CASE ("remote_that_lost_its_sign_in_is_tried_again_after_ten_minutes") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g = {0};
		struct got later = {0};
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		fake_answer(b.fake, 1, 401, NULL, "");
		fake_answer(b.fake, 2, 200, NULL, TOKEN("T2"));
		fake_answer(b.fake, 3, 401, NULL, "");
		CHECK(state(&b).needs_sign_in);
		b.fake->now_ms += 599000;
		CHECK(get(&b, "b", &later) == NULL);
		b.fake->now_ms += 1000;
		CHECK(get(&b, "c", &later) != NULL);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 5);
		bench_free(&b);
	}
	CASE ("remote_401_with_900421_is_auth_at_once") {
		static const char *const bodies[] = {
			"{\"code\":\"900421\",\"description\":\"x\"}",
			"{\"code\":900421}",
			"{\"error\":{\"code\":\"x\",\"innerError\":{\"code\":\"900421\"}}}",
			"{\"error\":{\"code\":\"900421\",\"innererror\":{\"code\":\"x\"}}}",
		};
		for (int i = 0; i < 4; i++) {
			struct bench b = bench_new((struct remote_config){0}, true);
			struct got g = {0};
			get(&b, "a", &g);
			CHECK(round_end(&b));
			fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
			fake_answer(b.fake, 1, 401, NULL, bodies[i]);
			CHECK_INT(b.fake->n, 2);
			CHECK_INT(g.n, 1);
			CHECK_INT(g.tries, 1);
			CHECK_INT(g.e.kind, ERR_AUTH);
			CHECK(strstr(g.e.text, "sign in again with MFA") != NULL);
			CHECK(state(&b).needs_sign_in);
			bench_free(&b);
		}
	}
	CASE ("remote_many_401_of_one_old_token_fetch_one_new_one") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g[3] = {{0}};
		for (int i = 0; i < 3; i++) {
			get(&b, "a", &g[i]);
		}
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 1);
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		CHECK_INT(b.fake->n, 4);
		fake_answer(b.fake, 1, 401, NULL, "");
		fake_answer(b.fake, 2, 401, NULL, "");
		CHECK_INT(b.fake->n, 5);
		fake_answer(b.fake, 4, 200, NULL, TOKEN("T2"));
		fake_answer(b.fake, 3, 401, NULL, ""); /* came late: T2 is at hand already */
		CHECK_INT(b.fake->n, 8);
		for (int i = 5; i < 8; i++) {
			CHECK_STR(fake_header(b.fake, i, "authorization"), "Bearer T2");
			fake_answer(b.fake, i, 200, NULL, "");
		}
		CHECK_INT(g[0].status + g[1].status + g[2].status, 600);
		bench_free(&b);
	}
	CASE ("remote_revoked_grant_pauses_and_names_remote_number_and_remedy") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g[2] = {{0}};
		get(&b, "a", &g[0]);
		get(&b, "b", &g[1]);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 401, NULL,
			    "{\"error\":\"invalid_client\",\"error_codes\":[7000222]}");
		fake_pass(b.fake, 0);
		for (int i = 0; i < 2; i++) {
			CHECK_INT(g[i].n, 1);
			CHECK_INT(g[i].tries, 0);
			CHECK_INT(g[i].e.kind, ERR_AUTH);
			CHECK_STR(g[i].e.text,
				  "remote api: grant g: AADSTS7000222 (invalid_client): the client "
				  "secret has expired: make a new one and put it in its place");
		}
		CHECK(state(&b).needs_sign_in);
		CHECK_INT(state(&b).in_flight, 0);
		bench_free(&b);
	}
	CASE ("remote_401_where_nobody_signs_in_is_an_answer_and_authorization_a_header") {
		struct bench b = bench_new((struct remote_config){0}, false);
		struct got g = {0};
		const struct web_header own = {"Authorization", "Signature abc"};
		const struct remote_request rq = {
			.method = "POST", .path = "a", .headers = &own, .nheaders = 1};
		struct err e;
		CHECK(remote_start(b.r, &rq, on_done, &g, &e) != NULL);
		CHECK(round_end(&b));
		CHECK_STR(fake_header(b.fake, 0, "authorization"), "Signature abc");
		fake_answer(b.fake, 0, 401, NULL, "");
		CHECK_INT(g.status, 401);
		CHECK_INT(g.e.kind, ERR_NONE);
		CHECK(state(&b).open && !state(&b).needs_sign_in);
		CHECK_INT(b.fake->n, 1);
		bench_free(&b);
	}
}

/* ---- pauses ---- */

static void check_pause(void)
{
	CASE ("remote_retry_after_pauses_the_whole_remote_and_short_ones_are_waited_out") {
		struct bench b = bench_new((struct remote_config){0}, false);
		struct got g = {0};
		struct got next = {0};
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 429, "retry-after: 10", "");
		CHECK_INT(g.e.kind, ERR_BUSY);
		CHECK_INT(g.e.wait_ms, 10000);
		CHECK_INT(g.e.status, 429);
		CHECK_INT(state(&b).paused_until_ms, b.fake->now_ms + 10000);
		get(&b, "b", &next);
		CHECK(round_end(&b));
		fake_pass(b.fake, 9999);
		CHECK_INT(b.fake->n, 1);
		fake_pass(b.fake, 1);
		CHECK_INT(b.fake->n, 2);
		fake_answer(b.fake, 1, 200, NULL, "");
		CHECK_INT(next.status, 200);
		CHECK_INT(state(&b).paused_until_ms, 0);
		bench_free(&b);
	}
	CASE ("remote_long_pause_sends_callers_and_the_line_back_at_once") {
		struct bench b = bench_new((struct remote_config){.in_flight = 1}, false);
		struct got g[3] = {{0}};
		get(&b, "a", &g[0]);
		get(&b, "b", &g[1]);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 503, "retry-after: 31", "");
		fake_pass(b.fake, 0);
		CHECK_INT(g[1].n, 1);
		CHECK_INT(g[1].e.kind, ERR_BUSY);
		CHECK_INT(g[1].e.wait_ms, 31000);
		CHECK_INT(g[1].tries, 0);
		CHECK(get(&b, "c", &g[2]) == NULL);
		CHECK_INT(g[2].e.wait_ms, 31000);
		b.fake->now_ms += 20000;
		CHECK(get(&b, "c", &g[2]) != NULL);
		CHECK_INT(b.fake->n, 1);
		bench_free(&b);
	}
	CASE ("guard 5: a Retry-After of any kind is kept within a second and an hour") {
		static const struct {
			const char *header;
			int status;
			int64_t wait_ms;
			enum err_kind kind;
		} rows[] = {
			{"retry-after: 0", 429, 1000, ERR_BUSY},
			{"retry-after: 999999999999", 429, 3600000, ERR_BUSY},
			{"retry-after: -1", 429, 5000, ERR_BUSY},
			{"retry-after: soon", 429, 5000, ERR_BUSY},
			{NULL, 429, 5000, ERR_BUSY},
			{"retry-after: Sun, 06 Nov 1994 08:49:37 GMT", 503, 1000, ERR_BUSY},
			{"retry-after: 1000000000000", 429, 3600000, ERR_BUSY},
			{"retry-after: 99999999999999999999999999999999", 503, 3600000, ERR_BUSY},
			{"retry-after: 1e9", 429, 5000, ERR_BUSY},
			{"retry-after: 0x10", 429, 5000, ERR_BUSY},
			{"retry-after: 5, 6", 429, 5000, ERR_BUSY},
			{"retry-after: ", 429, 5000, ERR_BUSY},
			{"retry-after: Sun, 06 Nov 1994 08:49:37 GMT", 429, 1000, ERR_BUSY},
			{"retry-after: Fri, 06 Nov 9999 08:49:37 GMT", 429, 3600000, ERR_BUSY},
			{"retry-after: Fri, 99 Nov 2099 99:99:99 GMT", 429, 5000, ERR_BUSY},
			{"retry-after: -1", 503, 0, ERR_NET},
			{"retry-after: soon", 503, 0, ERR_NET},
			{"retry-after: 5", 408, 0, ERR_NET},
		};
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct bench b = bench_new((struct remote_config){0}, false);
			struct got g = {0};
			get(&b, "a", &g);
			CHECK(round_end(&b));
			fake_answer(b.fake, 0, rows[i].status, rows[i].header, "");
			CHECK_INT(g.e.kind, rows[i].kind);
			CHECK_INT(g.e.wait_ms, rows[i].wait_ms);
			bench_free(&b);
		}
	}
	CASE ("remote_pauses_in_a_row_grow_and_one_good_answer_ends_that") {
		static const int64_t waits[] = {1000, 2000, 4000, 8000, 16000};
		struct bench b = bench_new((struct remote_config){0}, false);
		struct got g = {0};
		for (int i = 0; i < 5; i++) {
			get(&b, "a", &g);
			CHECK(round_end(&b));
			fake_answer(b.fake, i, 429, "retry-after: 1", "");
			CHECK_INT(g.e.wait_ms, waits[i]);
			fake_pass(b.fake, g.e.wait_ms);
		}
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 5, 200, NULL, "");
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 6, 429, "retry-after: 1", "");
		CHECK_INT(g.e.wait_ms, 1000);
		bench_free(&b);
	}
	CASE ("remote_throttled_answers_that_were_out_together_count_as_one_pause") {
		struct bench b = bench_new((struct remote_config){0}, false);
		struct got g[8] = {{0}};
		for (int i = 0; i < 8; i++) {
			get(&b, "a", &g[i]);
		}
		CHECK(round_end(&b));
		for (int i = 0; i < 8; i++) {
			fake_answer(b.fake, i, 429, "retry-after: 1", "");
			CHECK_INT(g[i].e.wait_ms, 1000);
		}
		bench_free(&b);
	}
	CASE ("guard 5: a pause lasts no longer when the clock is put back, and none is "
	      "forgotten") {
		static const int64_t jumps[] = {-86400000, -315576000000, -1000};
		for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
			struct bench b = bench_new((struct remote_config){0}, false);
			struct got g = {0};
			struct got next = {0};
			get(&b, "a", &g);
			CHECK(round_end(&b));
			fake_answer(b.fake, 0, 429, "retry-after: 20", "");
			b.fake->now_ms += jumps[i];
			CHECK_INT(state(&b).paused_until_ms, b.fake->now_ms + 20000);
			get(&b, "b", &next);
			CHECK(round_end(&b));
			fake_pass(b.fake, 19999);
			CHECK_INT(b.fake->n, 1);
			fake_pass(b.fake, 1);
			CHECK_INT(b.fake->n, 2);
			bench_free(&b);
		}
	}
	CASE ("guard 5: a lost sign-in is tried again in ten minutes though the clock is put "
	      "back") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g = {0};
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 400, NULL, "{\"error\":\"invalid_grant\"}");
		CHECK(state(&b).needs_sign_in);
		b.fake->now_ms -= 315576000000;
		fake_pass(b.fake, 599999);
		CHECK(get(&b, "b", &g) == NULL);
		fake_pass(b.fake, 1);
		CHECK(get(&b, "b", &g) != NULL);
		bench_free(&b);
	}
	CASE ("remote_throttled_token_endpoint_pauses_too") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g = {0};
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 429, "retry-after: 40", "");
		fake_pass(b.fake, 0);
		CHECK_INT(g.e.kind, ERR_BUSY);
		CHECK_INT(g.e.wait_ms, 40000);
		CHECK(get(&b, "a", &g) == NULL);
		CHECK_INT(b.fake->n, 1);
		bench_free(&b);
	}
	CASE ("remote_pause_that_comes_while_a_token_is_fetched_holds_the_call") {
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g[2] = {{0}};
		get(&b, "a", &g[0]);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		b.fake->mono_us += INT64_C(3000) * 1000000; /* T1 is to be renewed */
		get(&b, "b", &g[1]);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 3);
		fake_answer(b.fake, 1, 429, "retry-after: 20", "");
		fake_answer(b.fake, 2, 200, NULL, TOKEN("T2"));
		CHECK_INT(b.fake->n, 3);
		CHECK_INT(state(&b).in_flight, 0);
		fake_pass(b.fake, 20000);
		CHECK_INT(b.fake->n, 4);
		CHECK_STR(fake_header(b.fake, 3, "authorization"), "Bearer T2");
		bench_free(&b);
	}
}

/* ---- limits ---- */

static void check_limits(void)
{
	CASE ("remote_in_flight_is_capped_and_the_line_keeps_its_order") {
		struct bench b = bench_new((struct remote_config){.in_flight = 2}, false);
		struct got g[5] = {{0}};
		char path[2] = "a";
		for (int i = 0; i < 5; i++, path[0]++) {
			get(&b, path, &g[i]);
		}
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 2);
		CHECK_INT(state(&b).in_flight, 2);
		CHECK_INT(state(&b).waiting, 3);
		fake_answer(b.fake, 1, 200, NULL, "");
		CHECK_INT(fake_open(b.fake), 2);
		CHECK_STR(b.fake->calls[2].url, BASE "c");
		fake_fail(b.fake, 0);
		CHECK_STR(b.fake->calls[3].url, BASE "d");
		fake_answer(b.fake, 2, 500, NULL, "");
		CHECK_STR(b.fake->calls[4].url, BASE "e");
		CHECK_INT(fake_open(b.fake), 2);
		bench_free(&b);
	}
	CASE ("remote_who_waits_30_s_for_a_turn_is_sent_back") {
		struct bench b = bench_new((struct remote_config){.in_flight = 1}, false);
		struct got g[2] = {{0}};
		get(&b, "a", &g[0]);
		get(&b, "b", &g[1]);
		CHECK(round_end(&b));
		fake_pass(b.fake, 29999);
		CHECK_INT(g[1].n, 0);
		fake_pass(b.fake, 1);
		CHECK_INT(g[1].n, 1);
		CHECK_INT(g[1].e.kind, ERR_BUSY);
		CHECK(g[1].e.wait_ms > 0);
		CHECK_INT(g[0].n, 0);
		bench_free(&b);
	}
	CASE ("remote_budget_no_window_ever_holds_more") {
		struct bench b =
			bench_new((struct remote_config){.budget = 3, .budget_s = 10}, false);
		struct got g[9] = {{0}};
		int64_t left[9];
		int n = 0;
		for (int i = 0; i < 9; i++) {
			get(&b, "a", &g[i]);
		}
		CHECK(round_end(&b));
		for (int ms = 0; ms < 25000 && n < 9; ms += 100, fake_pass(b.fake, 100)) {
			for (; n < b.fake->n; n++) {
				left[n] = b.fake->mono_us;
				fake_answer(b.fake, n, 200, NULL, "");
			}
		}
		CHECK_INT(n, 9);
		for (int i = 3; i < n; i++) {
			CHECK(left[i] - left[i - 3] >= 10000000);
		}
		CHECK(left[8] - left[0] < 21000000); /* and it is made use of */
		bench_free(&b);
	}
	CASE ("remote_budget_used_up_for_long_sends_callers_back") {
		struct bench b =
			bench_new((struct remote_config){.budget = 2, .budget_s = 60}, false);
		struct got g[4] = {{0}};
		CHECK_INT(state(&b).budget_left, 2);
		get(&b, "a", &g[0]);
		get(&b, "b", &g[1]);
		CHECK(get(&b, "c", &g[2]) == NULL); /* those two will use it up */
		CHECK_INT(g[2].e.kind, ERR_BUSY);
		CHECK_INT(g[2].e.wait_ms, 60000);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 2);
		CHECK_INT(state(&b).budget_left, 0);
		fake_pass(b.fake, 25000);
		CHECK(get(&b, "c", &g[2]) == NULL);
		CHECK_INT(g[2].e.wait_ms, 35000);
		fake_pass(b.fake, 10000);
		CHECK(get(&b, "d", &g[3]) != NULL);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 2);
		fake_pass(b.fake, 25000);
		CHECK_INT(b.fake->n, 3);
		bench_free(&b);
	}
	CASE ("remote_budget_counts_the_second_try_after_a_401") {
		struct bench b =
			bench_new((struct remote_config){.budget = 1, .budget_s = 10}, true);
		struct got g = {0};
		get(&b, "a", &g);
		CHECK(round_end(&b));
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		fake_answer(b.fake, 1, 401, NULL, "");
		fake_answer(b.fake, 2, 200, NULL, TOKEN("T2"));
		CHECK_INT(b.fake->n, 3);
		fake_pass(b.fake, 10000);
		CHECK_INT(b.fake->n, 4);
		CHECK_STR(fake_header(b.fake, 3, "authorization"), "Bearer T2");
		bench_free(&b);
	}
}

/* ---- cancelling and ending ---- */

static void check_cancel(void)
{
	CASE ("remote_cancel_in_every_state_is_silent_and_frees_the_turn") {
		struct bench b = bench_new((struct remote_config){.in_flight = 1}, true);
		struct got g[5] = {{0}};
		remote_cancel(get(&b, "committing", &g[0]));
		struct remote_call *signing = get(&b, "signing", &g[1]);
		struct remote_call *lined = get(&b, "lined", &g[2]);
		struct remote_call *last = get(&b, "last", &g[3]);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 1);
		remote_cancel(lined);
		remote_cancel(signing); /* `last` takes the turn and the token that is on its way */
		fake_answer(b.fake, 0, 200, NULL, TOKEN("T1"));
		CHECK_STR(b.fake->calls[1].url, BASE "last");
		remote_cancel(last);
		CHECK_INT(fake_open(b.fake), 0);
		CHECK_INT(state(&b).in_flight, 0);
		CHECK_INT(state(&b).waiting, 0);
		b.fake->refuse = true;
		struct remote_call *ending = get(&b, "ending", &g[4]);
		struct err e;
		CHECK(db_commit(b.db, &e));
		remote_cancel(ending);
		fake_pass(b.fake, 60000);
		for (int i = 0; i < 5; i++) {
			CHECK_INT(g[i].n, 0);
		}
		bench_free(&b);
	}
	CASE ("remotes_free_ends_open_calls_with_net") {
		struct bench b = bench_new((struct remote_config){.in_flight = 1}, false);
		struct got g[3] = {{0}};
		get(&b, "sent", &g[0]);
		get(&b, "lined", &g[1]);
		CHECK(round_end(&b));
		get(&b, "committing", &g[2]);
		remotes_free(b.set);
		for (int i = 0; i < 3; i++) {
			CHECK_INT(g[i].n, 1);
			CHECK_INT(g[i].e.kind, ERR_NET);
		}
		b.set = NULL;
		CHECK(round_end(&b)); /* the release finds nobody */
		bench_free(&b);
	}
	CASE ("remote_request_the_world_refuses_ends_later_not_inside") {
		struct bench b = bench_new((struct remote_config){0}, false);
		struct got g = {0};
		struct err e;
		b.fake->refuse = true;
		get(&b, "a", &g);
		CHECK(db_commit(b.db, &e));
		CHECK_INT(g.n, 0);
		fake_pass(b.fake, 0);
		CHECK_INT(g.e.kind, ERR_CONFIG);
		CHECK_INT(g.tries, 0);
		bench_free(&b);
	}
}

/* ---- addresses ---- */

static void check_addresses(void)
{
	CASE ("remote_path_may_not_leave_the_base") {
		static const char *const bad[] = {
			"/a",
			"//evil.example/a",
			"https://evil.example/v1/a",
			"http://api.example/v1/a",
			"https://api.example/v2/a",
			"https://api.example/v1",
			"https://api.example:444/v1/a",
			"https://api.example@evil.example/v1/a",
			"HTTPS://api.example/v1/a",
			"file:///etc/passwd",
			"../a",
			"a/../../b",
			"..",
			".",
			"a/.",
			"a/./b",
			"a/..",
			"..?x",
			"%2e%2e/a",
			"%2E./a",
			".%2e/a",
			"a%2f..%2fb",
			"a/..%5cb",
			"a\\b",
			"\\\\evil.example",
			"https:\\\\evil.example",
			"a b",
			"a\tb",
			"a\r\nHost: evil.example",
			"a#b",
			"https://api.example/v1/../a",
			"https://api.example/v1//a",
		};
		struct bench b = bench_new((struct remote_config){0}, false);
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct got g = {0};
			if (!CHECK(get(&b, bad[i], &g) == NULL)) {
				CHECK_STR(bad[i], "refused");
			}
			CHECK_INT(g.e.kind, ERR_DATA);
		}
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 0);
		bench_free(&b);
	}
	CASE ("remote_path_below_the_base_goes_out_byte_for_byte") {
		static const char *const good[] = {
			"",
			"a",
			"a/b?x=../..",
			"things(key='a:b')/Ns.Fn()?$filter=x%20eq%20'%2F..'",
			"a..b/c...d",
			"...",
			"a?next=https://evil.example/",
			".well-known/x",
			"?$top=1",
			"a?x=1\\2",
		};
		struct bench b = bench_new((struct remote_config){.in_flight = 50}, false);
		int n = 0;
		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
			struct got g = {0};
			char url[200];
			snprintf(url, sizeof(url), BASE "%s", good[i]);
			remote_cancel(get(&b, "cancelled", &g));
			struct remote_call *c = get(&b, i % 2 ? url : good[i], &g);
			if (!CHECK(c != NULL)) {
				CHECK_STR(good[i], g.e.text);
				continue;
			}
			CHECK(round_end(&b));
			CHECK_STR(b.fake->calls[n++].url, url);
			remote_cancel(c);
		}
		bench_free(&b);
	}
	CASE ("remote_base_must_be_plain_https") {
		static const char *const bad[] = {"http://api.example/",
						  "https://",
						  "https:///x",
						  "ftp://x/",
						  "https://a@b.example/",
						  "https://b.example/?x",
						  "https://b.example/#x",
						  "https://b.example/../x/",
						  "https://b.example/a b/",
						  "api.example",
						  ""};
		struct bench b = bench_new((struct remote_config){0}, false);
		struct err e;
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct remote_config c = {.name = "x", .base = bad[i]};
			if (!CHECK(!remotes_add(b.set, &c, &e))) {
				CHECK_STR(bad[i], "refused");
			}
			CHECK_INT(e.kind, ERR_CONFIG);
		}
		struct remote_config c = {.name = "api", .base = BASE};
		CHECK(!remotes_add(b.set, &c, &e)); /* twice */
		c = (struct remote_config){
			.name = "y", .base = "http://127.0.0.1:8080/x", .plain_ok = true};
		CHECK(remotes_add(b.set, &c, &e));
		CHECK(remotes_get(b.set, "y") != NULL && remotes_get(b.set, "z") == NULL);
		struct got g = {0};
		b.r = remotes_get(b.set, "y");
		get(&b, "a", &g);
		CHECK(round_end(&b));
		CHECK_STR(b.fake->calls[0].url, "http://127.0.0.1:8080/x/a");
		CHECK(b.fake->calls[0].plain_ok);
		bench_free(&b);
	}
	CASE ("remote_script_may_not_set_our_headers_or_another_method") {
		static const char *const ours[] = {"Authorization", "HOST", "content-length",
						   "Transfer-Encoding", "Cookie"};
		struct bench b = bench_new((struct remote_config){0}, true);
		struct got g = {0};
		struct err e;
		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
			struct web_header h[] = {{ours[i], "x"}};
			struct remote_request rq = {
				.method = "GET", .path = "a", .headers = h, .nheaders = 1};
			CHECK(remote_start(b.r, &rq, on_done, &g, &e) == NULL);
			CHECK_INT(e.kind, ERR_DATA);
		}
		struct remote_request rq = {.method = "TRACE", .path = "a"};
		CHECK(remote_start(b.r, &rq, on_done, &g, &e) == NULL);
		bench_free(&b);
	}

	CASE ("remote_of_one_address_is_called_there_alone_and_with_its_own_token") {
		const char *address = "https://hooks.example/x?sig=y";
		struct bench b = bench_new(
			(struct remote_config){.base = address, .exact = true, .bearer = "t0ken"},
			false);
		struct got g = {0};
		struct err e;
		const struct web_header own = {"Authorization", "Bearer another"};
		const struct remote_request posed = {
			.method = "POST", .path = "", .headers = &own, .nheaders = 1};
		const struct remote_request aside = {.method = "POST", .path = "a"};
		const struct remote_request rq = {.method = "POST", .path = ""};
		CHECK(remote_start(b.r, &posed, on_done, &g, &e) == NULL);
		CHECK_INT(e.kind, ERR_DATA);
		CHECK(remote_start(b.r, &aside, on_done, &g, &e) == NULL);
		CHECK_INT(e.kind, ERR_DATA);
		CHECK(remote_start(b.r, &rq, on_done, &g, &e) != NULL);
		CHECK(round_end(&b));
		CHECK_INT(b.fake->n, 1);
		CHECK_STR(b.fake->calls[0].url, address);
		CHECK_STR(fake_header(b.fake, 0, "authorization"), "Bearer t0ken");
		bench_free(&b);
	}
}

void check_remote(void)
{
	check_way();
	check_unauthorized();
	check_pause();
	check_limits();
	check_cancel();
	check_addresses();
}
