/* SPDX-License-Identifier: MIT */
/* One call of XENMEM_exchange as a row of a table; exchange.c runs it. */
#ifndef XENDMA_TESTS_CONFORMANCE_EXCHANGE_H
#define XENDMA_TESTS_CONFORMANCE_EXCHANGE_H

#include "conf.h"

#define EXCHANGE_MAX_PAGES 1024

/* What is wrong with one of the input frames. */
enum spoilt {
	SOUND,
	MAPPED,
	MAPPED_READ_ONLY,
	PAGE_TABLE,
	OF_XEN,
	NO_FRAME,
	ALL_ONES,
	MMIO,
	TWICE, /* the same as the one before */
};

struct exchange_case {
	const char *name;
	unsigned int order; /* 2^order pages are there to be exchanged */
	unsigned int in_order, out_order;
	uint64_t nr_in, nr_out;
	uint64_t start; /* nr_exchanged at the call */
	unsigned int bits;
	domid_t domid;	 /* 0: DOMID_SELF */
	bool one_domid;	 /* only the input has it */
	bool contiguous; /* made so before */
	bool no_in, no_out;
	enum spoilt spoilt;
	unsigned int at; /* of the input list: which one */
};

struct exchange_work {
	char *va;
	uint64_t old[EXCHANGE_MAX_PAGES]; /* the frame that each page has */
	xen_pfn_t in[EXCHANGE_MAX_PAGES], out[EXCHANGE_MAX_PAGES];
	uint64_t asked[EXCHANGE_MAX_PAGES]; /* out as it was before the call */
};

extern struct exchange_work exchange_work;

uint64_t exchange_pages(const struct exchange_case *c);
void exchange_run(const struct exchange_case *c);

#endif
