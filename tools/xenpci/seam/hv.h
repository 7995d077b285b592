/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor: the third seam. Implemented on libxenctrl by hv.c and by the tests' fake.
 *
 * Functions return 0 or more, or a negative errno of Xen's public numbers. Frames are machine frame
 * numbers; a count of 0 is the caller's error.
 */
#ifndef XENPCI_HV_H
#define XENPCI_HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hv;

/* NULL and errno if this is no domain that may control others. */
struct hv *hv_open(void);
void hv_close(struct hv *hv);

struct hv_host {
	bool iommu;	      /* Xen drives an IOMMU */
	uint64_t total_pages; /* of 4 KiB */
	uint64_t free_pages;
	uint64_t max_mfn;
};

int hv_host(struct hv *hv, struct hv_host *host);

struct hv_domain {
	uint32_t id;
	bool pv; /* neither HVM nor PVH */
	bool dying;
	bool shut_down;
	bool paused;
	uint64_t pages; /* of 4 KiB */
	uint64_t max_pages;
};

/* -ESRCH if there is no such domain. */
int hv_domain(struct hv *hv, uint32_t id, struct hv_domain *domain);

/* Allow or deny a domain the use of machine frames, I/O ports, a PIRQ. Both are idempotent. */
int hv_iomem(struct hv *hv, uint32_t domain, uint64_t first, uint64_t count, bool allow);
int hv_ioports(struct hv *hv, uint32_t domain, uint32_t first, uint32_t count, bool allow);
int hv_irq(struct hv *hv, uint32_t domain, uint32_t pirq, bool allow);

/* The PIRQ of a GSI in the domain, made if need be. Unmapping one that is not mapped: -EINVAL. */
int hv_map_gsi(struct hv *hv, uint32_t domain, uint32_t gsi, uint32_t *pirq);
int hv_unmap_pirq(struct hv *hv, uint32_t domain, uint32_t pirq);

/*
 * Put the device into the domain's IOMMU context, or back into quarantine. -EOPNOTSUPP (-ENOSYS on
 * old ones) without an IOMMU, or if the domain was created without passthrough.
 */
#define HV_DOMID_IO 0x7ff1u /* quarantine */
int hv_assign(struct hv *hv, uint32_t domain, uint32_t sbdf, bool rdm_relaxed);
int hv_deassign(struct hv *hv, uint32_t domain, uint32_t sbdf);

#endif
