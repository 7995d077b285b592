/* SPDX-License-Identifier: MIT */
/*
 * What every unit test program is made of: a table of named cases, each run in a process of its
 * own, and one line of result. Names are sentences and unique in the table.
 *
 *	static const struct unit_case cases[] = {
 *		{"an empty set holds nothing", empty_set},
 *	};
 *	UNIT_MAIN("ranges", cases)
 *
 * Check's summary line is followed, for each failure, by where it was, the seed, and the command
 * that runs just this case again. The exit code is 0 only if at least one case ran and none failed;
 * it is UNIT_NO_CASE where $CK_RUN_CASE names none of the cases, which are then listed.
 */
#ifndef XENDMA_TESTS_UNIT_H
#define XENDMA_TESTS_UNIT_H

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct unit_case {
	const char *name;
	void (*run)(void);
};

#if defined(__SANITIZE_ADDRESS__)
#define UNIT_MAKE "make unit SAN=asan"
#elif defined(__SANITIZE_THREAD__)
#define UNIT_MAKE "make unit SAN=tsan"
#else
#define UNIT_MAKE "make unit"
#endif

/*
 * A case may use so much of a CPU: how busy the machine is makes no difference. Who waits for
 * something that does not come uses none, and is ended by the clock.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_CPU_S 480
#else
#define UNIT_CPU_S 120
#endif
#define UNIT_TIMEOUT_S 600

#define UNIT_NO_CASE 3
#define UNIT_SEED_DEFAULT 0x9e3779b97f4a7c15ULL

static const struct unit_case *unit_cases;

/* The seed of this run: fixed, or $UNIT_SEED. */
static inline uint64_t unit_seed(void)
{
	const char *seed = getenv("UNIT_SEED");

	return seed ? strtoull(seed, NULL, 0) : UNIT_SEED_DEFAULT;
}

/* The next number of the sequence that @state (start it with unit_seed()) stands in. */
static inline uint64_t unit_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/*
 * How many rounds of @nr a random test of one thread runs: TSan has nothing to find there, and
 * makes each some ten times as long.
 */
static inline unsigned int unit_rounds(unsigned int nr)
{
#if defined(__SANITIZE_THREAD__)
	return nr / 10;
#else
	return nr;
#endif
}

/* ck_assert() for loops: Check writes a note for each of its own, which costs microseconds. */
#define unit_expect(cond)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("'%s' does not hold", #cond);                                 \
	} while (0)

/*
 * With $UNIT_STOP the program ends at the case behind the first failure, by a signal: for who wants
 * to know just whether all is well. Shared by the cases' processes: is one of them not through?
 */
static bool *unit_inside;

static inline void unit_stop_early(void)
{
	void *page;

	if (!getenv("UNIT_STOP"))
		return;
	page = mmap(NULL, sizeof(*unit_inside), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	unit_inside = page == MAP_FAILED ? NULL : page;
}

/* In the process of one case; a lower limit that whoever started the program set stays. */
static inline void unit_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CPU, &limit) || limit.rlim_cur <= UNIT_CPU_S)
		return;
	limit.rlim_cur = UNIT_CPU_S;
	setrlimit(RLIMIT_CPU, &limit);
}

START_TEST(unit_run_case)
{
	unit_limit();
	if (unit_inside && *unit_inside)
		kill(getppid(), SIGTERM);
	if (unit_inside)
		*unit_inside = true;
	unit_cases[_i].run();
	if (unit_inside)
		*unit_inside = false;
}
END_TEST

static inline void unit_report(const char *program, SRunner *runner)
{
	int nr = srunner_ntests_failed(runner);
	TestResult **failed = srunner_failures(runner);

	for (int i = 0; i < nr; i++) {
		const char *name = tr_tcname(failed[i]);

		fprintf(stderr, "%s: FAILED: %s\n  %s:%d: %s\n  again: ", program, name,
			tr_lfile(failed[i]), tr_lno(failed[i]), tr_msg(failed[i]));
		fprintf(stderr, UNIT_MAKE " T=%s C=\"%s\" UNIT_SEED=0x%" PRIx64 "\n", program, name,
			unit_seed());
	}
	free(failed);
}

/* Is the one case that is wanted, if it is one, of this program? */
static inline bool unit_known(const char *program, const struct unit_case *cases, int nr)
{
	const char *wanted = getenv("CK_RUN_CASE");

	if (!wanted)
		return true;
	for (int i = 0; i < nr; i++)
		if (!strcmp(cases[i].name, wanted))
			return true;
	fprintf(stderr, "%s: no case \"%s\"; there are:\n", program, wanted);
	for (int i = 0; i < nr; i++)
		fprintf(stderr, "  %s\n", cases[i].name);
	return false;
}

static inline int unit_main(const char *program, const struct unit_case *cases, int nr)
{
	Suite *suite = suite_create(program);
	SRunner *runner;
	int ran, failed;

	if (!unit_known(program, cases, nr))
		return UNIT_NO_CASE;
	unit_cases = cases;
	unit_stop_early();
	for (int i = 0; i < nr; i++) {
		TCase *tcase = tcase_create(cases[i].name);

		tcase_add_loop_test(tcase, unit_run_case, i, i + 1);
		tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
		suite_add_tcase(suite, tcase);
	}
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_MINIMAL); /* scripts/unit-run.sh reads the sum */
	fflush(stdout);
	ran = srunner_ntests_run(runner);
	failed = srunner_ntests_failed(runner);
	unit_report(program, runner);
	srunner_free(runner);
	return ran && !failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT_MAIN(program, cases)                                                                  \
	int main(void)                                                                             \
	{                                                                                          \
		return unit_main(program, cases, sizeof(cases) / sizeof((cases)[0]));              \
	}

#endif
