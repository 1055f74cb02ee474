/*
 * Reading a call: method, target, headers, body, as evhttp parsed them behind the gate.  Owns
 * nothing.
 */
#include "io/http_call.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum evhttp_cmd_type command;
} METHODS[] = {
	{"HEAD", EVHTTP_REQ_HEAD},   {"POST", EVHTTP_REQ_POST},     {"PUT", EVHTTP_REQ_PUT},
	{"PATCH", EVHTTP_REQ_PATCH}, {"DELETE", EVHTTP_REQ_DELETE}, {"OPTIONS", EVHTTP_REQ_OPTIONS},
	{"GET", EVHTTP_REQ_GET},
};
enum { NMETHODS = sizeof METHODS / sizeof METHODS[0] };

unsigned http_call_methods(const char *names)
{
	unsigned flags = 0;
	for (size_t i = 0; i < NMETHODS; i++) {
		flags |= strstr(names, METHODS[i].name) != NULL ? METHODS[i].command : 0U;
	}
	return flags;
}

const char *http_call_method(const struct http_call *c)
{
	enum evhttp_cmd_type command = evhttp_request_get_command(c->req);
	size_t i = 0;
	while (i < NMETHODS - 1 && METHODS[i].command != command) {
		i++;
	}
	return METHODS[i].name;
}

const char *http_call_target(const struct http_call *c)
{
	return evhttp_request_get_uri(c->req);
}

const char *http_call_host(const struct http_call *c)
{
	return http_call_header(c, "host");
}

struct web_header http_call_header_at(const struct http_call *c, size_t i)
{
	const struct evkeyval *h = evhttp_request_get_input_headers(c->req)->tqh_first;
	while (h != NULL && i > 0) {
		h = h->next.tqe_next;
		i--;
	}
	return h != NULL ? (struct web_header){h->key, h->value} : (struct web_header){NULL, NULL};
}

const char *http_call_header(const struct http_call *c, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(c->req), name);
}

size_t http_call_header_count(const struct http_call *c, const char *name)
{
	size_t n = 0;
	const struct evkeyval *h = evhttp_request_get_input_headers(c->req)->tqh_first;
	for (; h != NULL; h = h->next.tqe_next) {
		n += strcasecmp(h->key, name) == 0;
	}
	return n;
}

const void *http_call_body(const struct http_call *c, size_t *len)
{
	*len = c->len;
	return c->body;
}
