/*
 * io/http_server with a certificate: base/crypto_tls judges the pair, callers are answered by TLS,
 * and every guard of the plain listener holds: the gate, the deadline with the handshake in it, the
 * cap, the crowd, no descriptors.  A renewed pair greets those who come then.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tls_kit.h"

#include <openssl/pem.h>

void check_http_tls(void);

#define SECOND "GET /second HTTP/1.1\r\n" HOST "\r\n"
#define POST   "POST / HTTP/1.1\r\n" HOST

/* Made once: keys take a moment. */
static struct authority root;
static struct pem_pair first;
static struct pem_pair renewed;

static struct crypto_tls *first_tls;

#define TLS_STAGE(...) STAGE(.tls = (first_tls = tls_of(&first)), __VA_ARGS__)

static void tls_stage_free(struct stage *s)
{
	stage_free(s);
	crypto_tls_free(first_tls);
}

static uint64_t ungreeted(const struct stage *s)
{
	const char *why;
	return http_server_ungreeted(s->server, &why);
}

/* ---- the pair ---- */

static void refused(const char *cert, const char *key, const char *why)
{
	struct err e;
	struct crypto_tls *t = crypto_tls_new(cert, key, &e);
	if (CHECK(t == NULL)) {
		CHECK_INT(e.kind, ERR_CONFIG);
		if (strstr(e.text, why) == NULL) {
			CHECK_STR(e.text, why);
		}
	}
	crypto_tls_free(t);
}

static void pairs(void)
{
	CASE ("tls_pair_of_a_whole_chain_or_signed_by_itself_is_taken") {
		struct err e;
		struct crypto_tls *t = crypto_tls_new(first.chain, first.key, &e);
		CHECK(t != NULL);
		int64_t days = (crypto_tls_until_ms(t) - clock_wall_ms()) / 86400000;
		CHECK(days == 29 && crypto_tls_from_ms(t) < clock_wall_ms());
		crypto_tls_free(t);
		t = crypto_tls_new(root.cert, root.key, &e);
		CHECK(t != NULL);
		crypto_tls_free(t);
	}
	CASE ("tls_certificate_without_its_issuers_is_refused_and_says_what_to_do") {
		refused(first.cert, first.key, "the certificate of its issuer (CN = Test Root) is");
		refused(first.cert, first.key, "as in a fullchain.pem");
		char *foreign = xasprintf("%s%s", first.cert, renewed.cert);
		refused(foreign, first.key, "is missing, so callers cannot check it");
		free(foreign);
	}
	CASE ("tls_pair_that_does_not_belong_together_is_refused") {
		refused(first.chain, renewed.key, "the private key does not belong to the");
	}
	CASE ("tls_pair_that_cannot_be_read_is_refused") {
		refused("", first.key, "the certificate cannot be read (PEM is wanted)");
		refused(first.key, first.key, "the certificate cannot be read");
		refused(first.chain, "", "the private key cannot be read");
		refused(first.chain, first.cert, "the private key cannot be read");
	}
	CASE ("tls_half_written_files_are_refused_wherever_they_end") {
		size_t whole = strlen(first.cert);
		for (size_t n = 1; n < strlen(first.chain) - 1; n += 97) {
			char *half = xmemdup0(first.chain, n);
			if (n != whole) {
				refused(half, first.key, n < whole ? "cannot be read" : "");
			}
			free(half);
		}
		for (size_t n = 1; n < strlen(first.key) - 30; n += 97) {
			char *half = xmemdup0(first.key, n);
			refused(first.chain, half, "the private key cannot be read");
			free(half);
		}
	}
	CASE ("tls_weak_key_is_refused") {
		struct pem_pair weak = pair_new(&root, 1024, 30);
		refused(weak.chain, weak.key, "the certificate cannot be used: ee key too small");
		pair_free(&weak);
	}
}

/* A pair of an elliptic curve, signed by itself; the certificate first. */
static void curve_pair(BIO *cert, BIO *key)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					 (const unsigned char *)"127.0.0.1", -1, -1, 0) == 1);
	CHECK(X509_set_version(x, X509_VERSION_3) == 1 && X509_set_issuer_name(x, name) == 1);
	CHECK(X509_gmtime_adj(X509_getm_notBefore(x), -60) != NULL);
	CHECK(X509_gmtime_adj(X509_getm_notAfter(x), 86400) != NULL);
	CHECK(X509_set_pubkey(x, k) == 1 && X509_sign(x, k, EVP_sha256()) > 0);
	CHECK(PEM_write_bio_X509(cert, x) == 1);
	CHECK(PEM_write_bio_PrivateKey(key, k, NULL, NULL, 0, NULL, NULL) == 1);
	for (int i = 0; i < 2; i++) { /* texts end with a NUL here */
		CHECK(BIO_write(i == 0 ? cert : key, "", 1) == 1);
	}
	X509_free(x);
	EVP_PKEY_free(k);
}

static void curves(void)
{
	CASE ("tls_pair_of_an_elliptic_curve_greets_by_both_versions") {
		BIO *cert = BIO_new(BIO_s_mem());
		BIO *key = BIO_new(BIO_s_mem());
		char *cert_text;
		char *key_text;
		struct err e;
		curve_pair(cert, key);
		(void)BIO_get_mem_data(cert, &cert_text);
		(void)BIO_get_mem_data(key, &key_text);
		struct crypto_tls *tls = crypto_tls_new(cert_text, key_text, &e);
		CHECK(tls != NULL);
		struct stage *s = STAGE(.max_body = 100, .tls = tls);
		for (int newest = TLS1_2_VERSION; newest <= TLS1_3_VERSION; newest++) {
			struct tls_peer *t = tls_peer_on(peer_new(s), newest, false);
			tls_says(t, "GET /x HTTP/1.1\r\n" HOST "\r\n");
			CHECK(tls_gets(t, "/x"));
			CHECK_INT(SSL_version(t->ssl), newest);
			tls_peer_free(t);
		}
		stage_free(s);
		crypto_tls_free(tls);
		BIO_free(cert);
		BIO_free(key);
	}
}

/* ---- what is sound ---- */

static void sound_requests(void)
{
	CASE ("tls_callback_is_answered_by_1_2_and_by_1_3_and_by_nothing_older") {
		static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
		struct stage *s = TLS_STAGE(.max_body = 100);
		for (size_t i = 0; i < 2; i++) {
			struct tls_peer *t = tls_peer_on(peer_new(s), versions[i], false);
			tls_says(t, POST "Content-Length: 4\r\n\r\nbody");
			CHECK(tls_gets(t, "200 OK"));
			CHECK_STR(s->body.data, "body");
			CHECK_INT(SSL_version(t->ssl), versions[i]);
			CHECK(tls_saw(t, &first));
			CHECK_INT(sk_X509_num(SSL_get_peer_cert_chain(t->ssl)), 2);
			tls_peer_free(t);
		}
		struct tls_peer *old = tls_peer_on(peer_new(s), TLS1_1_VERSION, false);
		CHECK(tls_ends(old, 5000));
		CHECK(!old->greeted && s->runs == 2);
		(void)pump(s->loop, NULL, NULL, 250);
		CHECK_INT(ungreeted(s), 1);
		tls_peer_free(old);
		tls_stage_free(s);
	}
	CASE ("tls_pipelined_requests_are_answered_in_order") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct tls_peer *t = tls_peer_new(s);
		tls_says(t, "GET /1 HTTP/1.1\r\n" HOST "\r\n" POST
			    "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\n" HOST "\r\n" SECOND);
		CHECK(tls_gets(t, "/second"));
		CHECK_INT(s->runs, 4);
		CHECK_INT(count(t->in.data, "200 OK"), 4);
		tls_says(t, "GET /after HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/after"));
		tls_peer_free(t);
		tls_stage_free(s);
	}
	CASE ("tls_rest_of_a_pipelined_request_stays_behind_its_beginning") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct tls_peer *t = tls_peer_new(s);
		const char *next = POST "Content-Length: 5\r\n\r\nhello";
		for (size_t cut = 1; cut < strlen(next); cut += 5) {
			s->hold = true;
			s->nheld = s->runs = 0;
			t->in.len = 0;
			char *early =
				xasprintf("GET /1 HTTP/1.1\r\n" HOST "\r\n%.*s", (int)cut, next);
			tls_says(t, early); /* in one record, so they are read together */
			free(early);
			if (!CHECK(pump(s->loop, until_run, s, 5000))) {
				break;
			}
			s->hold = false;
			answer(s->held[0], "one");
			tls_says(t, next + cut);
			if (!tls_gets(t, "Content-Length: 1\r\n")) {
				break;
			}
			CHECK_STR(s->body.data, "hello");
		}
		tls_peer_free(t);
		tls_stage_free(s);
	}
	CASE ("tls_large_answer_arrives_whole") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct tls_peer *t = tls_peer_new(s);
		s->big_len = 4 << 20;
		char *big = xmalloc(s->big_len);
		memset(big, 'z', s->big_len);
		big[s->big_len - 1] = '!';
		s->big = big;
		tls_says(t, "GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
		CHECK(tls_ends(t, 10000));
		CHECK(t->in.len > s->big_len && t->in.data[t->in.len - 1] == '!');
		tls_peer_free(t);
		free(big);
		tls_stage_free(s);
	}
	CASE ("tls_body_that_did_not_wait_for_100_is_answered_at_once") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct tls_peer *t = tls_peer_new(s);
		tls_says(t, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
		turn(s->loop, 1); /* read, and the word to go on is about to leave */
		tls_sends(t, "abc", 3);
		CHECK(tls_gets(t, "200 OK"));
		CHECK_STR(s->body.data, "abc");
		tls_says(t, "GET /after HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/after"));
		tls_peer_free(t);
		tls_stage_free(s);
	}
}

/* ---- what is not ---- */

static const struct {
	const char *bytes;
	int status;
} DOUBTFUL[] = {
	{POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
	{POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
	{POST "Content-Length : 3\r\n\r\nabc", 400},
	{POST "Content-Length: 5000\r\n\r\n", 413},
	{"GET / HTTP/1.1\n" HOST "\r\n", 400},
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
	{"PUT / HTTP/1.1\r\n" HOST "\r\n", 405},
};
enum { NDOUBTFUL = sizeof DOUBTFUL / sizeof DOUBTFUL[0] };

static void try_doubtful(struct stage *s, int i, bool bytewise)
{
	struct tls_peer *t = tls_peer_new(s);
	char *all = xasprintf("%s%s", DOUBTFUL[i].bytes, SECOND);
	size_t step = bytewise ? 1 : strlen(all);
	s->runs = 0;
	CHECK(tls_greets(t));
	for (size_t at = 0; at < strlen(all); at += step) {
		tls_sends(t, all + at, step);
		turn(s->loop, 1);
	}
	CHECK(tls_ends(t, 5000));
	CHECK_INT(tls_status(t), DOUBTFUL[i].status);
	CHECK_INT(count(t->in.data, "HTTP/1.1 "), 1);
	CHECK_INT(s->runs, 0);
	/* no end without a word: the refusal is whole and known to be */
	CHECK(SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN);
	free(all);
	tls_peer_free(t);
}

static void doubtful_requests(void)
{
	CASE ("guard 2: tls: a doubtful head is refused with its status, and what follows never "
	      "runs") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		for (int i = 0; i < NDOUBTFUL; i++) {
			try_doubtful(s, i, false);
			try_doubtful(s, i, true);
		}
		tls_stage_free(s);
	}
	CASE ("guard 2: tls: plain HTTP gets no byte and runs nothing") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		const char *why = "";
		peer_says(p, "POST /callback HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
		CHECK(peer_ends(p, 5000));
		CHECK_INT(s->runs, 0);
		CHECK(p->in.data == NULL || strstr(p->in.data, "HTTP") == NULL);
		(void)pump(s->loop, NULL, NULL, 250);
		CHECK_INT(http_server_ungreeted(s->server, &why), 1);
		CHECK_STR(why, "http request");
		peer_free(p);
		tls_stage_free(s);
	}
	CASE ("guard 2: tls: garbage and a cut greeting do no harm") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		for (int i = 0; i < 64; i++) {
			struct peer *p = peer_new(s);
			unsigned char bytes[200];
			crypto_random(bytes, sizeof bytes);
			if (i % 2 == 0) { /* as if it were a greeting */
				static const unsigned char hello[] = {0x16, 3, 1,    0, 0xc0, 1,
								      0,    0, 0xbc, 3, 3};
				memcpy(bytes, hello, sizeof hello);
			}
			peer_send(p, bytes, 1 + (size_t)i * 3);
			turn(s->loop, 2);
			peer_free(p);
		}
		struct tls_peer *t = tls_peer_new(s);
		tls_says(t, "GET /good HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/good"));
		CHECK_INT(s->runs, 1);
		tls_peer_free(t);
		tls_stage_free(s);
	}
	CASE ("guard 2: tls: a caller who wants new keys in the middle is cut") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct tls_peer *t = tls_peer_on(peer_new(s), TLS1_3_VERSION, false);
		tls_says(t, "GET /x HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/x"));
		CHECK_INT(SSL_key_update(t->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		CHECK_INT(SSL_do_handshake(t->ssl), 1);
		tls_flush(t);
		CHECK(tls_ends(t, 1000)); /* before it would be cut for idling */
		tls_peer_free(t);
		tls_stage_free(s);
	}
}

/* ---- time ---- */

struct dripping {
	struct tls_peer *t;
	struct buf bytes; /* to drip; then a letter for ever */
	size_t at;
	int64_t last_us;
};

/* A byte every 10 ms. */
static bool drip(void *arg)
{
	struct dripping *d = arg;
	if (clock_mono_us() - d->last_us > 10000) {
		d->last_us = clock_mono_us();
		peer_send(d->t->raw, d->at < d->bytes.len ? d->bytes.data + d->at : "x", 1);
		d->at++;
	}
	return until_ended(d->t->raw);
}

static void deadlines(void)
{
	CASE ("guard 2: tls: a dripped handshake meets the deadline") {
		struct stage *s = TLS_STAGE(.max_body = 100, .deadline_ms = 300);
		struct dripping d = {.t = tls_peer_on(peer_new(s), 0, true)};
		char hello[4096];
		int n = BIO_read(d.t->to, hello, sizeof hello);
		CHECK(n > 100);
		buf_add(&d.bytes, hello, (size_t)n);
		int64_t start = clock_mono_us();
		CHECK(pump(s->loop, drip, &d, 5000));
		CHECK(clock_mono_us() - start > 290000);
		CHECK(d.at < d.bytes.len && d.t->raw->in.len == 0);
		buf_free(&d.bytes);
		tls_peer_free(d.t);
		tls_stage_free(s);
	}
	CASE ("guard 2: tls: the greeting's time is part of the first request's") {
		enum { DEADLINE = 1000, LATE = 700 };
		struct stage *s = TLS_STAGE(.max_body = 100, .deadline_ms = DEADLINE);
		int64_t start = clock_mono_us();
		struct tls_peer *t = tls_peer_on(peer_new(s), 0, true);
		(void)pump(s->loop, NULL, NULL, LATE);
		t->hold = false;
		tls_says(t, "GET /never");
		CHECK(tls_ends(t, 5000));
		int64_t ms = (clock_mono_us() - start) / 1000;
		CHECK_INT(tls_status(t), 408);
		CHECK(ms >= DEADLINE - 10 && ms < DEADLINE + LATE);
		tls_peer_free(t);
		tls_stage_free(s);
	}
	CASE ("tls_later_request_of_a_connection_has_its_own_time") {
		struct stage *s = TLS_STAGE(.max_body = 100, .deadline_ms = 1500, .idle_ms = 9000);
		struct tls_peer *t = tls_peer_new(s);
		tls_says(t, "GET /1 HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/1"));
		(void)pump(s->loop, NULL, NULL, 1700);
		tls_says(t, "GET /2 HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/2"));
		tls_peer_free(t);
		tls_stage_free(s);
	}
}

/* ---- held and lost ---- */

static void held_calls(void)
{
	CASE ("tls_held_call_of_a_lost_peer_is_answered_in_vain") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		s->hold = true;
		for (int i = 0; i < 12; i++) {
			struct tls_peer *t = tls_peer_new(s);
			struct linger now = {.l_onoff = 1, .l_linger = 0};
			s->runs = 0;
			tls_says(t, POST "Content-Length: 3\r\n\r\nabc");
			CHECK(pump(s->loop, until_run, s, 5000));
			if (i % 2 == 0) { /* a reset, not a clean end */
				(void)setsockopt(t->raw->fd, SOL_SOCKET, SO_LINGER, &now,
						 sizeof now);
			} else if (i % 3 == 0) {
				(void)SSL_shutdown(t->ssl);
				tls_flush(t);
			}
			tls_peer_free(t);
		}
		(void)pump(s->loop, NULL, NULL, 250); /* two sweeps */
		CHECK_INT(s->nheld, 12);
		for (int i = 0; i < 12; i++) {
			if (i % 5 == 0) {
				http_call_drop(s->held[i]);
			} else {
				answer(s->held[i], "too late");
			}
		}
		(void)pump(s->loop, NULL, NULL, 250);
		s->hold = false;
		struct tls_peer *t = tls_peer_new(s);
		tls_says(t, "GET /still HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/still"));
		CHECK_INT(ungreeted(s), 0);
		tls_peer_free(t);
		tls_stage_free(s);
	}
	CASE ("tls_server_freed_in_the_middle_of_greetings_and_calls_closes_all") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct tls_peer *half = tls_peer_on(peer_new(s), 0, true);
		struct tls_peer *held = tls_peer_new(s);
		s->hold = true;
		tls_says(held, "GET /x HTTP/1.1\r\n" HOST "\r\n");
		CHECK(pump(s->loop, until_run, s, 5000));
		http_server_free(s->server);
		s->server = NULL;
		CHECK(peer_ends(half->raw, 5000));
		CHECK(tls_ends(held, 5000) && held->in.len == 0);
		tls_peer_free(half);
		tls_peer_free(held);
		tls_stage_free(s);
	}
	CASE ("tls_request_and_end_in_one_breath_do_no_harm") {
		struct stage *s = TLS_STAGE(.max_body = 100000);
		for (int i = 0; i < 20; i++) {
			struct tls_peer *t = tls_peer_new(s);
			CHECK(tls_greets(t));
			t->hold = true;
			for (int k = 0; k <= i; k++) {
				tls_sends(t, SECOND, strlen(SECOND));
			}
			(void)SSL_shutdown(t->ssl);
			t->hold = false;
			tls_flush(t);
			(void)shutdown(t->raw->fd, SHUT_WR);
			CHECK(tls_ends(t, 5000));
			tls_peer_free(t);
		}
		struct tls_peer *t = tls_peer_new(s);
		tls_says(t, "GET /still HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/still"));
		tls_peer_free(t);
		tls_stage_free(s);
	}
}

/* ---- renewal ---- */

static void renewal(void)
{
	CASE ("tls_renewed_pair_greets_who_comes_then_and_who_is_here_goes_on") {
		struct stage *s = TLS_STAGE(.max_body = 100);
		struct crypto_tls *next = tls_of(&renewed);
		struct tls_peer *here = tls_peer_new(s);
		struct tls_peer *held = tls_peer_new(s);
		struct tls_peer *half = tls_peer_on(peer_new(s), 0, true);
		tls_says(here, "GET /1 HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(here, "/1"));
		s->hold = true;
		s->runs = 0;
		tls_says(held, "GET /held HTTP/1.1\r\n" HOST "\r\n");
		CHECK(pump(s->loop, until_run, s, 5000));
		s->hold = false;
		http_server_greet(s->server, next);
		crypto_tls_free(first_tls);
		first_tls = next;
		struct tls_peer *late = tls_peer_new(s);
		tls_says(late, "GET /late HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(late, "/late") && tls_saw(late, &renewed));
		tls_says(here, "GET /2 HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(here, "/2") && tls_saw(here, &first));
		answer(s->held[0], "kept");
		CHECK(tls_gets(held, "kept"));
		half->hold = false; /* its connection came before */
		tls_says(half, "GET /half HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(half, "/half") && tls_saw(half, &first));
		tls_peer_free(here);
		tls_peer_free(held);
		tls_peer_free(half);
		tls_peer_free(late);
		tls_stage_free(s);
	}
}

void check_http_tls(void)
{
	root = authority_new();
	first = pair_new(&root, 2048, 30);
	renewed = pair_new(&root, 2048, 60);
	pairs();
	curves();
	sound_requests();
	doubtful_requests();
	deadlines();
	held_calls();
	renewal();
	pair_free(&first);
	pair_free(&renewed);
	authority_free(&root);
}
