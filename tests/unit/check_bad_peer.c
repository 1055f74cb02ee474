/*
 * The guards of io/http_client against a peer that sends whatever a case names, over plain sockets
 * and over TLS: cut, packed and huge answers, redirects, and certificates that are none.  The TLS
 * peer is ours, so that it can tell how much of a request it was shown.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "io/http_client.h"
#include "pump.h"
#include "tests.h"

void check_bad_peer(void);

#define TOKEN "Bearer very-secret-token"
#define OK    "HTTP/1.1 200 OK\r\n"

/* ---- the peer: a thread that serves one connection after the other ---- */

struct peer {
	int fd;
	int port;
	pthread_t thread;
	const char *bytes; /* the answer to each */
	size_t len;
	size_t more;  /* so many 'x' behind it */
	SSL_CTX *tls; /* NULL: plain */
	int connections;
	size_t shown; /* bytes of requests, behind TLS if there is TLS */
	char first[2048];
};

static void serve_plain(struct peer *p, int fd)
{
	static char filling[65536];
	ssize_t n = recv(fd, p->first, sizeof(p->first) - 1, 0); /* it is small: all of it */
	p->shown += n > 0 ? (size_t)n : 0;
	bool open = n > 0 && send(fd, p->bytes, p->len, MSG_NOSIGNAL) == (ssize_t)p->len;
	memset(filling, 'x', sizeof(filling));
	for (size_t left = p->more; open && left > 0;) {
		size_t part = left < sizeof(filling) ? left : sizeof(filling);
		ssize_t put = send(fd, filling, part, MSG_NOSIGNAL);
		open = put > 0;
		left -= open ? (size_t)put : 0;
	}
}

static void serve_tls(struct peer *p, int fd)
{
	SSL *s = SSL_new(p->tls);
	SSL_set_fd(s, fd);
	if (SSL_accept(s) == 1) {
		int n = SSL_read(s, p->first, sizeof(p->first) - 1);
		p->shown += n > 0 ? (size_t)n : 0;
		if (n > 0)
			(void)SSL_write(s, p->bytes, (int)p->len);
		(void)SSL_shutdown(s);
	}
	ERR_clear_error();
	SSL_free(s);
}

static void *serve(void *arg)
{
	struct peer *p = arg;
	for (;;) {
		int fd = accept(p->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		p->connections++;
		if (p->tls)
			serve_tls(p, fd);
		else
			serve_plain(p, fd);
		(void)close(fd);
	}
}

static void peer_start(struct peer *p)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(sa);
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(p->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(p->fd, 8) != 0 ||
	    getsockname(p->fd, (struct sockaddr *)&sa, &size) != 0 ||
	    pthread_create(&p->thread, NULL, serve, p) != 0)
		abort();
	p->port = ntohs(sa.sin_port);
}

static void peer_stop(struct peer *p)
{
	(void)shutdown(p->fd, SHUT_RDWR);
	(void)pthread_join(p->thread, NULL);
	(void)close(p->fd);
	SSL_CTX_free(p->tls);
}

/* ---- one request ---- */

struct result {
	bool done;
	int status;
	enum err_kind kind;
	char text[1000];
	struct buf body;
};

static void on_done(void *arg, const struct web_answer *a, const struct err *e)
{
	struct result *r = arg;
	r->done = true;
	r->kind = e->kind;
	r->status = a ? a->status : 0;
	snprintf(r->text, sizeof(r->text), "%s", a ? "" : e->text);
	r->body.len = 0;
	if (a)
		buf_add(&r->body, a->body, a->len);
}

struct asker {
	struct loop *loop;
	struct http_client *client;
	struct world world;
};

static struct asker asker_new(const char *ca_file)
{
	struct err e;
	struct asker a = {.loop = loop_new(&e)};
	a.client = http_client_new(a.loop, ca_file, 2, &e);
	a.world = http_client_world(a.client);
	return a;
}

static void asker_free(struct asker *a)
{
	http_client_free(a->client);
	loop_free(a->loop);
}

/* A GET with a token, to the end. */
static void ask(struct asker *a, const char *origin, int port, struct result *r)
{
	struct err e;
	char *url = xasprintf("%s:%d/v1/things", origin, port);
	struct web_header h[] = {{"Authorization", TOKEN}};
	struct web_request rq = {.method = "GET",
				 .url = url,
				 .headers = h,
				 .nheaders = 1,
				 .plain_ok = true,
				 .timeout_ms = 5000};
	r->done = false;
	CHECK(a->world.start(a->world.ctx, &rq, on_done, r, &e) != NULL);
	CHECK(pump(a->loop, pump_flag, &r->done, 8000));
	free(url);
}

static void meet(struct peer *p, struct result *r)
{
	struct asker a = asker_new(NULL);
	peer_start(p);
	ask(&a, "http://127.0.0.1", p->port, r);
	asker_free(&a);
	peer_stop(p);
}

/* ---- bytes ---- */

/* Each beginning of `bytes` as an answer of its own.  From `whole` on it may be taken for whole. */
static void cut_everywhere(const char *bytes, size_t whole)
{
	struct peer p = {.bytes = bytes};
	struct asker a = asker_new(NULL);
	struct result r = {0};
	peer_start(&p);
	for (p.len = 0; p.len <= strlen(bytes); p.len++) {
		ask(&a, "http://127.0.0.1", p.port, &r);
		if (!CHECK_INT(r.kind, p.len < whole ? ERR_NET : ERR_NONE))
			printf("# cut at byte %zu of %s\n", p.len, bytes);
	}
	buf_free(&r.body);
	asker_free(&a);
	peer_stop(&p);
}

#define PLAIN   OK "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"value\":[]}"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"val\r\n7\r\nue\":[]}\r\n0\r\n\r\n"

static void check_cuts(void)
{
	CASE ("guard 5: an answer cut at each byte is no answer") {
		cut_everywhere(PLAIN, strlen(PLAIN));
	}
	CASE ("guard 5: an answer in chunks cut at each byte is no answer") {
		cut_everywhere(CHUNKED, strlen(CHUNKED) - 1); /* a newline behind all that counts */
	}
}

/* ---- packed ---- */

/* So many zeros, packed. */
static void pack(struct buf *out, size_t n)
{
	char part[8192];
	char *command = xasprintf("head -c %zu /dev/zero | gzip -9", n);
	FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c): our own words */
	size_t got;
	assert(f);
	while ((got = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(out, part, got);
	CHECK(pclose(f) == 0 && out->len > 20);
	assert(out->data);
	free(command);
}

static long peak_kib(void)
{
	struct rusage u;
	(void)getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* Nobody asked for it packed: it is handed on as it came, and no byte of it is unpacked. */
static void never_unpacked(const char *headers, const struct buf *body, size_t cut)
{
	struct buf answer = {0};
	struct result r = {0};
	buf_addf(&answer, OK "%sContent-Length: %zu\r\n\r\n", headers, body->len - cut);
	buf_add(&answer, body->data, body->len - cut);
	long before = peak_kib();
	struct peer p = {.bytes = answer.data, .len = answer.len};
	meet(&p, &r);
	if (r.kind == ERR_NONE)
		CHECK(r.body.len == body->len - cut &&
		      memcmp(r.body.data, body->data, r.body.len) == 0);
	CHECK(peak_kib() - before < 16 << 10);
	CHECK(strstr(p.first, "ccept-") == NULL); /* nor asked for packed ones */
	buf_free(&answer);
	buf_free(&r.body);
}

static void check_packed(void)
{
	CASE ("guard 5: packed answers, cut or a bomb, are not unpacked") {
		static const char *const headers[] = {
			"Content-Encoding: gzip\r\n",
			"Content-Encoding: gzip, gzip\r\n",
			"",
		};
		struct buf small = {0};
		struct buf bomb = {0};
		pack(&small, 1000);
		pack(&bomb, (size_t)100 << 20);
		for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
			never_unpacked(headers[i], &small, 0);
			never_unpacked(headers[i], &small, 9);
			never_unpacked(headers[i], &bomb, 0);
		}
		buf_free(&small);
		buf_free(&bomb);
	}
	CASE ("guard 5: a packed transfer, whole, cut or a bomb, is no answer") {
		struct buf body = {0};
		for (size_t i = 0; i < 3; i++) {
			struct buf answer = {0};
			struct result r = {0};
			body.len = 0;
			pack(&body, i == 2 ? (size_t)100 << 20 : 1000);
			body.len -= i == 1 ? 9 : 0;
			buf_addf(&answer, OK "Transfer-Encoding: gzip\r\n\r\n");
			buf_add(&answer, body.data, body.len);
			struct peer p = {.bytes = answer.data, .len = answer.len};
			long before = peak_kib();
			meet(&p, &r);
			CHECK_INT(r.kind, ERR_NET);
			CHECK(strstr(r.text, "packed") != NULL);
			CHECK(peak_kib() - before < 16 << 10);
			buf_free(&answer);
			buf_free(&r.body);
		}
		buf_free(&body);
	}
	CASE ("guard 5: an answer of 16 MB passes, of one byte more does not") {
		size_t most = (size_t)16 << 20;
		for (size_t i = 0; i < 4; i++) {
			char head[100];
			struct result r = {0};
			bool told = i >= 2;
			struct peer p = {.bytes = head, .more = most + i % 2};
			snprintf(head, sizeof(head),
				 told ? OK "Content-Length: %zu\r\n\r\n" : OK "\r\n", p.more);
			p.len = strlen(head);
			meet(&p, &r);
			CHECK_INT(r.kind, i % 2 ? ERR_NET : ERR_NONE);
			CHECK(i % 2 ? strstr(r.text, "larger than allowed") != NULL
				    : r.body.len == most);
			buf_free(&r.body);
		}
	}
}

/* ---- elsewhere ---- */

static void check_redirects(void)
{
	CASE ("guard 5: no redirect is followed, and no token goes there") {
		static const int codes[] = {301, 302, 303, 307, 308, 300, 305};
		static const char *const places[][2] = {{"http://127.0.0.1:", "/other"},
							{"//127.0.0.1:", "/"},
							{"/v1/things?", ""},
							{"https://127.0.0.1:", "/"},
							{"http://[::1]:", "/"},
							{"file:///etc/passwd?", ""}};
		struct peer there = {.bytes = OK "\r\n", .len = strlen(OK "\r\n")};
		struct asker a = asker_new(NULL);
		struct result r = {0};
		peer_start(&there);
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
				char *to =
					xasprintf("%s%d%s", places[k][0], there.port, places[k][1]);
				char *bytes = xasprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\n"
							"Content-Length: 0\r\n\r\n",
							codes[i], to);
				struct peer p = {.bytes = bytes, .len = strlen(bytes)};
				peer_start(&p);
				ask(&a, "http://127.0.0.1", p.port, &r);
				CHECK_INT(r.status, codes[i]);
				peer_stop(&p);
				CHECK_INT(p.connections, 1);
				free(bytes);
				free(to);
			}
		}
		asker_free(&a);
		peer_stop(&there);
		CHECK_INT(there.connections, 0);
		buf_free(&r.body);
	}
}

/* ---- certificates ---- */

struct chain {
	char *ca_key, *ca_cert, *key, *cert;
};

static void issue(const char *name, int64_t from_ms, int days, const struct chain *by,
		  struct chain *out, bool root)
{
	struct err e;
	struct crypto_issue i = {name,
				 "Example",
				 2048,
				 from_ms,
				 days,
				 by ? by->ca_key : NULL,
				 by ? by->ca_cert : NULL};
	CHECK(crypto_issue(&i, root ? &out->ca_key : &out->key, root ? &out->ca_cert : &out->cert,
			   &e));
}

static void chain_free(struct chain *c)
{
	free(c->ca_key);
	free(c->ca_cert);
	free(c->key);
	free(c->cert);
	*c = (struct chain){0};
}

static SSL_CTX *tls_new(const struct chain *c, int most)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	BIO *key = BIO_new_mem_buf(c->key, -1);
	BIO *cert = BIO_new_mem_buf(c->cert, -1);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	SSL_CTX_set_security_level(tls, 0);
	CHECK(SSL_CTX_use_certificate(tls, x) == 1 && SSL_CTX_use_PrivateKey(tls, k) == 1);
	SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(tls, most);
	EVP_PKEY_free(k);
	X509_free(x);
	BIO_free(key);
	BIO_free(cert);
	return tls;
}

static char *save(const char *text)
{
	char *path = xasprintf("%s/ca.pem", tests_tempdir());
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
	return path;
}

enum { GOOD, OTHER_ROOT, OLD_TLS, EXPIRED, EARLY, OTHER_HOST, SELF_SIGNED, CERTS };

struct issued {
	struct chain root, strange; /* of one name */
	struct chain leaf;          /* of the case */
};

/* Asks https://localhost, whose certificate has this fault.  The peer's `shown` tells. */
static void ask_tls(int fault, struct issued *i, struct peer *p, struct result *r)
{
	char *ca = save(fault == OTHER_ROOT ? i->strange.ca_cert : i->root.ca_cert);
	p->bytes = OK "Content-Length: 2\r\n\r\n{}";
	p->len = strlen(p->bytes);
	p->tls = tls_new(&i->leaf, fault == OLD_TLS ? TLS1_1_VERSION : TLS1_3_VERSION);
	struct asker a = asker_new(ca);
	peer_start(p);
	ask(&a, "https://localhost", p->port, r);
	asker_free(&a);
	peer_stop(p);
	free(ca);
	buf_free(&r->body);
}

/* The leaf of this case; one without a fault of its own is kept from the case before. */
static void issue_leaf(int fault, struct issued *i)
{
	int64_t now = clock_wall_ms();
	int64_t day = INT64_C(86400000);
	if (fault == OTHER_ROOT || fault == OLD_TLS)
		return;
	chain_free(&i->leaf);
	issue(fault == OTHER_HOST ? "localhost.example" : "localhost",
	      fault == EARLY ? now + 3 * day : now, fault == EXPIRED ? -1 : 5,
	      fault == SELF_SIGNED ? NULL : &i->root, &i->leaf, false);
}

static void check_certificates(void)
{
	CASE ("guard 5: a wrong, expired or self-signed certificate sees no byte of the token") {
		static const char *const says[CERTS] = {
			[GOOD] = "",
			[OTHER_ROOT] = "certificate",
			[OLD_TLS] = "",
			[EXPIRED] = "expired",
			[EARLY] = "not yet valid",
			[OTHER_HOST] = "certificate subject name",
			[SELF_SIGNED] = "self-signed",
		};
		struct issued i = {0};
		issue("Example Root", clock_wall_ms(), 10, NULL, &i.root, true);
		issue("Example Root", clock_wall_ms(), 10, NULL, &i.strange, true);
		for (int fault = GOOD; fault < CERTS; fault++) {
			struct peer p = {0};
			struct result r = {0};
			issue_leaf(fault, &i);
			ask_tls(fault, &i, &p, &r);
			CHECK_INT(p.connections, 1);
			CHECK_INT(r.kind, fault == GOOD ? ERR_NONE : ERR_NET);
			CHECK_INT(r.status, fault == GOOD ? 200 : 0);
			CHECK((p.shown > 0) == (fault == GOOD));
			CHECK((strstr(p.first, TOKEN) != NULL) == (fault == GOOD));
			if (!CHECK(strstr(r.text, says[fault]) != NULL))
				printf("# case %d: %s\n", fault, r.text);
		}
		chain_free(&i.root);
		chain_free(&i.strange);
		chain_free(&i.leaf);
	}
}

void check_bad_peer(void)
{
	check_cuts();
	check_packed();
	check_redirects();
	check_certificates();
}
