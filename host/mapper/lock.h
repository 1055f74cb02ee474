/*
 * Locks this process for good: it may compute, and read and write the descriptors it has.
 */
#ifndef MAPPER_LOCK_H
#define MAPPER_LOCK_H

#include <stddef.h>

#include "base/err.h"

/* Keeps only descriptors 2 and channel open, dies with its parent, caps the address space at
 * max_memory above what is used, and leaves the system calls that Lua needs; any other ends the
 * process.  In a COSELL_UNLOCKED build (sanitisers) it does nothing. */
bool lock_process(int channel, size_t max_memory, struct err *e) MUST_USE;

#endif
