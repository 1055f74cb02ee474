/*
 * Reads one answer frame of the mapping process, by position: its form is fixed (mapper/main.c).
 *
 * It owns nothing.  It must never believe more than the form: the process runs an administrator's code,
 * so an unknown kind of error is ERR_SCRIPT, and the answer itself is left for a strict decoder.
 */
#include "script/mapper_frame.h"

#include "base/buf.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static bool take(const char **p, const char *text)
{
	size_t n = strlen(text);
	if (strncmp(*p, text, n) != 0) {
		return false;
	}
	*p += n;
	return true;
}

/* One escape, p behind the backslash.  The child writes but these; another sign stands for itself. */
static void unescape(const char **p, struct buf *out)
{
	static const char names[] = "nrtbf";
	static const char bytes[] = "\n\r\t\b\f";
	unsigned code = 0;
	const char *name = **p != '\0' ? strchr(names, **p) : NULL;
	if (name != NULL) {
		buf_addc(out, bytes[name - names]);
	} else if (**p == 'u' &&
		   sscanf(*p, "u%4x", &code) == 1) { /* NOLINT(cert-err34-c): four digits */
		buf_addc(out, code > 0 && code < 0x80 ? (char)code : '?');
		for (int i = 0; i < 4 && (*p)[1] != '\0' && (*p)[1] != '"'; i++) {
			(*p)++;
		}
	} else if (**p != '\0') {
		buf_addc(out, **p);
	}
	if (**p != '\0') {
		(*p)++;
	}
}

/* A string literal at *p, which moves behind it. */
static bool take_string(const char **p, struct buf *out)
{
	if (!take(p, "\"")) {
		return false;
	}
	while (**p != '"') {
		if (**p == '\0') {
			return false;
		}
		if (take(p, "\\")) {
			unescape(p, out);
		} else {
			buf_addc(out, *(*p)++);
		}
	}
	(*p)++;
	return true;
}

/* What ctx.log was given: seen only by who asks for it, since it may hold anything. */
static bool take_log(const char **p)
{
	struct buf lines = {0};
	if (!take(p, "\"log\":")) {
		return true;
	}
	bool ok = take_string(p, &lines) && take(p, ",");
	char *rest = NULL;
	for (char *s = lines.data != NULL ? strtok_r(lines.data, "\n", &rest) : NULL;
	     ok && s != NULL; s = strtok_r(NULL, "\n", &rest)) {
		log_debug("mapping: %s", s);
	}
	buf_free(&lines);
	return ok;
}

static bool take_error(const char **p, struct err *e)
{
	struct buf kind = {0};
	struct buf text = {0};
	bool ok = take(p, "\"error\":{\"kind\":") && take_string(p, &kind) &&
		  take(p, ",\"text\":") && take_string(p, &text) && take(p, "}}");
	if (ok) {
		enum err_kind k = err_kind_from(kind.data != NULL ? kind.data : "");
		bool fits =
			k == ERR_DATA || k == ERR_CONFIG; /* no other kind is a mapping's to give */
		err_set(e, fits ? k : ERR_SCRIPT, "%s", text.data != NULL ? text.data : "");
	}
	buf_free(&kind);
	buf_free(&text);
	return ok;
}

static bool take_spent(const char **p)
{
	return take(p, "\"spent\":true,");
}

bool mapper_frame_spent(const char *data)
{
	const char *p = data;
	return take(&p, "{") && take_spent(&p);
}

enum mapper_frame mapper_frame_read(const char *data, size_t len, const char **answer, size_t *n,
				    struct err *e)
{
	const char *p = data;
	if (strlen(data) != len || !take(&p, "{")) {
		return MAPPER_FRAME_BROKEN;
	}
	(void)take_spent(&p);
	if (!take_log(&p)) {
		return MAPPER_FRAME_BROKEN;
	}
	if (take(&p, "\"answer\":")) {
		*answer = p;
		*n = (size_t)(data + len - p) - 1;
		return data[len - 1] == '}' && *n > 0 ? MAPPER_FRAME_ANSWER : MAPPER_FRAME_BROKEN;
	}
	return take_error(&p, e) ? MAPPER_FRAME_ERROR : MAPPER_FRAME_BROKEN;
}
