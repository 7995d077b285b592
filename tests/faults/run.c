/* SPDX-License-Identifier: MIT */
/*
 * One run of a scenario with at most two failures: in a child process, which reports by memory that
 * it shares with its parent. Invariant: the child says ok only when it came to its end; a crash, a
 * breach of the model's rules and a hang are wrong like any other end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/p2m.h>

#include "faults.h"

#define SECONDS 20

static struct outcome *shared;
static const struct fault *faults;
static bool may_fail; /* between the arming of the failures and the first undo */

void fault_wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->what, sizeof(shared->what), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n", shared->what);
	exit(1);
}

int returned(const char *function, int rc)
{
	if (rc >= 0)
		return rc;
	if (!may_fail || !model_failures().nr)
		fault_wrong("%s() returned %s with no call failing", function, error_name(rc));
	if (!error_documented(function, rc, faults))
		fault_wrong("%s() returned %s, which its header does not name", function,
			    error_name(rc));
	return rc;
}

void lost(void)
{
	if (!model_failures().nr)
		fault_wrong("something is lost though no call failed");
	if (!model_log_lines(XEN_LOG_ERROR))
		fault_wrong("something is lost and the log does not say so");
}

/* What must be the same before and after. */
struct books {
	struct model_allocs allocs;
	uint64_t free_frames;
	unsigned int pirqs;
};

static struct books books(void)
{
	struct books b = {model_allocs(), model_free_frames(64), model_pirqs()};

	return b;
}

static void compare(const char *what, uint64_t is, uint64_t was, const char *when)
{
	if (is != was)
		fault_wrong("%s after %s: %llu, before it were %llu", what, when,
			    (unsigned long long)is, (unsigned long long)was);
}

static void balance(const struct books *was, const char *when)
{
	struct books is = books();

	compare("pages held", is.allocs.pages, was->allocs.pages, when);
	compare("free pages", is.allocs.free_pages, was->allocs.free_pages, when);
	compare("address space held", is.allocs.vm_pages, was->allocs.vm_pages, when);
	compare("free frames", is.free_frames, was->free_frames, when);
	if (!model_check())
		fault_wrong("frames, P2M, M2P and mappings disagree after %s", when);
}

static void call_run(void *arg)
{
	const struct scenario *scenario = arg;

	scenario->run();
}

static void count_calls(const uint64_t *before)
{
	struct model_failures failures = model_failures();

	shared->failures = failures.nr;
	for (int kind = 0; kind < MODEL_NR_CALLS; kind++) {
		shared->calls[kind] = model_calls(kind) - before[kind];
		if (failures.nr)
			shared->later[kind] = model_calls(kind) - failures.calls[kind];
	}
}

/* Ends the process if the library panicked. */
static void run_failing(const struct scenario *scenario)
{
	uint64_t before[MODEL_NR_CALLS];
	bool panicked;

	for (int kind = 0; kind < MODEL_NR_CALLS; kind++)
		before[kind] = model_calls(kind);
	may_fail = true;
	if (faults[0].nth)
		model_fail(faults[0].kind, faults[0].nth, faults[0].err);
	if (faults[1].nth)
		model_fail_then(faults[1].kind, faults[1].nth, faults[1].err);
	panicked = model_expect_panic(call_run, (void *)(uintptr_t)scenario);
	count_calls(before);
	for (int i = 0; i < 2; i++)
		model_fail(faults[i].kind, 0, 0);
	model_fail_then(0, 0, 0);
	may_fail = false;
	if (!panicked)
		return;
	/* Nothing that fails once is a reason. */
	for (int i = 0; i < 3 && shared->failures == 2 && scenario->panics[i]; i++)
		if (!strncmp(model_last_log(), scenario->panics[i], strlen(scenario->panics[i]))) {
			shared->panicked = true;
			shared->ok = true;
			_exit(0);
		}
	fault_wrong("panic after %u failures: %s", shared->failures, model_last_log());
}

static void child(const struct scenario *scenario)
{
	struct books start, prepared;

	model_start(scenario->params);
	start = books();
	if (scenario->prepare)
		scenario->prepare();
	prepared = books();

	run_failing(scenario);
	if (!model_check())
		fault_wrong("frames, P2M, M2P and mappings disagree");
	if (scenario->undo)
		scenario->undo();
	balance(&prepared, "the failed run and its undoing");
	scenario->run();
	if (scenario->undo)
		scenario->undo();
	balance(&prepared, "another run and its undoing");
	if (scenario->finish)
		scenario->finish();
	balance(&start, "all");
	compare("objects held", books().allocs.objects, start.allocs.objects, "all");
	compare("bytes of objects held", books().allocs.bytes, start.allocs.bytes, "all");
	if (!model_stop())
		fault_wrong("the books of the model do not balance");
	shared->ok = true;
	_exit(0);
}

static void quiet(void)
{
	int fd = open("/dev/null", O_WRONLY);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	close(fd);
}

struct outcome fault_run(const struct scenario *scenario, const struct fault fault[2], bool verbose)
{
	int status;
	pid_t pid;

	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	memset(shared, 0, sizeof(*shared));
	faults = fault;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(SECONDS);
		if (!verbose)
			quiet();
		child(scenario);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("fork");
		exit(1);
	}
	if (WIFSIGNALED(status)) {
		shared->ok = false;
		snprintf(shared->what, sizeof(shared->what), "signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	} else if (!shared->ok && !shared->what[0]) {
		snprintf(shared->what, sizeof(shared->what), "ended with status %d",
			 WEXITSTATUS(status));
	}
	return *shared;
}
