/*
 * The unit tests' own small runner: one binary, one check_* function per source file, a fork for
 * every CASE, so that a crash, a leak or a hang is one failure.
 *
 *	void check_thing(void)
 *	{
 *		CASE("thing_when_empty_says_so") {
 *			CHECK(thing_is_empty(&t));
 *		}
 *	}
 *
 * Checks log and go on.  A CASE has 20 seconds.
 */
#ifndef TESTS_H
#define TESTS_H

#include <stdbool.h>
#include <stdint.h>

#define CASE(name) for (; tests_enter(name); tests_leave())

#define CHECK(cond)     tests_check((cond), #cond, __FILE__, __LINE__)
#define CHECK_STR(a, b) tests_check_str((a), (b), #a, __FILE__, __LINE__)
#define CHECK_INT(a, b) tests_check_int((int64_t)(a), (int64_t)(b), #a, __FILE__, __LINE__)

/* A fresh folder for this CASE (a new one a call); removed at the end of the run. */
const char *tests_tempdir(void);

/* All return whether the check held, to leave a CASE early: if (!CHECK(p != NULL)) { break; } */
bool tests_check(bool held, const char *text, const char *file, int line);
bool tests_check_str(const char *a, const char *b, const char *text, const char *file, int line);
bool tests_check_int(int64_t a, int64_t b, const char *text, const char *file, int line);

/* Behind CASE: true in the forked child; the parent waits for it and reports. */
bool tests_enter(const char *name);
void tests_leave(void) __attribute__((noreturn));

#endif
