/*
 * The system's clocks, and times as text.  Nothing but io/ and base/ calls the readers: everybody
 * else asks the struct world it was handed.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>

#include "base/err.h"

int64_t clock_wall_ms(void); /* ms since 1970, UTC */
int64_t clock_mono_us(void); /* microseconds, never jumps */
int64_t clock_cpu_us(void);  /* CPU time of this thread, microseconds */

/* Test build: what the wall clock is put ahead by (the tests move it; see app/process, io/wire).
 * Elsewhere the offset is 0 and cannot be set. */
void clock_offset_set(int64_t ms);
int64_t clock_offset(void);

#define CLOCK_ISO 32
void clock_iso(int64_t wall_ms, char out[CLOCK_ISO]); /* 2031-02-03T04:05:06.789Z */

/* Retry-After, Date: seconds, or an HTTP date relative to now.  false if neither. */
bool clock_retry_after(const char *text, int64_t now_ms, int64_t *wait_ms);

#endif
