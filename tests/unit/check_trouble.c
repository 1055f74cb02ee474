/*
 * What befalls the state file below sqlite: power, disk, space, rights.  Each fault at each write,
 * truncation and sync of a few rounds; then the file is opened again and must hold all that was
 * acknowledged, and of the rest only whole rounds.
 */
#include "fault_vfs.h"
#include "trouble_kit.h"

#include "store/trouble.h"

void check_trouble(void);

/* ---- rounds under a fault ---- */

/* Opens, plays rounds until one fails (or all, whatever fails), closes. */
static struct went play(const char *path, bool go_on)
{
	struct went w = {0};
	struct err e = {0};
	struct db *d = db_open(path, &kit_world, &e);
	w.end = d ? 0 : e.end;
	for (int i = 0; d && i < ROUNDS; i++) {
		if (round_of(d, i, &w)) {
			w.acked++;
		} else if (!go_on) {
			w.in_flight = true;
			break;
		}
	}
	CHECK_INT(w.said, w.acked);
	db_close(d);
	return w;
}

/* acknowledged <= stored <= acknowledged and the one under way; no half round. */
static void holds(const char *path, const struct went *w, int64_t at)
{
	struct db *d = open_db(path);
	int64_t rows = count(d) - BEGUN;
	char *whole = ask(d, "pragma integrity_check");
	bool ok = CHECK_STR(whole, "ok");
	ok = CHECK(rows >= (int64_t)w->acked * A_ROUND) && ok;
	ok = CHECK(rows <= (int64_t)(w->acked + (w->in_flight ? 1 : 0)) * A_ROUND) && ok;
	ok = CHECK(rows % A_ROUND == 0) && ok;
	if (!ok) {
		printf("# op %lld: %d rounds acknowledged, %lld rows there\n", (long long)at,
		       w->acked, (long long)rows);
	}
	free(whole);
	db_close(d);
}

/* How many ops that takes when all goes well. */
static int64_t ops_of(void)
{
	char *path = begun("count.db");
	fault_set(FAULT_NONE, 0, 1);
	struct went w = play(path, false);
	CHECK_INT(w.acked, ROUNDS);
	int64_t n = fault.ops;
	CHECK(n > (int64_t)ROUNDS * 3);
	free(path);
	return n;
}

/* Each op in turn. */
static void sweep(enum fault_kind kind, int times, enum trouble want)
{
	uint32_t seed = seed_of();
	char *first = begun("first.db");
	char *path = in_tempdir("state.db");
	int64_t n = ops_of(), named = 0;
	for (int64_t at = 1; at <= n; at++) {
		for (int i = 0; i < times; i++) {
			fault.nfiles = 0;
			copy_file(first, path);
			fault_set(kind, at, seed + (uint32_t)(at * 31 + i));
			struct went w = play(path, false);
			if (kind == FAULT_POWER || kind == FAULT_LOST_SYNC) {
				fault_power_back(kind == FAULT_LOST_SYNC || i == 0);
			}
			fault_set(FAULT_NONE, 0, seed);
			named += w.end ? 1 : 0;
			CHECK_STR(trouble_name(w.end ? w.end : (int)want), trouble_name((int)want));
			holds(path, &w, at);
		}
	}
	CHECK(named > (kind == FAULT_LOST_SYNC ? 3 : n / 2));
	free(path);
	free(first);
}

static void check_faults(void)
{
	CASE ("guard 6: power lost at any write: what was acknowledged is there, no half round") {
		fault_install();
		sweep(FAULT_POWER, 2, TROUBLE_IO);
	}
	CASE ("guard 6: any write or sync fails: no false acknowledgement, and it is named") {
		fault_install();
		sweep(FAULT_EIO, 1, TROUBLE_IO);
	}
	CASE ("guard 6: any write is torn: no false acknowledgement") {
		fault_install();
		sweep(FAULT_TORN, 1, TROUBLE_IO);
	}
	CASE ("guard 6: a sync fails and its pages never arrive: no false acknowledgement") {
		fault_install();
		sweep(FAULT_LOST_SYNC, 1, TROUBLE_IO);
	}
	CASE ("guard 6: the disk turns read-only at any write: it is named") {
		fault_install();
		sweep(FAULT_READ_ONLY, 1, TROUBLE_READ_ONLY);
	}
}

/* ---- no space ---- */

static void check_full(void)
{
	CASE ("guard 6: disk full at any write: rounds die whole, and go on when there is room") {
		fault_install();
		char *first = begun("first.db");
		char *path = in_tempdir("state.db");
		int64_t n = ops_of();
		int died = 0;
		for (int64_t at = 1; at <= n; at++) {
			copy_file(first, path);
			struct db *d = open_db(path);
			struct went w = {0};
			fault_set(FAULT_FULL, at, 1);
			for (int i = 0; i < 3; i++) {
				w.acked += round_of(d, i, &w) ? 1 : 0;
			}
			CHECK(!w.end || w.end == TROUBLE_FULL);
			died += w.end ? 1 : 0;
			fault_set(FAULT_NONE, 0, 1);
			for (int i = 3; i < ROUNDS; i++) {
				CHECK(round_of(d, i, &w));
				w.acked++;
			}
			CHECK_INT(w.said, w.acked);
			db_close(d);
			holds(path, &w, at);
			if (at > 5 && !w.end) {
				break; /* beyond the three rounds */
			}
		}
		CHECK(died > 10);
		free(path);
		free(first);
	}

	CASE ("guard 6: a file that cannot be opened for want of space names that") {
		fault_install();
		char *path = in_tempdir("state.db");
		struct err e = {0};
		fault_set(FAULT_FULL, 1, 1);
		CHECK(db_open(path, &kit_world, &e) == NULL);
		CHECK_STR(trouble_name(e.end), "state full");
		fault_set(FAULT_NONE, 0, 1);
		db_close(open_db(path));
		free(path);
	}
}

void check_trouble(void)
{
	check_faults();
	check_full();
}
