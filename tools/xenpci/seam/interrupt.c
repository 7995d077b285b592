/* SPDX-License-Identifier: MIT */
/*
 * Time, and Ctrl-C and its like: the handler sets a flag and nothing more; what was done is undone
 * by the code that did it. A second signal changes nothing: an undo must not be cut short by
 * impatience.
 */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t came;

static void note(int number)
{
	came = 1;
}

void interrupt_catch(void)
{
	static const int number[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = note};
	size_t i;

	for (i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		sigaction(number[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool context_interrupted(void)
{
	return came;
}

uint64_t context_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
