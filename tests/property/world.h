/*
 * A simulated world for the property test: time, chance, network and disk of one process, all under
 * one seed.  The shipping code runs in it unchanged; only the floor io/ is replaced (loop.c, net.c,
 * wire.c, mapping.c, watch.c in this folder have its headers).
 *
 * Two sides live in it, each with a loop of its own: the host, which may be killed at any moment,
 * and the practice environment, which may not.  Nothing here reads a real clock, waits, or opens a
 * socket.
 */
#ifndef PROPERTY_WORLD_H
#define PROPERTY_WORLD_H

#include "base/err.h"
#include "base/world.h"
#include "io/loop.h"

/* ---- time and turns (loop.c) ---- */

int64_t world_now_us(void); /* since 1970 */
/* Who a loop's rounds end with; the loop runs only by world_step. */
void world_rounds(struct loop *l, loop_hook *hook, void *ctx);
/* The next thing that is due happens, in no time.  false: nothing is due, ever. */
bool world_step(void);
/* Runs cb as an event of that loop, with the round behind it; not at all if the loop is dead. */
void world_enter(struct loop *l, loop_cb *cb, void *arg);
/* The same in the loop's next round. */
void world_later(struct loop *l, loop_cb *cb, void *arg);

/* The running side dies where it stands: does not return. */
_Noreturn void world_die(void);
/* None of its callbacks is called any more; its memory is left as it is. */
void world_kill(struct loop *l);
bool world_alive(const struct loop *l);

/* ---- chance ---- */

struct dice {
	uint64_t state;
};
uint64_t dice_next(struct dice *d);
int64_t dice_below(struct dice *d, int64_t n); /* 0 ... n-1 */
void dice_bytes(struct dice *d, void *out, size_t n);

/* ---- the network (net.c) ---- */

struct net_faults {
	int lose_request, lose_answer, refuse; /* of the host's requests, in a thousand */
	int lose_event, twice;                 /* of callbacks, in a thousand */
	int64_t latency_ms, late_ms;           /* at most: of requests, of callbacks */
};
void net_begin(uint64_t seed);
void net_faults_set(const struct net_faults *f);
long net_copies(void); /* callbacks that were doubled, and whose second is still on its way */
/* The verbs of one side; its requests suffer the faults of a host, or of callbacks. */
struct world net_world(struct loop *l, struct dice *d, bool host);
/* A killed loop's listeners are gone, and of its requests under way some arrive. */
void net_forget(const struct loop *l);
/* Kills the host once its n-th request from now has left. */
void net_kill_in(int64_t n);

/* ---- commands in memory (wire.c) ---- */

void wire_forget(const struct loop *l);

/* ---- the disk (disk.c): files of sqlite, in memory ---- */

enum disk_moment { DISK_BEFORE, DISK_AFTER };
void disk_open(void);                                   /* sqlite uses it from now on */
void disk_kill_in(int64_t commits, enum disk_moment m); /* world_die there; 0: never */

/* ---- the same again (steady.c) ---- */

void steady_begin(void); /* Lua states made from now on hash alike in every run */
void steady_tidy(void);  /* no Lua state holds garbage: a good moment for a fork */

/* ---- what happened (trace.c) ---- */

void trace_begin(bool show);
void trace(const char *fmt, ...) PRINTF(1, 2);
uint64_t trace_hash(void);

#endif
