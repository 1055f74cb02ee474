/*
 * base/crypto.c and base/crypto_cert.c: known answers from elsewhere, and what must be refused.
 */
#include "base/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "tests.h"

void check_crypto(void);

static const int64_t NOW_MS = INT64_C(1940000000000);

static struct crypto_issue issue(const char *organization, int bits)
{
	return (struct crypto_issue){.common_name = "signer.example",
				     .organization = organization,
				     .bits = bits,
				     .from_ms = NOW_MS - 86400000,
				     .days = 30};
}

struct pair {
	char *key, *cert;
};

static struct pair make(struct crypto_issue in, const struct pair *ca)
{
	struct pair p = {0};
	struct err e;
	in.ca_key = ca ? ca->key : NULL;
	in.ca_cert = ca ? ca->cert : NULL;
	CHECK(crypto_issue(&in, &p.key, &p.cert, &e));
	return p;
}

static void drop(struct pair *p)
{
	free(p->key);
	free(p->cert);
}

static bool is_hex(const void *p, size_t n, const char *want)
{
	struct buf b = {0};
	crypto_hex(&b, p, n);
	bool same = strcmp(b.data, want) == 0;
	buf_free(&b);
	return same;
}

/* The verdict on a PEM certificate; the reason in *e. */
static bool trusted(const char *cert, const char *roots, const char *organization, int64_t now,
		    struct err *e)
{
	struct crypto_cert *c = crypto_cert_load(cert, strlen(cert), e);
	bool ok = c && crypto_cert_check(c, roots, organization, now, e);
	crypto_cert_free(c);
	return ok;
}

static bool round_trip(const void *p, size_t n, bool url)
{
	struct buf text = {0};
	struct buf back = {0};
	crypto_base64(&text, p, n, url);
	bool same = crypto_base64_decode(&back, text.data ? text.data : "", text.len, url) &&
		    back.len == n && (n == 0 || memcmp(back.data, p, n) == 0);
	buf_free(&text);
	buf_free(&back);
	return same;
}

static bool refused(const char *text, bool url)
{
	struct buf b = {0};
	buf_adds(&b, "kept");
	bool ok = crypto_base64_decode(&b, text, strlen(text), url);
	bool clean = strcmp(b.data, "kept") == 0;
	buf_free(&b);
	return !ok && clean;
}

static void check_text_forms(void)
{
	CASE ("crypto_sha256_of_abc_is_the_known_one") {
		unsigned char h[32];
		crypto_sha256("abc", 3, h);
		CHECK(is_hex(h, 32,
			     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
		crypto_sha256(NULL, 0, h);
		CHECK(is_hex(h, 32,
			     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	}
	CASE ("crypto_base64_any_length_comes_back") {
		unsigned char bytes[3000];
		crypto_random(bytes, sizeof(bytes));
		for (size_t n = 0; n < 20; n++) {
			CHECK(round_trip(bytes, n, false) && round_trip(bytes, n, true));
		}
		for (size_t n = 760; n < 780; n++) {
			CHECK(round_trip(bytes, n, false) && round_trip(bytes, n, true));
		}
		CHECK(round_trip(bytes, sizeof(bytes), false) &&
		      round_trip(bytes, sizeof(bytes), true));
	}
	CASE ("crypto_base64_url_letters_and_no_padding") {
		struct buf b = {0};
		crypto_base64(&b, "\xfb\xff\xfe\x01", 4, true);
		CHECK_STR(b.data, "-__-AQ");
		crypto_base64(&b, "\xfb\xff\xfe\x01", 4, false);
		CHECK_STR(b.data, "-__-AQ+//+AQ==");
		buf_free(&b);
	}
	CASE ("crypto_base64_decode_anything_lax_is_refused") {
		static const char *const bad[] = {"A",     "AB",    "ABC",       "AB=",
						  "A===",  "====",  "AB==CD==",  "QUJ D",
						  " QUJD", "QUJD ", "QUJD\n",    "QUI",
						  "QUJ=",  "QR==",  "-__-",      "QUJDQ",
						  "QU=D",  "Q*JD",  "\xc3\xa4JD"};
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			if (!CHECK(refused(bad[i], false))) {
				CHECK_STR(bad[i], "refused");
			}
		}
		CHECK(refused("+//+", true) && refused("QQ==", true) && refused("QR", true));
	}
	CASE ("crypto_equal_tells_one_bit") {
		CHECK(crypto_equal("same", "same", 4));
		CHECK(!crypto_equal("same", "samf", 4));
	}
}

static void check_seal(void)
{
	static const unsigned char key[32] = {1, 2, 3};
	CASE ("crypto_seal_opens_again_and_never_looks_the_same") {
		struct buf a = {0};
		struct buf b = {0};
		struct buf out = {0};
		struct err e;
		crypto_seal(key, "grant", "secret", 6, &a);
		crypto_seal(key, "grant", "secret", 6, &b);
		CHECK_INT(a.len, 1 + 12 + 6 + 16);
		CHECK(memcmp(a.data, b.data, a.len) != 0);
		CHECK(crypto_unseal(key, "grant", a.data, a.len, &out, &e));
		CHECK_STR(out.data, "secret");
		buf_free(&a);
		buf_free(&b);
		buf_free(&out);
	}
	CASE ("crypto_unseal_every_flipped_bit_is_seen") {
		struct buf a = {0};
		struct buf out = {0};
		struct err e;
		crypto_seal(key, "grant", "x", 1, &a);
		for (size_t bit = 0; bit < a.len * 8; bit++) {
			a.data[bit / 8] ^= (char)(1 << bit % 8);
			CHECK(!crypto_unseal(key, "grant", a.data, a.len, &out, &e));
			CHECK_INT(e.kind, ERR_CONFIG);
			a.data[bit / 8] ^= (char)(1 << bit % 8);
		}
		CHECK_INT(out.len, 0);
		CHECK(!crypto_unseal(key, "grant", a.data, a.len - 1, &out, &e));
		CHECK(!crypto_unseal(key, "grant", a.data, 10, &out, &e));
		buf_free(&a);
	}
	CASE ("crypto_unseal_other_name_or_key_is_refused") {
		static const unsigned char other[32] = {1, 2, 4};
		struct buf a = {0};
		struct buf out = {0};
		struct err e;
		crypto_seal(key, "grant", "", 0, &a);
		CHECK(!crypto_unseal(key, "other", a.data, a.len, &out, &e));
		CHECK(!crypto_unseal(other, "grant", a.data, a.len, &out, &e));
		CHECK(crypto_unseal(key, "grant", a.data, a.len, &out, &e));
		buf_free(&a);
		buf_free(&out);
	}
}

static void check_golden(void)
{
	static char roots[8192];
	snprintf(roots, sizeof(roots), "%s%s", golden_root, golden_intermediate);
	CASE ("crypto_verify_golden_both_algorithms_and_no_other") {
		struct err e;
		struct buf rs = {0};
		struct buf ps = {0};
		size_t n = strlen(golden_body);
		struct crypto_cert *c = crypto_cert_load(golden_signer, strlen(golden_signer), &e);
		CHECK(crypto_base64_decode(&rs, golden_rs256, strlen(golden_rs256), false));
		CHECK(crypto_base64_decode(&ps, golden_ps256, strlen(golden_ps256), false));
		CHECK(crypto_verify(c, CRYPTO_RS256, golden_body, n, rs.data, rs.len));
		CHECK(crypto_verify(c, CRYPTO_PS256, golden_body, n, ps.data, ps.len));
		CHECK(!crypto_verify(c, CRYPTO_PS256, golden_body, n, rs.data, rs.len));
		CHECK(!crypto_verify(c, CRYPTO_RS256, golden_body, n, ps.data, ps.len));
		CHECK(!crypto_verify(c, CRYPTO_RS256, golden_body, n - 1, rs.data, rs.len));
		CHECK(!crypto_verify(c, CRYPTO_RS256, golden_body, n, rs.data, rs.len - 1));
		CHECK(!crypto_verify(c, CRYPTO_RS256, NULL, 0, rs.data, rs.len));
		CHECK_INT(crypto_cert_not_after_ms(c), GOLDEN_NOT_AFTER_MS);
		unsigned char sha1[20];
		unsigned char sha256[32];
		crypto_cert_thumbprints(c, sha1, sha256);
		CHECK(is_hex(sha1, 20, golden_sha1) && is_hex(sha256, 32, golden_sha256));
		buf_free(&rs);
		buf_free(&ps);
		crypto_cert_free(c);
	}
	CASE ("crypto_verify_golden_every_flipped_bit_is_seen") {
		struct err e;
		struct buf rs = {0};
		char *body = xstrdup(golden_body);
		size_t n = strlen(body);
		struct crypto_cert *c = crypto_cert_load(golden_signer, strlen(golden_signer), &e);
		CHECK(crypto_base64_decode(&rs, golden_rs256, strlen(golden_rs256), false));
		for (size_t bit = 0; bit < n * 8; bit++) {
			body[bit / 8] ^= (char)(1 << bit % 8);
			CHECK(!crypto_verify(c, CRYPTO_RS256, body, n, rs.data, rs.len));
			body[bit / 8] ^= (char)(1 << bit % 8);
		}
		for (size_t bit = 0; bit < rs.len * 8; bit += 7) {
			rs.data[bit / 8] ^= (char)(1 << bit % 8);
			CHECK(!crypto_verify(c, CRYPTO_RS256, body, n, rs.data, rs.len));
			rs.data[bit / 8] ^= (char)(1 << bit % 8);
		}
		CHECK(crypto_verify(c, CRYPTO_RS256, body, n, rs.data, rs.len));
		buf_free(&rs);
		free(body);
		crypto_cert_free(c);
	}
	CASE ("crypto_cert_golden_chain_needs_its_intermediate_and_root") {
		struct err e;
		CHECK(trusted(golden_signer, roots, GOLDEN_ORGANIZATION, NOW_MS, &e));
		CHECK(trusted(golden_signer, roots, "Example Signing", NOW_MS,
			      &e)); /* the issuer's */
		CHECK(!trusted(golden_signer, golden_root, GOLDEN_ORGANIZATION, NOW_MS, &e));
		CHECK(!trusted(golden_signer, golden_intermediate, GOLDEN_ORGANIZATION, NOW_MS,
			       &e));
		CHECK_INT(e.kind, ERR_DATA);
	}
	CASE ("crypto_cert_golden_organization_is_exact") {
		struct err e;
		CHECK(!trusted(golden_signer, roots, "Example", NOW_MS, &e));
		CHECK(!trusted(golden_signer, roots, "Example Corporation ", NOW_MS, &e));
		CHECK(!trusted(golden_signer, roots, "example corporation", NOW_MS, &e));
		CHECK(!trusted(golden_signer, roots, "", NOW_MS, &e));
		CHECK(!trusted(golden_signer, roots, "notify.example", NOW_MS, &e));
	}
	CASE ("crypto_cert_golden_outside_its_dates_is_refused") {
		struct err e;
		CHECK(!trusted(golden_signer, roots, GOLDEN_ORGANIZATION,
			       GOLDEN_NOT_AFTER_MS + 1000, &e));
		CHECK(strstr(e.text, "expired") != NULL);
		CHECK(!trusted(golden_signer, roots, GOLDEN_ORGANIZATION, 0, &e));
		CHECK(strstr(e.text, "not yet") != NULL);
	}
}

static void check_forms(void)
{
	CASE ("crypto_cert_load_der_pem_and_bare_base64_are_one") {
		struct err e;
		struct buf der = {0};
		struct buf bare = {0};
		const char *begin = strchr(golden_signer, '\n') + 1;
		const char *end = strstr(begin, "-----END");
		for (const char *s = begin; s < end; s++) {
			if (*s != '\n') {
				buf_addc(&bare, *s);
			}
		}
		CHECK(crypto_base64_decode(&der, bare.data, bare.len, false));
		struct crypto_cert *a = crypto_cert_load(der.data, der.len, &e);
		struct crypto_cert *b = crypto_cert_load(begin, (size_t)(end - begin), &e);
		CHECK(a != NULL && b != NULL);
		CHECK_INT(crypto_cert_not_after_ms(a), GOLDEN_NOT_AFTER_MS);
		CHECK_INT(crypto_cert_not_after_ms(b), GOLDEN_NOT_AFTER_MS);
		buf_addc(&der, 'x');
		CHECK(crypto_cert_load(der.data, der.len, &e) == NULL);
		CHECK(crypto_cert_load(der.data, der.len / 2, &e) == NULL);
		CHECK_INT(e.kind, ERR_DATA);
		crypto_cert_free(a);
		crypto_cert_free(b);
		buf_free(&der);
		buf_free(&bare);
	}
	CASE ("crypto_cert_load_rubbish_is_refused") {
		static const char *const bad[] = {
			"", "x", "<html>404</html>", "-----BEGIN CERTIFICATE-----\n",
			"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"};
		struct err e;
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			CHECK(crypto_cert_load(bad[i], strlen(bad[i]), &e) == NULL);
		}
	}
}

static void check_issued(void)
{
	static struct pair root, good, small, expired, other, self;
	static struct crypto_issue late;
	root = make(issue("Example Roots", 2048), NULL);
	good = make(issue("Example Corporation", 2048), &root);
	small = make(issue("Example Corporation", 1024), &root);
	late = issue("Example Corporation", 2048);
	late.days = -1;
	expired = make(late, &root);
	other = make(issue("Example Corporation Ltd", 2048), &root);
	self = make(issue("Example Corporation", 2048), NULL);

	CASE ("crypto_issue_signs_what_its_certificate_verifies") {
		struct err e;
		struct crypto_key *k = crypto_key_load(good.key, good.cert, &e);
		struct crypto_cert *c = crypto_cert_load(good.cert, strlen(good.cert), &e);
		for (int alg = CRYPTO_RS256; alg <= CRYPTO_PS256; alg++) {
			struct buf sig = {0};
			CHECK(crypto_sign(k, (enum crypto_alg)alg, "body", 4, &sig, &e));
			CHECK_INT(sig.len, 256);
			CHECK(crypto_verify(c, (enum crypto_alg)alg, "body", 4, sig.data, sig.len));
			CHECK(!crypto_verify(c, (enum crypto_alg) !alg, "body", 4, sig.data,
					     sig.len));
			buf_free(&sig);
		}
		CHECK(trusted(good.cert, root.cert, "Example Corporation", NOW_MS, &e));
		unsigned char a[20], b[32], a2[20], b2[32];
		crypto_key_thumbprints(k, a, b);
		crypto_cert_thumbprints(c, a2, b2);
		CHECK(memcmp(a, a2, 20) == 0 && memcmp(b, b2, 32) == 0);
		crypto_key_free(k);
		crypto_cert_free(c);
	}
	CASE ("crypto_cert_check_refuses_short_expired_foreign_and_self_signed") {
		struct err e;
		CHECK(!trusted(small.cert, root.cert, "Example Corporation", NOW_MS, &e));
		CHECK(strstr(e.text, "1024") != NULL);
		CHECK(!trusted(expired.cert, root.cert, "Example Corporation", NOW_MS, &e));
		CHECK(strstr(e.text, "expired") != NULL);
		CHECK(!trusted(other.cert, root.cert, "Example Corporation", NOW_MS, &e));
		CHECK(strstr(e.text, "is not of Example Corporation") != NULL);
		CHECK(!trusted(self.cert, root.cert, "Example Corporation", NOW_MS, &e));
		CHECK(strstr(e.text, "self") != NULL);
		/* a signer is no authority */
		struct pair below = make(issue("Example Corporation", 2048), &good);
		struct buf all = {0};
		buf_adds(&all, root.cert);
		buf_adds(&all, good.cert);
		CHECK(!trusted(below.cert, all.data, "Example Corporation", NOW_MS, &e));
		buf_free(&all);
		drop(&below);
	}
	CASE ("crypto_cert_check_roots_missing_or_broken_is_config") {
		struct err e;
		CHECK(!trusted(good.cert, "", "Example Corporation", NOW_MS, &e));
		CHECK_INT(e.kind, ERR_CONFIG);
		struct buf all = {0};
		buf_adds(&all, root.cert);
		buf_adds(&all, "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n");
		CHECK(!trusted(good.cert, all.data, "Example Corporation", NOW_MS, &e));
		CHECK_INT(e.kind, ERR_CONFIG);
		buf_free(&all);
	}
	CASE ("crypto_key_load_says_what_is_wrong") {
		struct err e;
		CHECK(crypto_key_load("rubbish", good.cert, &e) == NULL);
		CHECK_INT(e.kind, ERR_CONFIG);
		CHECK(crypto_key_load(good.key, "rubbish", &e) == NULL);
		CHECK(crypto_key_load(other.key, good.cert, &e) == NULL);
		CHECK(strstr(e.text, "does not belong") != NULL);
	}
	CASE ("crypto_issue_half_an_authority_is_refused") {
		struct err e;
		char *k;
		char *c;
		struct crypto_issue in = issue("X", 2048);
		in.ca_key = root.key;
		CHECK(!crypto_issue(&in, &k, &c, &e));
		in = issue("X", 512);
		CHECK(!crypto_issue(&in, &k, &c, &e));
		in = issue("X", 2048);
		in.ca_key = root.key;
		in.ca_cert = "rubbish";
		CHECK(!crypto_issue(&in, &k, &c, &e));
	}
	drop(&root);
	drop(&good);
	drop(&small);
	drop(&expired);
	drop(&other);
	drop(&self);
}

void check_crypto(void)
{
	check_text_forms();
	check_seal();
	check_golden();
	check_forms();
	check_issued();
}
