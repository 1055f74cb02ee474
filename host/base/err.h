/*
 * Errors are values with a kind; the kind alone decides what is tried again (host/README.md,
 * note 3).  A function that can fail returns bool and fills a struct err it is handed.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

enum err_kind {
	ERR_NONE,
	ERR_NET, /* refused, time-out, TLS, cut or unreadable answer, 408, 5xx without Retry-After */
	ERR_BUSY,     /* 429, 5xx with Retry-After, or our own budget: wait_ms says how long */
	ERR_AUTH,     /* 401 after one fresh token, revoked grant */
	ERR_ABSENT,   /* 404, 410 */
	ERR_CONFLICT, /* 412, 409 */
	ERR_REMOTE,   /* other 4xx */
	ERR_SCRIPT,   /* a raise, a deadline, no memory */
	ERR_DATA,     /* a broken contract, a value that cannot be used */
	ERR_STORE,    /* sqlite, disk */
	ERR_CONFIG,   /* profile or file set */
	ERR_KINDS
};

struct err {
	enum err_kind kind;
	int status;       /* HTTP status where there is one, else 0 */
	int64_t wait_ms;  /* ERR_BUSY: not before this many ms from now; else 0 */
	int end;          /* exit status of a program that this ends, 0: 1 (store/trouble.h) */
	const char *step; /* ERR_NET: what failed, "name" "connect" "tls" "answer"; or NULL */
	char text[1000];  /* one line in plain words, no secret, no personal value */
};

/* Fills *e (kept bounded, control bytes become spaces) and returns false, so that a caller can
 * write `return err_set(e, ...)`.  The numbers become 0. */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);

/* Puts context in front: "context: text".  Done once where an error crosses a floor. */
bool err_add(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* "net", "busy", ... and back; an unknown name is ERR_SCRIPT. */
const char *err_kind_name(enum err_kind kind);
enum err_kind err_kind_from(const char *name);

#endif
