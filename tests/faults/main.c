/* SPDX-License-Identifier: MIT */
/*
 * The driver: counts a scenario's calls in a run without failures, then fails each of them in turn,
 * then pairs of them drawn by seed. What to do comes from the environment, as make passes it:
 *
 *	S=scenario K=kind N=number E=errno     only these; K2, N2, E2: a second failure behind it
 *	FAULTS_FULL=1                          every call with every error, and many more pairs
 *	FAULTS_SEED=n                          of what is drawn
 *
 *	FAULTS_WRONG=1                         does the driver see what is wrong?
 *
 * The argument is the directory of the headers, whose error lists are checked.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "faults.h"

#define NR_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct scenario *const groups[] = {
	dma_scenarios, exchange_scenarios, memory_scenarios,   balloon_scenarios,
	pci_scenarios, pirq_scenarios,	   xenstore_scenarios, front_scenarios,
};

/* What can fail, and what Xen says then. An allocation has one way to fail. */
static const struct {
	const char *name;
	int err[6];
} kinds[MODEL_NR_CALLS] = {
	[MODEL_MEMORY_OP] = {"memory_op",
			     {-XEN_ENOMEM, -XEN_EPERM, -XEN_EINVAL, -XEN_EBUSY, -XEN_EFAULT}},
	[MODEL_MMU_UPDATE] = {"mmu_update", {-XEN_EPERM, -XEN_EINVAL, -XEN_EBUSY, -XEN_ENOMEM}},
	[MODEL_UPDATE_VA_MAPPING] = {"update_va_mapping",
				     {-XEN_EINVAL, -XEN_EPERM, -XEN_EBUSY, -XEN_ENOMEM}},
	[MODEL_MMUEXT_OP] = {"mmuext_op", {-XEN_EINVAL, -XEN_EPERM, -XEN_EBUSY}},
	[MODEL_MULTICALL] = {"multicall", {-XEN_EFAULT, -XEN_EINVAL}},
	[MODEL_EVENT_CHANNEL_OP] = {"event_channel_op",
				    {-XEN_ENOSPC, -XEN_EINVAL, -XEN_EEXIST, -XEN_EPERM,
				     -XEN_ENOMEM}},
	[MODEL_PHYSDEV_OP] = {"physdev_op",
			      {-XEN_EPERM, -XEN_EINVAL, -XEN_ENODEV, -XEN_EBUSY, -XEN_ENOSYS,
			       -XEN_ENOMEM}},
	[MODEL_GRANT_TABLE_OP] = {"grant_table_op", {-XEN_ENOSYS, -XEN_EFAULT}},
	[MODEL_SCHED_OP] = {"sched_op", {-XEN_ENOSYS}},
	[MODEL_CONSOLE_IO] = {"console_io", {-XEN_EPERM}},
	[MODEL_XEN_VERSION] = {"xen_version", {-XEN_EPERM}},
	[MODEL_ALLOC_PAGES] = {"alloc_pages", {-XEN_ENOMEM}},
	[MODEL_ALLOC] = {"alloc", {-XEN_ENOMEM}},
	[MODEL_VM_ALLOC] = {"vm_alloc", {-XEN_ENOMEM}},
	[MODEL_EXTENT] = {"extent", {-XEN_ENOMEM, -XEN_EINVAL, -XEN_EBUSY}},
	[MODEL_MMU_REQUEST] = {"mmu_request", {-XEN_EPERM, -XEN_EINVAL, -XEN_EBUSY}},
};

/* How much is tried of a scenario: calls of a kind, and pairs. */
static struct {
	bool full;
	uint64_t calls, pairs;
	uint64_t seed;
} effort;

static uint64_t tries_of(const struct scenario *scenario, uint64_t tries)
{
	return scenario->slow ? tries / 3 : tries;
}

static const char *only_scenario;
static uint64_t passed, failed, runs, shown;

static uint64_t draw(uint64_t below)
{
	uint64_t x = effort.seed += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % below;
}

static unsigned int nr_errors(enum model_call kind)
{
	unsigned int nr = 0;

	while (nr < NR_OF(kinds[0].err) && kinds[kind].err[nr])
		nr++;
	return nr;
}

/* The command that repeats a run. */
static void print_again(const struct scenario *scenario, const struct fault fault[2])
{
	printf("  again: make faults S=%s", scenario->name);
	for (int i = 0; i < 2 && fault[i].nth; i++) {
		const char *suffix = i ? "2" : "";

		printf(" K%s=%s N%s=%" PRIu64 " E%s=%s", suffix, kinds[fault[i].kind].name, suffix,
		       fault[i].nth, suffix, error_name(fault[i].err));
	}
	printf("\n");
}

static struct outcome try(const struct scenario *scenario, const struct fault fault[2])
{
	struct outcome outcome = fault_run(scenario, fault, false);

	runs += fault[0].nth != 0;
	if (outcome.ok)
		return outcome;
	printf("  FAIL    %s: %s\n", scenario->name, outcome.what);
	print_again(scenario, fault);
	if (shown++ < 3)
		fault_run(scenario, fault, true);
	return outcome;
}

/* Runs whose failure happened, as the first half of pairs. */
struct first {
	struct fault fault;
	struct outcome outcome;
};
static struct first *firsts;
static size_t nr_firsts, room;

static void remember(const struct fault *fault, const struct outcome *outcome)
{
	if (nr_firsts == room) {
		room = room ? 2 * room : 1024;
		firsts = realloc(firsts, room * sizeof(*firsts));
		if (!firsts) {
			perror("realloc");
			exit(1);
		}
	}
	firsts[nr_firsts++] = (struct first){*fault, *outcome};
}

/* Which call to try as number @i of @tries, of @calls: the first and last few, others by chance. */
static uint64_t choose(uint64_t i, uint64_t tries, uint64_t calls)
{
	if (tries == calls || i < tries / 2)
		return i + 1;
	if (i >= tries - tries / 4)
		return calls - (tries - 1 - i);
	return 1 + draw(calls);
}

static void verdict(bool ok)
{
	passed += ok;
	failed += !ok;
}

/* All single failures of a kind. */
static void fail_kind(const struct scenario *scenario, enum model_call kind, uint64_t calls)
{
	uint64_t tries = tries_of(scenario, effort.calls), before = runs;
	unsigned int errors = nr_errors(kind), nr = effort.full ? errors : 1;
	bool ok = true;

	/* Few calls: room for each of their errors. */
	if (calls * errors <= tries)
		nr = errors;
	if (tries > calls)
		tries = calls;
	for (uint64_t i = 0; i < tries; i++) {
		for (unsigned int e = 0; e < nr; e++) {
			struct fault fault[2] = {
				{kind, choose(i, tries, calls), kinds[kind].err[(i + e) % errors]}};
			struct outcome outcome = try(scenario, fault);

			ok = ok && outcome.ok;
			if (outcome.ok && outcome.failures)
				remember(&fault[0], &outcome);
		}
	}
	printf("  %s %s %" PRIu64 "/%" PRIu64, ok ? "" : "FAIL", kinds[kind].name, runs - before,
	       calls);
	verdict(ok);
}

/* A second failure among what happens after the first: often at once, where roll-backs are. */
static bool draw_second(const struct first *first, struct fault *second)
{
	uint64_t later;

	for (unsigned int tries = 0; tries < 4 * MODEL_NR_CALLS; tries++) {
		second->kind = (enum model_call)draw(MODEL_NR_CALLS);
		later = first->outcome.later[second->kind];
		if (!later)
			continue;
		if (later > 4 && draw(2))
			later = 4;
		second->nth = 1 + draw(later);
		second->err = kinds[second->kind].err[draw(nr_errors(second->kind))];
		return true;
	}
	return false;
}

static void fail_pairs(const struct scenario *scenario)
{
	uint64_t before = runs, panics = 0, pairs = tries_of(scenario, effort.pairs);
	bool ok = true;

	for (uint64_t i = 0; i < pairs && nr_firsts; i++) {
		const struct first *first = &firsts[draw(nr_firsts)];
		struct fault fault[2] = {first->fault};
		struct outcome outcome;

		if (!draw_second(first, &fault[1]))
			continue;
		outcome = try(scenario, fault);
		ok = ok && outcome.ok;
		panics += outcome.panicked;
	}
	if (runs == before)
		return;
	printf("  %s pairs %" PRIu64, ok ? "" : "FAIL", runs - before);
	if (panics)
		printf(" (%" PRIu64 " panics)", panics);
	verdict(ok);
}

static double seconds(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

/* Of one kind only, or all (MODEL_NR_CALLS) and pairs. */
static void fail_scenario(const struct scenario *scenario, enum model_call only)
{
	static const struct fault none[2];
	double start = seconds();
	struct outcome clean = try(scenario, none);

	nr_firsts = 0;
	verdict(clean.ok);
	if (!clean.ok)
		return;
	printf("  %-14s", scenario->name);
	for (int kind = 0; kind < MODEL_NR_CALLS; kind++)
		if (clean.calls[kind] && (only == MODEL_NR_CALLS || (int)only == kind))
			fail_kind(scenario, (enum model_call)kind, clean.calls[kind]);
	if (only == MODEL_NR_CALLS)
		fail_pairs(scenario);
	printf("  %.3f s\n", seconds() - start);
}

static enum model_call kind_of(const char *name)
{
	for (int kind = 0; kind < MODEL_NR_CALLS; kind++)
		if (!strcmp(kinds[kind].name, name))
			return (enum model_call)kind;
	fprintf(stderr, "faults: there is no kind '%s'\n", name);
	exit(2);
}

/* A variable that make passes, NULL when empty. */
static const char *given(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static struct fault fault_given(const char *kind, const char *nth, const char *err)
{
	struct fault fault = {MODEL_NR_CALLS, 0, 0};

	if (given(kind))
		fault.kind = kind_of(given(kind));
	if (given(nth))
		fault.nth = strtoull(given(nth), NULL, 0);
	if (given(err) && !(fault.err = error_number(given(err)))) {
		fprintf(stderr, "faults: there is no error '%s'\n", given(err));
		exit(2);
	}
	if (fault.nth && fault.kind == MODEL_NR_CALLS) {
		fprintf(stderr, "faults: %s needs %s\n", nth, kind);
		exit(2);
	}
	if (fault.nth && !fault.err)
		fault.err = kinds[fault.kind].err[0];
	return fault;
}

/* One run, to be looked at. */
static void run_alone(const struct scenario *scenario, const struct fault fault[2])
{
	struct outcome outcome = fault_run(scenario, fault, true);

	runs++;
	printf("  %s %s: %u failures happened%s%s\n", outcome.ok ? "pass   " : "FAIL   ",
	       scenario->name, outcome.failures, outcome.panicked ? ", documented panic" : "",
	       outcome.failures ? "" : " (too few calls)");
	if (!outcome.ok) {
		printf("  %s\n", outcome.what);
		print_again(scenario, fault);
	}
	verdict(outcome.ok);
}

static void all_scenarios(const struct fault fault[2])
{
	for (size_t i = 0; i < NR_OF(groups); i++)
		for (const struct scenario *s = groups[i]; s->name; s++) {
			if (only_scenario && strcmp(s->name, only_scenario))
				continue;
			if (fault[0].nth)
				run_alone(s, fault);
			else
				fail_scenario(s, fault[0].kind);
		}
}

static int selftest(void)
{
	unsigned int unnoticed = wrong_unnoticed();

	printf("faults-selftest: %u passed, %u failed, 0 skipped\n", wrong_nr() - unnoticed,
	       unnoticed);
	return unnoticed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct fault fault[2] = {fault_given("K", "N", "E"), fault_given("K2", "N2", "E2")};
	const char *seed = given("FAULTS_SEED");
	double start = seconds();

	if (given("FAULTS_WRONG"))
		return selftest();
	effort.full = given("FAULTS_FULL");
	effort.calls = effort.full ? 128 : 12;
	effort.pairs = effort.full ? 400 : 24;
	effort.seed = seed ? strtoull(seed, NULL, 0) : 1;
	only_scenario = given("S");

	printf("faults: seed %" PRIu64 ", injected runs/calls of each kind\n", effort.seed);
	if (argc > 1 && !only_scenario)
		verdict(errors_match_headers(argv[1]));
	all_scenarios(fault);
	if (!passed && !failed) {
		printf("  FAIL    no such scenario\n");
		failed++;
	}
	printf("  %" PRIu64 " injected runs in %.1f s\n", runs, seconds() - start);
	printf("faults: %" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n", passed, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
