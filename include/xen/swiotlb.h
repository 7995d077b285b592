/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: memory that devices can reach, lent to mappings whose own pages they cannot.
 *
 * A pool serves one address width. It is a set of segments, each machine-contiguous, naturally
 * aligned in machine space and below the width; a segment is divided into slots of 2 KiB. A pool
 * starts empty, grows by a segment of up to 2 MiB when a request finds no room (smaller when the
 * guest's or the machine's memory is fragmented), and gives idle segments back when trimmed.
 *
 * Each segment belongs to an area, each area has a lock; a CPU prefers its own area and looks into
 * the others before the pool grows: a segment that is all free becomes its own, of others it
 * borrows slots. A CPU that goes on borrowing gets a segment of its own while the pool holds no
 * more than half of its limit; so CPUs that bounce at once share nothing. Within an area free runs
 * of slots are kept by size, so the cost of an allocation depends neither on how full the pool is
 * nor on how large.
 *
 * Placement is decided in machine space, where the device sees it: a buffer never crosses the
 * device's segment boundary, and keeps the bits of the original address that min_align_mask names.
 *
 * Data: on map the whole buffer is initialised, whatever the direction, so that the device finds
 * nobody else's data there and bytes that it does not write keep their value: TO_DEVICE and
 * BIDIRECTIONAL get the original, FROM_DEVICE too; the padding before and behind, to whole slots,
 * is zero. On unmap the device's data goes back unless the direction was TO_DEVICE. A sync for the
 * CPU copies back unless the mapping is TO_DEVICE, one for the device copies in unless it is
 * FROM_DEVICE (the CPU only reads such a buffer). A sync touches nothing outside its mapping.
 *
 * Context: any, atomic included. Growth happens in the caller's context and costs one
 * XENMEM_exchange and the remapping of a segment (2 MiB: 512 frames and their PTEs).
 */
#ifndef XENDMA_XEN_SWIOTLB_H
#define XENDMA_XEN_SWIOTLB_H

#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XEN_SWIOTLB_SLOT_SHIFT 11
#define XEN_SWIOTLB_SLOT_SIZE (1UL << XEN_SWIOTLB_SLOT_SHIFT)
#define XEN_SWIOTLB_MAX_SEGMENT_ORDER 9 /* 2 MiB */
#define XEN_SWIOTLB_MIN_SEGMENT_ORDER 3 /* 32 KiB */

/* Numbers as in Linux and its drivers. */
enum xen_dma_dir {
	XEN_DMA_BIDIRECTIONAL = 0,
	XEN_DMA_TO_DEVICE = 1,
	XEN_DMA_FROM_DEVICE = 2,
};

/* What a device can do; constant for its life. */
struct xen_dma_limits {
	uint64_t mask;		 /* highest address of streaming maps, 2^n - 1, n in 13..64 */
	uint64_t coherent_mask;	 /* highest address of coherent memory, likewise; 0: as mask */
	uint64_t max_segment;	 /* bytes in one piece of a scatterlist; 0: no limit */
	uint64_t boundary_mask;	 /* 2^n - 1: no piece crosses a multiple of 2^n, n >= 12; 0: none */
	uint64_t min_align_mask; /* 2^n - 1, n <= 16: address bits that a bounce must keep; 0: none
				  */
	/* Set by xen_dma_dev_init(): a number that no other device ever had. What this device may
	 * have written beside its buffers is left where only it will see it; 0: always zeroed. */
	uint64_t user;
};

struct xen_swiotlb_pool;

/* Whole-library settings, before the first pool is used. 0 in a field: the default. */
struct xen_swiotlb_config {
	uint64_t max_bytes;	/* most that one pool may hold; default 64 MiB */
	uint64_t initial_bytes; /* what a pool takes at its first use; default 0: grow as needed */
	unsigned int max_segment_order; /* default and most XEN_SWIOTLB_MAX_SEGMENT_ORDER */
};
/* -XEN_EBUSY: a pool exists; -XEN_EINVAL: initial above max, max below the smallest segment, order
 * out of range. */
int xen_swiotlb_configure(const struct xen_swiotlb_config *config);

/*
 * The pool for a device whose addresses end at @mask: made on first use, shared by all devices of
 * the same width. Widths of 64 bits share one pool without limit, 32 to 63 bits the 32-bit pool,
 * narrower ones have one each. NULL with *@err: -XEN_EINVAL (mask below 13 bits or not 2^n - 1),
 * -XEN_ENOMEM.
 */
struct xen_swiotlb_pool *xen_swiotlb_pool_get(uint64_t mask, int *err);

/*
 * Bounce @size bytes at @orig. @owner names the device in reports (must outlive the mapping). On
 * success *@dma is the address for the device. Ownership of the original stays with the caller,
 * who must not touch it until unmap but for syncs.
 *
 * Errors leave nothing behind; each is counted by cause and logged, at most once a second:
 * -XEN_E2BIG    larger than a segment can be
 * -XEN_EINVAL   size 0, no direction, or no placement can satisfy boundary and alignment for this
 *		 size, or the pool reaches beyond the limits' mask
 * -XEN_EFAULT   part of the original is not populated RAM (not counted)
 * -XEN_ENOSPC   the pool is at its limit and full, or too fragmented; also while another CPU is
 *		 still making the last segments below the limit
 * -XEN_ENOMEM   the pool may grow but guest or machine has no memory for it, or Xen does not let
 *		 this domain exchange pieces of that order; the log says which
 */
int xen_swiotlb_map_single(struct xen_swiotlb_pool *pool, const struct xen_dma_limits *limits,
			   const char *owner, paddr_t orig, size_t size, enum xen_dma_dir dir,
			   dma_addr_t *dma);

/*
 * End the mapping that map_single() returned as @dma, copying back unless @skip_sync or the
 * direction was TO_DEVICE. Returns false, and does nothing, when @dma is no bounce buffer's
 * address (a direct mapping), or not that of a mapping's first byte (logged). A wrong size or
 * direction is logged and the recorded one used.
 */
bool xen_swiotlb_unmap_single(dma_addr_t dma, size_t size, enum xen_dma_dir dir, bool skip_sync);

/* Copy [dma, dma + size), which lies inside one mapping, from (for_cpu) or to the bounce buffer.
 * False when @dma is no bounce buffer's address. A range that leaves its mapping is cut to it and
 * logged. */
bool xen_swiotlb_sync_single(dma_addr_t dma, size_t size, enum xen_dma_dir dir, bool for_cpu);

/* Is @dma inside a live bounce mapping? A few loads, lock-free. */
bool xen_swiotlb_is_bounce(dma_addr_t dma);

/* The largest @size that map_single() can ever satisfy under @limits wherever the buffer lies; 0
 * when min_align_mask asks for more than a segment's alignment. */
size_t xen_swiotlb_max_mapping(const struct xen_dma_limits *limits);

/*
 * Make sure that @pool has a segment: obtains one if need be. 0, -XEN_ENOMEM or -XEN_ENOSPC as
 * map_single().
 */
int xen_swiotlb_pool_probe(struct xen_swiotlb_pool *pool);

struct xen_swiotlb_stats {
	unsigned int address_bits; /* 64: unlimited */
	uint64_t bytes;		   /* held in segments */
	uint64_t bytes_used;	   /* of these, slots of live mappings */
	uint64_t bytes_high;	   /* most ever used; of several areas the sum of theirs */
	uint64_t bytes_held_high;  /* most ever held */
	uint64_t largest_free;	   /* bytes of the largest free run */
	uint64_t segments;
	uint64_t maps;		/* mappings ever made */
	uint64_t bytes_mapped;	/* their sizes summed */
	uint64_t grown, shrunk; /* segments */
	uint64_t fail_too_big, fail_no_placement, fail_full, fail_no_memory;
};

/* Pool number @index (0, 1, ...) in order of creation; false when there is none. */
bool xen_swiotlb_stats(unsigned int index, struct xen_swiotlb_stats *stats);

#define XEN_SWIOTLB_OWNER_MAX 32 /* bytes of an owner's name in reports, with its NUL */

/*
 * Call @visit, which may map and unmap, for each owner that holds slots in pool @index. Owners are
 * told apart by the address of the name that they mapped with. @owner is a copy for the length of
 * the call, cut to XEN_SWIOTLB_OWNER_MAX: owner and mappings may have gone meanwhile.
 */
void xen_swiotlb_holders(unsigned int index,
			 void (*visit)(const char *owner, uint64_t bytes, void *arg), void *arg);

/* How many live mappings the device numbered @user (struct xen_dma_limits) has, in all pools.
 * O(slots): for quiet moments. */
uint64_t xen_swiotlb_mappings_of(uint64_t user);

/*
 * Give back segments that have been wholly free for @idle_ns or longer, keeping no fewer bytes
 * than initial_bytes a pool. Call now and then from housekeeping, or with 0 to get all back.
 * Returns the bytes freed. Their frames are exchanged for ordinary ones where Xen agrees.
 */
uint64_t xen_swiotlb_trim(uint64_t idle_ns);

/*
 * The end: all segments and pools go back to the port, the settings to their defaults. Nobody may
 * use a pool any more; devices that did are to be initialised again. -XEN_EBUSY: mappings are
 * live; what was idle is gone, the rest works on.
 */
int xen_swiotlb_fini(void);

#ifdef __cplusplus
}
#endif

#endif
