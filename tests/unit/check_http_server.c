/*
 * io/http_server with raw sockets as peers: what a sound request brings, that no doubtful one ever
 * runs, and that caps, deadlines, held answers and lost peers do no harm.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "http_kit.h"

void check_http_server(void);

/* Doubtful requests.  Each also carries a second, sound one behind it, which must not run. */

#define SECOND "GET /second HTTP/1.1\r\n" HOST "\r\n"
#define POST   "POST / HTTP/1.1\r\n" HOST

struct vector {
	const char *bytes;
	int status;
};

static const struct vector VECTORS[] = {
	/* lengths */
	{POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
	{POST "Content-Length: 0\r\nContent-Length: 40\r\n\r\n", 400},
	{POST "Content-Length: 3, 3\r\n\r\nabc", 400},
	{POST "Content-Length: +3\r\n\r\nabc", 400},
	{POST "Content-Length: -3\r\n\r\nabc", 400},
	{POST "Content-Length: 0x3\r\n\r\nabc", 400},
	{POST "Content-Length: 3 \r\n\r\nabc", 400},
	{POST "Content-Length: \t3\r\n\r\nabc", 400},
	{POST "Content-Length: 3 4\r\n\r\nabc", 400},
	{POST "Content-Length:\r\n\r\nabc", 400},
	{POST "Content-Length: abc\r\n\r\nabc", 400},
	{POST "Content-Length: 18446744073709551619\r\n\r\nabc", 400},
	{POST "Content-Length : 3\r\n\r\nabc", 400},
	{POST "Content-Length: 5000\r\n\r\n", 413},
	/* codings */
	{POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: identity\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: \tchunked\r\n\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: \x0b"
	      "chunked\r\n\r\n0\r\n\r\n",
	 400},
	{"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	/* chunks */
	{POST "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n\r\n1001\r\n", 413},
	/* lines */
	{"GET / HTTP/1.1\n" HOST "\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a.example\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X: a\x01"
	 "b\r\n\r\n",
	 400},
	{"GET / HTTP/1.1\r\n" HOST "X\x7f: a\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST "X y: a\r\n\r\n", 400},
	{"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
	/* hosts */
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a.example\r\nhOST: b.example\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", 400},
	/* request lines */
	{"GET http://b.example/ HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET //b.example/ HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET b.example HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET /\tx HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET /#x HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET /\r\n" HOST "\r\n", 400},
	{"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
	{"GET / http/1.1\r\n" HOST "\r\n", 400},
	{"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
	{"GET / HTTP/1.2\r\n" HOST "\r\n", 505},
	{"G@T / HTTP/1.1\r\n" HOST "\r\n", 400},
	{"get / HTTP/1.1\r\n" HOST "\r\n", 405},
	{"PUT / HTTP/1.1\r\n" HOST "\r\n", 405},
	{"GE / HTTP/1.1\r\n" HOST "\r\n", 405},
	{"CONNECT b.example:443 HTTP/1.1\r\n" HOST "\r\n", 400},
	{POST "Expect: something\r\nContent-Length: 3\r\n\r\nabc", 417},
	{"\x16\x03\x01\x02\x00\x01\xfc\r\n", 400},
};
enum { NVECTORS = sizeof VECTORS / sizeof VECTORS[0] };

/* With a NUL in the head; the second request is behind it as well. */
#define NUL(text)                        \
	{                                \
		(text), sizeof(text) - 1 \
	}
static const struct {
	const char *bytes;
	size_t len;
} NULS[] = {
	NUL("GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
	NUL("GET\0 / HTTP/1.1\r\n" HOST "\r\n"),
	NUL("GET / HTTP/1.1\0\r\n" HOST "\r\n"),
	NUL("GET / HTTP/1.1\r\nHost: a\0.example\r\n\r\n"),
	NUL("GET / HTTP/1.1\r\n" HOST "X\0: y\r\n\r\n"),
	NUL("GET / HTTP/1.1\r\n" HOST "X: y\0\r\n\r\n"),
	NUL("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\0\r\n\r\nabc"),
	NUL("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n"),
};
enum { NNULS = sizeof NULS / sizeof NULS[0] };

/* These run, and so does what follows. */
static const char *const SOUND[] = {
	"GET /a%20b?x=1 HTTP/1.1\r\nX-First:  one \r\n" HOST "\r\n",
	POST "Content-Length: 0\r\n\r\n",
	POST "Content-Length: 5\r\n\r\na\r\nbc",
	POST "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n",
	POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
};
enum { NSOUND = sizeof SOUND / sizeof SOUND[0] };

/* What differs by itself: the date, and the word to go on for those who wait for it. */
static void leave_out(char *text, const char *from, const char *to)
{
	char *at;
	while ((at = strstr(text, from)) != NULL) {
		char *end = strstr(at, to) + strlen(to);
		memmove(at, end, strlen(end) + 1);
	}
}

static bool until_outcome(void *arg)
{
	struct peer *p = arg;
	return until_ended(p) || (p->in.data != NULL && count(p->in.data, "/second") == 2);
}

/* Everything that came back, the number of requests that ran, and the last of them. */
static struct buf outcome(struct stage *s, const struct buf *sent, bool bytewise)
{
	struct peer *p = peer_new(s);
	struct buf got = {0};
	s->runs = 0;
	s->target[0] = '\0';
	for (size_t i = 0; i < sent->len; i += bytewise ? 1 : sent->len) {
		peer_send(p, sent->data + i, bytewise ? 1 : sent->len);
		turn(s->loop, 1);
	}
	CHECK(pump(s->loop, until_outcome, p, 5000));
	buf_add(&got, p->in.data != NULL ? p->in.data : "", p->in.len);
	buf_addf(&got, "runs=%d last=%s", s->runs, s->target);
	leave_out(got.data, "Date: ", "\r\n");
	leave_out(got.data, "HTTP/1.1 100 ", "\r\n\r\n");
	peer_free(p);
	return got;
}

static int status_of(const struct buf *got)
{
	return got->len > 12 && memcmp(got->data, "HTTP/1.", 7) == 0
		       ? (int)strtol(got->data + 9, NULL, 10)
		       : 0;
}

/* One answer, a refusal that closes; nothing ran, above all not what stands behind it. */
static bool refused_with(const struct buf *got, int status)
{
	return CHECK_INT(status_of(got), status) &&
	       CHECK(strstr(got->data, "Connection: close") != NULL) &&
	       CHECK(count(got->data, "HTTP/1.1 ") == 1) &&
	       CHECK(strstr(got->data, "runs=0 last=") != NULL);
}

/* Sends it once as a whole and once byte by byte; one of both, or their likeness, is looked at. */
static void try_bytes(struct stage *s, const char *bytes, size_t len, int status, bool bytewise)
{
	struct buf sent = {0};
	struct buf other = {0};
	buf_add(&sent, bytes, len);
	buf_adds(&sent, SECOND SECOND);
	struct buf got = outcome(s, &sent, false);
	bool good = true;
	if (bytewise) {
		other = outcome(s, &sent, true);
		good = CHECK_STR(other.data, got.data);
	} else if (status != 200) {
		good = refused_with(&got, status);
	} else {
		good = CHECK(strstr(got.data, "runs=3 last=/second") != NULL);
	}
	if (!good) {
		CHECK_STR(bytes, "as it should be");
	}
	buf_free(&sent);
	buf_free(&got);
	buf_free(&other);
}

static void try_all(bool bytewise)
{
	struct stage *s = STAGE(.max_body = 4096);
	CHECK(NVECTORS + NNULS >= 40);
	for (int i = 0; i < NVECTORS; i++) {
		try_bytes(s, VECTORS[i].bytes, strlen(VECTORS[i].bytes), VECTORS[i].status,
			  bytewise);
	}
	for (int i = 0; i < NNULS; i++) {
		try_bytes(s, NULS[i].bytes, NULS[i].len, 400, bytewise);
	}
	for (int i = 0; i < NSOUND; i++) {
		try_bytes(s, SOUND[i], strlen(SOUND[i]), 200, bytewise);
	}
	stage_free(s);
}

static void sound_requests(void)
{
	CASE ("http_server_get_and_post_reach_the_handler") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		peer_says(p, "GET /a%20b?x=1&y=%2F HTTP/1.1\r\nX-First:  one \r\n" HOST
			     "x-two: 2\r\n\r\n");
		CHECK(peer_gets(p, "/a%20b?x=1&y=%2F"));
		CHECK_STR(s->method, "GET");
		CHECK_STR(s->target, "/a%20b?x=1&y=%2F");
		CHECK_STR(s->host, "a.example");
		CHECK_STR(s->first, "one");
		CHECK_INT(s->headers, 3);
		CHECK(strstr(p->in.data, "X-Test: yes\r\n") != NULL);
		CHECK(strstr(p->in.data, "Content-Length: 16\r\n") != NULL);
		CHECK_INT(count(p->in.data, "Content-Length"), 1);
		peer_says(p, POST "Content-Length: 4\r\n\r\n");
		turn(s->loop, 3);
		CHECK_INT(s->runs, 1);
		peer_send(p, "a\0b\n", 4);
		CHECK(pump(s->loop, until_got, (p->want = "Content-Length: 1\r\n", p), 5000));
		CHECK_STR(s->method, "POST");
		CHECK_INT(s->body.len, 4);
		CHECK(memcmp(s->body.data, "a\0b\n", 4) == 0);
		CHECK_INT(s->runs, 2);
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_chunked_body_is_put_together") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		const char *all = POST "Transfer-Encoding: Chunked\r\n\r\n"
				       "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n";
		for (size_t i = 0; i < strlen(all); i++) {
			peer_send(p, all + i, 1);
			turn(s->loop, 1);
		}
		CHECK(peer_gets(p, "200 OK"));
		CHECK_STR(s->body.data, "abc0123456789");
		peer_says(p, POST "Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n" SECOND);
		CHECK(peer_gets(p, "/second"));
		CHECK_INT(s->runs, 3);
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_all_configured_methods_work") {
		static const char *const methods[] = {"GET",   "POST",   "PUT",
						      "PATCH", "DELETE", "OPTIONS"};
		struct stage *s = STAGE(.methods = "GET POST PUT PATCH DELETE OPTIONS HEAD");
		for (size_t i = 0; i < 6; i++) {
			struct peer *p = peer_new(s);
			char text[200];
			(void)snprintf(text, sizeof text,
				       "%s /m HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi",
				       methods[i]);
			peer_says(p, text);
			CHECK(peer_gets(p, "/m"));
			CHECK_STR(s->method, methods[i]);
			CHECK_STR(s->body.data, "hi");
			peer_free(p);
		}
		stage_free(s);
	}
	CASE ("http_server_head_and_204_carry_no_body") {
		struct stage *s = STAGE(.methods = "GET HEAD");
		struct peer *p = peer_new(s);
		peer_says(p, "HEAD /head HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(p, "\r\n\r\n"));
		CHECK(strstr(p->in.data, "Content-Length: 5") != NULL);
		CHECK(strcmp(p->in.data + p->in.len - 4, "\r\n\r\n") == 0);
		s->hold = true;
		peer_says(p, "GET / HTTP/1.1\r\n" HOST "\r\n");
		s->runs = 0;
		CHECK(pump(s->loop, until_run, s, 5000));
		http_call_answer(s->held[0], 204, NULL, 0, "ignored", 7);
		CHECK(peer_gets(p, "204 No Content"));
		CHECK(peer_gets(p, "\r\n\r\n") && strstr(p->in.data, "ignored") == NULL);
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_pipelined_requests_are_answered_in_order") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		peer_says(p, "GET /1 HTTP/1.1\r\n" HOST "\r\n" POST
			     "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\n" HOST "\r\n" SECOND);
		CHECK(peer_gets(p, "/second"));
		CHECK_INT(s->runs, 4);
		CHECK_INT(count(p->in.data, "200 OK"), 4);
		const char *one = strstr(p->in.data, "/1");
		const char *three = strstr(p->in.data, "/3");
		CHECK(one != NULL && three != NULL && one < three &&
		      three < strstr(p->in.data, "/second"));
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_rest_of_a_pipelined_request_stays_behind_its_beginning") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		const char *next = POST "Content-Length: 5\r\n\r\nhello";
		for (size_t cut = 1; cut < strlen(next); cut++) {
			s->hold = true;
			s->nheld = s->runs = 0;
			p->in.len = 0;
			peer_says(p, "GET /1 HTTP/1.1\r\n" HOST "\r\n");
			peer_send(p, next, cut);
			CHECK(pump(s->loop, until_run, s, 5000));
			s->hold = false;
			answer(s->held[0], "one");
			peer_says(p,
				  next + cut); /* is there before the early bytes were handed on */
			if (!peer_gets(p, "Content-Length: 1\r\n")) {
				break;
			}
			CHECK_STR(s->body.data, "hello");
		}
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_doubtful_request_behind_a_good_one_gets_its_400") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		peer_says(p, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n\r\n" SECOND);
		CHECK(peer_ends(p, 5000));
		CHECK_INT(s->runs, 1);
		CHECK_INT(count(p->in.data, "200 OK"), 1);
		CHECK_INT(count(p->in.data, "400 Bad Request"), 1);
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_expect_continue_is_told_to_go_on") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		peer_says(p, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
		CHECK(peer_gets(p, "100 Continue\r\n\r\n"));
		peer_says(p, "abc");
		CHECK(peer_gets(p, "200 OK"));
		CHECK_STR(s->body.data, "abc");
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_half_closed_peer_gets_its_answer") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		s->hold = true;
		peer_says(p, "GET /x HTTP/1.1\r\n" HOST "\r\n");
		(void)shutdown(p->fd, SHUT_WR);
		CHECK(pump(s->loop, until_run, s, 5000));
		answer(s->held[0], "late");
		CHECK(peer_gets(p, "late"));
		CHECK(peer_ends(p, 5000));
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_large_answer_arrives_whole") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		s->big_len = 8 << 20;
		char *big = xmalloc(s->big_len);
		memset(big, 'z', s->big_len);
		big[s->big_len - 1] = '!';
		s->big = big;
		peer_says(p, "GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
		CHECK(peer_ends(p, 10000));
		CHECK(p->in.len > s->big_len && p->in.data[p->in.len - 1] == '!');
		peer_free(p);
		free(big);
		stage_free(s);
	}
	CASE ("http_server_http_1_0_is_served_and_closed") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		peer_says(p, "GET /old HTTP/1.0\r\n" HOST "\r\n");
		CHECK(peer_ends(p, 5000));
		CHECK_INT(peer_status(p), 200);
		CHECK(strstr(p->in.data, "/old") != NULL);
		peer_free(p);
		stage_free(s);
	}
}

static void doubtful_requests(void)
{
	CASE ("guard 2: framing and smuggling: a doubtful request never runs nor what follows") {
		try_all(false);
	}
	CASE ("guard 2: a byte at a time equals all at once") {
		try_all(true);
	}
	CASE ("guard 2: a method that is not allowed gets what the listener says") {
		struct stage *s = STAGE(.methods = "POST", .other_method = 401);
		const char *get = "GET / HTTP/1.1\r\n" HOST "\r\n";
		try_bytes(s, get, strlen(get), 401, false);
		stage_free(s);
	}
	CASE ("http_server_head_with_a_body_is_refused") {
		struct stage *s = STAGE(.methods = "GET HEAD");
		const char *head = "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
		try_bytes(s, head, strlen(head), 400, false);
		stage_free(s);
	}
	CASE ("http_server_heads_up_to_16_kib_pass_larger_do_not") {
		struct stage *s = STAGE(.max_body = 100);
		struct buf b = {0};
		struct peer *p = peer_new(s);
		buf_adds(&b, "GET /x HTTP/1.1\r\n" HOST);
		for (int i = 0; i < 15; i++) {
			buf_addf(&b, "X-%d: %01000d\r\n", i, 0);
		}
		buf_adds(&b, "\r\n");
		CHECK(b.len < 16384);
		peer_send(p, b.data, b.len);
		CHECK(peer_gets(p, "200 OK"));
		peer_free(p);
		b.len -= 2;
		buf_addf(&b, "X-Y: %02000d\r\n\r\n", 0);
		p = peer_new(s);
		s->runs = 0;
		peer_send(p, b.data, b.len);
		CHECK(peer_ends(p, 5000));
		CHECK_INT(peer_status(p), 431);
		CHECK_INT(s->runs, 0);
		peer_free(p);
		b.len = 0;
		buf_addf(&b, "GET /%09000d", 0);
		p = peer_new(s);
		peer_send(p, b.data, b.len);
		CHECK(peer_ends(p, 5000));
		CHECK_INT(peer_status(p), 414);
		peer_free(p);
		buf_free(&b);
		stage_free(s);
	}
	CASE ("http_server_405_names_what_is_allowed") {
		struct stage *s = STAGE(.methods = "GET POST");
		struct peer *p = peer_new(s);
		peer_says(p, "DELETE / HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(p, "Allow: GET, POST\r\n"));
		peer_free(p);
		stage_free(s);
	}
}

static void held_calls(void)
{
	CASE ("http_server_held_call_of_a_lost_peer_is_answered_in_vain") {
		struct stage *s = STAGE(.max_body = 100);
		s->hold = true;
		for (int i = 0; i < 20; i++) {
			struct peer *p = peer_new(s);
			struct linger now = {.l_onoff = 1, .l_linger = 0};
			s->runs = 0;
			peer_says(p, POST "Content-Length: 3\r\n\r\nabc");
			CHECK(pump(s->loop, until_run, s, 5000));
			if (i % 2 == 0) { /* a reset, not a clean end */
				(void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
			}
			peer_free(p);
		}
		(void)pump(s->loop, NULL, NULL, 250); /* two sweeps */
		CHECK_INT(s->nheld, 20);
		for (int i = 0; i < 20; i++) {
			if (i % 5 == 0) {
				http_call_drop(s->held[i]);
			} else {
				answer(s->held[i], "too late");
			}
		}
		(void)pump(s->loop, NULL, NULL, 250);
		s->hold = false;
		struct peer *p = peer_new(s);
		peer_says(p, "GET /still HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(p, "/still"));
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_dropped_call_ends_without_a_byte") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		s->drop = true;
		peer_says(p, "GET /x HTTP/1.1\r\n" HOST "\r\n" SECOND);
		CHECK(peer_ends(p, 5000));
		CHECK_INT(p->in.len, 0);
		CHECK_INT(s->runs, 1);
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_freed_with_held_calls_closes_them") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p[3];
		s->hold = true;
		for (int i = 0; i < 3; i++) {
			p[i] = peer_new(s);
			s->runs = 0;
			peer_says(p[i], "GET /x HTTP/1.1\r\n" HOST "\r\n");
			CHECK(pump(s->loop, until_run, s, 5000));
		}
		http_server_free(s->server);
		s->server = NULL;
		for (int i = 0; i < 3; i++) {
			CHECK(peer_ends(p[i], 5000));
			CHECK_INT(p[i]->in.len, 0);
			peer_free(p[i]);
		}
		stage_free(s);
	}
	CASE ("http_server_freed_inside_its_handler_is_safe") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *p = peer_new(s);
		s->free_inside = true;
		peer_says(p, "GET /x HTTP/1.1\r\n" HOST "\r\n" SECOND);
		CHECK(peer_ends(p, 5000));
		CHECK_INT(s->runs, 1);
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_paused_finishes_what_is_open") {
		struct stage *s = STAGE(.max_body = 100);
		struct peer *held = peer_new(s);
		struct peer *idle = peer_new(s);
		s->hold = true;
		peer_says(held, "GET /x HTTP/1.1\r\n" HOST "\r\n");
		CHECK(pump(s->loop, until_run, s, 5000));
		http_server_pause(s->server);
		CHECK(peer_ends(idle, 5000));
		struct peer *late = peer_new(s); /* the kernel takes it, nobody serves it */
		peer_says(late, "GET /late HTTP/1.1\r\n" HOST "\r\n");
		turn(s->loop, 5);
		CHECK_INT(s->runs, 1);
		answer(s->held[0], "fine");
		CHECK(peer_gets(held, "fine"));
		CHECK(strstr(held->in.data, "Connection: close") != NULL);
		CHECK(peer_ends(held, 5000));
		peer_free(held);
		peer_free(idle);
		peer_free(late);
		stage_free(s);
	}
}

/* A byte every 10 ms: never silent, never done. */
static bool drip(void *arg)
{
	static int64_t last_us;
	int64_t now_us = clock_mono_us();
	if (now_us - last_us > 10000) {
		last_us = now_us;
		peer_says(arg, "x");
	}
	return until_ended(arg);
}

static void limits(void)
{
	CASE ("http_server_drip_fed_request_meets_the_deadline") {
		struct stage *s = STAGE(.max_body = 4000, .deadline_ms = 300);
		struct peer *p = peer_new(s);
		int64_t start = clock_mono_us();
		peer_says(p, "GET /");
		CHECK(pump(s->loop, drip, p, 5000));
		CHECK_INT(peer_status(p), 408);
		CHECK(clock_mono_us() - start > 290000);
		CHECK_INT(s->runs, 0);
		peer_free(p);
		p = peer_new(s);
		peer_says(p, POST "Content-Length: 3900\r\n\r\n");
		CHECK(pump(s->loop, drip, p, 5000));
		CHECK_INT(peer_status(p), 408);
		CHECK_INT(s->runs, 0);
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_silent_peers_are_cut") {
		struct stage *s = STAGE(.max_body = 100, .deadline_ms = 2000, .idle_ms = 150);
		struct peer *served = peer_new(s);
		peer_says(served, "GET /x HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(served, "/x"));
		int64_t start = clock_mono_us();
		CHECK(peer_ends(served, 1500)); /* the keep-alive time, not the deadline */
		CHECK(clock_mono_us() - start > 100000);
		peer_free(served);
		stage_free(s);
		s = STAGE(.max_body = 100, .deadline_ms = 150, .idle_ms = 5000);
		struct peer *silent = peer_new(s);
		CHECK(peer_ends(silent, 1500));
		CHECK_INT(silent->in.len, 0);
		peer_free(silent);
		stage_free(s);
	}
	CASE ("http_server_at_the_cap_the_oldest_unfinished_goes") {
		enum { CAP = 8, PEERS = 30 };
		struct stage *s = STAGE(.max_body = 100, .max_connections = CAP);
		struct peer *p[PEERS];
		struct peer *held = peer_new(s);
		s->hold = true;
		peer_says(held, "GET /held HTTP/1.1\r\n" HOST "\r\n");
		CHECK(pump(s->loop, until_run, s, 5000));
		s->hold = false;
		for (int i = 0; i < PEERS; i++) {
			p[i] = peer_new(s);
			peer_says(p[i], "GET /unfinished");
			turn(s->loop, 2);
		}
		struct peer *good = peer_new(s);
		peer_says(good, "GET /good HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(good, "/good"));
		int open = 0;
		for (int i = 0; i < PEERS; i++) {
			peer_look(p[i]);
			open += !p[i]->ended;
			CHECK(p[i]->ended || i >= PEERS - CAP);
		}
		CHECK_INT(open, CAP - 2); /* with the held one and the good one */
		answer(s->held[0], "here");
		CHECK(peer_gets(held, "here"));
		for (int i = 0; i < PEERS; i++) {
			peer_free(p[i]);
		}
		peer_free(good);
		peer_free(held);
		stage_free(s);
	}
	CASE ("http_server_full_of_held_calls_waits_for_a_place") {
		struct stage *s = STAGE(.max_body = 100, .max_connections = 2);
		struct peer *p[4];
		s->hold = true;
		for (int i = 0; i < 4; i++) {
			p[i] = peer_new(s);
			peer_says(p[i], "GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
			turn(s->loop, 3);
		}
		CHECK(s->runs == 2 || s->runs == 3); /* the one that found it full may be in */
		int first = s->runs;
		for (int i = 0; i < first; i++) {
			answer(s->held[i], "done");
		}
		s->hold = false;
		for (int i = 0; i < 4; i++) {
			CHECK(peer_ends(p[i], 5000));
			CHECK_INT(peer_status(p[i]), 200);
			peer_free(p[i]);
		}
		stage_free(s);
	}
}

static void no_descriptors(void)
{
	CASE ("http_server_without_descriptors_does_not_spin_and_recovers") {
		struct stage *s = STAGE(.max_body = 100);
		struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
		int spare[64];
		int n = 0;
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
		struct peer *p = NEW(struct peer);
		struct sockaddr_in sa = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)http_server_port(s->server)),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		p->stage = s;
		p->fd = socket(AF_INET, SOCK_STREAM, 0);
		while (n < 64 && (spare[n] = dup(p->fd)) >= 0) {
			n++;
		}
		CHECK_INT(connect(p->fd, (struct sockaddr *)&sa, sizeof sa), 0);
		CHECK(rounds_in(s, 500) < 50);
		for (int i = 0; i < n; i++) {
			(void)close(spare[i]);
		}
		peer_says(p, "GET /again HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(p, "/again"));
		peer_free(p);
		stage_free(s);
	}
	CASE ("http_server_taken_port_is_an_error_that_names_it") {
		struct stage *s = STAGE(.max_body = 100);
		struct err e;
		char port[16];
		struct http_server_config c = {.address = "127.0.0.1",
					       .port = http_server_port(s->server),
					       .methods = "GET"};
		(void)snprintf(port, sizeof port, "%d", c.port);
		CHECK(http_server_new(s->loop, &c, on_call, s, &e) == NULL);
		CHECK_INT(e.kind, ERR_CONFIG);
		CHECK(strstr(e.text, "127.0.0.1") != NULL && strstr(e.text, port) != NULL);
		stage_free(s);
	}
}

void check_http_server(void)
{
	sound_requests();
	doubtful_requests();
	held_calls();
	limits();
	no_descriptors();
}
