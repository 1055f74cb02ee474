/*
 * The frames of the mapping process: questions come and answers go several at a time.
 */
#ifndef MAPPER_CHANNEL_H
#define MAPPER_CHANNEL_H

#include "base/buf.h"

#define CHANNEL 3 /* the descriptor */

bool channel_open(struct err *e) MUST_USE; /* before the lock */
void channel_close(void);

/* The next frame, until the one after it; NULL: the host is gone.  Before it waits, answers leave. */
const char *channel_read(size_t *len);
/* Leaves at once, or a moment later together with others. */
bool channel_write(const struct buf *answer);

/* Around the computing of an answer: those that are held leave meanwhile if it takes long, so the
 * host always knows which question it is that takes so long. */
void channel_computes(void);
void channel_computed(void);

#endif
