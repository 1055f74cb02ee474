/*
 * remote/verify.c and verify_url.c: a vector made elsewhere, forgeries of every kind, and the
 * count of connections that forged callbacks can cause.
 */
#include "remote/verify.h"

#include "base/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_world.h"
#include "golden.h"
#include "tests.h"

void check_verify(void);

#define CERT_URL "https://certs.example/cert/signer.cer"

static const int64_t DAY_MS = 86400000;
static char golden_roots[8192];

struct bench {
	struct fake *fake;
	struct verify *v;
};

static struct bench bench_with(const char *roots, const char *organization, int max_waiting)
{
	static const char *const hosts[] = {"certs.example", "certs2.example", NULL};
	struct bench b = {.fake = fake_new()};
	struct verify_config c = {.hosts = hosts,
				  .practice_origin = "http://127.0.0.1:8080",
				  .roots = roots,
				  .organization = organization,
				  .max_waiting = max_waiting};
	b.v = verify_new(&b.fake->world, &c);
	return b;
}

static struct bench bench_new(void)
{
	return bench_with(golden_roots, GOLDEN_ORGANIZATION, 0);
}

static void bench_free(struct bench *b)
{
	verify_free(b->v);
	fake_free(b->fake);
}

static char *golden_header(void)
{
	return xasprintf("Signature %s", golden_rs256);
}

static struct verify_in golden_in(const char *authorization)
{
	return (struct verify_in){.authorization = authorization,
				  .certificate_url = CERT_URL,
				  .algorithm = "rsa-sha256",
				  .body = golden_body,
				  .len = strlen(golden_body)};
}

struct got {
	int n;
	enum verdict verdict;
	char why[1000];
};

static void on_verdict(void *arg, enum verdict v, const struct err *why)
{
	struct got *g = arg;
	g->n++;
	g->verdict = v;
	snprintf(g->why, sizeof(g->why), "%s", why->text);
}

static void check(struct bench *b, const struct verify_in *in, struct got *g)
{
	*g = (struct got){0};
	verify_check(b->v, in, on_verdict, g);
}

static void answer_cert(struct bench *b, int i, const char *cert)
{
	fake_answer(b->fake, i, 200, NULL, cert);
}

/* ---- good ones ---- */

static void check_good(void)
{
	CASE ("guard 2: verify_golden_vector_is_good_and_its_certificate_is_fetched_once") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		CHECK_INT(g.n, 0);
		CHECK_STR(b.fake->calls[0].url, CERT_URL);
		CHECK_STR(b.fake->calls[0].method, "GET");
		CHECK_INT(b.fake->calls[0].nheaders, 0);
		CHECK(!b.fake->calls[0].plain_ok);
		CHECK_INT(b.fake->calls[0].timeout_ms, 5000);
		CHECK_INT(b.fake->calls[0].max_answer, 65536);
		answer_cert(&b, 0, golden_signer);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		check(&b, &in, &g);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		CHECK_INT(b.fake->n, 1);
		free(head);
		bench_free(&b);
	}
	CASE ("verify_who_waits_needs_no_memory_of_the_caller") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		char *body = xstrdup(golden_body);
		struct verify_in in = golden_in(head);
		in.body = body;
		check(&b, &in, &g);
		memset(body, 'x', strlen(body));
		memset(head, 'x', strlen(head));
		free(body);
		free(head);
		answer_cert(&b, 0, golden_signer);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		bench_free(&b);
	}
	CASE ("verify_signature_may_stand_in_either_header_in_any_case") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		char *lower = xasprintf("sIgNaTuRe   %s", golden_rs256);
		const struct {
			const char *authorization, *signature, *algorithm;
		} rows[] = {
			{head, NULL, "rsa-sha256"},         {lower, NULL, "RSA-SHA256"},
			{NULL, head, "Rsa-Sha256"},         {NULL, lower, "rsa-sha256"},
			{NULL, golden_rs256, "rsa-sha256"}, {head, golden_rs256, "rsa-sha256"},
			{"Bearer x", head, "rsa-sha256"},
		};
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct verify_in in = golden_in(rows[i].authorization);
			in.signature = rows[i].signature;
			in.algorithm = rows[i].algorithm;
			check(&b, &in, &g);
			if (i == 0) {
				answer_cert(&b, 0, golden_signer);
			}
			CHECK_INT(g.n, 1);
			CHECK_INT(g.verdict, VERDICT_GOOD);
		}
		CHECK_INT(b.fake->n, 1);
		free(head);
		free(lower);
		bench_free(&b);
	}
	CASE ("verify_allowed_addresses_are_fetched") {
		static const char *const good[] = {CERT_URL, "https://certs2.example/a.cer",
						   "https://certs.example:443/cert/a-b_c.d~1.cer",
						   "https://certs.example/cert/a%20b.cer",
						   "http://127.0.0.1:8080/cert/a.cer"};
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		for (int i = 0; i < 5; i++) {
			struct verify_in in = golden_in(head);
			in.certificate_url = good[i];
			check(&b, &in, &g);
			CHECK_INT(b.fake->n, i + 1);
			CHECK_STR(b.fake->calls[i].url, good[i]);
			CHECK_INT(b.fake->calls[i].plain_ok, i == 4);
			answer_cert(&b, i, golden_signer);
			CHECK_INT(g.verdict, VERDICT_GOOD);
		}
		free(head);
		bench_free(&b);
	}
}

/* ---- forged heads ---- */

static const char *const hostile[] = {
	"",
	"x",
	"certs.example/cert/a.cer",
	"//certs.example/cert/a.cer",
	"http://certs.example/cert/a.cer",
	"HTTPS://certs.example/cert/a.cer",
	"https:/certs.example/cert/a.cer",
	"https:certs.example/cert/a.cer",
	"https:\\\\certs.example/cert/a.cer",
	"https://certs.example\\@evil.example/a.cer",
	"ftp://certs.example/cert/a.cer",
	"file:///etc/passwd.cer",
	"file://certs.example/etc/a.cer",
	"gopher://certs.example/a.cer",
	"data:text/plain,a.cer",
	" https://certs.example/cert/a.cer",
	"https://certs.example/cert/a.cer ",
	"https://certs.example/cert/a.cer\n",
	"https://certs.example/cert/a b.cer",
	"https://certs.example/cert/a\tb.cer",
	"https://certs.example\r\nHost: evil.example/a.cer",
	"https://Certs.example/cert/a.cer",
	"https://certs.example./cert/a.cer",
	"https://certs.example.evil.example/cert/a.cer",
	"https://certs.exampleevil/cert/a.cer",
	"https://evilcerts.example/cert/a.cer",
	"https://evil.example/certs.example/a.cer",
	"https://evil.example/cert/a.cer",
	"https://evil.example#certs.example/a.cer",
	"https://evil.example?certs.example/a.cer",
	"https://certs.example@evil.example/a.cer",
	"https://certs.example:443@evil.example/a.cer",
	"https://user@certs.example/cert/a.cer",
	"https://user:pass@certs.example/cert/a.cer",
	"https://@certs.example/cert/a.cer",
	"https://certs.example%40evil.example/a.cer",
	"https://certs.example%2eevil.example/a.cer",
	"https://certs%2eexample/cert/a.cer",
	"https://certs.example:80/cert/a.cer",
	"https://certs.example:8443/cert/a.cer",
	"https://certs.example:0443/cert/a.cer",
	"https://certs.example:443x/cert/a.cer",
	"https://certs.example:/cert/a.cer",
	"https://certs.example:443:443/a.cer",
	"https://certs.example",
	"https://certs.example/",
	"https://certs.example/.cer",
	"https://certs.example.cer",
	"https://certs.example/cert/a.crt",
	"https://certs.example/cert/a.cer/",
	"https://certs.example/cert/a.cer.exe",
	"https://certs.example/cert/a.CER",
	"https://certs.example/cert/a.cer?x=1",
	"https://certs.example/cert?x=a.cer",
	"https://certs.example/cert/a.cer#x",
	"https://certs.example/cert#a.cer",
	"https://certs.example/cert;x=a.cer",
	"https://certs.example/../cert/a.cer",
	"https://certs.example/cert/../a.cer",
	"https://certs.example/cert/./a.cer",
	"https://certs.example/cert/..cer",
	"https://certs.example//cert/a.cer",
	"https://certs.example/cert//a.cer",
	"https://certs.example/cert%2fa.cer",
	"https://certs.example/cert%2Fa.cer",
	"https://certs.example/cert%5ca.cer",
	"https://certs.example/%2e%2e/a.cer",
	"https://certs.example/cert%00a.cer",
	"https://certs.example/cert%0d%0aa.cer",
	"https://certs.example/cert%3fa.cer",
	"https://certs.example/cert%23a.cer",
	"https://certs.example/cert%252fa.cer",
	"https://certs.example/cert%",
	"https://certs.example/cert%zz.cer",
	"https://certs.example/cert\\a.cer",
	"https://certs.example/c\xc3\xa4rt/a.cer",
	"https://certs\343\200\202example/cert/a.cer",
	"https://127.0.0.1/cert/a.cer",
	"https://2130706433/cert/a.cer",
	"https://0x7f.1/cert/a.cer",
	"https://[::1]/cert/a.cer",
	"https://[::ffff:127.0.0.1]/cert/a.cer",
	"https://169.254.169.254/cert/a.cer",
	"https://localhost/cert/a.cer",
	"http://127.0.0.1/cert/a.cer",
	"http://127.0.0.1:80800/cert/a.cer",
	"http://127.0.0.1:8080",
	"http://127.0.0.1:8080@evil.example/a.cer",
	"http://127.0.0.1:8080.evil.example/a.cer",
	"http://127.0.0.1:8080/cert/a.cer?x",
	"https://127.0.0.1:8080/cert/a.cer",
	"http://localhost:8080/cert/a.cer",
	"https://*.example/cert/a.cer",
	"https://certs.example/cert/'a.cer",
	"https://certs.example,certs2.example/a.cer",
};

static void check_hostile(void)
{
	CASE ("guard 2: verify_hostile_address_is_bad_and_starts_nothing") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		int n = (int)(sizeof(hostile) / sizeof(hostile[0]));
		CHECK(n > 60);
		for (int i = 0; i < n; i++) {
			in.certificate_url = hostile[i];
			check(&b, &in, &g);
			if (!CHECK(g.n == 1 && g.verdict == VERDICT_BAD)) {
				CHECK_STR(hostile[i], "bad");
			}
		}
		char *endless = xasprintf("https://certs.example/%0600d.cer", 0);
		in.certificate_url = endless;
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_BAD);
		CHECK_INT(b.fake->n, 0);
		struct verify_state s;
		verify_state(b.v, &s);
		CHECK_INT(s.bad, n + 1);
		free(endless);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: verify_missing_or_doubtful_head_is_bad_and_starts_nothing") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		char *other = xasprintf("Signature A%s", golden_rs256 + 1);
		char *trailing = xasprintf("Signature %s ", golden_rs256);
		char *glued = xasprintf("Signature%s", golden_rs256);
		const struct verify_in good = golden_in(head);
		struct verify_in rows[20];
		int n = 0;
#define ROW(member, value) (rows[n] = good, rows[n].member = (value), n++)
		ROW(authorization, NULL);
		ROW(authorization, "");
		ROW(authorization, "Signature");
		ROW(authorization, "Signature ");
		ROW(authorization, "Signature !!!!");
		ROW(authorization, "Bearer abcd");
		ROW(authorization, golden_rs256);
		ROW(authorization, trailing);
		ROW(authorization, glued);
		ROW(signature, other);
		ROW(signature, "");
		ROW(certificate_url, NULL);
		ROW(algorithm, NULL);
		ROW(algorithm, "");
		ROW(algorithm, "rsa-sha1");
		ROW(algorithm, "rsa-sha512");
		ROW(algorithm, "none");
		ROW(algorithm, "rsa-sha256 ");
		ROW(algorithm, "hmac-sha256");
#undef ROW
		for (int i = 0; i < n; i++) {
			check(&b, &rows[i], &g);
			CHECK_INT(g.n, 1);
			CHECK_INT(g.verdict, VERDICT_BAD);
		}
		CHECK_INT(b.fake->n, 0);
		free(head);
		free(other);
		free(trailing);
		free(glued);
		bench_free(&b);
	}
}

static void check_forged(void)
{
	CASE ("guard 2: verify_every_flipped_bit_of_body_and_signature_is_bad") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		char *body = xstrdup(golden_body);
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		answer_cert(&b, 0, golden_signer);
		in.body = body;
		for (size_t bit = 0; bit < in.len * 8; bit++) {
			body[bit / 8] ^= (char)(1 << bit % 8);
			check(&b, &in, &g);
			CHECK_INT(g.verdict, VERDICT_BAD);
			body[bit / 8] ^= (char)(1 << bit % 8);
		}
		struct buf sig = {0};
		CHECK(crypto_base64_decode(&sig, golden_rs256, strlen(golden_rs256), false));
		CHECK_INT(sig.len, 256);
		for (size_t bit = 0; bit < sig.len * 8; bit++) {
			struct buf spoilt = {0};
			buf_adds(&spoilt, "Signature ");
			sig.data[bit / 8] ^= (char)(1 << bit % 8);
			crypto_base64(&spoilt, sig.data, sig.len, false);
			sig.data[bit / 8] ^= (char)(1 << bit % 8);
			in.authorization = spoilt.data;
			check(&b, &in, &g);
			CHECK_INT(g.verdict, VERDICT_BAD);
			buf_free(&spoilt);
		}
		buf_free(&sig);
		in.authorization = head;
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		in.len = 0;
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_BAD);
		free(body);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 2: verify_pss_signature_is_not_what_was_agreed") {
		struct bench b = bench_new();
		struct got g;
		char *head = xasprintf("Signature %s", golden_ps256);
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		answer_cert(&b, 0, golden_signer);
		CHECK_INT(g.verdict, VERDICT_BAD);
		free(head);
		bench_free(&b);
	}
}

/* ---- certificates ---- */

struct signer {
	char *key, *cert;
};

static struct signer signer_new(const char *organization, int bits, int days,
				const struct signer *ca)
{
	struct err e;
	struct signer s = {0};
	struct crypto_issue in = {.common_name = "signer.example",
				  .organization = organization,
				  .bits = bits,
				  .from_ms = FAKE_START_MS - 86400000,
				  .days = days,
				  .ca_key = ca ? ca->key : NULL,
				  .ca_cert = ca ? ca->cert : NULL};
	CHECK(crypto_issue(&in, &s.key, &s.cert, &e));
	return s;
}

static void signer_free(struct signer *s)
{
	free(s->key);
	free(s->cert);
}

/* The header for "body", really signed. */
static struct buf sign_body(const struct signer *s)
{
	struct err e;
	struct buf sig = {0};
	struct buf head = {0};
	struct crypto_key *k = crypto_key_load(s->key, s->cert, &e);
	CHECK(crypto_sign(k, CRYPTO_RS256, "body", 4, &sig, &e));
	buf_adds(&head, "Signature ");
	crypto_base64(&head, sig.data, sig.len, false);
	crypto_key_free(k);
	buf_free(&sig);
	return head;
}

static struct verify_in body_in(const char *authorization)
{
	struct verify_in in = golden_in(authorization);
	in.body = "body";
	in.len = 4;
	return in;
}

static enum verdict verdict_on(const struct signer *s, const char *roots, struct got *g)
{
	struct bench b = bench_with(roots, "Example Corporation", 0);
	struct buf head = sign_body(s);
	struct verify_in in = body_in(head.data);
	check(&b, &in, g);
	answer_cert(&b, 0, s->cert);
	buf_free(&head);
	bench_free(&b);
	return g->verdict;
}

static void check_signers(void)
{
	CASE ("guard 1: verify_signer_must_be_trusted_in_date_strong_and_of_the_organization") {
		struct got g;
		struct signer root = signer_new("Example Roots", 2048, 3650, NULL);
		struct signer other_root = signer_new("Example Roots", 2048, 3650, NULL);
		struct signer good = signer_new("Example Corporation", 2048, 30, &root);
		struct signer expired = signer_new("Example Corporation", 2048, -1, &root);
		struct signer foreign = signer_new("Example Corporation Inc", 2048, 30, &root);
		struct signer nameless = signer_new(NULL, 2048, 30, &root);
		struct signer weak = signer_new("Example Corporation", 1024, 30, &root);
		struct signer self = signer_new("Example Corporation", 2048, 30, NULL);
		CHECK_INT(verdict_on(&good, root.cert, &g), VERDICT_GOOD);
		CHECK_INT(verdict_on(&good, other_root.cert, &g), VERDICT_BAD);
		CHECK_INT(verdict_on(&expired, root.cert, &g), VERDICT_BAD);
		CHECK(strstr(g.why, "expired") != NULL);
		CHECK_INT(verdict_on(&foreign, root.cert, &g), VERDICT_BAD);
		CHECK(strstr(g.why, "is not of") != NULL);
		CHECK_INT(verdict_on(&nameless, root.cert, &g), VERDICT_BAD);
		CHECK_INT(verdict_on(&weak, root.cert, &g), VERDICT_BAD);
		CHECK(strstr(g.why, "1024") != NULL);
		CHECK_INT(verdict_on(&self, root.cert, &g), VERDICT_BAD);
		CHECK(strstr(g.why, "self") != NULL);
		signer_free(&root);
		signer_free(&other_root);
		signer_free(&good);
		signer_free(&expired);
		signer_free(&foreign);
		signer_free(&nameless);
		signer_free(&weak);
		signer_free(&self);
	}
	CASE ("verify_cached_certificate_ends_with_its_own_date") {
		struct got g;
		struct signer root = signer_new("Example Roots", 2048, 3650, NULL);
		struct signer s = signer_new("Example Corporation", 2048, 2, &root);
		struct bench b = bench_with(root.cert, "Example Corporation", 0);
		struct buf head = sign_body(&s);
		struct verify_in in = body_in(head.data);
		b.fake->now_ms += DAY_MS / 2; /* it began yesterday: half a day is left */
		check(&b, &in, &g);
		answer_cert(&b, 0, s.cert);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		b.fake->now_ms += DAY_MS / 2 - 2000;
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		CHECK_INT(b.fake->n, 1);
		b.fake->now_ms += 4000;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 2);
		answer_cert(&b, 1, s.cert);
		CHECK_INT(g.verdict, VERDICT_BAD);
		buf_free(&head);
		signer_free(&root);
		signer_free(&s);
		bench_free(&b);
	}
	CASE ("verify_certificate_kept_while_its_host_is_down_ends_with_its_date_too") {
		struct got g;
		struct signer root = signer_new("Example Roots", 2048, 3650, NULL);
		struct signer s = signer_new("Example Corporation", 2048, 3, &root);
		struct bench b = bench_with(root.cert, "Example Corporation", 0);
		struct buf head = sign_body(&s);
		struct verify_in in = body_in(head.data);
		check(&b, &in, &g);
		answer_cert(&b, 0, s.cert);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		b.fake->now_ms += 2 * DAY_MS - 30000;
		check(&b, &in, &g);
		fake_fail(b.fake, 1);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		b.fake->now_ms += 31000;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 3);
		fake_fail(b.fake, 2);
		CHECK_INT(g.verdict, VERDICT_UNKNOWN);
		buf_free(&head);
		signer_free(&root);
		signer_free(&s);
		bench_free(&b);
	}
}

/* ---- fetching ---- */

static void check_fetching(void)
{
	CASE ("guard 1: "
	      "verify_certificate_that_cannot_be_had_is_unknown_and_not_asked_for_a_minute") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		fake_fail(b.fake, 0);
		CHECK_INT(g.verdict, VERDICT_UNKNOWN);
		b.fake->now_ms += 59999;
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_UNKNOWN);
		CHECK_INT(b.fake->n, 1);
		b.fake->now_ms += 1;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 2);
		fake_answer(b.fake, 1, 503, NULL, golden_signer);
		CHECK_INT(g.verdict, VERDICT_UNKNOWN);
		b.fake->now_ms += 60000;
		check(&b, &in, &g);
		fake_answer(b.fake, 2, 302, "location: https://evil.example/a.cer", "");
		CHECK_INT(g.verdict, VERDICT_UNKNOWN);
		CHECK_INT(b.fake->n, 3);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: verify_address_that_gives_no_certificate_is_bad_for_a_minute") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		answer_cert(&b, 0, "<html>");
		CHECK_INT(g.verdict, VERDICT_BAD);
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_BAD);
		CHECK_INT(b.fake->n, 1);
		b.fake->now_ms += 60000;
		check(&b, &in, &g);
		answer_cert(&b, 1, golden_signer);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 5: what a clock ten years ahead found of a certificate is forgotten with it") {
		struct got g;
		struct signer root = signer_new("Example Roots", 2048, 3650, NULL);
		struct signer s = signer_new("Example Corporation", 2048, 5, &root);
		struct bench b = bench_with(root.cert, "Example Corporation", 0);
		struct buf head = sign_body(&s);
		struct verify_in in = body_in(head.data);
		b.fake->now_ms += 3650 * DAY_MS;
		check(&b, &in, &g);
		answer_cert(&b, 0, s.cert);
		CHECK_INT(g.verdict, VERDICT_BAD);
		b.fake->now_ms -= 3650 * DAY_MS;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 2);
		answer_cert(&b, 1, s.cert);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		b.fake->now_ms -= 3650 * DAY_MS; /* nor is it believed before it is true */
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 3);
		buf_free(&head);
		signer_free(&root);
		signer_free(&s);
		bench_free(&b);
	}
	CASE ("verify_certificate_is_fetched_again_after_a_day_and_kept_if_its_host_is_down") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		answer_cert(&b, 0, golden_signer);
		b.fake->now_ms += 86400000;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 2);
		fake_fail(b.fake, 1);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		CHECK_INT(b.fake->n, 2);
		b.fake->now_ms += 60000;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 3);
		answer_cert(&b, 2, "rubbish"); /* there is another one now, and it is no good */
		CHECK_INT(g.verdict, VERDICT_BAD);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: verify_many_who_wait_make_one_fetch_and_too_many_are_sent_back") {
		struct bench b = bench_with(golden_roots, GOLDEN_ORGANIZATION, 3);
		struct got g[5];
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		for (int i = 0; i < 5; i++) {
			check(&b, &in, &g[i]);
		}
		CHECK_INT(b.fake->n, 1);
		for (int i = 0; i < 5; i++) {
			CHECK_INT(g[i].n, i >= 3);
		}
		CHECK_INT(g[4].verdict, VERDICT_UNKNOWN);
		answer_cert(&b, 0, golden_signer);
		for (int i = 0; i < 3; i++) {
			CHECK_INT(g[i].n, 1);
			CHECK_INT(g[i].verdict, VERDICT_GOOD);
		}
		check(&b, &in, &g[4]);
		CHECK_INT(g[4].verdict, VERDICT_GOOD);
		struct verify_state s;
		verify_state(b.v, &s);
		CHECK_INT(s.good, 4);
		CHECK_INT(s.unknown, 2);
		CHECK_INT(s.bad, 0);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: verify_flood_of_forged_addresses_is_few_fetches_and_the_good_one_stays") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		answer_cert(&b, 0, golden_signer);
		for (int minute = 0; minute < 5; minute++) {
			int before = b.fake->n;
			for (int i = 0; i < 200; i++) {
				char url[100];
				snprintf(url, sizeof(url), "https://certs.example/forged/%d-%d.cer",
					 minute, i);
				struct verify_in forged = golden_in(head);
				forged.certificate_url = url;
				check(&b, &forged, &g);
				if (b.fake->calls[b.fake->n - 1].open) {
					fake_answer(b.fake, b.fake->n - 1, 404, NULL, "");
				}
				CHECK_INT(g.n, 1);
				CHECK_INT(g.verdict, VERDICT_UNKNOWN);
			}
			CHECK(b.fake->n - before <= 30);
			b.fake->now_ms += 60000;
		}
		check(&b, &in, &g);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		CHECK_INT(b.fake->n, 1 + 29 + 4 * 30);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: verify_few_fetches_at_once") {
		struct bench b = bench_new();
		struct got g[10];
		char *head = golden_header();
		for (int i = 0; i < 10; i++) {
			char url[100];
			snprintf(url, sizeof(url), "https://certs.example/%d.cer", i);
			struct verify_in in = golden_in(head);
			in.certificate_url = url;
			check(&b, &in, &g[i]);
		}
		CHECK_INT(fake_open(b.fake), 4);
		CHECK_INT(g[9].verdict, VERDICT_UNKNOWN);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: the caps of a profile are kept: waiting, fetches, time, size") {
		struct bench b = {.fake = fake_new()};
		static const char *const hosts[] = {"certs.example", NULL};
		struct verify_config c = {.hosts = hosts,
					  .roots = golden_roots,
					  .organization = GOLDEN_ORGANIZATION,
					  .max_waiting = 5,
					  .max_fetching = 2,
					  .max_fetches = 3,
					  .fetch_ms = 700,
					  .max_certificate = 4096};
		struct got g[8];
		char *head = golden_header();
		b.v = verify_new(&b.fake->world, &c);
		for (int i = 0; i < 3; i++) {
			char url[100];
			snprintf(url, sizeof(url), "https://certs.example/%d.cer", i);
			struct verify_in in = golden_in(head);
			in.certificate_url = url;
			check(&b, &in, &g[i]);
			CHECK_INT(g[i].n, i == 2); /* two at once */
		}
		CHECK_INT(b.fake->calls[1].timeout_ms, 700);
		CHECK_INT(b.fake->calls[1].max_answer, 4096);
		fake_fail(b.fake, 0);
		fake_fail(b.fake, 1);
		struct verify_in in = golden_in(head);
		for (int i = 0; i < 6; i++) {
			check(&b, &in, &g[i]);
			CHECK_INT(g[i].n, i == 5); /* five wait */
		}
		fake_fail(b.fake, 2);
		in.certificate_url = "https://certs.example/fourth.cer";
		check(&b, &in, &g[7]);
		CHECK_INT(g[7].verdict, VERDICT_UNKNOWN);
		CHECK_INT(b.fake->n, 3);
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: by default 64 wait for a certificate, the next is sent back") {
		struct bench b = bench_new();
		static struct got g[65];
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		for (int i = 0; i < 65; i++) {
			check(&b, &in, &g[i]);
			CHECK_INT(g[i].n, i == 64);
		}
		CHECK_INT(g[64].verdict, VERDICT_UNKNOWN);
		CHECK_INT(b.fake->n, 1);
		answer_cert(&b, 0, golden_signer);
		for (int i = 0; i < 64; i++) {
			CHECK(g[i].n == 1 && g[i].verdict == VERDICT_GOOD);
		}
		free(head);
		bench_free(&b);
	}
	CASE ("guard 1: what is remembered ends when the clock was set back") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		fake_fail(b.fake, 0);
		b.fake->now_ms -= DAY_MS;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 2);
		answer_cert(&b, 1, golden_signer);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		b.fake->now_ms -= DAY_MS;
		check(&b, &in, &g);
		CHECK_INT(b.fake->n, 3);
		answer_cert(&b, 2, golden_signer);
		CHECK_INT(g.verdict, VERDICT_GOOD);
		free(head);
		bench_free(&b);
	}
	CASE ("verify_free_tells_who_waits_unknown") {
		struct bench b = bench_new();
		struct got g;
		char *head = golden_header();
		struct verify_in in = golden_in(head);
		check(&b, &in, &g);
		verify_free(b.v);
		CHECK_INT(g.n, 1);
		CHECK_INT(g.verdict, VERDICT_UNKNOWN);
		CHECK_INT(fake_open(b.fake), 0);
		fake_free(b.fake);
		free(head);
	}
}

void check_verify(void)
{
	snprintf(golden_roots, sizeof(golden_roots), "%s%s", golden_root, golden_intermediate);
	check_good();
	check_hostile();
	check_forged();
	check_signers();
	check_fetching();
}
