/*
 * remote/verify with signers of every kind below a root of our own, made with OpenSSL directly and
 * not with the code that is tested: one table of certificates, one of signatures, every single bit
 * of a certificate, and the count of real connections.
 */
#include "remote/verify.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crypto.h"
#include "fake_world.h"
#include "io/http_client.h"
#include "pump.h"
#include "tests.h"

void check_signers(void);

#define CERT_URL     "https://certs.example/cert/signer.cer"
#define ORGANIZATION "Example Corporation"

static const char BODY[] = "{\"EventName\":\"referral-updated\",\"ResourceUri\":\"https://api/1\"}";
enum { BODY_LEN = sizeof BODY - 1, HOUR_S = 3600, DAYS_S = 48 * HOUR_S };
#define NOW_S (FAKE_START_MS / 1000)

/* ---- an authority ---- */

enum which { ROOT, OTHER_ROOT, INTERMEDIATE, LEAF, NONE, NAUTHORITIES = NONE };

/* Keys are dear, so there are few of them: one a kind. */
struct pki {
	EVP_PKEY *strong, *weak, *curve, *pss; /* of signers */
	EVP_PKEY *key[NAUTHORITIES];
	X509 *cert[NAUTHORITIES];
	char *roots; /* PEM: the root and the intermediate */
};

/* A certificate to be; zero is the usual. */
struct wanted {
	const char *what;
	const char *organization[2]; /* a NUL byte may be inside: then with lengths below */
	int organization_len;
	const char *common_name, *unit;
	enum which by;
	bool by_itself, authority, sha1;
	int64_t from_s, to_s; /* from now */
	EVP_PKEY *key;
};

static void add_name(X509_NAME *n, int nid, const char *text, int len)
{
	if (text != NULL) {
		(void)X509_NAME_add_entry_by_NID(n, nid, MBSTRING_UTF8, (const unsigned char *)text,
						 len, -1, 0);
	}
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	(void)X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static X509 *issue(const struct pki *p, const struct wanted *w)
{
	X509 *x = X509_new();
	X509_NAME *n = X509_get_subject_name(x);
	EVP_PKEY *by = w->by_itself ? w->key : p->key[w->by];
	(void)X509_set_version(x, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	(void)ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(NOW_S + w->from_s));
	(void)ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(NOW_S + w->to_s));
	add_name(n, NID_organizationName, w->organization[0],
		 w->organization_len > 0 ? w->organization_len : -1);
	add_name(n, NID_organizationName, w->organization[1], -1);
	add_name(n, NID_organizationalUnitName, w->unit, -1);
	add_name(n, NID_commonName, w->common_name != NULL ? w->common_name : "signer", -1);
	(void)X509_set_issuer_name(x, w->by_itself ? n : X509_get_subject_name(p->cert[w->by]));
	(void)X509_set_pubkey(x, w->key);
	add_extension(x, NID_basic_constraints,
		      w->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (X509_sign(x, by, w->sha1 ? EVP_sha1() : EVP_sha256()) <= 0) {
		abort();
	}
	return x;
}

static char *pem_of(X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text = NULL;
	(void)PEM_write_bio_X509(b, x);
	long n = BIO_get_mem_data(b, &text);
	char *copy = xmemdup0(text, (size_t)n);
	BIO_free(b);
	return copy;
}

static EVP_PKEY *pss_key(void)
{
	EVP_PKEY *k = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	if (EVP_PKEY_keygen_init(c) <= 0 || EVP_PKEY_CTX_set_rsa_keygen_bits(c, 2048) <= 0 ||
	    EVP_PKEY_keygen(c, &k) <= 0) {
		abort();
	}
	EVP_PKEY_CTX_free(c);
	return k;
}

static void add_authority(struct pki *p, enum which which, enum which by, bool authority)
{
	struct wanted w = {.organization = {"Example Roots"},
			   .common_name = which == INTERMEDIATE ? "between" : "root",
			   .by = by,
			   .by_itself = by == NONE,
			   .authority = authority,
			   .from_s = -DAYS_S,
			   .to_s = DAYS_S};
	w.key = p->key[which] = EVP_RSA_gen(2048);
	p->cert[which] = issue(p, &w);
}

static struct pki *pki_new(void)
{
	struct pki *p = NEW(struct pki);
	p->strong = EVP_RSA_gen(2048);
	p->weak = EVP_RSA_gen(1024);
	p->curve = EVP_EC_gen("P-256");
	p->pss = pss_key();
	add_authority(p, ROOT, NONE, true);
	add_authority(p, OTHER_ROOT, NONE, true); /* of the same name */
	add_authority(p, INTERMEDIATE, ROOT, true);
	add_authority(p, LEAF, ROOT, false);
	char *root = pem_of(p->cert[ROOT]);
	char *between = pem_of(p->cert[INTERMEDIATE]);
	p->roots = xasprintf("%s%s", root, between);
	free(root);
	free(between);
	return p;
}

static void pki_free(struct pki *p)
{
	for (int i = 0; i < NAUTHORITIES; i++) {
		EVP_PKEY_free(p->key[i]);
		X509_free(p->cert[i]);
	}
	EVP_PKEY_free(p->strong);
	EVP_PKEY_free(p->weak);
	EVP_PKEY_free(p->curve);
	EVP_PKEY_free(p->pss);
	free(p->roots);
	free(p);
}

/* ---- one callback ---- */

static struct buf sign(EVP_PKEY *key, const EVP_MD *md, bool pss, const char *body, size_t n)
{
	struct buf sig = {0};
	unsigned char out[1024];
	size_t len = sizeof out;
	EVP_PKEY_CTX *kc = NULL;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = EVP_DigestSignInit(c, &kc, md, NULL, key) == 1 &&
		  (!pss || EVP_PKEY_CTX_set_rsa_padding(kc, RSA_PKCS1_PSS_PADDING) > 0) &&
		  EVP_DigestSign(c, out, &len, (const unsigned char *)body, n) == 1;
	CHECK(ok);
	buf_add(&sig, out, len);
	EVP_MD_CTX_free(c);
	return sig;
}

/* The digest in the padding without the words that say which it is. */
static struct buf sign_bare(EVP_PKEY *key)
{
	struct buf sig = {0};
	unsigned char hash[32];
	unsigned char out[1024];
	size_t len = sizeof out;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	crypto_sha256(BODY, BODY_LEN, hash);
	CHECK(EVP_PKEY_sign_init(c) == 1 &&
	      EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0 &&
	      EVP_PKEY_sign(c, out, &len, hash, sizeof hash) == 1);
	buf_add(&sig, out, len);
	EVP_PKEY_CTX_free(c);
	return sig;
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
	(void)snprintf(g->why, sizeof g->why, "%s", why->text);
}

/* What is said of a body with this signature and this certificate, both new to us. */
static struct got judge_of(const struct pki *p, const void *cert, size_t cert_len,
			   const struct buf *sig, const char *body, size_t n)
{
	static const char *const hosts[] = {"certs.example", NULL};
	struct fake *f = fake_new();
	struct got g = {0};
	struct buf head = {0};
	const struct verify_config c = {
		.hosts = hosts, .roots = p->roots, .organization = ORGANIZATION};
	struct verify *v = verify_new(&f->world, &c);
	buf_adds(&head, "Signature ");
	crypto_base64(&head, sig->data, sig->len, false);
	const struct verify_in in = {.authorization = head.data,
				     .certificate_url = CERT_URL,
				     .algorithm = "rsa-sha256",
				     .body = body,
				     .len = n};
	verify_check(v, &in, on_verdict, &g);
	if (g.n == 0) {
		fake_answer_bytes(f, 0, 200, NULL, cert, cert_len);
	}
	CHECK_INT(g.n, 1);
	buf_free(&head);
	verify_free(v);
	fake_free(f);
	return g;
}

static struct got judge_cert(const struct pki *p, const struct wanted *w)
{
	X509 *x = issue(p, w);
	char *pem = pem_of(x);
	struct buf sig =
		sign(w->key, w->key == p->pss ? NULL : EVP_sha256(), false, BODY, BODY_LEN);
	struct got g = judge_of(p, pem, strlen(pem), &sig, BODY, BODY_LEN);
	buf_free(&sig);
	free(pem);
	X509_free(x);
	return g;
}

/* ---- tables ---- */

#define TODAY .from_s = -HOUR_S, .to_s = HOUR_S, .key = p->strong
#define OURS  .organization = {ORGANIZATION}

static void good_signers(const struct pki *p)
{
	const struct wanted rows[] = {
		{"plain", OURS, TODAY},
		{"below an intermediate", OURS, TODAY, .by = INTERMEDIATE},
		{"began this very second", OURS, .to_s = HOUR_S, .key = p->strong},
		{"ends in a second", OURS, .from_s = -HOUR_S, .to_s = 1, .key = p->strong},
		{"other words beside it", OURS, TODAY, .unit = "Somebody Else Ltd"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct got g = judge_cert(p, &rows[i]);
		if (!CHECK_INT(g.verdict, VERDICT_GOOD)) {
			CHECK_STR(g.why, rows[i].what);
		}
	}
}

static void bad_signers(const struct pki *p)
{
	const struct wanted rows[] = {
		{"expired", OURS, .from_s = -HOUR_S, .to_s = -1, .key = p->strong},
		{"long expired", OURS, .from_s = -DAYS_S, .to_s = -HOUR_S, .key = p->strong},
		{"not yet valid", OURS, .from_s = 1, .to_s = HOUR_S, .key = p->strong},
		{"ends before it begins", OURS, .from_s = 9, .to_s = -9, .key = p->strong},
		{"no organisation", TODAY},
		{"another one", .organization = {"Somebody Else Ltd"}, TODAY},
		{"ours and more", .organization = {ORGANIZATION " Inc"}, TODAY},
		{"more and ours", .organization = {"Not " ORGANIZATION}, TODAY},
		{"other letters", .organization = {"EXAMPLE CORPORATION"}, TODAY},
		{"a space", .organization = {ORGANIZATION " "}, TODAY},
		{"a NUL behind ours", .organization = {ORGANIZATION "\0Inc"},
		 .organization_len = sizeof ORGANIZATION + 3, TODAY},
		{"look-alike letters", .organization = {"Ex\xd0\xb0mple Corporation"}, TODAY},
		{"two, ours first", .organization = {ORGANIZATION, "Else"}, TODAY},
		{"two, ours last", .organization = {"Else", ORGANIZATION}, TODAY},
		{"ours as a unit", .unit = ORGANIZATION, TODAY},
		{"ours as a name", .common_name = "O=" ORGANIZATION, TODAY},
		{"ours in a name", .common_name = "x, O=" ORGANIZATION, TODAY},
		{"signed by itself", OURS, TODAY, .by_itself = true},
		{"by itself, an authority", OURS, TODAY, .by_itself = true, .authority = true},
		{"by itself, named as the root", .organization = {"Example Roots"},
		 .common_name = "root", TODAY, .by_itself = true, .authority = true},
		{"below a root of the same name", OURS, TODAY, .by = OTHER_ROOT},
		{"below another signer", OURS, TODAY, .by = LEAF},
		{"1,024 bits", OURS, .from_s = -HOUR_S, .to_s = HOUR_S, .key = p->weak},
		{"no RSA key", OURS, .from_s = -HOUR_S, .to_s = HOUR_S, .key = p->curve},
		{"a key for PSS alone", OURS, .from_s = -HOUR_S, .to_s = HOUR_S, .key = p->pss},
		{"signed with SHA-1", OURS, TODAY, .sha1 = true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct got g = judge_cert(p, &rows[i]);
		if (!CHECK_INT(g.verdict, VERDICT_BAD)) {
			CHECK_STR(rows[i].what, "refused");
		}
	}
}

/* A signature of another kind, or a right one that was changed. */
static void signatures(const struct pki *p, const char *pem)
{
	const struct {
		const char *what;
		const EVP_MD *md;
		bool pss;
		int more; /* bytes behind it, or cut off */
		enum verdict verdict;
	} rows[] = {
		{"as agreed", EVP_sha256(), false, 0, VERDICT_GOOD},
		{"over SHA-1", EVP_sha1(), false, 0, VERDICT_BAD},
		{"over MD5", EVP_md5(), false, 0, VERDICT_BAD},
		{"over SHA-384", EVP_sha384(), false, 0, VERDICT_BAD},
		{"over SHA-512", EVP_sha512(), false, 0, VERDICT_BAD},
		{"over SHA3-256", EVP_sha3_256(), false, 0, VERDICT_BAD},
		{"PSS", EVP_sha256(), true, 0, VERDICT_BAD},
		{"a byte more", EVP_sha256(), false, 1, VERDICT_BAD},
		{"a byte less", EVP_sha256(), false, -1, VERDICT_BAD},
		{"its first byte alone", EVP_sha256(), false, -255, VERDICT_BAD},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf sig = sign(p->strong, rows[i].md, rows[i].pss, BODY, BODY_LEN);
		if (rows[i].more > 0) {
			buf_addc(&sig, '\0');
		} else {
			sig.len -= (size_t)-rows[i].more;
		}
		struct got g = judge_of(p, pem, strlen(pem), &sig, BODY, BODY_LEN);
		if (!CHECK_INT(g.verdict, rows[i].verdict)) {
			CHECK_STR(rows[i].what, "judged");
		}
		buf_free(&sig);
	}
	struct buf bare = sign_bare(p->strong);
	CHECK_INT(judge_of(p, pem, strlen(pem), &bare, BODY, BODY_LEN).verdict, VERDICT_BAD);
	memset(bare.data, 0xff, bare.len);
	CHECK_INT(judge_of(p, pem, strlen(pem), &bare, BODY, BODY_LEN).verdict, VERDICT_BAD);
	memset(bare.data, 0, bare.len);
	CHECK_INT(judge_of(p, pem, strlen(pem), &bare, BODY, BODY_LEN).verdict, VERDICT_BAD);
	buf_free(&bare);
	struct buf other = sign(p->key[LEAF], EVP_sha256(), false, BODY, BODY_LEN);
	CHECK_INT(judge_of(p, pem, strlen(pem), &other, BODY, BODY_LEN).verdict, VERDICT_BAD);
	buf_free(&other);
}

static void bodies(const struct pki *p, const char *pem)
{
	struct buf sig = sign(p->strong, EVP_sha256(), false, BODY, BODY_LEN);
	struct buf none = sign(p->strong, EVP_sha256(), false, "", 0);
	size_t n = strlen(pem);
	CHECK_INT(judge_of(p, pem, n, &sig, BODY, BODY_LEN).verdict, VERDICT_GOOD);
	CHECK_INT(judge_of(p, pem, n, &sig, "", 0).verdict, VERDICT_BAD);
	CHECK_INT(judge_of(p, pem, n, &none, "", 0).verdict, VERDICT_GOOD);
	CHECK_INT(judge_of(p, pem, n, &none, BODY, BODY_LEN).verdict, VERDICT_BAD);
	CHECK_INT(judge_of(p, pem, n, &sig, BODY, BODY_LEN - 1).verdict, VERDICT_BAD);
	char *marked = xasprintf("\xef\xbb\xbf%s", BODY); /* bytes, not text */
	CHECK_INT(judge_of(p, pem, n, &sig, marked, strlen(marked)).verdict, VERDICT_BAD);
	marked[0] = '\0';
	CHECK_INT(judge_of(p, pem, n, &sig, marked, BODY_LEN + 3).verdict, VERDICT_BAD);
	free(marked);
	buf_free(&sig);
	buf_free(&none);
}

/* A bit of each byte of its DER, one at a time, and cut off. */
static void spoilt_certificates(const struct pki *p, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	struct buf sig = sign(p->strong, EVP_sha256(), false, BODY, BODY_LEN);
	CHECK_INT(judge_of(p, der, (size_t)n, &sig, BODY, BODY_LEN).verdict, VERDICT_GOOD);
	for (int bit = 0; bit < n * 8; bit += bit % 8 == 7 ? 1 : 9) { /* another one in each */
		der[bit / 8] ^= (unsigned char)(1 << bit % 8);
		struct got g = judge_of(p, der, (size_t)n, &sig, BODY, BODY_LEN);
		der[bit / 8] ^= (unsigned char)(1 << bit % 8);
		if (!CHECK_INT(g.verdict, VERDICT_BAD)) {
			CHECK_INT(bit, -1);
		}
	}
	for (int len = 0; len < n; len += 9) {
		struct got g = judge_of(p, der, (size_t)len, &sig, BODY, BODY_LEN);
		CHECK_INT(g.verdict, VERDICT_BAD);
	}
	CHECK(n > 500);
	buf_free(&sig);
	OPENSSL_free(der);
}

static void check_tables(void)
{
	CASE ("guard 2: golden vectors: signers of every kind") {
		struct pki *p = pki_new();
		good_signers(p);
		bad_signers(p);
		pki_free(p);
	}
	CASE ("guard 2: golden vectors: signatures and bodies of every kind") {
		struct pki *p = pki_new();
		const struct wanted w = {"plain", OURS, TODAY};
		X509 *x = issue(p, &w);
		char *pem = pem_of(x);
		signatures(p, pem);
		bodies(p, pem);
		free(pem);
		X509_free(x);
		pki_free(p);
	}
	CASE ("guard 2: golden vectors: a bit of each byte of a certificate, and cut ones") {
		struct pki *p = pki_new();
		const struct wanted w = {"plain", OURS, TODAY};
		X509 *x = issue(p, &w);
		spoilt_certificates(p, x);
		X509_free(x);
		pki_free(p);
	}
}

/* ---- connections ---- */

/* %d: the port that listens. */
static const char *const NEAR[] = {
	"http://127.0.0.1:%d@127.0.0.1:%d/a.cer",
	"http://user@127.0.0.1:%d/a.cer",
	"http://127.0.0.1:%d?/a.cer",
	"http://127.0.0.1:%d#/a.cer",
	"http://127.0.0.1:%d\\a.cer",
	"http://127.0.0.1:%d//a.cer",
	"http://127.0.0.1:%d/../a.cer",
	"http://127.0.0.1:%d/a.cer?x=.cer",
	"http://127.0.0.1:%d/a.cer ",
	"http://127.0.0.1:%d/%%2e%%2e/a.cer",
	"http://127.0.0.1:0%d/a.cer",
	"http://127.0.0.1.:%d/a.cer",
	"http://127.1:%d/a.cer",
	"http://2130706433:%d/a.cer",
	"http://0x7f000001:%d/a.cer",
	"http://0177.0.0.1:%d/a.cer",
	"http://localhost:%d/a.cer",
	"http://[::ffff:127.0.0.1]:%d/a.cer",
	"http://0.0.0.0:%d/a.cer",
	"HTTP://127.0.0.1:%d/a.cer",
	"https://127.0.0.1:%d/a.cer",
	"ftp://127.0.0.1:%d/a.cer",
	"gopher://127.0.0.1:%d/a.cer",
	"tftp://127.0.0.1:%d/a.cer",
	"dict://127.0.0.1:%d/a.cer",
	"http:127.0.0.1:%d/a.cer",
	"//127.0.0.1:%d/a.cer",
	"127.0.0.1:%d/a.cer",
};

static int listen_somewhere(int *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(fd, 16) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
		abort();
	}
	*port = ntohs(sa.sin_port);
	return fd;
}

struct door {
	int fd, came;
};

static bool until_came(void *arg)
{
	struct door *d = arg;
	int fd = accept(d->fd, NULL, NULL);
	if (fd >= 0) {
		d->came++;
		(void)close(fd);
	}
	return d->came > 0;
}

static void check_connections(void)
{
	CASE ("guard 2: hostile addresses next to the allowed one: no connection is made") {
		static const char *const hosts[] = {"certs.example", NULL};
		struct err e;
		struct got g = {0};
		int port = 0;
		struct loop *l = loop_new(&e);
		struct http_client *client = http_client_new(l, NULL, 8, &e);
		struct world world = http_client_world(client);
		struct door d = {.fd = listen_somewhere(&port)};
		char *origin = xasprintf("http://127.0.0.1:%d", port);
		char *good = xasprintf("%s/a.cer", origin);
		const struct verify_config c = {.hosts = hosts,
						.practice_origin = origin,
						.roots = "",
						.organization = ORGANIZATION};
		struct verify *v = verify_new(&world, &c);
		struct verify_in in = {.authorization = "Signature QUJD",
				       .algorithm = "rsa-sha256",
				       .body = "",
				       .len = 0};
		for (size_t i = 0; i < sizeof NEAR / sizeof NEAR[0]; i++) {
			char url[200];
			g = (struct got){0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(url, sizeof url, NEAR[i], port, port);
#pragma GCC diagnostic pop
			in.certificate_url = url;
			verify_check(v, &in, on_verdict, &g);
			if (!CHECK(g.n == 1 && g.verdict == VERDICT_BAD)) {
				CHECK_STR(url, "refused");
			}
		}
		(void)pump(l, until_came, &d, 200);
		CHECK_INT(d.came, 0);
		g = (struct got){0};
		in.certificate_url = good; /* the door is a door */
		verify_check(v, &in, on_verdict, &g);
		CHECK(pump(l, until_came, &d, 5000));
		verify_free(v);
		http_client_free(client);
		turn(l, 2);
		loop_free(l);
		(void)close(d.fd);
		free(origin);
		free(good);
	}
}

void check_signers(void)
{
	check_tables();
	check_connections();
}
