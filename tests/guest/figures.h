/* SPDX-License-Identifier: MIT */
/* What the domain holds, counted: to see whether something is lost from one round to the next. */
#ifndef XENDMA_GUEST_FIGURES_H
#define XENDMA_GUEST_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

struct figures {
	unsigned int grants;
	unsigned int ports; /* event channels, whatever kind */
	unsigned int pirqs; /* of these, bound to PIRQs */
	uint64_t owned;	    /* frames, by Xen's count */
	uint64_t free;	    /* pages of the page allocator */
	uint64_t identity;  /* pages marked, each as often as it is */
};

/* With caches and idle pools given back first. */
struct figures figures_take(void);

/* "grants 1 ports 7 ...": at most FIGURES_TEXT_MAX bytes with the NUL. */
#define FIGURES_TEXT_MAX 112
const char *figures_text(const struct figures *figures, char text[FIGURES_TEXT_MAX]);

/* Checks that @now is no more, and of memory no less, than @before. */
bool figures_check(const struct figures *before, const struct figures *now, const char *when);

#endif
