/* SPDX-License-Identifier: MIT */
/*
 * Keeps the running scenario's state and the totals. Printed as it happens, so that a crash later
 * leaves what is known on the console. Used by CPU 0 only: no lock.
 */
#include "verdict.h"

#include "boot.h"

#define REASON_MAX 200
#define LOUD_FAILURES 5

static unsigned int passed, failed, skipped;

static struct {
	const char *name;
	unsigned long checks;
	unsigned int failures;
	bool skipped;
	uint64_t began;
	char reason[REASON_MAX]; /* of the first failure, or of the skip */
} run;

bool check(bool ok, const char *fmt, ...)
{
	char later[REASON_MAX];
	va_list ap;

	run.checks++;
	if (__builtin_expect(ok, 1))
		return true;
	va_start(ap, fmt);
	if (!run.failures++) {
		boot_vsnprintf(run.reason, sizeof(run.reason), fmt, ap);
	} else if (run.failures <= LOUD_FAILURES) {
		boot_vsnprintf(later, sizeof(later), fmt, ap);
		boot_printf("  also: %s\n", later);
	}
	va_end(ap);
	return false;
}

void skip(const char *fmt, ...)
{
	va_list ap;

	if (run.failures)
		return;
	run.skipped = true;
	va_start(ap, fmt);
	boot_vsnprintf(run.reason, sizeof(run.reason), fmt, ap);
	va_end(ap);
}

void note(const char *fmt, ...)
{
	char text[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	boot_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	boot_printf("  %s: %s\n", run.name ? run.name : "xendma", text);
}

bool verdict_failed(void)
{
	return run.failures;
}

void verdict_begin(const char *name)
{
	run.name = name;
	run.checks = 0;
	run.failures = 0;
	run.skipped = false;
	run.reason[0] = 0;
	run.began = xen_port_clock_ns();
}

void verdict_end(void)
{
	uint64_t ms = (xen_port_clock_ns() - run.began) / 1000000;

	if (!run.failures && !run.skipped && !run.checks)
		check(false, "it checked nothing");
	if (run.failures) {
		failed++;
		boot_printf("FAILED %s: %s (%u of %lu checks failed)\n", run.name, run.reason,
			    run.failures, run.checks);
	} else if (run.skipped) {
		skipped++;
		boot_printf("skipped %s: %s\n", run.name, run.reason);
	} else {
		passed++;
		boot_printf("ok %s (%lu checks, %lu ms)\n", run.name, run.checks, ms);
	}
	run.name = NULL;
}

void verdict_fail(const char *name, const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	boot_vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	failed++;
	boot_printf("FAILED %s: %s\n", name, reason);
}

void verdict_close(void)
{
	boot_printf("xendma: %u passed, %u failed, %u skipped\n", passed, failed, skipped);
}
