/*
 * The form of an answer frame; for mapper.c alone.
 */
#ifndef SCRIPT_MAPPER_FRAME_H
#define SCRIPT_MAPPER_FRAME_H

#include <stddef.h>

#include "base/err.h"

enum mapper_frame { MAPPER_FRAME_ANSWER, MAPPER_FRAME_ERROR, MAPPER_FRAME_BROKEN };

/* Whether the process asks to be replaced, now that it has answered. */
bool mapper_frame_spent(const char *data);

/* data has a NUL behind its len bytes.  An answer is a part of data. What ctx.log said is logged. */
enum mapper_frame mapper_frame_read(const char *data, size_t len, const char **answer, size_t *n,
				    struct err *e);

#endif
