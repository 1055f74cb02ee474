/*
 * The retry table.  Pure: no clock, no random number, no row is touched here.
 */
#include "app/retry.h"

#define BACKOFF_MOST_MS (5LL * 60 * 1000)
#define ABSENT_MOST_MS  (30LL * 60 * 1000)
#define AUTH_MS         60000
#define BUSY_MOST_MS    (60LL * 60 * 1000)
#define CONFLICTS_MOST  5

static int64_t backoff_cap(int attempt)
{
	int64_t ms = RETRY_BASE_MS;
	for (int i = 0; i < attempt && ms < BACKOFF_MOST_MS; i++)
		ms *= 2;
	return ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS;
}

/* How long it has waited so far, jitter apart. */
static int64_t backoff_sum(int attempt)
{
	int64_t sum = 0;
	for (int i = 0; i < attempt && sum < ABSENT_MOST_MS; i++)
		sum += backoff_cap(i);
	return sum;
}

/* Twice at once, then half a second, a second, two, and up to half as much again. */
static int64_t lag_wait(int attempt, uint32_t dice)
{
	int64_t half = attempt < 2 ? 0 : (RETRY_BASE_MS / 2) << (attempt < 4 ? attempt - 2 : 2);
	return half + dice % (half / 2 + 1);
}

static int64_t busy_wait(int64_t asked)
{
	if (asked < 1)
		return RETRY_BASE_MS;
	return asked < BUSY_MOST_MS ? asked : BUSY_MOST_MS;
}

struct retry retry_judge(const struct job *j, const struct err *e, uint32_t dice)
{
	const struct retry bury = {.bury = true};
	int64_t cap = backoff_cap(j->attempt);
	/* Half of the wait is sure for what is not there yet: it is given a whole half hour. */
	const struct retry later = {.count = true, .wait_ms = dice % (cap + 1)};
	const struct retry slowly = {.count = true, .wait_ms = cap / 2 + dice % (cap / 2 + 1)};
	bool often = j->why == ERR_CONFLICT && j->attempt >= CONFLICTS_MOST;
	/* Who read too early reads the same again if the service's readings lag behind its writes. */
	const struct retry read_again = {.count = true, .wait_ms = lag_wait(j->attempt, dice)};

	switch (e->kind) {
	case ERR_NET:
	case ERR_STORE: return later;
	case ERR_BUSY: return (struct retry){.wait_ms = busy_wait(e->wait_ms)};
	case ERR_AUTH: return (struct retry){.wait_ms = AUTH_MS};
	case ERR_ABSENT: return backoff_sum(j->attempt) < ABSENT_MOST_MS ? slowly : bury;
	case ERR_CONFLICT: return often ? bury : read_again;
	case ERR_NONE:
	case ERR_REMOTE:
	case ERR_SCRIPT:
	case ERR_DATA:
	case ERR_CONFIG:
	case ERR_KINDS: break;
	}
	return bury;
}

bool retry_anew(enum err_kind kind)
{
	return kind == ERR_SCRIPT || kind == ERR_DATA || kind == ERR_CONFIG || kind == ERR_REMOTE;
}
