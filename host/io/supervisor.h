/*
 * What a service manager hears of us, if one started us: datagrams of "NAME=value" lines to the
 * socket that NOTIFY_SOCKET names (systemd's protocol).  Without one nothing is ever said.
 */
#ifndef IO_SUPERVISOR_H
#define IO_SUPERVISOR_H

#include "io/loop.h"

struct supervisor;

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
struct supervisor *supervisor_new(struct loop *l);
void supervisor_free(struct supervisor *s); /* NULL is fine */

/* One message, never waiting: what cannot be delivered is lost, and logged once. */
void supervisor_tell(struct supervisor *s, const char *text);

/* At the end of each round: "still alive", when it is time for that.  Nothing else says it, so a
 * loop that hangs is a silence. */
void supervisor_round(struct supervisor *s);

#endif
