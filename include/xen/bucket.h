/* SPDX-License-Identifier: MIT */
/*
 * Token bucket: how often something may happen that another domain can bring about, log lines above
 * all. @burst times at once, then once every @interval nanoseconds.
 *
 * Context: any; several CPUs at once may get a token more than there are.
 */
#ifndef XENDMA_XEN_BUCKET_H
#define XENDMA_XEN_BUCKET_H

#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xen_bucket {
	unsigned int burst;
	uint64_t interval;
	/* private: */
	unsigned int tokens;
	uint64_t since; /* when the last one was put in */
};

/* Full. */
void xen_bucket_init(struct xen_bucket *bucket, unsigned int burst, uint64_t interval);
/* Take a token; false: there is none, and the caller does not do it. NULL has no limit. */
bool xen_bucket_take(struct xen_bucket *bucket);

#ifdef __cplusplus
}
#endif

#endif
