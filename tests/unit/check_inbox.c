/*
 * remote/inbox.c behind the real listener: who gets which answer, and that no 200 is sent before
 * its row is on disk.  Rounds end where the check says so.
 */
#include "remote/inbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_world.h"
#include "golden.h"
#include "pump.h"
#include "tests.h"

void check_inbox(void);

#define PATH     "/callback/0123456789abcdef"
#define CERT_URL "https://certs.example/cert/signer.cer"

struct bench {
	struct loop *loop;
	struct http_server *server;
	struct fake *fake;
	struct db *db;
	struct queue *queue;
	struct verify *verify;
	struct inbox *inbox;
	int handled; /* calls that came to the handler */
	int stored;  /* how often we were told to look at the queue */
	int unproved, put_off, not_passed;
	char why[1000]; /* of the last that was not taken */
};

static void on_call(void *ctx, struct http_call *c)
{
	struct bench *b = ctx;
	b->handled++;
	if (!inbox_take(b->inbox, c)) {
		http_call_answer(c, 404, NULL, 0, NULL, 0);
	}
}

static void on_stored(void *ctx)
{
	((struct bench *)ctx)->stored++;
}

static void on_refused(void *ctx, bool unproved, const struct err *why)
{
	struct bench *b = ctx;
	unproved ? b->unproved++ : b->put_off++;
	snprintf(b->why, sizeof(b->why), "%s", why->text);
}

static const char *const *keep; /* for an inbox of hints */

static void on_not_passed(void *ctx)
{
	((struct bench *)ctx)->not_passed++;
}

static int pass_most; /* of the next bench: so many may wait to be passed on; 0: none is */

/* In place: the listener keeps the address. */
static void bench_open(struct bench *b, const char *path, bool with_verify)
{
	static char roots[8192];
	static const char *const hosts[] = {"certs.example", NULL};
	struct err e;
	*b = (struct bench){.fake = fake_new(), .loop = loop_new(&e)};
	struct http_server_config sc = {
		.address = "127.0.0.1", .methods = "GET POST", .max_body = (size_t)256 * 1024};
	b->server = http_server_new(b->loop, &sc, on_call, b, &e);
	b->db = db_open(path, &b->fake->world, &e);
	if (!CHECK(b->server && b->db)) {
		CHECK_STR(e.text, "");
		exit(1);
	}
	b->queue = queue_new(b->db);
	snprintf(roots, sizeof(roots), "%s%s", golden_root, golden_intermediate);
	struct verify_config vc = {
		.hosts = hosts, .roots = roots, .organization = GOLDEN_ORGANIZATION};
	b->verify = with_verify ? verify_new(&b->fake->world, &vc) : NULL;
	struct inbox_config ic = {.path = PATH,
				  .job_kind = "event",
				  .verify = b->verify,
				  .keep = keep,
				  .stored = on_stored,
				  .refused = on_refused,
				  .pass_kind = pass_most > 0 ? "forward" : NULL,
				  .pass_most = pass_most,
				  .not_passed = on_not_passed,
				  .ctx = b};
	b->inbox = inbox_new(b->db, b->queue, &ic);
	CHECK(db_commit(b->db, &e));
}

static void bench_close(struct bench *b)
{
	inbox_free(b->inbox);
	verify_free(b->verify);
	http_server_free(b->server);
	queue_free(b->queue);
	db_close(b->db);
	loop_free(b->loop);
	fake_free(b->fake);
}

/* ---- a client ---- */

struct client {
	struct bench *b;
	int fd;
	int handled; /* wanted of the bench */
	char got[2000];
	size_t n;
};

static bool read_more(struct client *c)
{
	ssize_t n = recv(c->fd, c->got + c->n, sizeof(c->got) - 1 - c->n, MSG_DONTWAIT);
	if (n > 0) {
		c->n += (size_t)n;
		c->got[c->n] = '\0';
	}
	return n == 0 || strstr(c->got, "\r\n\r\n") != NULL;
}

static bool until_answered(void *arg)
{
	return read_more(arg);
}

static bool until_handled(void *arg)
{
	struct client *c = arg;
	return c->b->handled >= c->handled;
}

static void dial(struct client *c, struct bench *b)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_server_port(b->server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*c = (struct client){.b = b, .fd = socket(AF_INET, SOCK_STREAM, 0)};
	CHECK(connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
}

/* Sends a request and waits until the handler had it. heads: whole lines with their ends. */
static void ask(struct client *c, struct bench *b, const char *line, const char *heads,
		const char *body)
{
	struct buf out = {0};
	dial(c, b);
	buf_addf(&out, "%s HTTP/1.1\r\nHost: hook.example\r\nContent-Length: %zu\r\n%s\r\n%s", line,
		 strlen(body), heads, body);
	CHECK(send(c->fd, out.data, out.len, 0) == (ssize_t)out.len);
	buf_free(&out);
	c->handled = b->handled + 1;
	CHECK(pump(b->loop, until_handled, c, 5000));
}

static int status_of(struct client *c)
{
	if (!CHECK(pump(c->b->loop, until_answered, c, 5000)) || c->n < 12) {
		return 0;
	}
	return (int)strtol(c->got + 9, NULL, 10);
}

/* Nothing has come, even after the loop had its chances. */
static bool is_silent(struct client *c)
{
	turn(c->b->loop, 5);
	read_more(c);
	return c->n == 0;
}

static void hang_up(struct client *c)
{
	close(c->fd);
}

static void post_golden(struct client *c, struct bench *b)
{
	char *heads = xasprintf("aUtHoRiZaTiOn: Signature %s\r\nX-MS-Certificate-Url: " CERT_URL
				"\r\nX-MS-Signature-Algorithm: rsa-sha256\r\n",
				golden_rs256);
	ask(c, b, "POST " PATH, heads, golden_body);
	free(heads);
}

static bool commit(struct bench *b)
{
	struct err e;
	return db_commit(b->db, &e);
}

static int64_t rows(struct bench *b)
{
	struct err e;
	struct queue_stats s;
	CHECK(queue_stats(b->queue, &s, &e));
	return s.waiting;
}

static struct inbox_state state(struct bench *b)
{
	struct inbox_state s;
	inbox_state(b->inbox, &s);
	return s;
}

/* ---- the way of a good one ---- */

static void check_way(void)
{
	CASE ("inbox_signed_callback_gets_200_only_after_its_row_is_committed") {
		struct bench b;
		struct client c;
		struct err e;
		struct job j = {0};
		bench_open(&b, ":memory:", true);
		post_golden(&c, &b);
		CHECK_INT(b.fake->n, 1);
		CHECK(is_silent(&c));
		CHECK(commit(&b)); /* a round ends while the certificate is fetched */
		CHECK(is_silent(&c));
		CHECK_INT(rows(&b), 0);
		fake_answer(b.fake, 0, 200, NULL, golden_signer);
		CHECK(is_silent(&c));
		CHECK_INT(b.stored, 0);
		CHECK(commit(&b));
		CHECK_INT(status_of(&c), 200);
		CHECK(strstr(c.got, "Content-Length: 0\r\n") != NULL);
		CHECK_INT(b.stored, 1);
		CHECK_INT(state(&b).stored, 1);
		CHECK_INT(queue_take(b.queue, 60000, 1, &j, &e), 1);
		CHECK_STR(j.kind, "event");
		CHECK_STR(j.lane, "");
		CHECK_STR(j.payload,
			  "{\"body\":\"{\\\"EventName\\\":\\\"test-created\\\","
			  "\\\"ResourceUri\\\":\\\"https://api.example/validationEvents/1\\\"}\"}");
		job_clear(&j);
		hang_up(&c);
		post_golden(&c, &b); /* the certificate is at hand now */
		CHECK(is_silent(&c));
		CHECK(commit(&b));
		CHECK_INT(status_of(&c), 200);
		CHECK_INT(b.fake->n, 1);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("inbox_hundred_equal_callbacks_are_one_row_and_each_is_answered") {
		struct bench b;
		static struct client c[100];
		bench_open(&b, ":memory:", false);
		for (int i = 0; i < 100; i++) {
			ask(&c[i], &b, "POST " PATH, "", "{\"a\":1}");
		}
		CHECK(commit(&b));
		for (int i = 0; i < 100; i++) {
			CHECK_INT(status_of(&c[i]), 200);
			hang_up(&c[i]);
		}
		CHECK_INT(rows(&b), 1);
		ask(&c[0], &b, "POST " PATH, "", "{\"a\":2}");
		CHECK(commit(&b));
		CHECK_INT(status_of(&c[0]), 200);
		CHECK_INT(rows(&b), 2);
		hang_up(&c[0]);
		bench_close(&b);
	}
	CASE ("inbox_body_of_any_bytes_becomes_sound_json") {
		struct bench b;
		struct client c;
		struct err e;
		struct job j = {0};
		bench_open(&b, ":memory:", false);
		ask(&c, &b, "POST " PATH, "", "\"\\\x01\xff\n");
		CHECK(commit(&b));
		CHECK_INT(status_of(&c), 200);
		CHECK_INT(queue_take(b.queue, 60000, 1, &j, &e), 1);
		CHECK_STR(j.payload, "{\"body\":\"\\\"\\\\\\u0001\xef\xbf\xbd\\n\"}");
		job_clear(&j);
		hang_up(&c);
		ask(&c, &b, "POST " PATH, "", "");
		CHECK(commit(&b));
		CHECK_INT(status_of(&c), 200);
		hang_up(&c);
		bench_close(&b);
	}
}

/* ---- what goes on to another ---- */

static int64_t count_waiting(struct bench *b)
{
	int64_t n = -1;
	return inbox_waiting(b->inbox, &n) ? n : -1;
}

static void post(struct bench *b, const char *heads, const char *body)
{
	struct client c;
	ask(&c, b, "POST " PATH, heads, body);
	CHECK(commit(b));
	CHECK_INT(status_of(&c), 200);
	hang_up(&c);
}

static void check_passing(void)
{
	CASE ("inbox_second_row_holds_body_and_proof_as_they_came") {
		struct bench b;
		struct client c;
		struct err e;
		struct job j = {0};
		struct job k = {0};
		pass_most = 10;
		bench_open(&b, ":memory:", false);
		ask(&c, &b, "POST " PATH,
		    "authorization: Signature a+b/c=\r\nX-Other: 1\r\ncontent-type: a/b;  c\r\n"
		    "x-MS-certificate-URL: https://certs.example/a\r\n",
		    "{\"a\" : \xff}\n");
		CHECK(commit(&b));
		CHECK_INT(status_of(&c), 200);
		CHECK_INT(rows(&b), 2);
		CHECK_INT(queue_take(b.queue, 60000, 1, &j, &e), 1);
		CHECK_INT(queue_take(b.queue, 60000, 1, &k, &e), 1);
		CHECK_STR(j.kind, "event");
		CHECK_STR(k.kind, "forward");
		CHECK_STR(k.payload, "{\"body\":\"eyJhIiA6IP99Cg==\",\"headers\":{"
				     "\"X-Cosell-Passed-On\":\"1\",\"Content-Type\":\"a/b;  c\","
				     "\"Authorization\":\"Signature a+b/c=\","
				     "\"X-MS-Certificate-Url\":\"https://certs.example/a\"}}");
		CHECK_INT(state(&b).passed, 1);
		job_clear(&j);
		job_clear(&k);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("inbox_second_row_is_lost_with_the_first_and_never_without_it") {
		struct bench b;
		struct client c;
		char path[200];
		snprintf(path, sizeof(path), "%s/pass.db", tests_tempdir());
		pass_most = 10;
		bench_open(&b, path, false);
		ask(&c, &b, "POST " PATH, "", "{}");
		fake_disk_full(true);
		CHECK(!commit(&b));
		fake_disk_full(false);
		CHECK_INT(status_of(&c), 503);
		CHECK_INT(rows(&b), 0);
		CHECK_INT(state(&b).passed, 0);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("inbox_passes_on_so_many_and_takes_all") {
		struct bench b;
		struct err e;
		struct job j = {0};
		pass_most = 2;
		bench_open(&b, ":memory:", false);
		post(&b, "", "1");
		post(&b, "", "2");
		post(&b, "", "3");
		CHECK_INT(b.not_passed, 1);
		CHECK_INT(rows(&b), 5);
		CHECK_INT(count_waiting(&b), 2);
		for (int i = 0; i < 5; i++) { /* all but one that is to be passed on are done */
			CHECK_INT(queue_take(b.queue, 60000, 1, &j, &e), 1);
			bool keeps = strcmp(j.kind, "forward") == 0 && count_waiting(&b) == 1;
			CHECK(keeps || queue_done(b.queue, j.id, &e));
			job_clear(&j);
		}
		CHECK_INT(count_waiting(&b), 1);
		post(&b, "", "4"); /* it has not counted again yet */
		CHECK_INT(b.not_passed, 2);
		fake_pass(b.fake, 100);
		post(&b, "", "5");
		post(&b, "", "6");
		CHECK_INT(b.not_passed, 3);
		CHECK_INT(state(&b).passed, 3);
		bench_close(&b);
	}
	CASE ("inbox_what_was_passed_on_goes_no_further") {
		struct bench b;
		pass_most = 10;
		bench_open(&b, ":memory:", false);
		post(&b, "x-cosell-passed-on: 1\r\n", "{}");
		CHECK_INT(rows(&b), 1);
		CHECK_INT(b.not_passed, 0);
		bench_close(&b);
	}
	pass_most = 0;
}

/* ---- refusals ---- */

static void check_refusals(void)
{
	CASE ("guard 1: inbox_unproved_callback_gets_an_empty_401_and_no_row") {
		static const char *const heads[] = {
			"",
			"Authorization: Signature QUJD\r\n",
			"Authorization: Signature QUJD\r\nX-MS-Certificate-Url: " CERT_URL "\r\n",
			"Authorization: Signature QUJD\r\nX-MS-Signature-Algorithm: rsa-sha256\r\n",
			"Authorization: Signature QUJD\r\nX-MS-Signature-Algorithm: rsa-sha256\r\n"
			"X-MS-Certificate-Url: https://evil.example/a.cer\r\n",
			"X-MS-Certificate-Url: " CERT_URL
			"\r\nX-MS-Signature-Algorithm: rsa-sha256\r\n",
		};
		struct bench b;
		bench_open(&b, ":memory:", true);
		for (int i = 0; i < 6; i++) {
			struct client c;
			ask(&c, &b, "POST " PATH, heads[i], "{}");
			CHECK_INT(status_of(&c), 401);
			CHECK(strstr(c.got, "Content-Length: 0\r\n") != NULL);
			CHECK_STR(strstr(c.got, "\r\n\r\n"), "\r\n\r\n");
			CHECK(strstr(c.got, "signature") == NULL && strstr(c.got, "WWW-") == NULL);
			hang_up(&c);
		}
		CHECK_INT(b.fake->n, 0);
		CHECK_INT(rows(&b), 0);
		CHECK_INT(state(&b).rejected, 6);
		bench_close(&b);
	}
	CASE ("inbox_tampered_body_gets_401") {
		struct bench b;
		struct client c;
		bench_open(&b, ":memory:", true);
		char *heads =
			xasprintf("Authorization: Signature %s\r\nX-MS-Certificate-Url: " CERT_URL
				  "\r\nX-MS-Signature-Algorithm: rsa-sha256\r\n",
				  golden_rs256);
		ask(&c, &b, "POST " PATH, heads, "{\"EventName\":\"forged\"}");
		fake_answer(b.fake, 0, 200, NULL, golden_signer);
		CHECK_INT(status_of(&c), 401);
		CHECK_INT(rows(&b), 0);
		free(heads);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("guard 2: inbox_header_that_stands_there_twice_gets_401") {
		struct bench b;
		struct client c;
		bench_open(&b, ":memory:", true);
		char *heads =
			xasprintf("Authorization: Signature %s\r\nauthorization: Signature %s\r\n"
				  "X-MS-Certificate-Url: " CERT_URL "\r\n"
				  "X-MS-Signature-Algorithm: rsa-sha256\r\n",
				  golden_rs256, golden_rs256);
		ask(&c, &b, "POST " PATH, heads, golden_body);
		CHECK_INT(status_of(&c), 401);
		CHECK_INT(b.fake->n, 0);
		CHECK_INT(state(&b).rejected, 1);
		free(heads);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("inbox_other_path_is_not_taken") {
		static const char *const paths[] = {
			"POST /",
			"POST /callback/",
			"POST " PATH "/",
			"POST " PATH "0",
			"POST " PATH "?x=1",
			"POST /callback/0123456789abcdeF",
			"POST /callback/0123456789abcde",
			"GET /",
		};
		struct bench b;
		struct client c;
		bench_open(&b, ":memory:", false);
		for (int i = 0; i < 8; i++) {
			ask(&c, &b, paths[i], "", "");
			CHECK_INT(status_of(&c), 404);
			hang_up(&c);
		}
		CHECK_INT(rows(&b), 0);
		CHECK_INT(state(&b).rejected + state(&b).refused + state(&b).stored, 0);
		bench_close(&b);
	}
}

/* An answer without its date. */
static void leave_out_date(char *text)
{
	char *at = strstr(text, "Date: ");
	if (CHECK(at)) {
		char *end = strstr(at, "\r\n") + 2;
		memmove(at, end, strlen(end) + 1);
	}
}

static void check_uniform(void)
{
	CASE ("guard 1: every unauthenticated answer is the same empty 401") {
		static const struct {
			const char *line, *heads;
		} table[] = {
			{"POST " PATH, ""},
			{"GET " PATH, ""},
			{"POST " PATH, "Authorization: Bearer x\r\n"},
			{"POST " PATH, "Authorization: Signature QUJD\r\nAuthorization: "
				       "Signature QUJD\r\n"},
			{"POST " PATH,
			 "Authorization: Signature QUJD\r\nX-MS-Signature: Signature QUJE\r\n"
			 "X-MS-Certificate-Url: " CERT_URL
			 "\r\nX-MS-Signature-Algorithm: rsa-sha256\r\n"},
			{"POST " PATH,
			 "Authorization: Signature QUJD\r\nX-MS-Certificate-Url: " CERT_URL
			 "\r\nX-MS-Signature-Algorithm: rsa-sha1\r\n"},
			{"POST " PATH,
			 "Authorization: Signature QUJD\r\nX-MS-Certificate-Url: " CERT_URL
			 "\r\nX-MS-Signature-Algorithm: rsa-sha256\r\n"},
		};
		struct bench b;
		struct client c[7];
		bench_open(&b, ":memory:", true);
		for (int i = 0; i < 7; i++) {
			ask(&c[i], &b, table[i].line, table[i].heads, "{}");
			if (i == 6) { /* the one whose certificate is fetched, in vain */
				CHECK_INT(b.fake->n, 1);
				fake_answer(b.fake, 0, 200, NULL, golden_signer);
			}
			CHECK_INT(status_of(&c[i]), 401);
			leave_out_date(c[i].got);
			CHECK_STR(c[i].got, c[0].got);
			CHECK(strstr(c[i].got, "Content-Length: 0\r\n") != NULL);
			CHECK_STR(strstr(c[i].got, "\r\n\r\n"), "\r\n\r\n");
			hang_up(&c[i]);
		}
		CHECK_INT(state(&b).rejected, 7);
		CHECK_INT(rows(&b), 0);
		bench_close(&b);
	}
	CASE ("guard 1: rejected ones in a row are counted and told with why, a good one ends it") {
		struct bench b;
		struct client c;
		bench_open(&b, ":memory:", true);
		for (int i = 0; i < 5; i++) {
			ask(&c, &b, "POST " PATH, i ? "Authorization: Signature QUJD\r\n" : "",
			    "{}");
			CHECK_INT(status_of(&c), 401);
			CHECK_INT(state(&b).rejected_in_a_row, i + 1);
			CHECK_INT(b.unproved, i + 1);
			hang_up(&c);
		}
		CHECK_STR(b.why, "the algorithm is not rsa-sha256");
		post_golden(&c, &b);
		fake_answer(b.fake, 0, 503, NULL, "");
		CHECK_INT(status_of(&c), 503);
		CHECK_INT(b.put_off, 1);
		CHECK(strstr(b.why, "certificate's address") != NULL);
		CHECK_INT(state(&b).rejected_in_a_row, 5); /* it proved nothing, either way */
		hang_up(&c);
		b.fake->now_ms += 60000;
		post_golden(&c, &b);
		fake_answer(b.fake, 1, 200, NULL, golden_signer);
		CHECK(commit(&b));
		CHECK_INT(status_of(&c), 200);
		CHECK_INT(state(&b).rejected_in_a_row, 0);
		CHECK_INT(state(&b).rejected, 5);
		CHECK_INT(b.unproved, 5);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("guard 1: 64 callbacks wait for a certificate, the next gets 503") {
		enum { WAIT = 64 };
		struct bench b;
		static struct client c[WAIT + 1];
		bench_open(&b, ":memory:", true);
		for (int i = 0; i <= WAIT; i++) {
			post_golden(&c[i], &b);
		}
		CHECK_INT(b.fake->n, 1);
		CHECK_INT(status_of(&c[WAIT]), 503);
		CHECK(strstr(c[WAIT].got, "Retry-After: 5\r\n") != NULL);
		CHECK(is_silent(&c[0]) && is_silent(&c[WAIT - 1]));
		fake_answer(b.fake, 0, 200, NULL, golden_signer);
		CHECK(commit(&b));
		for (int i = 0; i < WAIT; i++) {
			CHECK_INT(status_of(&c[i]), 200);
			hang_up(&c[i]);
		}
		hang_up(&c[WAIT]);
		CHECK_INT(state(&b).stored, WAIT);
		bench_close(&b);
	}
}

/* ---- 503 ---- */

static void check_trouble(void)
{
	CASE ("inbox_round_that_dies_gets_503_with_retry_after_and_the_next_one_works") {
		struct bench b;
		struct client c[3];
		char path[200];
		snprintf(path, sizeof(path), "%s/state.db", tests_tempdir());
		bench_open(&b, path, false);
		for (int i = 0; i < 3; i++) {
			ask(&c[i], &b, "POST " PATH, "", i ? "{\"a\":1}" : "{}");
		}
		fake_disk_full(true);
		CHECK(!commit(&b));
		fake_disk_full(false);
		for (int i = 0; i < 3; i++) {
			CHECK_INT(status_of(&c[i]), 503);
			CHECK(strstr(c[i].got, "Retry-After: 5\r\n") != NULL);
			hang_up(&c[i]);
		}
		CHECK_INT(rows(&b), 0);
		CHECK_INT(b.stored, 0);
		CHECK_INT(state(&b).refused, 3);
		ask(&c[0], &b, "POST " PATH, "", "{}");
		CHECK(commit(&b));
		CHECK_INT(status_of(&c[0]), 200);
		CHECK_INT(rows(&b), 1);
		hang_up(&c[0]);
		bench_close(&b);
	}
	CASE ("inbox_certificate_not_to_be_had_gets_503") {
		struct bench b;
		struct client c;
		bench_open(&b, ":memory:", true);
		post_golden(&c, &b);
		fake_fail(b.fake, 0);
		CHECK_INT(status_of(&c), 503);
		CHECK(strstr(c.got, "Retry-After: 5\r\n") != NULL);
		CHECK_INT(state(&b).refused, 1);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("inbox_freed_while_calls_wait_answers_503_in_either_order") {
		for (int verify_first = 0; verify_first <= 1; verify_first++) {
			struct bench b;
			struct client c;
			bench_open(&b, ":memory:", true);
			post_golden(&c, &b);
			if (verify_first) {
				verify_free(b.verify);
				b.verify = NULL;
			}
			inbox_free(b.inbox);
			b.inbox = NULL;
			CHECK_INT(status_of(&c), 503);
			hang_up(&c);
			bench_close(&b);
		}
	}
	CASE ("inbox_freed_before_its_commit_answers_503_once") {
		struct bench b;
		struct client c;
		bench_open(&b, ":memory:", false);
		ask(&c, &b, "POST " PATH, "", "{}");
		inbox_free(b.inbox);
		b.inbox = NULL;
		CHECK(commit(&b));
		CHECK_INT(status_of(&c), 503);
		CHECK_INT(b.stored, 0);
		hang_up(&c);
		bench_close(&b);
	}
	CASE ("inbox_peer_that_hung_up_loses_nothing") {
		struct bench b;
		struct client c;
		bench_open(&b, ":memory:", false);
		ask(&c, &b, "POST " PATH, "", "{}");
		hang_up(&c);
		turn(b.loop, 5);
		CHECK(commit(&b));
		turn(b.loop, 5);
		CHECK_INT(rows(&b), 1);
		bench_close(&b);
	}
}

/* ---- hints ---- */

/* What is kept of a body; to be freed. */
static char *kept_of(struct bench *b, const char *body)
{
	struct client c;
	struct job j = {0};
	struct err e;
	ask(&c, b, "POST " PATH, "", body);
	CHECK(is_silent(&c));
	CHECK(commit(b));
	CHECK_INT(status_of(&c), 200);
	hang_up(&c);
	CHECK_INT(queue_take(b->queue, 60000, 1, &j, &e), 1);
	CHECK(queue_done(b->queue, j.id, &e) && commit(b));
	char *payload = xstrdup(j.payload);
	job_clear(&j);
	return payload;
}

static void check_hints(void)
{
	static const char *const members[] = {"Table", "Who", NULL};
	keep = members;
	CASE ("inbox_of_hints_keeps_the_named_members_and_nothing_else") {
		static const char *const is[][2] = {
			{"{\"Table\":\"order\",\"Who\":\"u1\",\"Name\":\"a customer\"}",
			 "{\"Table\":\"order\",\"Who\":\"u1\"}"},
			{"{\"Who\":\"u\\\"1\"}", "{\"Who\":\"u\\\"1\"}"},
			{"{\"a\":{\"Table\":\"inner\"}}", "{}"},
			{"{\"Table\":[\"order\"],\"Who\":{}}", "{}"},
			{"{\"Table\":null}", "{}"},
			{"not json", "{}"},
			{"", "{}"},
			{"{\"Table\":\"order\"", "{}"},
		};
		struct bench b;
		bench_open(&b, ":memory:", false);
		for (size_t i = 0; i < sizeof is / sizeof is[0]; i++) {
			char *kept = kept_of(&b, is[i][0]);
			CHECK_STR(kept, is[i][1]);
			free(kept);
		}
		bench_close(&b);
	}
	CASE ("inbox_of_hints_leaves_out_what_is_long_and_survives_what_is_deep") {
		struct bench b;
		struct buf body = {0};
		bench_open(&b, ":memory:", false);
		buf_addf(&body, "{\"Table\":\"%0101d\",\"Who\":\"%0100d\"}", 0, 0);
		char *kept = kept_of(&b, body.data);
		CHECK(strstr(kept, "Table") == NULL && strstr(kept, "Who") != NULL);
		free(kept);
		body.len = 0;
		for (int i = 0; i < 100000; i++) {
			buf_addc(&body, '[');
		}
		kept = kept_of(&b, body.data);
		CHECK_STR(kept, "{}");
		free(kept);
		buf_free(&body);
		bench_close(&b);
	}
	CASE ("inbox_of_hints_many_of_one_kind_are_one_row") {
		struct bench b;
		bench_open(&b, ":memory:", false);
		for (int i = 0; i < 20; i++) {
			struct client c;
			char body[100];
			(void)snprintf(body, sizeof body, "{\"Table\":\"t%d\",\"Id\":%d}", i % 2,
				       i);
			ask(&c, &b, "POST " PATH, "", body);
			CHECK(commit(&b));
			CHECK_INT(status_of(&c), 200);
			hang_up(&c);
		}
		CHECK_INT(rows(&b), 2);
		CHECK_INT(state(&b).stored, 20);
		bench_close(&b);
	}
	keep = NULL;
}

void check_inbox(void)
{
	check_way();
	check_passing();
	check_refusals();
	check_uniform();
	check_trouble();
	check_hints();
}
