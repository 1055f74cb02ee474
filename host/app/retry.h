/*
 * What becomes of a job that failed: the kind of its error alone decides (host/README.md, note 3).
 * The table stands here and nowhere else.
 */
#ifndef APP_RETRY_H
#define APP_RETRY_H

#include "store/queue.h"

#define RETRY_BASE_MS 1000

struct retry {
	bool bury;       /* a dead letter */
	bool count;      /* else: again, and whether it counts as an attempt */
	int64_t wait_ms; /* from now */
};

/* j: as it was taken (attempt, kind of its last failure); dice: any number, spreads the back-
 * off. */
struct retry retry_judge(const struct job *j, const struct err *e, uint32_t dice);

/* Whether other scripts, or another mapping or profile, may do what these could not; a service's
 * refusal may be of what the mapping had said. */
bool retry_anew(enum err_kind kind);

#endif
