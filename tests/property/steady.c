/*
 * What would differ from run to run without anybody's doing: the order in which Lua walks a table
 * (its hash is seeded by addresses and by the time), and the system's clocks.
 *
 * Every Lua state is made on a stack and in a place of its own number, so equal runs make equal
 * states.  Stands in for base/clock's readers and lua_newstate by the linker's --wrap, and for
 * libc's time by its name.
 */
#include "world.h"

#include "base/buf.h"
#include "base/clock.h"

#include <lua.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#define PLACE    ((char *)0x510000000000) /* nobody else's */
#define STATES   4096
#define STATE    4096 /* bytes: more than a main state takes */
#define STACK    (256 << 10)
#define GC_PAUSE 1000 /* percent */

lua_State *__real_lua_newstate(lua_Alloc f, void *ud);
lua_State *__wrap_lua_newstate(lua_Alloc f, void *ud);
void __real_lua_close(lua_State *L);
void __wrap_lua_close(lua_State *L);
void __wrap_lua_sethook(lua_State *L, lua_Hook f, int mask, int count);
int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_mono_us(void);

int64_t __wrap_clock_wall_ms(void)
{
	return world_now_us() / 1000;
}

int64_t __wrap_clock_mono_us(void)
{
	return world_now_us();
}

time_t time(time_t *out)
{
	time_t now = (time_t)(world_now_us() / 1000000);
	if (out)
		*out = now;
	return now;
}

/* Deadlines count real time, which differs from run to run. */
void __wrap_lua_sethook(lua_State *L, lua_Hook f, int mask, int count)
{
	(void)L;
	(void)f;
	(void)mask;
	(void)count;
}

/* ---- Lua states ---- */

static char *stack;
static size_t made;
static char *place;     /* for the main state that is being made; NULL: none is */
static lua_Alloc below; /* script/vm's, the only one there is; its ud goes through untouched */
static void *below_ud;
static lua_State *state;
static lua_State *states[STATES];
static ucontext_t here, there;

void steady_begin(void)
{
	size_t size = STACK + (size_t)STATES * STATE;
	stack = mmap(PLACE, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
	if (stack != PLACE)
		abort();
}

static bool is_ours(const char *p)
{
	return p >= stack + STACK && p < stack + STACK + (size_t)STATES * STATE;
}

/* Lua's allocator: a main state stands where we say, all else where it would. */
static void *give(void *ud, void *p, size_t old, size_t n)
{
	if (!p && place && old == LUA_TTHREAD && n <= STATE) {
		char *at = place;
		place = NULL;
		return at;
	}
	return p && is_ours(p) ? NULL : below(ud, p, old, n);
}

static void make(void)
{
	state = __real_lua_newstate(give, below_ud);
}

lua_State *__wrap_lua_newstate(lua_Alloc f, void *ud)
{
	if (made == STATES || (below && below != f))
		abort();
	below = f;
	below_ud = ud;
	place = stack + STACK + made++ * STATE;
	memset(stack, 0, STACK);
	if (getcontext(&there) != 0)
		abort();
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = STACK;
	there.uc_link = &here;
	makecontext(&there, make, 0);
	if (swapcontext(&here, &there) != 0)
		abort();
	/* A run is over before much is garbage; looking for it would copy the pages of a fork. */
	(void)lua_gc(state, LUA_GCINC, GC_PAUSE, 0, 0);
	states[made - 1] = state;
	return state;
}

void __wrap_lua_close(lua_State *L)
{
	for (size_t i = 0; i < made; i++)
		if (states[i] == L)
			states[i] = NULL;
	__real_lua_close(L);
}

void steady_tidy(void)
{
	for (size_t i = 0; i < made; i++)
		if (states[i])
			(void)lua_gc(states[i], LUA_GCCOLLECT);
}
