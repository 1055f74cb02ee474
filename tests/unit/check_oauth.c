/*
 * remote/oauth.c and oauth_wire.c against a token endpoint on a table: what is asked, what is given
 * out and when, and that no death at a commit loses a rotating refresh token.
 */
#include "remote/oauth.h"
#include "remote/oauth_device.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_world.h"
#include "tests.h"

void check_oauth(void);

#define URL "https://login.example/token"
#define CRM "https://crm.example"

struct bench {
	struct fake *fake;
	struct db *db;
	struct vault *vault;
	struct oauth_env env;
};

static struct bench bench_at(const char *path, const char *key_file)
{
	struct err e;
	struct bench b = {.fake = fake_new()};
	b.db = db_open(path, &b.fake->world, &e);
	b.vault = b.db ? vault_open(b.db, key_file, &e) : NULL;
	if (!CHECK(b.vault != NULL)) {
		CHECK_STR(e.text, "");
		exit(1);
	}
	b.env = (struct oauth_env){&b.fake->world, b.db, b.vault};
	return b;
}

static struct bench bench_new(void)
{
	return bench_at(":memory:", NULL);
}

static void bench_free(struct bench *b)
{
	vault_free(b->vault);
	db_close(b->db);
	fake_free(b->fake);
}

static bool commit(struct bench *b)
{
	struct err e;
	return db_commit(b->db, &e);
}

static struct oauth *open_grant(struct bench *b, struct oauth_config c)
{
	struct err e;
	struct oauth *o = oauth_new(&b->env, &c, &e);
	CHECK(o != NULL);
	return o;
}

static struct oauth_config by_secret(void)
{
	return (struct oauth_config){.name = "crm",
				     .grant = OAUTH_CLIENT_CREDENTIALS,
				     .form = OAUTH_V2,
				     .token_url = URL,
				     .client_id = "client-1",
				     .secret = "s3cret&=+ %"};
}

static struct oauth_config by_refresh(const char *first)
{
	return (struct oauth_config){.name = "pc",
				     .grant = OAUTH_REFRESH,
				     .form = OAUTH_V1,
				     .token_url = URL,
				     .client_id = "client-2",
				     .secret = "s3cret",
				     .refresh_token = first};
}

/* What a done was told. */
struct got {
	int n;
	char token[64];
	struct err e;
};

static void on_token(void *arg, const char *token, const struct err *e)
{
	struct got *g = arg;
	g->n++;
	snprintf(g->token, sizeof(g->token), "%s", token ? token : "");
	g->e = e ? *e : (struct err){0};
}

static bool body_has(const struct bench *b, int i, const char *field)
{
	return CHECK(strstr(b->fake->calls[i].body, field) != NULL);
}

static void answer_token(struct bench *b, int i, const char *token, const char *refresh)
{
	char body[300];
	snprintf(
		body, sizeof(body),
		"{\"token_type\":\"Bearer\",\"expires_in\":\"3600\",\"access_token\":\"%s\"%s%s%s}",
		token, refresh ? ",\"refresh_token\":\"" : "", refresh ? refresh : "",
		refresh ? "\"" : "");
	fake_answer(b->fake, i, 200, NULL, body);
}

#define REFUSAL(error, code)                                           \
	"{\"error\":\"" error "\",\"error_description\":\"AADSTS" code \
	": User mary@person.example\",\"error_codes\":[" code "]}"

/* ---- what is asked ---- */

static void check_forms(void)
{
	CASE ("oauth_by_secret_posts_the_form_and_hands_out_the_token") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_secret());
		CHECK(oauth_token(o, CRM "/.default", false, on_token, &g) != NULL);
		CHECK_INT(b.fake->n, 1);
		CHECK_INT(g.n, 0);
		CHECK_STR(b.fake->calls[0].url, URL);
		CHECK_STR(b.fake->calls[0].method, "POST");
		CHECK_STR(fake_header(b.fake, 0, "content-type"),
			  "application/x-www-form-urlencoded");
		CHECK_STR(b.fake->calls[0].body, "grant_type=client_credentials&client_id=client-1&"
						 "scope=https%3A%2F%2Fcrm.example%2F.default&"
						 "client_secret=s3cret%26%3D%2B%20%25");
		fake_answer(b.fake, 0, 200, NULL, "{\"expires_in\":3599,\"access_token\":\"T1\"}");
		CHECK_INT(g.n, 1);
		CHECK_STR(g.token, "T1");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_v1_form_asks_by_resource") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "https://api.example", false, on_token, &g);
		body_has(&b, 0,
			 "grant_type=refresh_token&client_id=client-2&"
			 "resource=https%3A%2F%2Fapi.example&scope=openid&refresh_token=R0&"
			 "client_secret=s3cret");
		oauth_free(o);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.e.kind, ERR_NET);
		CHECK_INT(fake_open(b.fake), 0);
		bench_free(&b);
	}
	CASE ("oauth_v2_refresh_asks_for_the_next_refresh_token") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth_config c = by_refresh("R0");
		c.form = OAUTH_V2;
		struct oauth *o = open_grant(&b, c);
		oauth_token(o, "https://api.example/.default", false, on_token, &g);
		body_has(&b, 0, "scope=https%3A%2F%2Fapi.example%2F.default%20offline_access&");
		oauth_free(o);
		bench_free(&b);
	}
}

static char *unbase64_part(const char *from, const char *end)
{
	struct buf b = {0};
	CHECK(crypto_base64_decode(&b, from, (size_t)(end - from), true));
	return buf_take(&b);
}

/* The assertion of request 0: signed by the key, with these words in its head. */
static void check_assertion(struct bench *b, const char *cert, enum crypto_alg alg,
			    const char *head)
{
	struct err e;
	struct buf sig = {0};
	struct crypto_cert *c = crypto_cert_load(cert, strlen(cert), &e);
	body_has(b, 0,
		 "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
		 "client-assertion-type%3Ajwt-bearer&");
	CHECK(strstr(b->fake->calls[0].body, "client_secret") == NULL);
	const char *jwt = strstr(b->fake->calls[0].body, "client_assertion=") + 17;
	const char *dot = strchr(jwt, '.');
	const char *dot2 = strchr(dot + 1, '.');
	CHECK(crypto_base64_decode(&sig, dot2 + 1, strlen(dot2 + 1), true));
	CHECK(crypto_verify(c, alg, jwt, (size_t)(dot2 - jwt), sig.data, sig.len));
	char *h = unbase64_part(jwt, dot);
	char *claims = unbase64_part(dot + 1, dot2);
	CHECK_STR(h, head);
	CHECK_STR(claims, "{\"aud\":\"" URL "\",\"iss\":\"client-1\",\"sub\":\"client-1\","
			  "\"jti\":\"00010203-0405-4607-8809-0a0b0c0d0e0f\",\"nbf\":1940000000,"
			  "\"iat\":1940000000,\"exp\":1940000600}");
	free(h);
	free(claims);
	buf_free(&sig);
	crypto_cert_free(c);
}

static void check_certificate(void)
{
	struct err e;
	static char *key;
	static char *cert;
	struct crypto_issue in = {
		.common_name = "app.example", .bits = 2048, .from_ms = FAKE_START_MS, .days = 9};
	CHECK(crypto_issue(&in, &key, &cert, &e));
	for (int alg = CRYPTO_RS256; alg <= CRYPTO_PS256; alg++) {
		bool ps = alg == CRYPTO_PS256;
		CASE (ps ? "oauth_by_certificate_ps256_names_the_sha256_thumbprint"
			 : "oauth_by_certificate_rs256_names_the_sha1_thumbprint") {
			struct bench b = bench_new();
			struct got g = {0};
			struct buf head = {0};
			struct buf print = {0};
			unsigned char sha1[20];
			unsigned char sha256[32];
			struct oauth_config c = by_secret();
			c.secret = NULL;
			c.alg = (enum crypto_alg)alg;
			c.key = crypto_key_load(key, cert, &e);
			crypto_key_thumbprints(c.key, sha1, sha256);
			crypto_base64(&print, ps ? sha256 : sha1, ps ? 32 : 20, true);
			buf_addf(&head, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"%s\":\"%s\"}",
				 ps ? "PS256" : "RS256", ps ? "x5t#S256" : "x5t", print.data);
			struct oauth *o = open_grant(&b, c);
			b.fake->next_random = 0;
			oauth_token(o, CRM, false, on_token, &g);
			check_assertion(&b, cert, c.alg, head.data);
			oauth_free(o);
			buf_free(&head);
			buf_free(&print);
			bench_free(&b);
		}
	}
	free(key);
	free(cert);
}

/* ---- when it is asked ---- */

static void check_holding(void)
{
	CASE ("oauth_token_at_hand_is_given_at_once_until_80_percent_of_its_life") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_secret());
		oauth_token(o, CRM, false, on_token, &g);
		answer_token(&b, 0, "T1", NULL);
		b.fake->now_ms += 2879000;
		CHECK(oauth_token(o, CRM, false, on_token, &g) == NULL);
		CHECK_INT(g.n, 2);
		b.fake->now_ms += 2000;
		CHECK(oauth_token(o, CRM, false, on_token, &g) != NULL);
		CHECK_INT(b.fake->n, 2);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_token_life_runs_on_the_monotonic_clock_too") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_secret());
		oauth_token(o, CRM, false, on_token, &g);
		answer_token(&b, 0, "T1", NULL);
		b.fake->mono_us += INT64_C(2881) * 1000000; /* the wall clock stands still */
		CHECK(oauth_token(o, CRM, false, on_token, &g) != NULL);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("guard 5: clock jumps cost at most one token each, and none is held too long") {
		static const int64_t jumps[] = {-86400000, -315576000000, 86400000, 315576000000};
		for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
			struct bench b = bench_new();
			struct got g = {0};
			struct oauth *o = open_grant(&b, by_secret());
			oauth_token(o, CRM, false, on_token, &g);
			answer_token(&b, 0, "T1", NULL);
			b.fake->now_ms += jumps[i];
			bool forward = jumps[i] > 0;
			oauth_token(o, CRM, false, on_token, &g);
			CHECK_INT(b.fake->n, forward ? 2 : 1);
			if (forward) {
				answer_token(&b, 1, "T2", NULL);
			}
			for (int k = 0; k < 50;
			     k++) { /* no storm, neither then nor when it is mended */
				b.fake->now_ms -= k == 25 ? jumps[i] : 0;
				CHECK(oauth_token(o, CRM, false, on_token, &g) == NULL);
			}
			CHECK_STR(g.token, forward ? "T2" : "T1");
			b.fake->mono_us += INT64_C(2881) * 1000000;
			CHECK(oauth_token(o, CRM, false, on_token, &g) != NULL);
			CHECK_INT(b.fake->n, forward ? 3 : 2);
			oauth_free(o);
			bench_free(&b);
		}
	}
	CASE ("oauth_many_who_wait_make_one_request") {
		struct bench b = bench_new();
		struct got g[3] = {{0}};
		struct oauth *o = open_grant(&b, by_secret());
		for (int i = 0; i < 3; i++) {
			oauth_token(o, CRM, i == 1, on_token, &g[i]);
		}
		CHECK_INT(b.fake->n, 1);
		answer_token(&b, 0, "T1", NULL);
		for (int i = 0; i < 3; i++) {
			CHECK_INT(g[i].n, 1);
			CHECK_STR(g[i].token, "T1");
		}
		CHECK_INT(b.fake->n, 1);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_cancel_is_not_called_and_the_request_goes_on") {
		struct bench b = bench_new();
		struct got g[2] = {{0}};
		struct oauth *o = open_grant(&b, by_secret());
		struct oauth_wait *w = oauth_token(o, CRM, false, on_token, &g[0]);
		oauth_cancel(w);
		answer_token(&b, 0, "T1", NULL);
		CHECK_INT(g[0].n, 0);
		CHECK(oauth_token(o, CRM, false, on_token, &g[1]) == NULL);
		CHECK_STR(g[1].token, "T1");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_reject_drops_only_the_very_token") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_secret());
		oauth_token(o, CRM, false, on_token, &g);
		answer_token(&b, 0, "T1", NULL);
		oauth_reject(o, CRM, "T0");
		oauth_reject(o, "https://other.example", "T1");
		CHECK(oauth_token(o, CRM, false, on_token, &g) == NULL);
		oauth_reject(o, CRM, "T1");
		CHECK(oauth_token(o, CRM, false, on_token, &g) != NULL);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_fresh_asks_though_a_token_is_held") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_secret());
		oauth_token(o, CRM, false, on_token, &g);
		answer_token(&b, 0, "T1", NULL);
		CHECK(oauth_token(o, CRM, true, on_token, &g) != NULL);
		answer_token(&b, 1, "T2", NULL);
		CHECK_STR(g.token, "T2");
		oauth_free(o);
		bench_free(&b);
	}
}

/* ---- failures ---- */

static void fails_with(int status, const char *header, const char *body, enum err_kind kind,
		       int64_t wait_ms, const char *text)
{
	struct bench b = bench_new();
	struct got g = {0};
	struct oauth *o = open_grant(&b, by_secret());
	oauth_token(o, CRM, false, on_token, &g);
	fake_answer(b.fake, 0, status, header, body);
	CHECK_INT(g.n, 1);
	CHECK_INT(g.e.kind, kind);
	CHECK_INT(g.e.wait_ms, wait_ms);
	if (!CHECK(strstr(g.e.text, text) != NULL)) {
		CHECK_STR(g.e.text, text);
	}
	CHECK(strstr(g.e.text, "s3cret") == NULL && strstr(g.e.text, "mary") == NULL);
	oauth_free(o);
	bench_free(&b);
}

static void check_failures(void)
{
	CASE ("oauth_wrong_secret_is_auth_with_number_and_remedy") {
		fails_with(401, NULL, REFUSAL("invalid_client", "7000215"), ERR_AUTH, 0,
			   "grant crm: AADSTS7000215 (invalid_client): the client secret is wrong");
		fails_with(400, NULL, REFUSAL("invalid_client", "7000222"), ERR_AUTH, 0,
			   "has expired");
		fails_with(400, NULL,
			   "{\"error\":\"invalid_scope\","
			   "\"error_description\":\"AADSTS70011: x\"}",
			   ERR_AUTH, 0, "AADSTS70011");
	}
	CASE ("oauth_trouble_of_the_endpoint_may_be_tried_again") {
		fails_with(500, NULL, "", ERR_NET, 0, "answered 500");
		fails_with(503, "retry-after: 7", "", ERR_BUSY, 7000, "answered 503");
		fails_with(429, NULL, "", ERR_BUSY, 5000, "answered 429");
		fails_with(429, "retry-after: 999999", "", ERR_BUSY, 3600000, "answered 429");
		fails_with(400, NULL, "{\"error\":\"temporarily_unavailable\"}", ERR_NET, 0,
			   "temporarily_unavailable");
	}
	CASE ("oauth_answer_that_is_none_is_net") {
		fails_with(200, NULL, "", ERR_NET, 0, "cannot be read");
		fails_with(200, NULL, "<html>", ERR_NET, 0, "cannot be read");
		fails_with(200, NULL, "{\"access_token\":7", ERR_NET, 0, "cannot be read");
		fails_with(200, NULL, "{\"access_token\":null}", ERR_NET, 0, "cannot be read");
		fails_with(200, NULL, "{\"access_token\":{\"a\":1}}", ERR_NET, 0, "cannot be read");
		fails_with(200, NULL, "{\"access_token\":\"a\\nb\"}", ERR_NET, 0, "cannot be read");
		fails_with(200, NULL, "{\"access_token\":\"\"}", ERR_NET, 0, "cannot be read");
		fails_with(302, "location: https://evil.example", "", ERR_NET, 0, "answered 302");
		fails_with(404, NULL, "<html>", ERR_NET, 0, "answered 404");
	}
	CASE ("oauth_no_answer_is_net_and_the_next_call_asks_again") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_secret());
		oauth_token(o, CRM, false, on_token, &g);
		fake_fail(b.fake, 0);
		CHECK_INT(g.e.kind, ERR_NET);
		CHECK(oauth_token(o, CRM, false, on_token, &g) != NULL);
		CHECK_INT(b.fake->n, 2);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_request_that_cannot_start_is_told_at_once") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_secret());
		b.fake->refuse = true;
		CHECK(oauth_token(o, CRM, false, on_token, &g) == NULL);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.e.kind, ERR_CONFIG);
		b.fake->refuse = false;
		CHECK(oauth_token(o, CRM, false, on_token, &g) != NULL);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_new_half_a_configuration_is_refused") {
		struct bench b = bench_new();
		struct err e;
		struct oauth_config c = by_secret();
		c.secret = NULL;
		CHECK(oauth_new(&b.env, &c, &e) == NULL);
		CHECK_INT(e.kind, ERR_CONFIG);
		c = by_secret();
		c.client_id = "";
		CHECK(oauth_new(&b.env, &c, &e) == NULL);
		c = by_refresh("with blank");
		CHECK(oauth_new(&b.env, &c, &e) == NULL);
		CHECK(strstr(e.text, "with blank") == NULL);
		bench_free(&b);
	}
}

/* ---- rotation ---- */

static void check_rotation(void)
{
	CASE ("oauth_rotation_token_is_given_only_after_the_commit") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		CHECK_INT(g.n, 0);
		CHECK(commit(&b));
		CHECK_INT(g.n, 1);
		CHECK_STR(g.token, "T1");
		oauth_token(o, "A", true, on_token, &g);
		body_has(&b, 1, "refresh_token=R1&");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_rotation_two_audiences_of_one_grant_go_one_after_the_other") {
		struct bench b = bench_new();
		struct got g[2] = {{0}};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g[0]);
		oauth_token(o, "B", false, on_token, &g[1]);
		CHECK_INT(b.fake->n, 1);
		answer_token(&b, 0, "TA", "R1");
		CHECK_INT(b.fake->n, 1); /* not before R1 is on disk */
		CHECK(commit(&b));
		CHECK_INT(b.fake->n, 2);
		body_has(&b, 1, "resource=B&");
		body_has(&b, 1, "refresh_token=R1&");
		answer_token(&b, 1, "TB", "R2");
		CHECK(commit(&b));
		CHECK_STR(g[0].token, "TA");
		CHECK_STR(g[1].token, "TB");
		CHECK_INT(g[0].n + g[1].n, 2);
		CHECK(oauth_token(o, "A", false, on_token, &g[0]) == NULL);
		CHECK(oauth_token(o, "B", false, on_token, &g[1]) == NULL);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_rotation_dead_round_gives_nothing_out_and_the_next_asks_anew") {
		char path[200];
		snprintf(path, sizeof(path), "%s/state.db", tests_tempdir());
		struct bench b = bench_at(path, NULL);
		struct got g = {0};
		CHECK(commit(&b));
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		fake_disk_full(true);
		CHECK(!commit(&b));
		fake_disk_full(false);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.e.kind, ERR_STORE);
		CHECK_STR(g.token, "");
		CHECK(oauth_token(o, "A", false, on_token, &g) != NULL);
		body_has(&b, 1, "refresh_token=R0&");
		answer_token(&b, 1, "T2", "R2");
		CHECK(commit(&b));
		CHECK_STR(g.token, "T2");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_rotation_a_grant_that_does_not_rotate_writes_nothing") {
		struct bench b = bench_new();
		struct got g = {0};
		CHECK(commit(&b));
		uint64_t before = db_commits(b.db);
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R0");
		CHECK_INT(g.n, 1);
		oauth_token(o, "A", true, on_token, &g);
		body_has(&b, 1, "refresh_token=R0&");
		answer_token(&b, 1, "T2", NULL);
		CHECK_STR(g.token, "T2");
		CHECK(commit(&b));
		CHECK_INT(db_commits(b.db) - before, 0);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_rotation_the_previous_token_is_tried_once_then_a_person_is_asked") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		CHECK(commit(&b));
		oauth_token(o, "A", true, on_token, &g);
		fake_answer(b.fake, 1, 400, NULL, REFUSAL("invalid_grant", "700082"));
		CHECK_INT(b.fake->n, 3);
		body_has(&b, 2, "refresh_token=R0&");
		fake_answer(b.fake, 2, 400, NULL, REFUSAL("invalid_grant", "50173"));
		CHECK_INT(b.fake->n, 3);
		CHECK_INT(g.n, 2);
		CHECK_INT(g.e.kind, ERR_AUTH);
		CHECK_STR(g.e.text,
			  "grant pc: AADSTS50173 (invalid_grant): the sign-in was revoked (a "
			  "password or credential changed): sign in again");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_rotation_the_previous_token_that_works_becomes_the_current_one") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		CHECK(commit(&b));
		oauth_token(o, "A", true, on_token, &g);
		fake_answer(b.fake, 1, 400, NULL, REFUSAL("invalid_grant", "700082"));
		answer_token(&b, 2, "T2", NULL);
		CHECK_INT(g.n, 1); /* that R0 is the good one is written first */
		CHECK(commit(&b));
		CHECK_STR(g.token, "T2");
		oauth_token(o, "A", true, on_token, &g);
		body_has(&b, 3, "refresh_token=R0&");
		fake_answer(b.fake, 3, 400, NULL, REFUSAL("invalid_grant", "700082"));
		CHECK_INT(b.fake->n, 4); /* R1 is forgotten */
		CHECK_INT(g.e.kind, ERR_AUTH);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_rotation_mfa_demanded_is_auth_and_the_previous_is_left_alone") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		CHECK(commit(&b));
		oauth_token(o, "A", true, on_token, &g);
		fake_answer(b.fake, 1, 400, NULL, REFUSAL("interaction_required", "50076"));
		CHECK_INT(b.fake->n, 2);
		CHECK_INT(g.e.kind, ERR_AUTH);
		CHECK(strstr(g.e.text, "sign in again with MFA") != NULL);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_signed_in_again_the_new_first_token_is_used") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		CHECK(commit(&b));
		oauth_free(o);
		o = open_grant(&b, by_refresh("R0")); /* restarted: the row counts */
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 1, "refresh_token=R1&");
		oauth_free(o);
		o = open_grant(&b,
			       by_refresh(NULL)); /* the first one was taken out of the profile */
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 2, "refresh_token=R1&");
		oauth_free(o);
		o = open_grant(&b, by_refresh("N0"));
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 3, "refresh_token=N0&");
		fake_answer(b.fake, 3, 400, NULL, REFUSAL("invalid_grant", "70008"));
		CHECK_INT(b.fake->n, 4); /* R1 belongs to another sign-in */
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_refresh_without_any_token_is_auth") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh(NULL));
		CHECK(oauth_token(o, "A", false, on_token, &g) == NULL);
		CHECK_INT(g.e.kind, ERR_AUTH);
		CHECK_INT(b.fake->n, 0);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_free_while_a_commit_is_awaited_is_clean") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		oauth_free(o);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.e.kind, ERR_NET);
		CHECK(commit(&b));
		CHECK_INT(g.n, 1);
		bench_free(&b);
	}
}

/* ---- death ---- */

/* A strict endpoint, in memory that outlives the process: the first use of a token revokes the one
 * it replaced, and showing a revoked one ends the whole grant. */
enum { TOKENS = 200 };
struct endpoint {
	int issued; /* tokens R0 ... */
	int replaces[TOKENS];
	bool revoked[TOKENS];
	bool ended;
	int served;
};

static void serve(struct endpoint *s, struct bench *b, int i)
{
	char token[32];
	char next[32];
	int n = (int)strtol(strstr(b->fake->calls[i].body, "refresh_token=R") + 15, NULL, 10);
	if (n > s->issued || s->revoked[n]) {
		s->ended = true;
	}
	if (s->ended) {
		fake_answer(b->fake, i, 400, NULL, REFUSAL("invalid_grant", "50173"));
		return;
	}
	if (n > 0) {
		s->revoked[s->replaces[n]] = true;
	}
	s->served++;
	s->replaces[++s->issued] = n;
	snprintf(token, sizeof(token), "T%d", s->served);
	snprintf(next, sizeof(next), "R%d", s->issued);
	answer_token(b, i, token, next);
}

/* Rotates n times in a process of its own, which dies at the k-th commit (0: never). */
static int rotate(struct endpoint *s, const char *dir, int n, uint64_t k, bool before)
{
	pid_t pid = fork();
	if (pid == 0) {
		char path[200];
		char key[200];
		int good = 0;
		snprintf(path, sizeof(path), "%s/state.db", dir);
		snprintf(key, sizeof(key), "%s/key", dir);
		struct bench b = bench_at(path, key);
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		db_kill_at(b.db, k, before);
		for (int i = 0; i < n; i++) {
			struct got g = {0};
			oauth_token(o, i % 2 ? "A" : "B", true, on_token, &g);
			for (int call = 0; call < b.fake->n; call++) {
				if (b.fake->calls[call].open) {
					serve(s, &b, call);
				}
			}
			good += commit(&b) && g.n == 1 && g.token[0];
		}
		_exit(good == n ? 0 : 1);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void check_death(void)
{
	CASE ("guard 5: a refresh killed at any commit finds a working grant") {
		struct endpoint *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		for (uint64_t k = 1; k <= 5; k++) {
			for (int before = 0; before <= 1; before++) {
				const char *dir = tests_tempdir();
				memset(s, 0, sizeof(*s));
				CHECK_INT(rotate(s, dir, 5, k, before), -SIGKILL);
				CHECK_INT(s->served, k);
				CHECK_INT(rotate(s, dir, 3, 0, false), 0);
				CHECK(!s->ended);
				CHECK_INT(s->served, k + 3);
			}
		}
		munmap(s, sizeof(*s));
	}
	CASE ("guard 5: a refresh killed again and again at the same commit still works") {
		struct endpoint *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		const char *dir = tests_tempdir();
		CHECK_INT(rotate(s, dir, 2, 0, false), 0);
		for (int i = 0; i < 5; i++) {
			CHECK_INT(rotate(s, dir, 1, 1, true), -SIGKILL);
		}
		CHECK_INT(rotate(s, dir, 3, 0, false), 0);
		CHECK(!s->ended);
		munmap(s, sizeof(*s));
	}
}

/* ---- signing in while it runs ---- */

static const struct oauth_consent by_code = {
	.code = "C1+", .redirect = "http://localhost:8400", .verifier = "V1"};

static struct oauth_config tried(struct oauth_config c)
{
	c.tried = true;
	return c;
}

/* An id token with these claims. */
static char *id_token(const char *claims)
{
	struct buf b = {0};
	buf_adds(&b, "e30.");
	crypto_base64(&b, claims, strlen(claims), true);
	buf_adds(&b, ".sig");
	return buf_take(&b);
}

static void answer_consent(struct bench *b, int i, const char *token, const char *refresh)
{
	char *id = id_token("{\"upn\":\"ken@person.example\",\"tid\":\"T-1\",\"oid\":\"O\\n1\"}");
	char *body = xasprintf("{\"expires_in\":\"3600\",\"access_token\":\"%s\","
			       "\"refresh_token\":\"%s\",\"id_token\":\"%s\"}",
			       token, refresh, id);
	fake_answer(b->fake, i, 200, NULL, body);
	free(body);
	free(id);
}

static void told_has(struct oauth *o, const char *what)
{
	struct buf b = {0};
	oauth_tell(o, &b);
	if (!CHECK(strstr(b.data, what) != NULL))
		CHECK_STR(b.data, what);
	buf_free(&b);
}

static bool vault_has(struct bench *b, const char *name)
{
	struct buf v = {0};
	struct err e;
	bool found = false;
	CHECK(vault_get(b->vault, name, &v, &found, &e));
	buf_free(&v);
	return found;
}

/* A sign-in for "pc" by a code, with tokens T1 and refresh token N1. */
static struct oauth *signed_in(struct bench *b)
{
	struct got g = {0};
	struct oauth *o = open_grant(b, tried(by_refresh(NULL)));
	int i = b->fake->n;
	oauth_consent(o, "A", &by_code, on_token, &g);
	answer_consent(b, i, "T1", "N1");
	CHECK_STR(g.token, "T1");
	return o;
}

static void check_consent(void)
{
	CASE ("oauth_consent_v1_redeems_the_code_with_its_verifier") {
		struct bench b = bench_new();
		struct oauth *o = signed_in(&b);
		CHECK_STR(b.fake->calls[0].body,
			  "grant_type=authorization_code&client_id=client-2&resource=A&scope=openid"
			  "&code=C1%2B&redirect_uri=http%3A%2F%2Flocalhost%3A8400"
			  "&code_verifier=V1&client_secret=s3cret");
		told_has(o, "\"who\":{\"upn\":\"ken@person.example\",\"tenant\":\"T-1\","
			    "\"user\":\"O\\n1\"}");
		CHECK(!vault_has(&b, "oauth/pc")); /* it is only tried */
		struct got g = {0};
		oauth_token(o, "B", false, on_token, &g);
		body_has(&b, 1, "resource=B&scope=openid&refresh_token=N1&");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_consent_v2_polls_a_device_code_of_a_public_client") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth_config c = tried(by_refresh(NULL));
		const struct oauth_consent device = {.device = "D1"};
		c.form = OAUTH_V2;
		c.secret = NULL;
		struct oauth *o = open_grant(&b, c);
		oauth_consent(o, "A/.default", &device, on_token, &g);
		CHECK_STR(b.fake->calls[0].body,
			  "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
			  "&client_id=client-2&scope=A%2F.default%20openid%20profile%20"
			  "offline_access&device_code=D1");
		fake_answer(b.fake, 0, 400, NULL, REFUSAL("authorization_pending", "70016"));
		CHECK_INT(g.e.kind, ERR_BUSY);
		CHECK_INT(g.e.wait_ms, 0);
		oauth_consent(o, "A/.default", &device, on_token, &g);
		fake_answer(b.fake, 1, 400, NULL, REFUSAL("slow_down", "70016"));
		CHECK_INT(g.e.kind, ERR_BUSY);
		CHECK_INT(g.e.wait_ms, 5000);
		oauth_consent(o, "A/.default", &device, on_token, &g);
		fake_answer(b.fake, 2, 400, NULL, REFUSAL("expired_token", "70019"));
		CHECK_INT(g.e.kind, ERR_AUTH);
		CHECK(strstr(g.e.text, "not entered in time") != NULL);
		oauth_consent(o, "A/.default", &device, on_token, &g);
		answer_consent(&b, 3, "T1", "N1");
		CHECK_STR(g.token, "T1");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_consent_without_a_refresh_token_is_no_sign_in") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, tried(by_refresh(NULL)));
		oauth_consent(o, "A", &by_code, on_token, &g);
		answer_token(&b, 0, "T1", NULL);
		CHECK_INT(g.e.kind, ERR_AUTH);
		CHECK_STR(g.token, "");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_consent_that_is_refused_is_not_shown_again") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, tried(by_refresh(NULL)));
		oauth_consent(o, "A", &by_code, on_token, &g);
		fake_answer(b.fake, 0, 400, NULL, REFUSAL("invalid_grant", "65001"));
		CHECK(strstr(g.e.text, "AADSTS65001") != NULL);
		CHECK(strstr(g.e.text, "mary") == NULL);
		oauth_token(o, "A", false, on_token, &g);
		CHECK_INT(b.fake->n, 1);
		CHECK(strstr(g.e.text, "nobody is signed in: cosell connect pc") != NULL);
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_id_token_that_is_none_tells_nobody") {
		static const char *const bad[] = {"", "x", "x.y.z", "..", "e30.e30.e30", "a.bm8.c"};
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct bench b = bench_new();
			struct got g = {0};
			struct oauth *o = open_grant(&b, tried(by_refresh(NULL)));
			char *body = xasprintf("{\"access_token\":\"T\",\"refresh_token\":\"R\","
					       "\"id_token\":\"%s\"}",
					       bad[i]);
			oauth_consent(o, "A", &by_code, on_token, &g);
			fake_answer(b.fake, 0, 200, NULL, body);
			CHECK_STR(g.token, "T");
			told_has(o, "\"certificate_ends_ms\":0");
			free(body);
			oauth_free(o);
			bench_free(&b);
		}
	}
}

static void check_take(void)
{
	struct err e;
	CASE ("oauth_take_asks_with_the_new_sign_in_at_once_and_after_a_restart") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh(NULL));
		oauth_token(o, "A", false, on_token, &g);
		CHECK(strstr(g.e.text, "nobody is signed in") != NULL);
		struct oauth *from = signed_in(&b);
		CHECK(oauth_take(o, from, &e));
		oauth_free(from);
		CHECK(commit(&b));
		told_has(o, "\"signed\":true");
		told_has(o, "ken@person.example");
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 1, "refresh_token=N1&");
		oauth_free(o);
		o = open_grant(&b, by_refresh(NULL));
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 2, "refresh_token=N1&");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_take_does_not_hear_what_was_on_its_way") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g); /* call 0 */
		struct oauth *from = open_grant(&b, tried(by_refresh("R0")));
		struct got got = {0};
		oauth_consent(from, "A", &by_code, on_token, &got); /* call 1 */
		answer_consent(&b, 1, "T1", "N1");
		CHECK(oauth_take(o, from, &e));
		oauth_free(from);
		CHECK_INT(fake_open(b.fake), 1); /* the old question was taken back */
		body_has(&b, 2, "refresh_token=N1&");
		answer_token(&b, 2, "T2", "N2");
		CHECK_INT(g.n, 0);
		CHECK(commit(&b));
		CHECK_INT(g.n, 1);
		CHECK_STR(g.token, "T2");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_take_stands_over_a_rotation_that_waits_for_its_commit") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		struct oauth *from = signed_in(&b);
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 1, "T1", "R1"); /* R1 waits for the commit */
		CHECK(oauth_take(o, from, &e));
		oauth_free(from);
		CHECK(commit(&b));
		oauth_token(o, "A", true, on_token, &g);
		body_has(&b, 2, "refresh_token=N1&");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_take_forgets_the_tokens_of_the_sign_in_before") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *o = open_grant(&b, by_refresh("R0"));
		oauth_token(o, "A", false, on_token, &g);
		answer_token(&b, 0, "T1", "R1");
		CHECK(commit(&b));
		struct oauth *from = signed_in(&b);
		CHECK(oauth_take(o, from, &e));
		oauth_free(from);
		oauth_token(o, "A", false, on_token, &g);
		CHECK_INT(g.n, 1);
		body_has(&b, 2, "refresh_token=N1&");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_secret_that_comes_later_is_missed_only_when_it_is_needed") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth_config c = by_secret();
		c.secret = NULL;
		c.secret_later = true;
		struct oauth *o = open_grant(&b, c);
		told_has(o, "\"signed\":false");
		oauth_token(o, "A", false, on_token, &g);
		CHECK_INT(g.e.kind, ERR_AUTH);
		CHECK(strstr(g.e.text, "not entered: cosell connect crm") != NULL);
		c.secret = "entered";
		struct oauth *from = open_grant(&b, tried(c));
		CHECK(oauth_take(o, from, &e));
		oauth_free(from);
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 0, "client_secret=entered");
		told_has(o, "\"signed\":true");
		CHECK(oauth_forget(o, &e));
		CHECK_INT(g.n, 2); /* who waited is told */
		told_has(o, "\"signed\":false");
		oauth_free(o);
		bench_free(&b);
	}
	CASE ("oauth_until_its_own_sign_in_it_gives_another_ones_tokens") {
		struct bench b = bench_new();
		struct got g = {0};
		struct oauth *first = open_grant(&b, by_refresh("R0"));
		struct oauth_config c = by_refresh(NULL);
		c.name = "hooks";
		c.until = first;
		struct oauth *o = open_grant(&b, c);
		CHECK(oauth_is(o, first));
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 0, "refresh_token=R0&");
		answer_token(&b, 0, "T1", "R1");
		CHECK(commit(&b));
		oauth_reject(o, "A", "T1");
		oauth_cancel(oauth_token(o, "A", false, on_token, &g));
		body_has(&b, 1, "refresh_token=R1&");
		struct oauth *from = signed_in(&b);
		CHECK(oauth_take(o, from, &e));
		oauth_free(from);
		CHECK(!oauth_is(o, first));
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 3, "refresh_token=N1&");
		CHECK(oauth_forget(o, &e));
		CHECK(oauth_is(o, first));
		CHECK(!vault_has(&b, "oauth/hooks"));
		oauth_free(o);
		oauth_free(first);
		bench_free(&b);
	}
	CASE ("oauth_row_of_the_first_version_is_read") {
		struct bench b = bench_new();
		struct got g = {0};
		static const char row[] = "1\nhash\nR7\nR6\n";
		CHECK(vault_set(b.vault, "oauth/pc", row, strlen(row), &e));
		struct oauth *o = open_grant(&b, by_refresh(NULL));
		told_has(o, "\"used_ms\":0");
		oauth_token(o, "A", false, on_token, &g);
		body_has(&b, 0, "refresh_token=R7&");
		answer_token(&b, 0, "T1", "R8");
		CHECK(commit(&b));
		told_has(o, "\"used_ms\":1940000000000");
		oauth_free(o);
		bench_free(&b);
	}
}

/* ---- a device code ---- */

struct device_got {
	int n;
	char text[200];
	struct err e;
};

static void on_device(void *arg, const struct oauth_device *d, const struct err *e)
{
	struct device_got *g = arg;
	g->n++;
	g->e = d ? (struct err){0} : *e;
	if (d)
		snprintf(g->text, sizeof(g->text), "%s %s %s %d %d", d->code, d->user_code, d->url,
			 (int)d->every_ms, (int)d->life_ms);
}

static void device_answers(int status, const char *body, const char *text, const char *error)
{
	struct bench b = bench_new();
	struct device_got g = {0};
	struct err e;
	struct oauth *o = open_grant(&b, tried(by_refresh(NULL)));
	CHECK(oauth_device_ask(&b.env, o, "A", on_device, &g, &e) != NULL);
	CHECK_STR(b.fake->calls[0].url, "https://login.example/devicecode");
	CHECK_STR(b.fake->calls[0].body, "client_id=client-2&resource=A&scope=openid");
	fake_answer(b.fake, 0, status, NULL, body);
	CHECK_INT(g.n, 1);
	CHECK_STR(g.text, text);
	CHECK(strstr(g.e.text, error) != NULL);
	oauth_free(o);
	bench_free(&b);
}

static void check_device(void)
{
	CASE ("oauth_device_tells_what_to_enter_where") {
		device_answers(200,
			       "{\"device_code\":\"D\",\"user_code\":\"BCD\",\"verification_url\":"
			       "\"https://x\",\"interval\":\"7\",\"expires_in\":\"60\"}",
			       "D BCD https://x 7000 60000", "");
		device_answers(200,
			       "{\"device_code\":\"D\",\"user_code\":\"BCD\",\"verification_uri\":"
			       "\"https://x\",\"interval\":-1,\"expires_in\":99999}",
			       "D BCD https://x 5000 3600000", "");
	}
	CASE ("oauth_device_what_cannot_be_shown_or_read_is_net") {
		device_answers(200, "<html>", "", "cannot be read");
		device_answers(200, "{\"device_code\":\"D\",\"user_code\":\"BCD\"}", "",
			       "cannot be read");
		device_answers(200,
			       "{\"device_code\":\"D\",\"user_code\":\"B\\u001b[2J\","
			       "\"verification_uri\":\"https://x\"}",
			       "", "cannot be read");
		device_answers(503, "", "", "answered 503");
	}
	CASE ("oauth_device_refused_says_what_to_do") {
		device_answers(400, REFUSAL("invalid_request", "90002"), "",
			       "the tenant is not known: check the token URL");
		device_answers(400, REFUSAL("unauthorized_client", "7000112"), "",
			       "allow public client flows");
	}
	CASE ("oauth_device_cancelled_is_not_told") {
		struct bench b = bench_new();
		struct device_got g = {0};
		struct err e;
		struct oauth *o = open_grant(&b, tried(by_refresh(NULL)));
		oauth_device_cancel(oauth_device_ask(&b.env, o, "A", on_device, &g, &e));
		CHECK_INT(fake_open(b.fake), 0);
		CHECK_INT(g.n, 0);
		oauth_free(o);
		bench_free(&b);
	}
}

void check_oauth(void)
{
	check_forms();
	check_certificate();
	check_holding();
	check_failures();
	check_rotation();
	check_death();
	check_consent();
	check_take();
	check_device();
}
