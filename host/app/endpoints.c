/*
 * Remotes and the callback listener, made from a profile.
 *
 * Owns them, and wipes each secret as soon as it was handed on.  Must never print a secret, nor the
 * path of the callbacks.
 */
#include "app/endpoints.h"

#include "app/certificate.h"
#include "app/grants.h"
#include "app/refusals.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "io/http_server.h"
#include "remote/remote_url.h"
#include "remote/verify.h"

#include <stdlib.h>
#include <string.h>

struct endpoints {
	struct endpoints_env env;
	struct remotes *remotes;
	struct grants *grants;
	struct verify *verify;
	struct inbox *inbox;
	struct inbox *hints;             /* NULL: none are taken */
	struct certificate *certificate; /* NULL: plain, a proxy does TLS */
	struct http_server *http;
	char *path, *hint_path;
	char *forward;         /* NULL: callbacks end here */
	char *practice_origin; /* NULL: none */
	struct refusals refusals;
	uint64_t strangers; /* calls of other paths */
};

/* ---- timers for the remotes ---- */

struct later {
	struct loop_timer *timer;
	void (*fn)(void *);
	void *arg;
};

static void later_cancel(void *ctx, void *handle)
{
	(void)ctx;
	struct later *l = handle;
	loop_timer_free(l->timer);
	free(l);
}

static void later_fire(void *arg)
{
	struct later *l = arg;
	void (*fn)(void *) = l->fn;
	void *fn_arg = l->arg;
	later_cancel(NULL, l);
	fn(fn_arg);
}

static void *later_start(void *ctx, int64_t ms, void (*fn)(void *), void *arg)
{
	struct endpoints *x = ctx;
	struct later *l = NEW(struct later);
	l->fn = fn;
	l->arg = arg;
	l->timer = loop_timer_new(x->env.loop, later_fire, l);
	loop_timer_set(l->timer, ms);
	return l;
}

/* ---- remotes ---- */

static void on_signed_in(void *ctx)
{
	struct endpoints *x = ctx;
	x->env.signed_in(x->env.ctx);
}

/* A secret that a remote of one address may have; out stays empty where it is not given. */
static bool secret_at(const struct profile_remote *r, const char *key,
		      const struct profile_ref *ref, struct buf *out, struct err *e)
{
	char *name = xasprintf("%s: %s", r->name, key);
	bool ok = !profile_ref_given(ref) || profile_secret(ref, name, out, e);
	free(name);
	return ok;
}

/* A remote of one address, where nobody signs in with a grant. */
static bool add_exact(struct endpoints *x, const struct profile_remote *r, struct err *e)
{
	struct buf url = {0};
	struct buf token = {0};
	struct buf password = {0};
	bool ok = secret_at(r, "url", &r->url, &url, e) &&
		  secret_at(r, "token", &r->token, &token, e) &&
		  secret_at(r, "password", &r->password, &password, e);
	const struct web_mail mail = {.from = r->from,
				      .to = (const char *const *)r->to,
				      .user = r->user,
				      .password = password.data};
	const struct remote_config c = {.name = r->name,
					.base = url.data ? url.data : r->base,
					.in_flight = r->in_flight,
					.plain_ok = r->plain_ok,
					.exact = true,
					.bearer = token.data,
					.mail = r->from ? &mail : NULL};
	ok = ok && remotes_add(x->remotes, &c, e);
	buf_wipe(&url);
	buf_wipe(&token);
	buf_wipe(&password);
	return ok;
}

static bool make_remotes(struct endpoints *x, const struct profile *p, struct err *e)
{
	const struct remotes_env env = {.world = x->env.world,
					.db = x->env.db,
					.later = later_start,
					.cancel_later = later_cancel,
					.ctx = x};
	const struct grants_env ge = {x->env.vault, env, on_signed_in, x};
	x->grants = grants_new(&ge, p, e);
	if (!x->grants)
		return false;
	x->remotes = remotes_new(&env);
	grants_use(x->grants, x->remotes);
	for (size_t i = 0; i < p->nremotes; i++) {
		const struct profile_remote *r = &p->remotes[i];
		struct oauth *o = grants_named(x->grants, r->grant);
		bool ok = r->exact ? add_exact(x, r, e) : grants_add_remote(x->remotes, r, o, e);
		if (!ok)
			return false;
	}
	return true;
}

/* ---- where callbacks go on to ---- */

/* Anywhere below the address's own host. */
static bool add_forward(struct endpoints *x, const char *url, struct err *e)
{
	const char *mark = strstr(url, "://");
	size_t n = mark ? (size_t)(mark + 3 - url) : 0;
	n += strcspn(url + n, "/?#");
	char *base = xasprintf("%.*s/", (int)n, url);
	const struct remote_config c = {.name = "forward",
					.base = base,
					.in_flight = 4,
					.plain_ok = remote_url_loopback(url)};
	char *whole = NULL;
	bool ok = remotes_add(x->remotes, &c, e) &&
		  (whole = remote_url_join(base, url + n + (url[n] == '/'), e)) != NULL;
	free(whole);
	free(base);
	return ok;
}

static bool make_forward(struct endpoints *x, const struct profile *p, struct err *e)
{
	struct buf url = {0};
	if (!p->forward.job_kind)
		return true;
	bool ok = true;
	if (p->forward.address)
		buf_adds(&url, p->forward.address);
	else
		ok = profile_secret(&p->forward.ref, "webhook.forward", &url, e);
	if (ok && !add_forward(x, url.data, e)) {
		e->kind = ERR_CONFIG;
		ok = err_add(e, "webhook.forward");
	}
	if (ok)
		x->forward = xstrdup(url.data);
	buf_wipe(&url);
	return ok;
}

/* ---- callbacks ---- */

static void on_callback(void *ctx, struct http_call *call)
{
	struct endpoints *x = ctx;
	if (inbox_take(x->inbox, call) || (x->hints && inbox_take(x->hints, call)))
		return;
	x->strangers++;
	http_call_answer(call, 401, NULL, 0, NULL, 0); /* as for any other who is not proved */
}

static void on_stored(void *ctx)
{
	struct endpoints *x = ctx;
	refusals_end(&x->refusals);
	x->env.stored(x->env.ctx);
}

static void on_refused(void *ctx, bool unproved, const struct err *why)
{
	struct endpoints *x = ctx;
	struct inbox_state in;
	inbox_state(x->inbox, &in);
	refusals_note(&x->refusals, unproved, in.rejected_in_a_row, why);
}

static void on_not_passed(void *ctx)
{
	struct endpoints *x = ctx;
	refusals_not_passed(&x->refusals);
}

#define NOT_IN_PATHS "/?#% \t\r\n\\"
#define UNRESERVED   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

/* Appends a secret of the profile to a path; NULL: *e.  strict: of a query, which callers encode. */
static char *secret_path(const char *before, const struct profile_ref *r, const char *key,
			 bool strict, struct err *e)
{
	struct buf secret = {0};
	char *path = NULL;
	bool ok = profile_secret(r, key, &secret, e);
	size_t fine = !ok      ? 0
		      : strict ? strspn(secret.data, UNRESERVED)
			       : strcspn(secret.data, NOT_IN_PATHS);
	if (ok && (secret.len < 16 || fine != secret.len))
		ok = err_set(e, ERR_CONFIG, "%s: at least 16 letters, digits or -._~ are needed",
			     key);
	if (ok)
		path = xasprintf("%s%s", before, secret.data);
	buf_wipe(&secret);
	return path;
}

/* Who calls with a hint adds the key, kept where nobody reads it back, as "code". */
static bool make_paths(struct endpoints *x, const struct profile *p, struct err *e)
{
	x->path = secret_path("/callback/", &p->listen.path_secret, "listen.path_secret", false, e);
	if (!x->path || !profile_ref_given(&p->listen.push_secret))
		return x->path != NULL;
	x->hint_path =
		secret_path("/push?code=", &p->listen.push_secret, "listen.push_secret", true, e);
	return x->hint_path != NULL;
}

static bool make_verify(struct endpoints *x, const struct profile *p, struct err *e)
{
	struct buf roots = {0};
	if (!profile_secret(&p->callbacks.roots, "callbacks.roots", &roots, e)) {
		buf_free(&roots);
		return false;
	}
	const struct verify_config c = {.hosts = (const char *const *)p->callbacks.hosts,
					.practice_origin = p->callbacks.practice_origin,
					.roots = roots.data,
					.organization = p->callbacks.organization,
					.max_waiting = p->callbacks.max_waiting,
					.max_fetching = p->callbacks.max_fetching,
					.max_fetches = p->callbacks.max_fetches,
					.fetch_ms = p->callbacks.fetch_ms,
					.max_certificate = p->callbacks.max_certificate};
	x->practice_origin = xstrdup(p->callbacks.practice_origin);
	x->verify = verify_new(x->env.world, &c);
	buf_free(&roots);
	return true;
}

static void make_hints(struct endpoints *x, const struct profile *p)
{
	const struct inbox_config ic = {.path = x->hint_path,
					.job_kind = p->hints.job_kind,
					.keep = (const char *const *)p->hints.keep,
					.stored = x->env.stored,
					.ctx = x->env.ctx};
	x->hints = inbox_new(x->env.db, x->env.queue, &ic);
}

static bool make_listener(struct endpoints *x, const struct profile *p, struct err *e)
{
	if (!make_verify(x, p, e))
		return false;
	if (profile_ref_given(&p->listen.tls_cert)) {
		x->certificate = certificate_new(x->env.loop, x->env.world, p, e);
		if (!x->certificate)
			return false;
	}
	const struct inbox_config ic = {.path = x->path,
					.job_kind = p->callbacks.job_kind,
					.verify = x->verify,
					.pass_kind = x->forward ? p->forward.job_kind : NULL,
					.pass_most = p->forward.most,
					.stored = on_stored,
					.refused = on_refused,
					.not_passed = on_not_passed,
					.ctx = x};
	const struct http_server_config hc = {
		.address = p->listen.address,
		.port = p->listen.port,
		.methods = "POST",
		.other_method = 401,
		.max_body = p->listen.max_body,
		.max_connections = p->listen.max_connections,
		.max_per_address = p->listen.max_per_address,
		.deadline_ms = p->listen.deadline_ms,
		.idle_ms = p->listen.idle_ms,
		.tls = x->certificate ? certificate_now(x->certificate) : NULL};
	x->inbox = inbox_new(x->env.db, x->env.queue, &ic);
	if (x->hint_path)
		make_hints(x, p);
	x->http = http_server_new(x->env.loop, &hc, on_callback, x, e);
	if (x->http && x->certificate)
		certificate_serve(x->certificate, x->http);
	return x->http || err_add(e, "listen");
}

/* ---- the object ---- */

struct endpoints *endpoints_new(const struct endpoints_env *env, const struct profile *p,
				bool listen, struct err *e)
{
	struct endpoints *x = NEW(struct endpoints);
	x->env = *env;
	x->refusals.world = env->world;
	bool called = profile_ref_given(&p->listen.path_secret);
	if (make_remotes(x, p, e) && make_forward(x, p, e) && (!called || make_paths(x, p, e)) &&
	    (!called || !listen || make_listener(x, p, e)))
		return x;
	endpoints_free(x);
	return NULL;
}

void endpoints_free(struct endpoints *x)
{
	if (!x)
		return;
	if (x->inbox)
		inbox_free(x->inbox);
	if (x->hints)
		inbox_free(x->hints);
	if (x->verify)
		verify_free(x->verify);
	if (x->http)
		http_server_free(x->http);
	certificate_free(x->certificate);
	if (x->remotes)
		remotes_free(x->remotes);
	grants_free(x->grants);
	crypto_drop(&x->path);
	crypto_drop(&x->hint_path);
	crypto_drop(&x->forward);
	free(x->practice_origin);
	free(x);
}

void endpoints_pause(struct endpoints *x)
{
	if (x->http)
		http_server_pause(x->http);
}

void endpoints_look(struct endpoints *x)
{
	if (x->certificate)
		certificate_look(x->certificate);
}

struct remotes *endpoints_remotes(struct endpoints *x)
{
	return x->remotes;
}

struct sign_ins endpoints_sign_ins(struct endpoints *x)
{
	return grants_sign_ins(x->grants);
}

struct api_addresses endpoints_addresses(const struct endpoints *x)
{
	return (struct api_addresses){
		.callback_path = x->path, .hint_path = x->hint_path, .forward = x->forward};
}

const char *endpoints_practice(const struct endpoints *x)
{
	return x->practice_origin;
}

int endpoints_port(const struct endpoints *x)
{
	return x->http ? http_server_port(x->http) : 0;
}

bool endpoints_tls(const struct endpoints *x)
{
	return x->certificate != NULL;
}

/* ---- status ---- */

static void add_remote(struct buf *b, const struct remote_state *r)
{
	buf_adds(b, "{\"name\":");
	buf_add_json(b, r->name, strlen(r->name));
	buf_addf(b,
		 ",\"open\":%s,\"signed_in\":%s,\"needs_sign_in\":%s,\"paused_until_ms\":%lld,\"in_"
		 "flight\":%d,"
		 "\"waiting\":%d,\"budget_left\":%d,\"last_ok_ms\":%lld,\"text\":",
		 r->open ? "true" : "false", r->signed_in ? "true" : "false",
		 r->needs_sign_in ? "true" : "false", (long long)r->paused_until_ms, r->in_flight,
		 r->waiting, r->budget_left, (long long)r->last_ok_ms);
	buf_add_json(b, r->text, strlen(r->text));
	buf_addc(b, '}');
}

/* ungreeted: callers with whom no TLS came about. */
static void add_tls(const struct endpoints *x, struct buf *b)
{
	const char *why = "";
	uint64_t n = http_server_ungreeted(x->http, &why);
	buf_adds(b, ",\"tls\":");
	certificate_status(x->certificate, b);
	buf_addf(b, ",\"ungreeted\":%llu", (unsigned long long)n);
	if (n > 0) {
		buf_adds(b, ",\"ungreeted_why\":");
		buf_add_json(b, why, strlen(why));
	}
}

static void add_callbacks(const struct endpoints *x, struct buf *b)
{
	struct inbox_state in;
	struct verify_state v;
	int64_t waiting;
	inbox_state(x->inbox, &in);
	verify_state(x->verify, &v);
	buf_addf(b, ",\"stored\":%llu,\"rejected\":%llu,\"refused\":%llu,\"strangers\":%llu",
		 (unsigned long long)in.stored, (unsigned long long)in.rejected,
		 (unsigned long long)in.refused, (unsigned long long)x->strangers);
	buf_addf(b, ",\"good\":%llu,\"bad\":%llu,\"unknown\":%llu,\"bad_in_a_row\":%llu",
		 (unsigned long long)v.good, (unsigned long long)v.bad,
		 (unsigned long long)v.unknown, (unsigned long long)in.rejected_in_a_row);
	if (inbox_waiting(x->inbox, &waiting))
		buf_addf(b,
			 ",\"passed\":%llu,\"not_passed\":%llu,\"not_passed_ms\":%lld,"
			 "\"pass_waiting\":%lld",
			 (unsigned long long)in.passed, (unsigned long long)in.not_passed,
			 (long long)in.not_passed_ms, (long long)waiting);
	if (in.rejected_in_a_row > 0) {
		buf_adds(b, ",\"why\":");
		buf_add_json(b, x->refusals.why.text, strlen(x->refusals.why.text));
	}
	if (x->certificate)
		add_tls(x, b);
	if (x->practice_origin) {
		buf_adds(b, ",\"practice_only\":");
		buf_add_json(b, x->practice_origin, strlen(x->practice_origin));
	}
}

void endpoints_status(struct endpoints *x, struct buf *json)
{
	struct remote_state r;
	buf_adds(json, "\"remotes\":[");
	for (size_t i = 0; remotes_state(x->remotes, i, &r); i++) {
		if (i)
			buf_addc(json, ',');
		add_remote(json, &r);
	}
	buf_addf(json, "],\"callbacks\":{\"port\":%d", endpoints_port(x));
	if (x->inbox)
		add_callbacks(x, json);
	buf_addc(json, '}');
	if (x->hints) {
		struct inbox_state in;
		inbox_state(x->hints, &in);
		buf_addf(json, ",\"hints\":{\"stored\":%llu,\"refused\":%llu}",
			 (unsigned long long)in.stored, (unsigned long long)in.refused);
	}
}
