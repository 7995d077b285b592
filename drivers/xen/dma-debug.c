/* SPDX-License-Identifier: MIT */
/*
 * dma-debug: a table of functions put before a device's backend. It keeps a record of the live
 * mappings (dma-debug-record.c) and checks each call against it; what is in breach is logged and
 * counted, and an unmap of what is not mapped is not passed on.
 *
 * When there is no memory for a record, checking is off from then on, and said so: with a part of
 * the record missing it would accuse the innocent. The backend is called without a lock.
 */
#include "dma-debug-record.h"

static void breach(struct xen_dma_dev *dev, const char *what, uint64_t addr, uint64_t size)
{
	xen_fetch_add(&dev->breaches, 1);
	xen_port_log(XEN_LOG_ERROR, "dma-debug: %s: %s: %llx, %llu bytes", dev->name, what,
		     (unsigned long long)addr, (unsigned long long)size);
}

static bool blind(const struct xen_dma_dev *dev)
{
	return xen_load(&debug_of(dev)->blind);
}

/* File what was mapped; NULL: there was no memory for it. */
static void enter(struct xen_dma_dev *dev, struct dma_record *first)
{
	struct dma_debug *debug = debug_of(dev);
	const char *what;

	if (blind(dev)) {
		xen_dma_record_free(first); /* what the record still has may be gone */
	} else if (first) {
		what = xen_dma_record_enter(debug, first);
		if (what)
			breach(dev, what, first->start[CPU], first->size[CPU]);
	} else if (!__atomic_exchange_n(&debug->blind, true, __ATOMIC_RELAXED)) {
		xen_port_log(XEN_LOG_WARN, "dma-debug: %s: no memory: checks no more", dev->name);
	}
}

/* Take out the record of a mapping that ends; NULL: there is none. */
static struct dma_record *leave(struct xen_dma_dev *dev, const struct dma_record *like)
{
	struct dma_record *r;
	const char *what = xen_dma_record_leave(debug_of(dev), like, &r);

	if (what)
		breach(dev, what, like->start[DEVICE], like->size[DEVICE]);
	return r;
}

static int debug_map(struct xen_dma_dev *dev, paddr_t paddr, size_t size, enum xen_dma_dir dir,
		     unsigned int attrs, dma_addr_t *dma)
{
	int err = debug_of(dev)->ops->map(dev, paddr, size, dir, attrs, dma);
	struct dma_record *r;

	if (err)
		return err;
	r = xen_port_alloc(sizeof(*r));
	if (r)
		*r = (struct dma_record){
			.start = {*dma, paddr}, .size = {size, size}, .kind = SINGLE, .dir = dir};
	enter(dev, r);
	return 0;
}

static void debug_unmap(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
			unsigned int attrs)
{
	struct dma_record like = {.start = {dma}, .size = {size ? size : 1}, .dir = dir};
	const struct xen_dma_ops *ops = debug_of(dev)->ops;
	struct dma_record *r;

	if (blind(dev)) {
		ops->unmap(dev, dma, size, dir, attrs);
		return;
	}
	r = leave(dev, &like);
	if (r) {
		ops->unmap(dev, dma, r->size[DEVICE], r->dir, attrs);
		xen_dma_record_free(r);
	}
}

static void debug_sync(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		       bool for_cpu)
{
	struct dma_record like = {.start = {dma}, .size = {size ? size : 1}, .dir = dir};
	const char *what = blind(dev) ? NULL : xen_dma_record_inside(debug_of(dev), &like);

	if (what)
		breach(dev, what, dma, size);
	debug_of(dev)->ops->sync(dev, dma, size, dir, for_cpu);
}

/* One record a piece given; those of the pieces mapped have a device side. */
static struct dma_record *sg_records(const struct xen_dma_sg *sg, unsigned int nents,
				     unsigned int mapped, enum xen_dma_dir dir)
{
	struct dma_record *first = NULL;

	for (unsigned int i = nents; i-- > 0;) {
		struct dma_record *r = xen_port_alloc(sizeof(*r));

		if (!r) {
			xen_dma_record_free(first);
			return NULL;
		}
		*r = (struct dma_record){.kind = SG, .dir = dir, .more = first};
		r->start[CPU] = pfn_to_paddr(sg[i].pfn) + sg[i].offset;
		r->size[CPU] = sg[i].length;
		if (i < mapped) {
			r->start[DEVICE] = sg[i].dma_addr;
			r->size[DEVICE] = sg[i].dma_length;
		}
		if (!i) {
			r->sg = sg;
			r->nents = nents;
		}
		first = r;
	}
	return first;
}

static int debug_map_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
			enum xen_dma_dir dir, unsigned int attrs)
{
	int ret = debug_of(dev)->ops->map_sg(dev, sg, nents, dir, attrs);

	if (ret > 0)
		enter(dev, sg_records(sg, nents, (unsigned int)ret, dir));
	return ret;
}

static void debug_unmap_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
			   enum xen_dma_dir dir, unsigned int attrs)
{
	const struct xen_dma_ops *ops = debug_of(dev)->ops;
	struct dma_record like = {.kind = SG, .dir = dir, .sg = sg, .nents = nents};
	struct dma_record *r;

	if (blind(dev)) {
		ops->unmap_sg(dev, sg, nents, dir, attrs);
		return;
	}
	like.start[DEVICE] = sg[0].dma_addr;
	like.size[DEVICE] = sg[0].dma_length ? sg[0].dma_length : 1;
	r = leave(dev, &like);
	if (r) {
		ops->unmap_sg(dev, sg, r->sg == sg ? r->nents : nents, r->dir, attrs);
		xen_dma_record_free(r);
	}
}

static void *debug_alloc(struct xen_dma_dev *dev, size_t size, dma_addr_t *dma)
{
	void *va = debug_of(dev)->ops->alloc(dev, size, dma);
	struct dma_record *r;

	if (!va)
		return NULL;
	r = xen_port_alloc(sizeof(*r));
	if (r)
		*r = (struct dma_record){.kind = COHERENT, .start = {*dma}, .size = {size}};
	enter(dev, r);
	return va;
}

static void debug_free(struct xen_dma_dev *dev, void *va, size_t size, dma_addr_t dma)
{
	struct dma_record like = {.kind = COHERENT, .start = {dma}, .size = {size ? size : 1}};
	const struct xen_dma_ops *ops = debug_of(dev)->ops;
	struct dma_record *r;

	if (blind(dev)) {
		ops->free(dev, va, size, dma);
		return;
	}
	r = leave(dev, &like);
	if (r) {
		ops->free(dev, va, r->size[DEVICE], dma);
		xen_dma_record_free(r);
	}
}

static size_t debug_max_mapping(const struct xen_dma_dev *dev)
{
	return debug_of(dev)->ops->max_mapping(dev);
}

static int debug_probe(struct xen_dma_dev *dev, uint64_t mask, bool coherent)
{
	return debug_of(dev)->ops->probe(dev, mask, coherent);
}

static const struct xen_dma_ops debug_ops = {
	.map = debug_map,
	.unmap = debug_unmap,
	.sync = debug_sync,
	.map_sg = debug_map_sg,
	.unmap_sg = debug_unmap_sg,
	.alloc = debug_alloc,
	.free = debug_free,
	.max_mapping = debug_max_mapping,
	.probe = debug_probe,
};

int xen_dma_debug_enable(struct xen_dma_dev *dev)
{
	struct dma_debug *debug;

	/* An end without a record is not passed on, so what was mapped before would never end. */
	if (dev->debug || (xen_load(&dev->pool) && xen_swiotlb_mappings_of(dev->limits.user)))
		return -XEN_EBUSY;
	debug = xen_port_alloc(sizeof(*debug));
	if (!debug)
		return -XEN_ENOMEM;
	debug->ops = dev->ops;
	dev->debug = debug;
	dev->ops = &debug_ops;
	return 0;
}

void xen_dma_debug_fini(struct xen_dma_dev *dev)
{
	struct dma_debug *debug = debug_of(dev);
	struct dma_record *r;

	while ((r = xen_dma_record_any(debug))) {
		if (!blind(dev))
			breach(dev,
			       r->kind == COHERENT ? "never freed"
			       : r->kind == SG	   ? "list never unmapped"
						   : "never unmapped",
			       r->start[DEVICE], r->size[DEVICE]);
		xen_dma_record_free(r);
	}
	dev->ops = debug->ops;
	dev->debug = NULL;
	xen_port_free(debug, sizeof(*debug));
}

uint64_t xen_dma_debug_breaches(const struct xen_dma_dev *dev)
{
	return xen_load(&dev->breaches);
}
