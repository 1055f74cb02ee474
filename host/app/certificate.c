/*
 * The listener's certificate and its key: reading, renewing, and saying when it ends.
 *
 * Owns the pair that greets callers.  A change is judged by what stat says of both files, so links
 * that are turned to other files count, and it is read once they were quiet for a look: a pair that
 * is being written is seldom met half.  The key is wiped as soon as it was handed on.
 */
#include "app/certificate.h"

#include "base/clock.h"
#include "base/crypto_tls.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_MS  1000
#define DAY_MS   INT64_C(86400000)
#define EARLY_MS (14 * DAY_MS) /* a warning goes before its end */

enum { CERT, KEY, FILES };

static const char *const KEYS[FILES] = {"listen.tls.cert", "listen.tls.key"};

/* What tells one version of the files from another: device, number, length, times of each. */
struct stamp {
	char text[FILES * 100];
};

struct certificate {
	const struct world *world;
	struct profile_ref refs[FILES];
	char *paths[FILES]; /* NULL: in the environment, which never changes */
	struct http_server *server;
	struct crypto_tls *now;
	struct stamp judged; /* what was read last */
	struct stamp seen;   /* at the last look */
	struct err refused;  /* of what stands there now; ERR_NONE: it is used */
	int64_t since_ms;
	int64_t said_ms; /* that it ends; 0: never */
	struct loop_timer *look;
};

static struct stamp look_at(const struct certificate *c)
{
	struct stamp s = {""};
	struct buf b = {0};
	for (int i = 0; i < FILES; i++) {
		struct stat st;
		if (!c->paths[i] || stat(c->paths[i], &st) != 0)
			buf_adds(&b, "none ");
		else
			buf_addf(&b, "%llx %llx %llx %llx.%lx %llx.%lx ",
				 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
				 (unsigned long long)st.st_size,
				 (unsigned long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
				 (unsigned long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	}
	(void)snprintf(s.text, sizeof s.text, "%s", b.data);
	buf_free(&b);
	return s;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
	return strcmp(a->text, b->text) == 0;
}

static struct crypto_tls *read_pair(struct certificate *c, struct err *e)
{
	struct buf cert = {0};
	struct buf key = {0};
	struct crypto_tls *t = NULL;
	c->judged = look_at(c);
	if (profile_shown(&c->refs[CERT], KEYS[CERT], &cert, e) &&
	    profile_secret(&c->refs[KEY], KEYS[KEY], &key, e)) {
		t = crypto_tls_new(cert.data, key.data, e);
		if (!t)
			err_add(e, "%s%s%s", KEYS[CERT], c->paths[CERT] ? ": " : "",
				c->paths[CERT] ? c->paths[CERT] : "");
	}
	buf_free(&cert);
	buf_wipe(&key);
	return t;
}

/* ---- its end ---- */

static void say_end(struct certificate *c)
{
	char at[CLOCK_ISO];
	int64_t now_ms = WORLD_NOW(c->world);
	int64_t left_ms = crypto_tls_until_ms(c->now) - now_ms;
	bool said = c->said_ms != 0 && now_ms >= c->said_ms && now_ms - c->said_ms < DAY_MS;
	if (left_ms > EARLY_MS || said)
		return;
	c->said_ms = now_ms;
	clock_iso(crypto_tls_until_ms(c->now), at);
	if (left_ms <= 0)
		log_error("%s: the certificate ended at %s: callers refuse it, changes come by "
			  "polls; renew it",
			  KEYS[CERT], at);
	else
		log_warn("%s: the certificate ends in %lld days, at %s: renew it", KEYS[CERT],
			 (long long)(left_ms / DAY_MS), at);
}

/* ---- renewal ---- */

static void refuse(struct certificate *c, const struct err *e)
{
	char at[CLOCK_ISO];
	clock_iso(crypto_tls_until_ms(c->now), at);
	c->refused = *e;
	log_error("%s; it is not used, the certificate that is valid until %s stays", e->text, at);
}

static void renew(struct certificate *c)
{
	struct err e;
	char at[CLOCK_ISO];
	struct crypto_tls *t = read_pair(c, &e);
	if (t && crypto_tls_until_ms(t) <= WORLD_NOW(c->world)) {
		clock_iso(crypto_tls_until_ms(t), at);
		err_set(&e, ERR_CONFIG, "%s: the new certificate ended at %s", KEYS[CERT], at);
		crypto_tls_free(t);
		t = NULL;
	}
	if (!t) {
		refuse(c, &e);
		return;
	}
	struct crypto_tls *old = c->now;
	c->now = t;
	c->refused.kind = ERR_NONE;
	c->since_ms = WORLD_NOW(c->world);
	c->said_ms = 0;
	http_server_greet(c->server, t);
	crypto_tls_free(old);
	clock_iso(crypto_tls_until_ms(t), at);
	log_info("%s: new callers get the renewed certificate, valid until %s", KEYS[CERT], at);
}

static void on_look(void *arg)
{
	struct certificate *c = arg;
	struct stamp now = look_at(c);
	if (!same(&now, &c->judged) && same(&now, &c->seen))
		renew(c);
	c->seen = now;
	say_end(c);
	loop_timer_set(c->look, LOOK_MS);
}

void certificate_look(struct certificate *c)
{
	struct stamp now = look_at(c);
	if (c->server && (c->refused.kind != ERR_NONE || !same(&now, &c->judged)))
		renew(c);
}

/* ---- the object ---- */

struct certificate *certificate_new(struct loop *l, const struct world *w, const struct profile *p,
				    struct err *e)
{
	struct certificate *c = NEW(struct certificate);
	c->world = w;
	profile_ref_copy(&c->refs[CERT], &p->listen.tls_cert);
	profile_ref_copy(&c->refs[KEY], &p->listen.tls_key);
	for (int i = 0; i < FILES; i++)
		c->paths[i] = profile_ref_path(&c->refs[i]);
	c->look = loop_timer_new(l, on_look, c);
	c->now = read_pair(c, e);
	if (!c->now) {
		certificate_free(c);
		return NULL;
	}
	c->since_ms = WORLD_NOW(w);
	return c;
}

void certificate_free(struct certificate *c)
{
	if (!c)
		return;
	loop_timer_free(c->look);
	crypto_tls_free(c->now);
	for (int i = 0; i < FILES; i++) {
		profile_ref_clear(&c->refs[i]);
		free(c->paths[i]);
	}
	free(c);
}

const struct crypto_tls *certificate_now(const struct certificate *c)
{
	return c->now;
}

void certificate_serve(struct certificate *c, struct http_server *s)
{
	c->server = s;
	c->seen = c->judged;
	on_look(c);
}

void certificate_status(const struct certificate *c, struct buf *json)
{
	buf_addf(json, "{\"from_ms\":%lld,\"until_ms\":%lld,\"since_ms\":%lld",
		 (long long)crypto_tls_from_ms(c->now), (long long)crypto_tls_until_ms(c->now),
		 (long long)c->since_ms);
	if (c->refused.kind != ERR_NONE) {
		buf_adds(json, ",\"refused\":");
		buf_add_json(json, c->refused.text, strlen(c->refused.text));
	}
	buf_addc(json, '}');
}
