/* SPDX-License-Identifier: MIT */
/*
 * The simulation's command line, and its verdict. Each episode is a child process; whatever ends it
 * badly - a violation, a broken rule of the model, a crash, no end - is reported with the last
 * operations and the command that replays it.
 *
 *	sim [-n operations] [-s seed] [-c CPUs] [-t]
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define DEFAULT_OPS 1000000
#define EPISODE_SECONDS 900
#define VIOLATION 3

void sim_fail(const char *format, ...)
{
	va_list ap;

	flockfile(stderr);
	fprintf(stderr, "sim: violation: ");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	fflush(stdout);
	_exit(VIOLATION);
}

static void print_notes(unsigned int cpu)
{
	uint64_t op = sim.report->cpu[cpu].op;

	for (uint64_t n = op < NR_NOTES ? 0 : op + 1 - NR_NOTES; n <= op; n++) {
		const struct note *note = &sim.report->cpu[cpu].note[n % NR_NOTES];

		if (!n || !note->format)
			continue;
		fprintf(stderr, "  %s%llu: ", n == op ? "operation " : "before    ",
			(unsigned long long)n);
		fprintf(stderr, note->format, note->arg[0], note->arg[1], note->arg[2],
			note->arg[3], note->arg[4], note->arg[5]);
		fputc('\n', stderr);
	}
}

static void report_failure(int status)
{
	uint64_t last = sim.report->cpu[0].op;

	if (WIFSIGNALED(status))
		fprintf(stderr, "sim: the episode ended by signal %d%s\n", WTERMSIG(status),
			WTERMSIG(status) == SIGALRM ? ": it did not come to an end" : "");
	else if (WEXITSTATUS(status) != VIOLATION)
		fprintf(stderr, "sim: the episode ended with status %d\n", WEXITSTATUS(status));
	for (unsigned int i = 0; i < sim.nr_cpus; i++) {
		fprintf(stderr, "sim: seed %llu, CPU %u, operation %llu:\n",
			(unsigned long long)sim.seed, i, (unsigned long long)sim.report->cpu[i].op);
		print_notes(i);
	}
	if (sim.nr_cpus == 1)
		fprintf(stderr, "sim: again: make sim SEED=%llu OPS=%llu\n",
			(unsigned long long)sim.seed,
			(unsigned long long)(last < sim.ops ? last : sim.ops));
	else
		fprintf(stderr, "sim: likely again: make sim SEED=%llu OPS=%u CPUS=%u\n",
			(unsigned long long)sim.seed, SIM_EPISODE, sim.nr_cpus);
}

static bool run_episode(void)
{
	int status;
	pid_t pid;

	memset(sim.report->cpu, 0, sizeof(sim.report->cpu));
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		return false;
	}
	if (!pid) {
		alarm(EPISODE_SECONDS);
		sim_episode();
		fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	if (waitpid(pid, &status, 0) == pid && !status)
		return true;
	report_failure(status);
	return false;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool parse(int argc, char **argv, uint64_t *ops)
{
	int c;

	sim.seed = 1;
	sim.nr_cpus = 1;
	while ((c = getopt(argc, argv, "n:s:c:t")) != -1) {
		switch (c) {
		case 'n':
			*ops = strtoull(optarg, NULL, 0);
			break;
		case 's':
			sim.seed = strcmp(optarg, "random") ? strtoull(optarg, NULL, 0)
							    : (uint64_t)time(NULL);
			break;
		case 'c':
			sim.nr_cpus = (unsigned int)atoi(optarg);
			break;
		case 't':
			sim.trace = true;
			break;
		default:
			return false;
		}
	}
	return *ops && sim.nr_cpus >= 1 && sim.nr_cpus <= MAX_CPUS && optind == argc;
}

/* A long run that never did something shows nothing about it. */
static bool did_everything(uint64_t ops)
{
	const struct sim_report *r = sim.report;

	return ops < SIM_EPISODE ||
	       (r->bounced && r->maps > r->bounced && r->maps > r->maps_failed && r->lists &&
		r->regions && r->exchanges && r->ballooned && r->bars && r->faults);
}

int main(int argc, char **argv)
{
	uint64_t ops = DEFAULT_OPS, seed, left;
	double start = seconds();
	bool ok = true;

	if (!parse(argc, argv, &ops)) {
		fprintf(stderr, "usage: sim [-n operations] [-s seed] [-c CPUs, 1 to %d] [-t]\n",
			MAX_CPUS);
		return 2;
	}
	sim.report = mmap(NULL, sizeof(*sim.report), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sim.report == MAP_FAILED)
		return 2;
	/* Large buffers come and go: keep their memory. */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	seed = sim.seed;
	for (left = ops; left && ok; left -= sim.ops) {
		sim.ops = left < SIM_EPISODE ? left : SIM_EPISODE;
		ok = run_episode();
		sim.seed += ok;
	}
	printf("sim: seed %llu, %u CPUs, %llu operations in %.1f s: %llu maps, %llu bounced, %llu "
	       "failed; %llu lists, %llu coherent, %llu exchanged, %llu ballooned, %llu functions, "
	       "%llu faults\n",
	       (unsigned long long)seed, sim.nr_cpus, (unsigned long long)(ops - left),
	       seconds() - start, (unsigned long long)sim.report->maps,
	       (unsigned long long)sim.report->bounced, (unsigned long long)sim.report->maps_failed,
	       (unsigned long long)sim.report->lists, (unsigned long long)sim.report->regions,
	       (unsigned long long)sim.report->exchanges, (unsigned long long)sim.report->ballooned,
	       (unsigned long long)sim.report->bars, (unsigned long long)sim.report->faults);
	if (ok && !did_everything(ops)) {
		fprintf(stderr, "sim: some operation never succeeded\n");
		ok = false;
	}
	printf("sim: %d passed, %d failed, 0 skipped\n", ok, !ok);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
