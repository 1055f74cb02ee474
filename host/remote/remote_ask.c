/*
 * What a script may ask of a remote: the method, the headers, the address.  Owns nothing.  Must
 * never let a script say where a token goes, or who it is.
 */
#include "remote/remote_in.h"

#include "base/buf.h"
#include "remote/remote_url.h"

#include <string.h>
#include <strings.h>

/* Where nobody signs in, an Authorization is a header like any other. */
static bool check(const struct remote *r, const struct remote_request *rq, struct err *e)
{
	static const char *const methods[] = {"GET", "POST", "PATCH", "PUT", "DELETE"};
	static const char *const ours[] = {"host",       "content-length", "transfer-encoding",
					   "connection", "cookie",         "authorization"};
	size_t nours = sizeof(ours) / sizeof(ours[0]) - (r->oauth || r->bearer ? 0 : 1);
	bool known = false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		known = known || strcmp(rq->method, methods[i]) == 0;
	if (!known)
		return err_set(e, ERR_DATA, "no such method");
	for (size_t i = 0; i < rq->nheaders; i++)
		for (size_t k = 0; k < nours; k++)
			if (strcasecmp(rq->headers[i].name, ours[k]) == 0)
				return err_set(e, ERR_DATA,
					       "the header %s is not for a script to set", ours[k]);
	return true;
}

char *remote_ask(const struct remote *r, const struct remote_request *rq, struct err *e)
{
	if (!check(r, rq, e))
		return NULL;
	if (!r->exact)
		return remote_url_join(r->base, rq->path, e);
	if (rq->path[0] == '\0')
		return xstrdup(r->base);
	err_set(e, ERR_DATA, "this remote has one address: the path must be empty");
	return NULL;
}
