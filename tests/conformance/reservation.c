/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_increase_reservation, _decrease_reservation and _populate_physmap: pages go back to Xen
 * and come again. The calls never fail, they return how many extents they did. The domain's limit
 * lies 256 pages above what it has (see conformance.sh and hosted.c).
 */
#include "conf.h"

#define MOST 512

static xen_pfn_t list[MOST];
static uint64_t frames[MOST];

static long reserve(unsigned int cmd, xen_pfn_t *extents, unsigned long nr, unsigned int order,
		    unsigned int flags, domid_t domid)
{
	struct xen_memory_reservation op = {
		.nr_extents = nr,
		.extent_order = order,
		.mem_flags = flags,
		.domid = domid,
	};

	set_xen_guest_handle(op.extent_start, extents);
	return hypercall_memory_op(cmd, &op);
}

static const char *change(long before)
{
	return conf_err(conf_frames() - before > 0 ? conf_frames() - before
						   : before - conf_frames());
}

/* 2^@order pages, unmapped, and given to Xen one by one. */
static char *give(unsigned int order)
{
	unsigned long nr = 1UL << order, i;
	char *va = xen_port_alloc_pages(order);

	for (i = 0; va && i < nr; i++) {
		list[i] = conf_mfn(va + i * XEN_PAGE_SIZE);
		conf_adopt(va + i * XEN_PAGE_SIZE, XEN_INVALID_FRAME);
	}
	if (va && reserve(XENMEM_decrease_reservation, list, nr, 0, 0, DOMID_SELF) == (long)nr)
		return va;
	return NULL;
}

/* The frames that came for the pages at @va, in list[] as extents of @order. */
static int take(char *va, unsigned long nr, unsigned int order)
{
	unsigned long i;
	int err = 0, rc;

	for (i = 0; i < nr << order; i++) {
		rc = conf_adopt(va + i * XEN_PAGE_SIZE,
				list[i >> order] + (i & ((1UL << order) - 1)));
		err = err ? err : rc;
	}
	return err;
}

static bool m2p_is(char *va, unsigned long nr, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < nr << order; i++)
		if (conf_m2p(list[i >> order] + (i & ((1UL << order) - 1))) !=
		    pfn_x(xen_port_virt_to_pfn(va)) + i)
			return false;
	return true;
}

static void one_page(void)
{
	long before = conf_frames();
	char *va = give(0);
	uint64_t mfn = list[0];
	long rc;

	conf("decrease-one", "%s frames-changed=%s", conf_is(va, "1", "failed"), change(before));
	if (!va)
		return;
	conf("decrease-then-map", "%s", conf_err(conf_map(va, mfn)));
	conf("decrease-then-map-read-only", "%s",
	     conf_err(conf_set_pte(va, conf_make_pte(mfn, XEN_PTE_PRESENT))));
	conf("decrease-then-m2p", "%s", conf_is(conf_m2p(mfn) == ~0ULL, "invalid", "as-before"));
	conf("decrease-then-m2p-update", "%s", conf_err(conf_set_m2p(mfn, 5)));
	conf("decrease-again", "%s",
	     conf_err(reserve(XENMEM_decrease_reservation, list, 1, 0, 0, DOMID_SELF)));
	list[0] = pfn_x(xen_port_virt_to_pfn(va));
	rc = reserve(XENMEM_populate_physmap, list, 1, 0, 0, DOMID_SELF);
	conf("populate-one", "%s m2p=%s frames-changed=%s", conf_err(rc),
	     conf_is(m2p_is(va, 1, 0), "as-asked", "wrong"), change(before));
	conf("populate-then-map", "%s", conf_err(take(va, 1, 0)));
	xen_port_free_pages(va, 0);
}

static void increase(void)
{
	char *va = give(0);
	long rc;

	if (!va)
		return;
	list[0] = 12345;
	rc = reserve(XENMEM_increase_reservation, list, 1, 0, 0, DOMID_SELF);
	conf("increase-one", "%s m2p=%s", conf_err(rc),
	     conf_is(conf_m2p(list[0]) == ~0ULL, "invalid", "set"));
	conf("increase-then-m2p-update", "%s",
	     conf_err(conf_set_m2p(list[0], pfn_x(xen_port_virt_to_pfn(va)))));
	conf("increase-then-map", "%s", conf_err(take(va, 1, 0)));
	xen_port_free_pages(va, 0);
}

/* @nr extents of @order for pages given before; pages that do not come back are made good. */
static void populate(const char *name, unsigned int order, unsigned long nr, unsigned int bits)
{
	unsigned long pages = nr << order, i;
	bool aligned = true, below = true;
	unsigned int block = 0;
	char *va;
	long rc;

	while (1UL << block < pages)
		block++;
	va = give(block);
	if (!va) {
		conf(name, "no pages");
		return;
	}
	for (i = 0; i < nr; i++)
		list[i] = pfn_x(xen_port_virt_to_pfn(va)) + (i << order);
	rc = reserve(XENMEM_populate_physmap, list, nr, order, XENMEMF_address_bits(bits),
		     DOMID_SELF);
	for (i = 0; rc > 0 && i < (unsigned long)rc; i++) {
		aligned &= !(list[i] & ((1UL << order) - 1));
		below &= !bits || !(list[i] >> (bits - XEN_PAGE_SHIFT));
	}
	conf(name, "%s %s %s m2p=%s", conf_err(rc), conf_is(aligned, "aligned", "unaligned"),
	     conf_is(below, "below", "above"),
	     conf_is(rc > 0 && m2p_is(va, (unsigned long)rc, order), "as-asked", "none"));
	if (rc < (long)nr) {
		order = 0;
		for (i = 0; i < pages; i++)
			list[i] = pfn_x(xen_port_virt_to_pfn(va)) + i;
		rc = reserve(XENMEM_populate_physmap, list, pages, 0, 0, DOMID_SELF);
	}
	if (rc > 0 && !take(va, (unsigned long)rc, order))
		xen_port_free_pages(va, block);
}

/* Decrease stops at the first frame that cannot go. */
static void decrease_stops(void)
{
	char *va = xen_port_alloc_pages(2);
	unsigned long i;
	long rc;

	if (!va)
		return;
	for (i = 0; i < 4; i++) {
		list[i] = frames[i] = conf_mfn(va + i * XEN_PAGE_SIZE);
		conf_unmap(va + i * XEN_PAGE_SIZE);
	}
	list[2] = CONF_INVALID_MFN;
	rc = reserve(XENMEM_decrease_reservation, list, 4, 0, 0, DOMID_SELF);
	conf("decrease-third-invalid", "%s", conf_err(rc));
	for (i = 0; i < 4; i++)
		list[i] = i < 2 ? pfn_x(xen_port_virt_to_pfn(va)) + i : frames[i];
	conf("decrease-then-populate-two", "%s",
	     conf_err(reserve(XENMEM_populate_physmap, list, 2, 0, 0, DOMID_SELF)));
	if (!take(va, 4, 0))
		xen_port_free_pages(va, 2);
}

/* Take all that the limit allows, and what that does not. */
static void limit(void)
{
	struct xen_memory_reservation op = {.nr_extents = MOST, .domid = DOMID_SELF};
	domid_t self = DOMID_SELF;
	long before = conf_frames(), max = hypercall_memory_op(XENMEM_maximum_reservation, &self);
	long got;

	conf("maximum-reservation", "%s above the current one", conf_err(max - before));
	set_xen_guest_handle(op.extent_start, list);
	got = hypercall_memory_op(XENMEM_increase_reservation, &op);
	conf("increase-beyond-limit", "%s frames-changed=%s", conf_err(got), change(before));
	if (got < 0 || got > MOST)
		return;
	if (got == MOST) { /* not the machine that this is meant for: no limit in reach */
		reserve(XENMEM_decrease_reservation, list, MOST, 0, 0, DOMID_SELF);
		return;
	}
	conf("increase-at-limit", "%s",
	     conf_err(reserve(XENMEM_increase_reservation, list + got, 1, 0, 0, DOMID_SELF)));
	conf("increase-at-limit-order-1", "%s",
	     conf_err(reserve(XENMEM_increase_reservation, list + got, 1, 1, 0, DOMID_SELF)));
	got = reserve(XENMEM_decrease_reservation, list, (unsigned long)got, 0, 0, DOMID_SELF);
	conf("decrease-to-before", "%s frames-changed=%s", conf_err(got), change(before));
	conf("increase-without-list", "%s",
	     conf_err(reserve(XENMEM_increase_reservation, NULL, 0, 0, 0, DOMID_SELF)));
}

static void refusals(void)
{
	static const struct {
		const char *name;
		unsigned long nr;
		unsigned int order;
		unsigned int bits;
		domid_t domid;
		uint64_t first;
	} cases[] = {
		{"nothing", 0, 0, 0, DOMID_SELF, 0},
		{"order-19", 1, 19, 0, DOMID_SELF, 0},
		{"order-all-ones", 1, ~0U, 0, DOMID_SELF, 0},
		{"no-such-domain", 1, 0, 0, CONF_NO_DOMAIN, 0},
		{"too-many", 1UL << 40, 0, 0, DOMID_SELF, 0},
		{"below-12-bits", 1, 0, 12, DOMID_SELF, 0},
		{"below-13-bits", 1, 0, 13, DOMID_SELF, 0},
		{"first-invalid", 1, 0, 12, DOMID_SELF, CONF_INVALID_MFN},
		{"first-all-ones", 1, 0, 12, DOMID_SELF, ~0ULL},
		{"first-mmio", 1, 0, 12, DOMID_SELF, CONF_MMIO_MFN},
	};
	static const struct {
		const char *name;
		unsigned int cmd;
	} cmds[] = {
		{"increase", XENMEM_increase_reservation},
		{"decrease", XENMEM_decrease_reservation},
		{"populate", XENMEM_populate_physmap},
	};
	char name[64];
	size_t c, i;

	for (c = 0; c < LEN(cmds); c++) {
		for (i = 0; i < LEN(cases); i++) {
			list[0] = cases[i].first ? cases[i].first : conf_xen_frame();
			conf(conf_name(name, cmds[c].name, cases[i].name), "%s",
			     conf_err(reserve(cmds[c].cmd, list, cases[i].nr, cases[i].order,
					      XENMEMF_address_bits(cases[i].bits),
					      cases[i].domid)));
		}
		conf(conf_name(name, cmds[c].name, "no-argument"), "%s",
		     conf_err(hypercall_memory_op(cmds[c].cmd, NULL)));
	}
	conf("decrease-no-list", "%s",
	     conf_err(reserve(XENMEM_decrease_reservation, NULL, 1, 0, 0, DOMID_SELF)));
	conf("populate-no-list", "%s",
	     conf_err(reserve(XENMEM_populate_physmap, NULL, 1, 0, 0, DOMID_SELF)));
}

static void numbers(void)
{
	static const struct {
		const char *name;
		domid_t domid;
	} domains[] = {
		{"no-such-domain", CONF_NO_DOMAIN},
		{"domid-xen", DOMID_XEN},
		{"domid-io", DOMID_IO},
		{"domid-invalid", DOMID_INVALID},
	};
	domid_t self = conf_domid();
	char name[64];
	size_t i;

	conf("current-own-number", "%s",
	     conf_is(hypercall_memory_op(XENMEM_current_reservation, &self) == conf_frames(),
		     "same", "other"));
	for (i = 0; i < LEN(domains); i++) {
		domid_t domid = domains[i].domid;

		conf(conf_name(name, "current", domains[i].name), "%s",
		     conf_err(hypercall_memory_op(XENMEM_current_reservation, &domid)));
		conf(conf_name(name, "maximum", domains[i].name), "%s",
		     conf_err(hypercall_memory_op(XENMEM_maximum_reservation, &domid)));
	}
	conf("current-no-argument", "%s",
	     conf_err(hypercall_memory_op(XENMEM_current_reservation, NULL)));
	conf("memory-op-unknown", "%s", conf_err(hypercall_memory_op(63, &self)));
}

void conf_reservation(void)
{
	one_page();
	increase();
	populate("populate-4", 0, 4, 0);
	populate("populate-order-2", 2, 1, 0);
	populate("populate-2-of-order-3", 3, 2, 0);
	populate("populate-order-9", 9, 1, 0);
	populate("populate-below-28-bits", 0, 4, 28);
	populate("populate-order-9-below-28-bits", 9, 1, 28);
	populate("populate-order-9-below-20-bits", 9, 1, 20);
	decrease_stops();
	limit();
	refusals();
	numbers();
}
