/*
 * The token endpoint on the wire.  Owns nothing but the answers it hands out.  Must never put a
 * token, a secret or the endpoint's free text (it may name a person) into an error.
 */
#include "remote/oauth_wire.h"

#include "remote/answer.h"
#include "store/json_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
	ASSERTION_LIFE_S = 600,
	USUAL_LIFE_S = 300, /* of an access token whose life is not told */
	MOST_LIFE_S = 24 * 3600,
	SLOWER_MS = 5000, /* what slow_down asks for */
	MOST_TOKEN = 64 * 1024
};

/* ---- asking ---- */

static void add_field(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "%s%s=", b->len > 0 ? "&" : "", name);
	for (const char *s = value; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("-._~", *s))
			buf_addc(b, *s);
		else
			buf_addf(b, "%%%02X", (unsigned int)(unsigned char)*s);
	}
}

/* The signed statement that stands for a secret: RFC 7523, with the certificate's thumbprint. */
static void add_assertion_head(const struct oauth_config *c, struct buf *jwt)
{
	unsigned char sha1[20];
	unsigned char sha256[32];
	struct buf print = {0};
	struct buf head = {0};
	crypto_key_thumbprints(c->key, sha1, sha256);
	if (c->alg == CRYPTO_PS256)
		crypto_base64(&print, sha256, sizeof(sha256), true);
	else
		crypto_base64(&print, sha1, sizeof(sha1), true);
	buf_addf(&head, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"%s\":\"%s\"}",
		 c->alg == CRYPTO_PS256 ? "PS256" : "RS256",
		 c->alg == CRYPTO_PS256 ? "x5t#S256" : "x5t", print.data);
	crypto_base64(jwt, head.data, head.len, true);
	buf_free(&print);
	buf_free(&head);
}

static void add_assertion_claims(const struct world *w, const struct oauth_config *c,
				 struct buf *jwt)
{
	char id[37];
	long long now = (long long)(WORLD_NOW(w) / 1000);
	struct buf claims = {0};
	world_uuid(w, id);
	buf_adds(&claims, "{\"aud\":");
	buf_add_json(&claims, c->token_url, strlen(c->token_url));
	buf_adds(&claims, ",\"iss\":");
	buf_add_json(&claims, c->client_id, strlen(c->client_id));
	buf_adds(&claims, ",\"sub\":");
	buf_add_json(&claims, c->client_id, strlen(c->client_id));
	buf_addf(&claims, ",\"jti\":\"%s\",\"nbf\":%lld,\"iat\":%lld,\"exp\":%lld}", id, now, now,
		 now + ASSERTION_LIFE_S);
	crypto_base64(jwt, claims.data, claims.len, true);
	buf_free(&claims);
}

static bool add_assertion(const struct world *w, const struct oauth_config *c, struct buf *body,
			  struct err *e)
{
	struct buf jwt = {0};
	struct buf signature = {0};
	add_assertion_head(c, &jwt);
	buf_addc(&jwt, '.');
	add_assertion_claims(w, c, &jwt);
	bool ok = crypto_sign(c->key, c->alg, jwt.data, jwt.len, &signature, e);
	if (ok) {
		buf_addc(&jwt, '.');
		crypto_base64(&jwt, signature.data, signature.len, true);
		add_field(body, "client_assertion_type",
			  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
		add_field(body, "client_assertion", jwt.data);
	}
	buf_wipe(&jwt);
	buf_free(&signature);
	return ok;
}

static void add_audience(const struct oauth_config *c, const char *audience, struct buf *body)
{
	bool refresh = c->grant == OAUTH_REFRESH;
	if (c->form == OAUTH_V1) {
		add_field(body, "resource", audience);
		if (refresh)
			add_field(body, "scope", "openid");
	} else if (refresh && !strstr(audience, "offline_access")) {
		char *scope =
			xasprintf("%s offline_access", audience); /* else no next refresh token */
		add_field(body, "scope", scope);
		free(scope);
	} else {
		add_field(body, "scope", audience);
	}
}

static bool add_client(const struct world *w, const struct oauth_config *c, struct buf *body,
		       struct err *e)
{
	if (c->secret)
		add_field(body, "client_secret", c->secret);
	return !c->key || add_assertion(w, c, body, e);
}

bool oauth_wire_form(const struct world *w, const struct oauth_config *c, const char *audience,
		     const char *refresh, struct buf *body, struct err *e)
{
	bool by_refresh = c->grant == OAUTH_REFRESH;
	add_field(body, "grant_type", by_refresh ? "refresh_token" : "client_credentials");
	add_field(body, "client_id", c->client_id);
	add_audience(c, audience, body);
	if (by_refresh)
		add_field(body, "refresh_token", refresh);
	return add_client(w, c, body, e);
}

/* What a person is asked for: the audience, who he is, and a refresh token. */
static void add_wish(const struct oauth_config *c, const char *audience, struct buf *body)
{
	if (c->form == OAUTH_V1) {
		add_field(body, "resource", audience);
		add_field(body, "scope", "openid");
		return;
	}
	char *scope = xasprintf("%s openid profile offline_access", audience);
	add_field(body, "scope", scope);
	free(scope);
}

bool oauth_wire_consent(const struct world *w, const struct oauth_config *c, const char *audience,
			const struct oauth_consent *by, struct buf *body, struct err *e)
{
	bool v1 = c->form == OAUTH_V1;
	add_field(body, "grant_type",
		  !by->device ? "authorization_code"
		  : v1        ? "device_code"
			      : "urn:ietf:params:oauth:grant-type:device_code");
	add_field(body, "client_id", c->client_id);
	add_wish(c, audience, body);
	if (by->device) {
		add_field(body, v1 ? "code" : "device_code", by->device);
	} else {
		add_field(body, "code", by->code);
		add_field(body, "redirect_uri", by->redirect);
		add_field(body, "code_verifier", by->verifier);
	}
	return add_client(w, c, body, e);
}

void oauth_wire_device(const struct oauth_config *c, const char *audience, struct buf *body)
{
	add_field(body, "client_id", c->client_id);
	add_wish(c, audience, body);
}

/* ---- reading ---- */

void oauth_answer_clear(struct oauth_answer *a)
{
	crypto_drop(&a->token);
	crypto_drop(&a->refresh);
	crypto_drop(&a->who);
	*a = (struct oauth_answer){0};
}

/* What can stand in a header and in a line of the vault. */
static bool is_token(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return n > 0 && n <= MOST_TOKEN;
}

/* 3599, "3599": both are met. */
static int64_t read_life_ms(const struct oauth_env *env, const struct web_answer *a)
{
	char *text = answer_member(env->db, a, "$.expires_in");
	char *end = text;
	long long life = text ? strtoll(text, &end, 10) : 0;
	bool told = text && end != text && life >= 0;
	free(text);
	if (!told)
		life = USUAL_LIFE_S;
	return (life > MOST_LIFE_S ? MOST_LIFE_S : life) * 1000;
}

/* The middle of an id token: claims, or NULL. */
static char *claims_of(const char *jwt)
{
	const char *from = strchr(jwt, '.');
	size_t n = from ? strcspn(from + 1, ".") : 0;
	struct buf text = {0};
	if (n > 0 && crypto_base64_decode(&text, from + 1, n, true) &&
	    strlen(text.data) == text.len)
		return buf_take(&text);
	buf_wipe(&text);
	return NULL;
}

/* Which claims are kept, under which name; the first that is there. */
static const struct {
	const char *name, *path;
} claims[] = {
	{"upn", "$.upn"},         {"upn", "$.preferred_username"},
	{"upn", "$.unique_name"}, {"tenant", "$.tid"},
	{"user", "$.oid"},
};

/* {"upn":"..","tenant":"..","user":".."} of an id token, which is only shown: nothing rests on it. */
static char *read_who(const struct oauth_env *env, const struct web_answer *a)
{
	char *jwt = answer_member(env->db, a, "$.id_token");
	char *text = jwt ? claims_of(jwt) : NULL;
	const char *told = "";
	struct buf who = {0};
	struct err e;
	for (size_t i = 0; text && i < sizeof(claims) / sizeof(claims[0]); i++) {
		char *value = NULL;
		if (strcmp(told, claims[i].name) == 0 ||
		    !json_text_get(env->db, text, claims[i].path, &value, &e) || !value)
			continue;
		told = claims[i].name;
		buf_addf(&who, "%s\"%s\":", who.len > 0 ? "," : "{", told);
		buf_add_json(&who, value, strlen(value));
		free(value);
	}
	if (who.len > 0)
		buf_addc(&who, '}');
	crypto_drop(&jwt);
	crypto_drop(&text);
	return who.len > 0 ? buf_take(&who) : NULL;
}

static bool read_tokens(const struct oauth_env *env, const struct web_answer *a,
			struct oauth_answer *out, struct err *e)
{
	out->token = answer_member(env->db, a, "$.access_token");
	out->refresh = answer_member(env->db, a, "$.refresh_token");
	out->life_ms = read_life_ms(env, a);
	if (out->token && is_token(out->token) && (!out->refresh || is_token(out->refresh))) {
		out->who = read_who(env, a);
		return true;
	}
	oauth_answer_clear(out);
	return err_set(e, ERR_NET, "the token endpoint's answer cannot be read");
}

/* Entra's numbers, and what a person can do about them. */
static const struct remedy {
	int code;
	const char *text;
} remedies[] = {
	{700082, "the sign-in ended because it was not used: sign in again"},
	{70008, "the sign-in ended because it was not used: sign in again"},
	{50173, "the sign-in was revoked (a password or credential changed): sign in again"},
	{50076, "multi-factor authentication is demanded: sign in again with MFA"},
	{50079, "multi-factor authentication is demanded: sign in again with MFA"},
	{70043, "a sign-in frequency policy ended the session: sign in again"},
	{70044, "a sign-in frequency policy ended the session: sign in again"},
	{7000215, "the client secret is wrong: put the right one in its place"},
	{7000222, "the client secret has expired: make a new one and put it in its place"},
	{700016, "the client id is not known in this tenant: check client_id and the token URL"},
	{700027, "the certificate is not the application's: upload it there, or use the right one"},
	{500011, "the audience is not known in this tenant: check it and the base URL"},
	{90002, "the tenant is not known: check the token URL"},
	{70011, "the scope is not valid: check the audience"},
	{65001, "consent is missing: an administrator must grant it, then sign in again"},
	{65004, "the person declined: sign in again, and consent"},
	{90094, "consent is missing: an administrator must grant it, then sign in again"},
	{50105, "the user may not use this application: assign it to the user, then sign in again"},
	{50034, "the user is not known in this tenant: sign in with a user of this tenant"},
	{50020, "the user is not known in this tenant: sign in with a user of this tenant"},
	{500112, "the redirect address is not the one of the sign-in page: sign in again"},
	{700025, "the application is a public client, which has no secret: say so in the profile"},
	{7000218, "the application wants a secret or a certificate: name it in the profile"},
	{7000112, "the application may not sign in like this: allow public client flows, or use "
		  "another way"},
	{70019, "the code was not entered in time: sign in again"},
};

static const char *find_remedy(long long code, bool refused)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].code == code)
			return remedies[i].text;
	return refused ? "the sign-in is no longer good: sign in again"
		       : "check the credentials and the application's set-up";
}

static long long read_entra_code(const struct oauth_env *env, const struct web_answer *a)
{
	char *text = answer_member(env->db, a, "$.error_codes[0]");
	long long code = text ? strtoll(text, NULL, 10) : 0;
	free(text);
	if (code != 0)
		return code;
	text = answer_member(env->db, a, "$.error_description");
	const char *at = text ? strstr(text, "AADSTS") : NULL;
	code = at ? strtoll(at + strlen("AADSTS"), NULL, 10) : 0;
	free(text);
	return code;
}

static bool is_word(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");
	return n > 0 && n <= 40 && s[n] == '\0';
}

static bool read_refusal(const struct oauth_env *env, const struct web_answer *a,
			 struct oauth_answer *out, struct err *e)
{
	char *error = answer_member(env->db, a, "$.error");
	if (!error || !is_word(error) || strcmp(error, "temporarily_unavailable") == 0 ||
	    strcmp(error, "server_error") == 0) {
		err_set(e, ERR_NET, "the token endpoint answered %d%s%s", a->status,
			error ? " " : "", error && is_word(error) ? error : "");
	} else if (strcmp(error, "authorization_pending") == 0 || strcmp(error, "slow_down") == 0) {
		err_set(e, ERR_BUSY, "%s", error);
		e->wait_ms = *error == 's' ? SLOWER_MS : 0;
	} else {
		long long code = read_entra_code(env, a);
		out->refused = strcmp(error, "invalid_grant") == 0;
		const char *remedy = find_remedy(code, out->refused);
		if (code > 0)
			err_set(e, ERR_AUTH, "AADSTS%lld (%s): %s", code, error, remedy);
		else
			err_set(e, ERR_AUTH, "%s: %s", error, remedy);
	}
	e->status = a->status;
	free(error);
	return false;
}

bool oauth_wire_read(const struct oauth_env *env, const struct web_answer *a,
		     struct oauth_answer *out, struct err *e)
{
	*out = (struct oauth_answer){0};
	if (!answer_served(a, WORLD_NOW(env->world), e))
		return err_add(e, "the token endpoint");
	if (a->status == 200)
		return read_tokens(env, a, out, e);
	return read_refusal(env, a, out, e);
}
