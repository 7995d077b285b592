/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools, private side. Who locks what:
 *
 *   area->lock    everything in the area, its segments and their slots, but for the words below
 *   pool->lock    the pool's accounting of held bytes and of failures
 *   slot->head, size, offset   written under the area lock, read anywhere (xen_load)
 *   live mapping  the fields of its first slot do not change from map to unmap, so its owner
 *                 reads them without a lock
 *
 * Two areas are locked at once, the one at the lower address first, where one takes from the
 * other; else no two of these locks are held together.
 */
#ifndef XENDMA_SWIOTLB_INTERNAL_H
#define XENDMA_SWIOTLB_INTERNAL_H

#include <xen/atomic.h>
#include <xen/port.h>
#include <xen/swiotlb.h>
#include <xen/types.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define SLOT_SHIFT XEN_SWIOTLB_SLOT_SHIFT
#define SLOT_SIZE ((uint32_t)XEN_SWIOTLB_SLOT_SIZE)
/* Slots in a page, as a power of two: a segment of order o has 2^(o + 1) slots. */
#define PAGE_SLOT_ORDER (XEN_PAGE_SHIFT - SLOT_SHIFT)
#define NR_SLOT_ORDERS (XEN_SWIOTLB_MAX_SEGMENT_ORDER + PAGE_SLOT_ORDER + 1)

#define NO_HEAD 0xffff	 /* slot->head: part of no mapping */
#define NOT_IN_LIST 0xff /* slot->free_order: not the first slot of a listed free block */
/* Blocks of each order that are kept unmerged when they are freed: more of those up to a page or
 * two, which are the commonest; few of the others, which hold much. */
#define SMALL_ORDERS 3
#define CACHE_SMALL 8
#define CACHE_LARGE 2
#define NO_SEGMENT (1ULL << 63)
#define MAX_AREAS 128 /* a power of two */
#define CACHE_LINE 64
#define GROW_BATCH 8	      /* segments in one exchange, at most */
#define FIRST_SEGMENT_ORDER 6 /* 256 KiB; a pool doubles from there */
#define MANY_BORROWED 64      /* mappings that show that an area needs a segment of its own */

struct xen_swiotlb_slot {
	union {
		struct xen_swiotlb_slot *next; /* first slot of a free block: list or stack */
		void *orig;		       /* first slot of a mapping: the caller's buffer */
	};
	union {
		struct xen_swiotlb_slot **link; /* first slot of a listed block: what points here */
		const char *owner;		/* first slot of a mapping */
	};
	uint64_t user;	 /* whose device has the slot or had it last; 0: not known */
	uint32_t size;	 /* first slot of a mapping: bytes; 0: it has ended */
	uint16_t count;	 /* likewise: slots */
	uint16_t offset; /* likewise: of the buffer in this slot */
	uint16_t index;	 /* of this slot in its segment */
	/* Index of the first slot of the mapping, or of the block that a mapping left in a stack;
	 * else NO_HEAD. */
	uint16_t head;
	/* Bytes of the slot from here on are zero as far as its last user's mappings go. */
	uint16_t dirty;
	uint8_t free_order;
	uint8_t dir; /* first slot of a mapping */
};

struct xen_swiotlb_segment {
	dma_addr_t dma; /* aligned to the segment's size; NO_SEGMENT: it is none now */
	void *va;
	struct xen_swiotlb_pool *pool;
	struct xen_swiotlb_area *area;
	struct xen_swiotlb_segment *next;
	uint64_t idle_since; /* when used became 0, ns */
	uint32_t used;	     /* slots of live mappings and in the stacks */
	uint32_t bytes;	     /* its size, for good */
	uint8_t order;	     /* likewise, in pages */
	bool exchanged;	     /* its frames were asked of Xen */
	bool listed;	     /* in the table of swiotlb-find.h */
	struct xen_swiotlb_slot slot[];
};

/* Each in cache lines of its own: it is one CPU's, as a rule. */
struct xen_swiotlb_area {
	_Alignas(CACHE_LINE) struct xen_lock lock;
	uint64_t used, used_high; /* slots of live mappings, bytes; the most ever */
	uint64_t maps, bytes_mapped;
	struct {
		struct xen_swiotlb_slot *top;
		uint32_t room; /* so many more blocks may wait here */
	} cache[NR_SLOT_ORDERS];
	struct xen_swiotlb_segment *segments;
	uint32_t borrowed; /* mappings made of others' slots since it last got a segment */
	uint32_t avail;	   /* bit o: free[o] is not empty */
	struct xen_swiotlb_slot *free[NR_SLOT_ORDERS];
};

enum swiotlb_failure { FAIL_TOO_BIG, FAIL_NO_PLACEMENT, FAIL_FULL, FAIL_NO_MEMORY, NR_FAILURES };

struct xen_swiotlb_pool {
	dma_addr_t mask;   /* addresses end here */
	unsigned int bits; /* the same as a width; 64: unlimited */
	size_t max_size;   /* bytes of the largest segment */
	unsigned int area_mask;
	struct xen_lock lock;
	uint64_t held, held_high; /* bytes in segments, those under construction included */
	uint64_t segments, grown, shrunk;
	uint64_t failed[NR_FAILURES];
	uint64_t logged_at[NR_FAILURES]; /* 0: never */
	unsigned int grow_order;	 /* the order that Xen could last serve */
	int refused; /* what else than want of memory Xen last said to an exchange; 0: nothing */

	struct xen_swiotlb_area area[];
};

/* swiotlb-slots.c; the area is locked. */
struct xen_swiotlb_slot *xen_swiotlb_slots_take(struct xen_swiotlb_area *area, unsigned int order,
						unsigned int lead, unsigned int count);
void xen_swiotlb_slots_give(struct xen_swiotlb_segment *seg, struct xen_swiotlb_slot *head,
			    unsigned int count);
void xen_swiotlb_slots_flush(struct xen_swiotlb_area *area);
void xen_swiotlb_slots_attach(struct xen_swiotlb_area *area, struct xen_swiotlb_segment *seg);
/* Of a wholly free segment, after a flush. */
void xen_swiotlb_slots_detach(struct xen_swiotlb_segment *seg);
/* If the largest free block of @from, of 2^@order slots at least, is a whole segment, it becomes
 * one of @to; both are locked. */
bool xen_swiotlb_slots_move(struct xen_swiotlb_area *from, struct xen_swiotlb_area *to,
			    unsigned int order);

/* swiotlb-pool.c */
extern struct xen_swiotlb_config xen_swiotlb_settings;
struct xen_swiotlb_pool *xen_swiotlb_pool_nr(unsigned int index);
uint64_t xen_swiotlb_held(struct xen_swiotlb_pool *pool);

/* swiotlb-grow.c: make one or more segments of @min_order or higher, not yet in an area, of
 * about @bytes; 0: of as many as the pool holds. -XEN_ENOSPC: the limit; -XEN_ENOMEM. */
int xen_swiotlb_grow(struct xen_swiotlb_pool *pool, unsigned int min_order, uint64_t bytes,
		     struct xen_swiotlb_segment **list);
/* Put the segments of @list into the area, which is locked. */
void xen_swiotlb_attach(struct xen_swiotlb_area *area, struct xen_swiotlb_segment *list);
/* Give an unattached segment back; false: not possible now, nothing was done. */
bool xen_swiotlb_release(struct xen_swiotlb_segment *seg);
void xen_swiotlb_grow_fini(void);

/* swiotlb-report.c: count a failed request and say why, at most once a second. */
void xen_swiotlb_failed(struct xen_swiotlb_pool *pool, enum swiotlb_failure why, const char *owner,
			size_t size);

/* swiotlb-sync.c: a driver did @what; said once a second. */
void xen_swiotlb_misuse(const char *what, const char *owner, dma_addr_t dma, size_t size);

static inline unsigned int swiotlb_slots_of(const struct xen_swiotlb_segment *seg)
{
	return 1u << (seg->order + PAGE_SLOT_ORDER);
}

static inline struct xen_swiotlb_segment *swiotlb_segment_of(struct xen_swiotlb_slot *slot)
{
	char *first = (char *)(slot - slot->index);

	return (struct xen_swiotlb_segment *)(first - offsetof(struct xen_swiotlb_segment, slot));
}

/*
 * Take from and give to the stacks of freed blocks; the area is locked. A block that waits there
 * stays as the mapping left it that ended: its slots have one user, their heads and its count are
 * right for the next mapping of its size, all but the last are dirty to the end. It counts as used
 * in its segment: whether that is idle is for housekeeping to find out.
 */
static inline struct xen_swiotlb_slot *swiotlb_take_hot(struct xen_swiotlb_area *area,
							unsigned int order)
{
	struct xen_swiotlb_slot *slot = area->cache[order].top;

	if (likely(slot)) {
		area->cache[order].top = slot->next;
		area->cache[order].room++;
	}
	return slot;
}

static inline bool swiotlb_give_hot(struct xen_swiotlb_area *area, struct xen_swiotlb_slot *head,
				    unsigned int count)
{
	unsigned int order = (unsigned int)__builtin_ctz(count);

	/* Is it an aligned block of 2^order? */
	if (unlikely((count | head->index) & (count - 1) || !area->cache[order].room))
		return false;
	head->next = area->cache[order].top;
	area->cache[order].top = head;
	area->cache[order].room--;
	return true;
}

/* @bytes of slots are used now; the area is locked. */
static inline void swiotlb_count_use(struct xen_swiotlb_area *area, uint64_t bytes)
{
	area->used += bytes;
	if (unlikely(area->used > area->used_high))
		area->used_high = area->used;
}

/* The first slot of the live mapping whose slots hold @offset of the segment; NULL if none. */
static inline struct xen_swiotlb_slot *swiotlb_find_head(struct xen_swiotlb_segment *seg,
							 uint64_t offset)
{
	uint16_t index = xen_load(&seg->slot[offset >> SLOT_SHIFT].head);
	struct xen_swiotlb_slot *head = seg->slot + index;

	return likely(index != NO_HEAD && xen_load(&head->size)) ? head : NULL;
}

/* Where a mapping's buffer begins in its segment. */
static inline uint64_t swiotlb_offset_of(const struct xen_swiotlb_slot *head)
{
	return ((uint64_t)head->index << SLOT_SHIFT) + xen_load(&head->offset);
}

static inline struct xen_swiotlb_area *swiotlb_own_area(struct xen_swiotlb_pool *pool)
{
	return pool->area_mask ? &pool->area[xen_port_cpu() & pool->area_mask] : pool->area;
}

/* The smallest o with 2^o >= @n, n > 0. */
static inline unsigned int swiotlb_order_of(uint64_t n)
{
	return n > 1 ? 64 - (unsigned int)__builtin_clzll(n - 1) : 0;
}

#endif
