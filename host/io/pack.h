/*
 * A zip archive's parts, unpacked piece by piece and never beyond a limit.  Read only.
 */
#ifndef IO_PACK_H
#define IO_PACK_H

#include "base/err.h"

#include <stddef.h>

struct pack;
struct pack_part;

/* NULL with an error: no such file (ERR_ABSENT), more than `most` bytes, or no archive. */
struct pack *pack_open(const char *path, size_t most, struct err *e) MUST_USE;
void pack_close(struct pack *p); /* after its parts */

/* ERR_ABSENT: there is none of that name; more than `most` bytes, declared, are refused unread. */
struct pack_part *pack_part_open(struct pack *p, const char *name, size_t most,
				 struct err *e) MUST_USE;
/* The next bytes; *got is 0 at the end.  What comes is counted too: a part that lied about its
 * size, or does not match its checksum, is an error. */
bool pack_part_read(struct pack_part *f, void *to, size_t room, size_t *got,
		    struct err *e) MUST_USE;
void pack_part_close(struct pack_part *f);

#endif
