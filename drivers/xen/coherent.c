/* SPDX-License-Identifier: MIT */
/*
 * Coherent memory: a cache of contiguous regions with one list for each kind, that is, each
 * (order, address width).
 *
 * Every region ever made has a node. The node holds a cached region, or waits among the spare ones
 * of its kind while the region is handed out: so freeing needs no memory, and nothing is kept in
 * the region itself, where a device that is late to stop might write.
 *
 * One lock a kind, for its two lists; counters are atomic. Pages are made, unmade and zeroed
 * without a lock.
 */
#include <xen/atomic.h>
#include <xen/coherent.h>
#include <xen/contiguous.h>
#include <xen/p2m.h>
#include <xen/port.h>

#define MIN_BITS 13
#define MAX_BITS 64
#define NR_ORDERS (XEN_CONTIGUOUS_MAX_ORDER + 1)

struct node {
	struct node *next;
	void *va;
	dma_addr_t dma;
};

struct kind {
	struct xen_lock lock;
	struct node *cached;
	struct node *spare;
};

static struct kind kinds[NR_ORDERS][MAX_BITS - MIN_BITS + 1];
static struct xen_coherent_stats counters;

static struct kind *kind_of(unsigned int order, unsigned int bits)
{
	if (order >= NR_ORDERS || bits < MIN_BITS || bits > MAX_BITS)
		return NULL;
	return &kinds[order][bits - MIN_BITS];
}

static uint64_t bytes_of(unsigned int order)
{
	return XEN_PAGE_SIZE << order;
}

static void push(struct kind *kind, struct node **list, struct node *node)
{
	unsigned long flags = xen_port_lock(&kind->lock);

	node->next = *list;
	*list = node;
	xen_port_unlock(&kind->lock, flags);
}

/* From @list to @to; the copy is the caller's to read. */
static bool move(struct kind *kind, struct node **list, struct node **to, struct node *copy)
{
	unsigned long flags = xen_port_lock(&kind->lock);
	struct node *node = *list;

	if (node) {
		*copy = *node;
		*list = node->next;
		node->next = *to;
		*to = node;
	}
	xen_port_unlock(&kind->lock, flags);
	return node;
}

static bool low_enough(dma_addr_t dma, unsigned int order, unsigned int bits)
{
	uint64_t last = bytes_of(order) - 1;

	return !(dma & last) && (bits >= 64 || (dma + last) >> bits == 0);
}

/* Pages that are a region of the kind, as they come or by exchange. */
static void *make(unsigned int order, unsigned int bits, dma_addr_t *dma, int *err)
{
	void *va = xen_port_alloc_pages(order);
	pfn_t pfn;

	*err = -XEN_ENOMEM;
	if (!va)
		return NULL;
	pfn = xen_port_virt_to_pfn(va);
	*dma = mfn_to_dma(xen_pfn_to_mfn(pfn));
	if (xen_pfn_range_contiguous(pfn, 1ULL << order) && low_enough(*dma, order, bits))
		return va;

	*err = xen_create_contiguous_region(pfn, order, bits >= 64 ? XEN_ANY_ADDRESS_BITS : bits,
					    dma);
	if (!*err && low_enough(*dma, order, bits))
		return va;
	if (!*err) {
		xen_port_log(XEN_LOG_ERROR, "coherent: Xen gave a region at %llx for %u bits",
			     (unsigned long long)*dma, bits);
		*err = -XEN_ENOMEM;
		xen_destroy_contiguous_region(pfn, order);
	}
	xen_port_free_pages(va, order);
	return NULL;
}

static void *alloc_new(struct kind *kind, unsigned int order, unsigned int bits, dma_addr_t *dma,
		       int *err)
{
	struct node *node = xen_port_alloc(sizeof(*node));
	void *va;

	if (!node) {
		*err = -XEN_ENOMEM;
		return NULL;
	}
	va = make(order, bits, dma, err);
	if (!va) {
		xen_port_free(node, sizeof(*node));
		return NULL;
	}
	push(kind, &kind->spare, node);
	xen_fetch_add(&counters.misses, 1);
	return va;
}

void *xen_coherent_alloc(unsigned int order, unsigned int address_bits, dma_addr_t *dma, int *err)
{
	struct kind *kind = kind_of(order, address_bits);
	struct node node;
	void *va;

	if (!kind) {
		*err = -XEN_EINVAL;
		return NULL;
	}
	if (move(kind, &kind->cached, &kind->spare, &node)) {
		va = node.va;
		*dma = node.dma;
		xen_fetch_add(&counters.hits, 1);
		xen_fetch_sub(&counters.bytes_cached, bytes_of(order));
	} else {
		va = alloc_new(kind, order, address_bits, dma, err);
		/* What the other kinds keep for later is needed now. */
		if (!va && xen_coherent_trim(0))
			va = alloc_new(kind, order, address_bits, dma, err);
		if (!va)
			return NULL;
	}
	xen_fetch_add(&counters.bytes_live, bytes_of(order));
	__builtin_memset(va, 0, bytes_of(order));
	return va;
}

void xen_coherent_free(void *va, unsigned int order, unsigned int address_bits)
{
	struct kind *kind = kind_of(order, address_bits);
	dma_addr_t dma = mfn_to_dma(xen_pfn_to_mfn(xen_port_virt_to_pfn(va)));
	unsigned long flags;
	struct node *node;

	if (!kind || !low_enough(dma, order, address_bits)) {
		xen_port_log(XEN_LOG_ERROR,
			     "coherent: %p at %llx was not allocated with order %u and %u bits", va,
			     (unsigned long long)dma, order, address_bits);
		return; /* what it is cannot be known: left alone */
	}

	flags = xen_port_lock(&kind->lock);
	node = kind->spare;
	if (node) {
		kind->spare = node->next;
		node->va = va;
		node->dma = dma;
		node->next = kind->cached;
		kind->cached = node;
	}
	xen_port_unlock(&kind->lock, flags);
	if (!node) {
		xen_port_log(XEN_LOG_ERROR, "coherent: %p: none of order %u and %u bits is out", va,
			     order, address_bits);
		return;
	}
	xen_fetch_sub(&counters.bytes_live, bytes_of(order));
	xen_fetch_add(&counters.bytes_cached, bytes_of(order));
}

/* Release one cached region of the kind. */
static bool release(struct kind *kind, unsigned int order)
{
	unsigned long flags = xen_port_lock(&kind->lock);
	struct node *node = kind->cached;

	if (node)
		kind->cached = node->next;
	xen_port_unlock(&kind->lock, flags);
	if (!node)
		return false;

	/* Refused: the pages go back as they are, which is no less memory. */
	xen_destroy_contiguous_region(xen_port_virt_to_pfn(node->va), order);
	xen_port_free_pages(node->va, order);
	xen_port_free(node, sizeof(*node));
	xen_fetch_sub(&counters.bytes_cached, bytes_of(order));
	return true;
}

uint64_t xen_coherent_trim(uint64_t keep_bytes)
{
	uint64_t released = 0;

	/* Low memory is the scarcest, large pieces of it most of all. */
	for (unsigned int bits = MIN_BITS; bits <= MAX_BITS; bits++)
		for (unsigned int order = NR_ORDERS; order-- > 0;)
			while (xen_load(&counters.bytes_cached) > keep_bytes &&
			       release(kind_of(order, bits), order))
				released += bytes_of(order);
	return released;
}

void xen_coherent_stats(struct xen_coherent_stats *stats)
{
	stats->bytes_cached = xen_load(&counters.bytes_cached);
	stats->bytes_live = xen_load(&counters.bytes_live);
	stats->hits = xen_load(&counters.hits);
	stats->misses = xen_load(&counters.misses);
}
