/*
 * The certificate of the callback listener, where the host does TLS itself: read at start, looked at
 * every second, and exchanged when its files were renewed.  A renewal that is no good is said and
 * the old one stays.
 */
#ifndef APP_CERTIFICATE_H
#define APP_CERTIFICATE_H

#include "base/buf.h"
#include "base/world.h"
#include "io/http_server.h"
#include "script/profile.h"

struct certificate;

/* ERR_CONFIG names the key of the profile and what is wrong.  One that has ended is said in the log
 * and used: callers refuse it, but polls go on. */
struct certificate *certificate_new(struct loop *l, const struct world *w, const struct profile *p,
				    struct err *e) MUST_USE;
void certificate_free(struct certificate *c); /* NULL is fine; after the server's end */

/* What a server is to be made with. */
const struct crypto_tls *certificate_now(const struct certificate *c);
/* From now on this server gets each renewed one. */
void certificate_serve(struct certificate *c, struct http_server *s);
/* Somebody says that there may be a new one. */
void certificate_look(struct certificate *c);

/* {"from_ms","until_ms","since_ms": used since; "refused": why the files that stand there now are
 * not used} */
void certificate_status(const struct certificate *c, struct buf *json);

#endif
