/*
 * host.crypto: the few primitives scripts need, over base/crypto.
 *
 * What a function holds while it pushes lies in the services' scratch and held slots. Owns no key.
 */
#include "base/crypto.h"
#include "script/api_kit.h"
#include "script/api_parts.h"

#include <string.h>

/* host.crypto.sha256(bytes) -> hex */
static int l_sha256(lua_State *L)
{
	size_t n = 0;
	const char *p = luaL_checklstring(L, 1, &n);
	unsigned char hash[32];
	crypto_sha256(p, n, hash);
	struct buf *b = api_scratch(api_services(L));
	crypto_hex(b, hash, sizeof(hash));
	lua_pushlstring(L, b->data, b->len);
	return 1;
}

static int push_scratch(lua_State *L, const struct buf *b)
{
	lua_pushlstring(L, b->len ? b->data : "", b->len);
	return 1;
}

/* host.crypto.base64(bytes, url?) -> text */
static int l_base64(lua_State *L)
{
	size_t n = 0;
	const char *p = luaL_checklstring(L, 1, &n);
	struct buf *b = api_scratch(api_services(L));
	crypto_base64(b, p, n, lua_toboolean(L, 2));
	return push_scratch(L, b);
}

/* host.crypto.unbase64(text, url?) -> bytes | nil */
static int l_unbase64(lua_State *L)
{
	size_t n = 0;
	const char *p = luaL_checklstring(L, 1, &n);
	struct buf *b = api_scratch(api_services(L));
	if (crypto_base64_decode(b, p, n, lua_toboolean(L, 2)))
		return push_scratch(L, b);
	lua_pushnil(L);
	return 1;
}

/* host.crypto.issue{common_name=, organization=, bits=, from_ms=, days=, ca_key=, ca_cert=}
 * -> key_pem, cert_pem | nil, err */
static int l_issue(lua_State *L)
{
	static const char *const keys[] = {"common_name", "organization", "bits",    "from_ms",
					   "days",        "ca_key",       "ca_cert", NULL};
	struct services *s = api_services(L);
	api_check_keys(L, 1, keys);
	const struct crypto_issue in = {
		.common_name = api_need_string(L, 1, "common_name"),
		.organization = api_opt_string(L, 1, "organization", NULL),
		.bits = (int)api_opt_int(L, 1, "bits", 2048),
		.from_ms = api_opt_int(L, 1, "from_ms", WORLD_NOW(s->world)),
		.days = (int)api_opt_int(L, 1, "days", 30),
		.ca_key = api_opt_string(L, 1, "ca_key", NULL),
		.ca_cert = api_opt_string(L, 1, "ca_cert", NULL),
	};
	luaL_argcheck(L, in.bits >= 1024 && in.bits <= 4096, 1, "bits: from 1024 to 4096");
	char *key = NULL;
	char *cert = NULL;
	struct err e;
	if (!crypto_issue(&in, &key, &cert, &e))
		return vm_fail(L, &e);
	api_hold(s, 0, key);
	api_hold(s, 1, cert);
	lua_pushstring(L, key);
	lua_pushstring(L, cert);
	return 2;
}

static enum crypto_alg check_alg(lua_State *L, int index)
{
	static const char *const names[] = {"RS256", "PS256", NULL};
	return luaL_checkoption(L, index, NULL, names) == 0 ? CRYPTO_RS256 : CRYPTO_PS256;
}

/* host.crypto.sign(key_pem, cert_pem, "RS256"|"PS256", bytes) -> bytes | nil, err */
static int l_sign(lua_State *L)
{
	const char *key_pem = luaL_checkstring(L, 1);
	const char *cert_pem = luaL_checkstring(L, 2);
	enum crypto_alg alg = check_alg(L, 3);
	size_t n = 0;
	const char *p = luaL_checklstring(L, 4, &n);
	struct buf *b = api_scratch(api_services(L));
	struct err e;
	struct crypto_key *k = crypto_key_load(key_pem, cert_pem, &e);
	bool ok = k && crypto_sign(k, alg, p, n, b, &e);
	crypto_key_free(k);
	return ok ? push_scratch(L, b) : vm_fail(L, &e);
}

/* host.crypto.verify(cert_pem, "RS256"|"PS256", bytes, signature) -> boolean */
static int l_verify(lua_State *L)
{
	size_t certlen = 0;
	size_t n = 0;
	size_t siglen = 0;
	const char *pem = luaL_checklstring(L, 1, &certlen);
	enum crypto_alg alg = check_alg(L, 2);
	const char *p = luaL_checklstring(L, 3, &n);
	const char *sig = luaL_checklstring(L, 4, &siglen);
	struct err e;
	struct crypto_cert *c = crypto_cert_load(pem, certlen, &e);
	bool good = c && crypto_verify(c, alg, p, n, sig, siglen);
	crypto_cert_free(c);
	lua_pushboolean(L, good);
	return 1;
}

/* host.crypto.thumbprints(cert_pem) -> sha1_bytes, sha256_bytes | nil, err */
static int l_thumbprints(lua_State *L)
{
	size_t n = 0;
	const char *pem = luaL_checklstring(L, lua_gettop(L) >= 2 ? 2 : 1, &n);
	unsigned char sha1[20];
	unsigned char sha256[32];
	struct err e;
	struct crypto_cert *c = crypto_cert_load(pem, n, &e);
	if (!c)
		return vm_fail(L, &e);
	crypto_cert_thumbprints(c, sha1, sha256);
	crypto_cert_free(c);
	lua_pushlstring(L, (const char *)sha1, sizeof(sha1));
	lua_pushlstring(L, (const char *)sha256, sizeof(sha256));
	return 2;
}

void api_crypto_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"sha256", l_sha256},
		{"base64", l_base64},
		{"unbase64", l_unbase64},
		{"issue", l_issue},
		{"sign", l_sign},
		{"verify", l_verify},
		{"thumbprints", l_thumbprints},
		{NULL, NULL},
	};
	api_table(L, "crypto", functions);
}
