/*
 * io/http_crowd behind a real listener: thousands of idle and dripping peers, many connections of
 * one address, peers that take no answer, and no descriptors; a good caller is answered through all
 * of it, and by TLS just so.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tls_kit.h"

void check_http_crowd(void);

enum { WITHIN_MS = 10000, AIM_MS = 1000 };

/* ---- a crowd in a process of its own ---- */

enum { CROWD = 2000, AGAIN = 60 /* at most, in a turn of 20 ms */ };

static int dial(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 &&
	    errno != EINPROGRESS) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* What is dripped: a head, or a handshake's first record, that never ends. */
static unsigned char dripped(bool tls, unsigned at)
{
	static const unsigned char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	return !tls ? 'G' : at < sizeof hello ? hello[at] : 'x';
}

/* Every other one drips; who is cut comes again. */
static void crowd_turn(const struct sockaddr_in *to, struct pollfd *p, bool tls, bool drip)
{
	static int next; /* whose turn it is to come */
	static unsigned at[CROWD];
	(void)poll(p, CROWD, 0);
	for (int i = 0; i < CROWD; i++) {
		if (p[i].fd >= 0 && (p[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
			(void)close(p[i].fd); /* nothing is ever said but the end */
			p[i].fd = -1;
		} else if (p[i].fd >= 0 && drip && i % 2 == 0) {
			unsigned char byte = dripped(tls, at[i]++);
			(void)!send(p[i].fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
	}
	for (int n = 0, looked = 0; n < AGAIN && looked < CROWD; looked++) {
		next = (next + 1) % CROWD;
		if (p[next].fd < 0) {
			p[next].fd = dial(to);
			at[next] = 0;
			n++;
		}
	}
}

static void crowd_main(int port, bool tls, int said)
{
	static struct pollfd p[CROWD];
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (int i = 0; i < CROWD; i++) {
		p[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	}
	for (int turn = 0;; turn++) {
		crowd_turn(&to, p, tls, turn % 4 == 3);
		if (turn >= CROWD / AGAIN && write(said, "!", 1) != 1) {
			exit(0);
		}
		(void)poll(NULL, 0, 20);
	}
}

struct crowd {
	pid_t pid;
	int said; /* a byte for each turn after all of them have come */
	int turns;
};

static struct crowd crowd_new(const struct stage *s, bool tls)
{
	int ends[2];
	struct crowd c = {0};
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		abort();
	}
	c.pid = fork();
	if (c.pid == 0) {
		(void)close(ends[0]);
		crowd_main(http_server_port(s->server), tls, ends[1]);
	}
	(void)close(ends[1]);
	c.said = ends[0];
	return c;
}

static bool until_crowded(void *arg)
{
	struct crowd *c = arg;
	char bytes[16];
	ssize_t n = read(c->said, bytes, sizeof bytes);
	c->turns += n > 0 ? (int)n : 0;
	return c->turns >= 3;
}

static void crowd_free(struct crowd *c)
{
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	(void)close(c->said);
}

static bool many_descriptors(int n)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
		return false;
	}
	if (r.rlim_cur < (rlim_t)n) {
		r.rlim_cur = (rlim_t)n;
		r.rlim_max = r.rlim_max < (rlim_t)n ? (rlim_t)n : r.rlim_max;
	}
	return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

#define GOOD "POST /good HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"

static int good_tls_call(struct stage *s)
{
	int64_t start = clock_mono_us();
	struct tls_peer *t = tls_peer_new(s);
	t->want = "/good";
	bool got = pump(s->loop, until_greeted, t, WITHIN_MS) && t->greeted;
	if (got) {
		tls_says(t, GOOD);
		got = pump(s->loop, until_tls_got, t, WITHIN_MS);
	}
	tls_peer_free(t);
	return got ? (int)((clock_mono_us() - start) / 1000) : -1;
}

/* The time until a new caller has its answer, in ms; -1: none came. */
static int good_call(struct stage *s)
{
	int64_t start = clock_mono_us();
	struct peer *p = peer_new(s);
	peer_says(p, GOOD);
	p->want = "/good";
	bool got = pump(s->loop, until_got, p, WITHIN_MS);
	peer_free(p);
	return got ? (int)((clock_mono_us() - start) / 1000) : -1;
}

static void among_thousands(struct stage *s, bool tls)
{
	enum { CALLS = 20, LONG_ENOUGH_MS = 6000 };
	struct crowd c = crowd_new(s, tls);
	int worst = 0;
	int late = 0;
	int n = 0;
	CHECK(pump(s->loop, until_crowded, &c, WITHIN_MS));
	int64_t end_us = clock_mono_us() + LONG_ENOUGH_MS * INT64_C(1000);
	while (n < CALLS && (n == 0 || clock_mono_us() < end_us)) {
		int ms = tls ? good_tls_call(s) : good_call(s);
		if (!CHECK(ms >= 0)) {
			break;
		}
		n++;
		worst = ms > worst ? ms : worst;
		late += ms > AIM_MS;
		(void)pump(s->loop, NULL, NULL, 50); /* the crowd goes on meanwhile */
	}
	printf("# figure: %scallbacks=%d peers=%d slowest_ms=%d above_%d_ms=%d\n",
	       tls ? "tls " : "", n, CROWD, worst, AIM_MS, late);
	CHECK(n > 0 && s->runs == n);
	crowd_free(&c);
}

/* A pair for the listener; with who signed it, as the cases end with their process. */
static struct crypto_tls *some_pair(void)
{
	struct authority root = authority_new();
	struct pem_pair p = pair_new(&root, 2048, 30);
	struct crypto_tls *t = tls_of(&p);
	pair_free(&p);
	authority_free(&root);
	return t;
}

static void thousands(void)
{
	CASE ("guard 2: 2,000 idle or dripping connections, and a good callback is answered") {
		if (!CHECK(many_descriptors(CROWD + 200))) {
			break;
		}
		struct stage *s = STAGE(.max_body = 100, .deadline_ms = 60000);
		among_thousands(s, false);
		stage_free(s);
	}
	CASE ("guard 2: tls: 2,000 idle or dripping handshakes, and a good callback is answered") {
		if (!CHECK(many_descriptors(CROWD + 200))) {
			break;
		}
		struct crypto_tls *tls = some_pair();
		struct stage *s = STAGE(.max_body = 100, .deadline_ms = 60000, .tls = tls);
		among_thousands(s, true);
		stage_free(s);
		crypto_tls_free(tls);
	}
}

/* ---- one address ---- */

static int open_of(struct peer **p, int n)
{
	int open = 0;
	for (int i = 0; i < n; i++) {
		peer_look(p[i]);
		open += !p[i]->ended;
	}
	return open;
}

static struct peer *peer_from(struct stage *s, const char *address)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_server_port(s->server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};
	struct peer *p = NEW(struct peer);
	p->stage = s;
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(p->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
	    connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0) {
		abort();
	}
	turn(s->loop, 2);
	return p;
}

static void addresses(void)
{
	CASE ("guard 2: one address keeps a few connections, others theirs") {
		enum { CAP = 4, PEERS = 20 };
		struct stage *s =
			STAGE(.max_body = 100, .max_connections = 12, .max_per_address = CAP);
		struct peer *other = peer_from(s, "127.0.0.2");
		struct peer *p[PEERS];
		peer_says(other, "GET /oth");
		for (int i = 0; i < PEERS; i++) {
			p[i] = peer_new(s);
			peer_says(p[i], "GET /unfinished");
			turn(s->loop, 3);
		}
		CHECK_INT(open_of(p, PEERS), CAP);
		CHECK(!p[PEERS - 1]->ended); /* the oldest went, as at the other cap */
		CHECK_INT(open_of(&other, 1), 1);
		peer_says(other, "er HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(other, "/other"));
		for (int i = 0; i < PEERS; i++) {
			peer_free(p[i]);
		}
		peer_free(other);
		stage_free(s);
	}
	CASE ("guard 2: an address whose places all wait for answers gets no other one") {
		struct stage *s = STAGE(.max_body = 100, .max_per_address = 2);
		struct peer *p[3];
		s->hold = true;
		for (int i = 0; i < 2; i++) {
			p[i] = peer_new(s);
			s->runs = 0;
			peer_says(p[i], "GET /held HTTP/1.1\r\n" HOST "\r\n");
			CHECK(pump(s->loop, until_run, s, 5000));
		}
		p[2] = peer_new(s);
		CHECK(peer_ends(p[2], 5000));
		answer(s->held[0], "here");
		answer(s->held[1], "here");
		CHECK(peer_gets(p[0], "here") && peer_gets(p[1], "here"));
		for (int i = 0; i < 3; i++) {
			peer_free(p[i]);
		}
		stage_free(s);
	}
	CASE ("guard 2: without a cap for an address, as behind a proxy, all may be of one") {
		enum { PEERS = 20 };
		struct stage *s = STAGE(.max_body = 100, .max_connections = PEERS);
		struct peer *p[PEERS];
		for (int i = 0; i < PEERS; i++) {
			p[i] = peer_new(s);
			peer_says(p[i], "GET /unfinished");
		}
		turn(s->loop, 3);
		CHECK_INT(open_of(p, PEERS), PEERS);
		for (int i = 0; i < PEERS; i++) {
			peer_free(p[i]);
		}
		stage_free(s);
	}
}

/* ---- the cap ---- */

static void at_the_cap(void)
{
	CASE ("guard 2: tls: at the cap the oldest unfinished handshake goes") {
		enum { CAP = 8, PEERS = 30 };
		struct crypto_tls *tls = some_pair();
		struct stage *s = STAGE(.max_body = 100, .max_connections = CAP, .tls = tls);
		struct peer *p[PEERS];
		struct tls_peer *held = tls_peer_new(s);
		s->hold = true;
		tls_says(held, "GET /held HTTP/1.1\r\n" HOST "\r\n");
		CHECK(pump(s->loop, until_run, s, 5000));
		s->hold = false;
		for (int i = 0; i < PEERS; i++) {
			p[i] = peer_new(s);
			peer_send(p[i], "\x16\x03\x01\x02", i % 5);
			turn(s->loop, 2);
		}
		CHECK(good_tls_call(s) >= 0);
		CHECK(open_of(p, PEERS) <= CAP);
		for (int i = 0; i < PEERS - CAP; i++) {
			CHECK(p[i]->ended);
		}
		CHECK(!p[PEERS - 1]->ended);
		answer(s->held[0], "here");
		CHECK(tls_gets(held, "here"));
		for (int i = 0; i < PEERS; i++) {
			peer_free(p[i]);
		}
		tls_peer_free(held);
		stage_free(s);
		crypto_tls_free(tls);
	}
}

/* ---- who takes no answer ---- */

static void slow_readers(void)
{
	CASE ("guard 2: peers that take no answer give their places to others") {
		enum { CAP = 4, PEERS = CAP + 1 /* the one who finds it full is in */ };
		struct stage *s = STAGE(.max_body = 100, .max_connections = CAP);
		struct peer *p[PEERS];
		s->big_len = 32 << 20;
		char *big = xcalloc(1, s->big_len);
		s->big = big;
		for (int i = 0; i < PEERS; i++) {
			p[i] = peer_new(s);
			s->runs = 0;
			peer_says(p[i], "GET /big HTTP/1.1\r\n" HOST "\r\n");
			CHECK(pump(s->loop, until_run, s, 5000));
		}
		s->big = NULL;
		int ms = good_call(s);
		CHECK(ms >= 0 && ms < 5000);
		for (int i = 0; i < PEERS; i++) {
			peer_free(p[i]);
		}
		free(big);
		stage_free(s);
	}
}

/* ---- no descriptors ---- */

/* All descriptors that there are. */
struct hoard {
	int fd[256];
	int n;
};

static void hoard_all(struct hoard *h, int like)
{
	int fd;
	while (h->n < 256 && (fd = dup(like)) >= 0) {
		h->fd[h->n++] = fd;
	}
}

static void hoard_free(struct hoard *h)
{
	while (h->n > 0) {
		(void)close(h->fd[--h->n]);
	}
}

static struct peer *peer_unconnected(struct stage *s)
{
	struct peer *p = NEW(struct peer);
	p->stage = s;
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	return p;
}

static void peer_connects(struct peer *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_server_port(p->stage->server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK_INT(connect(p->fd, (struct sockaddr *)&to, sizeof to), 0);
}

static void no_descriptors(void)
{
	CASE ("guard 2: without descriptors nobody spins, one is left to others, and it recovers") {
		struct stage *s = STAGE(.max_body = 100);
		struct rlimit few = {.rlim_cur = 200, .rlim_max = 200};
		static struct hoard h;
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
		struct peer *held = peer_new(s);
		s->hold = true;
		peer_says(held, "GET /held HTTP/1.1\r\n" HOST "\r\n");
		CHECK(pump(s->loop, until_run, s, 5000));
		s->hold = false;
		struct peer *p = peer_unconnected(s);
		struct peer *second = peer_unconnected(s);
		hoard_all(&h, p->fd);
		peer_connects(p);
		peer_connects(second);
		CHECK(rounds_in(s, 500) < 50);
		turn(s->loop, 2); /* behind a sweep that tried it again */
		int others = open("/dev/null", O_RDONLY | O_CLOEXEC);
		CHECK(others >= 0);
		CHECK(rounds_in(s, 300) < 50);
		answer(s->held[0], "fine");
		CHECK(peer_gets(held, "fine"));
		CHECK_INT(s->runs, 1);
		(void)close(others);
		hoard_free(&h);
		peer_says(p, "GET /again HTTP/1.1\r\n" HOST "\r\n");
		peer_says(second, "GET /second HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(p, "/again"));
		CHECK(peer_gets(second, "/second"));
		peer_free(p);
		peer_free(second);
		peer_free(held);
		stage_free(s);
	}
	CASE ("guard 2: idle peers that hold the last descriptors make way for a good one") {
		enum { PEERS = 20 };
		struct stage *s = STAGE(.max_body = 100);
		struct rlimit few = {.rlim_cur = 200, .rlim_max = 200};
		static struct hoard h;
		struct peer *idle[PEERS];
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
		for (int i = 0; i < PEERS; i++) {
			idle[i] = peer_new(s);
		}
		struct peer *p = peer_unconnected(s);
		hoard_all(&h, p->fd);
		peer_connects(p);
		peer_says(p, "GET /good HTTP/1.1\r\n" HOST "\r\n");
		CHECK(peer_gets(p, "/good"));
		CHECK(open_of(idle, PEERS) < PEERS);
		hoard_free(&h);
		for (int i = 0; i < PEERS; i++) {
			peer_free(idle[i]);
		}
		peer_free(p);
		stage_free(s);
	}
	CASE ("guard 2: tls: handshakes that hold the last descriptors make way for a good one") {
		enum { PEERS = 20 };
		struct crypto_tls *tls = some_pair();
		struct stage *s = STAGE(.max_body = 100, .tls = tls);
		struct rlimit few = {.rlim_cur = 200, .rlim_max = 200};
		static struct hoard h;
		struct peer *idle[PEERS];
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
		for (int i = 0; i < PEERS; i++) {
			idle[i] = peer_new(s);
			peer_send(idle[i], "\x16\x03\x01\x02", 4);
		}
		struct peer *p = peer_unconnected(s);
		hoard_all(&h, p->fd);
		peer_connects(p);
		struct tls_peer *t = tls_peer_on(p, 0, false);
		CHECK(tls_greets(t));
		tls_says(t, "GET /good HTTP/1.1\r\n" HOST "\r\n");
		CHECK(tls_gets(t, "/good"));
		CHECK(open_of(idle, PEERS) < PEERS);
		hoard_free(&h);
		for (int i = 0; i < PEERS; i++) {
			peer_free(idle[i]);
		}
		tls_peer_free(t);
		stage_free(s);
		crypto_tls_free(tls);
	}
	CASE ("guard 2: the cap leaves descriptors to the rest of the program") {
		enum { FILES = 200, PEERS = 90, OTHERS = 20 };
		struct rlimit few = {.rlim_cur = FILES, .rlim_max = FILES};
		CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
		struct stage *s = STAGE(.max_body = 100, .max_connections = 100000);
		struct peer *p[PEERS];
		int n = 0;
		while (n <
		       PEERS) { /* both ends are here: uncapped, they are nearly all there are */
			p[n] = peer_new(s);
			peer_says(p[n++], "GET /unfinished");
		}
		turn(s->loop, 3);
		CHECK(open_of(p, n) < PEERS);
		int spare[OTHERS];
		for (int i = 0; i < OTHERS; i++) {
			spare[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			CHECK(spare[i] >= 0);
		}
		CHECK(good_call(s) >= 0);
		for (int i = 0; i < OTHERS; i++) {
			(void)close(spare[i]);
		}
		while (n > 0) {
			peer_free(p[--n]);
		}
		stage_free(s);
	}
}

void check_http_crowd(void)
{
	thousands();
	addresses();
	at_the_cap();
	slow_readers();
	no_descriptors();
}
