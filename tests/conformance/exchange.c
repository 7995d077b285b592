/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: a table of calls, each on pages of its own. Pages are unmapped before the call,
 * as Xen demands, unless the case is about one that is not. Afterwards every page gets the frame
 * that Xen's answer says it has, and mapping it shows whether that is true: Xen maps no frame that
 * the domain does not own.
 */
#include "exchange.h"

#include <xen/contiguous.h>

struct exchange_work exchange_work;

static struct exchange_work *const w = &exchange_work;

uint64_t exchange_pages(const struct exchange_case *c)
{
	return 1ULL << c->order;
}

/* @nr extents of @order in pages; 0 for an order that no number holds. */
static uint64_t pages_of(uint64_t nr, unsigned int order)
{
	return order < 64 ? nr << order : 0;
}

/* Pages of the case: PFNs, frames and lists of both directions. */
static bool begin(const struct exchange_case *c)
{
	uint64_t i, pages = exchange_pages(c);

	w->va = xen_port_alloc_pages(c->order);
	if (!w->va)
		return false;
	if (c->contiguous &&
	    xen_create_contiguous_region(xen_port_virt_to_pfn(w->va), c->order, 0, NULL)) {
		xen_port_free_pages(w->va, c->order);
		return false;
	}
	for (i = 0; i < pages; i++)
		w->old[i] = conf_mfn(w->va + i * XEN_PAGE_SIZE);
	for (i = 0; i < pages; i++) {
		w->in[i] = w->old[pages_of(i, c->in_order) & (pages - 1)];
		w->out[i] = pfn_x(xen_port_virt_to_pfn(w->va)) +
			    (pages_of(i, c->out_order) & (pages - 1));
		w->asked[i] = w->out[i];
		conf_unmap(w->va + i * XEN_PAGE_SIZE);
	}
	return true;
}

/* Make the page at place @at of the input list one that Xen may refuse. */
static void spoil(const struct exchange_case *c)
{
	char *va = w->va + (pages_of(c->at, c->in_order) << XEN_PAGE_SHIFT);
	xen_pfn_t *in = &w->in[c->at];
	struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = *in};

	switch (c->spoilt) {
	case SOUND:
		break;
	case MAPPED:
		conf_map(va, *in);
		break;
	case MAPPED_READ_ONLY:
		conf_set_pte(va, conf_make_pte(*in, XEN_PTE_PRESENT | XEN_PTE_NX));
		break;
	case PAGE_TABLE:
		conf_map(va, *in);
		__builtin_memset(va, 0, XEN_PAGE_SIZE);
		conf_unmap(va);
		hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
		break;
	case OF_XEN:
		*in = conf_xen_frame();
		break;
	case NO_FRAME:
		*in = CONF_INVALID_MFN;
		break;
	case ALL_ONES:
		*in = XEN_INVALID_FRAME;
		break;
	case MMIO:
		*in = CONF_MMIO_MFN;
		break;
	case TWICE:
		*in = w->in[c->at - 1];
		break;
	}
}

static void unspoil(const struct exchange_case *c)
{
	struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = w->old[c->at]};

	if (c->spoilt == PAGE_TABLE)
		hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
}

static long call(const struct exchange_case *c, struct xen_memory_exchange *op)
{
	*op = (struct xen_memory_exchange){
		.in = {.nr_extents = c->nr_in, .extent_order = c->in_order, .domid = DOMID_SELF},
		.out = {.nr_extents = c->nr_out, .extent_order = c->out_order, .domid = DOMID_SELF},
		.nr_exchanged = c->start,
	};
	op->out.mem_flags = XENMEMF_address_bits(c->bits);
	if (c->domid) {
		op->in.domid = c->domid;
		op->out.domid = c->one_domid ? DOMID_SELF : c->domid;
	}
	set_xen_guest_handle(op->in.extent_start, c->no_in ? NULL : w->in);
	set_xen_guest_handle(op->out.extent_start, c->no_out ? NULL : w->out);
	return hypercall_memory_op(XENMEM_exchange, op);
}

/* Facts about the frames that came, in the pages [@from, @to). */
struct outcome {
	bool aligned, below, m2p;
};

static void follow(const struct exchange_case *c, uint64_t from, uint64_t to, struct outcome *is)
{
	uint64_t mask = pages_of(1, c->out_order) - 1, i;

	for (i = from; i < to; i++) {
		uint64_t base = w->out[i >> c->out_order];
		uint64_t asked = w->asked[i >> c->out_order] + (i & mask);

		w->old[i] = base + (i & mask);
		is->aligned &= !(base & mask);
		is->below &=
			!c->bits || c->bits >= 64 || w->old[i] >> (c->bits - XEN_PAGE_SHIFT) == 0;
		is->m2p &= conf_m2p(w->old[i]) == asked;
	}
}

/* Every page gets its frame and its mapping back. */
static int end(const struct exchange_case *c)
{
	uint64_t i;
	int err = 0;

	for (i = 0; i < exchange_pages(c); i++) {
		int rc = conf_adopt(w->va + i * XEN_PAGE_SIZE, w->old[i]);

		err = err ? err : rc;
	}
	if (!err)
		xen_port_free_pages(w->va, c->order);
	return err;
}

void exchange_run(const struct exchange_case *c)
{
	unsigned int chunk = c->in_order > c->out_order ? c->in_order : c->out_order;
	struct outcome is = {true, true, true};
	struct xen_memory_exchange op;
	uint64_t from, to;
	long rc;

	if (!begin(c)) {
		conf(c->name, "no pages");
		return;
	}
	spoil(c);
	rc = call(c, &op);
	unspoil(c);
	from = chunk < 64 ? pages_of(c->start, c->in_order) >> chunk << chunk : 0;
	to = pages_of(op.nr_exchanged, c->in_order);
	/* A call that was refused as a whole echoes the count that it was given. */
	if (to > exchange_pages(c) || to < from || (op.nr_exchanged == c->start && rc))
		to = from;
	follow(c, from, to, &is);
	conf(c->name, "%s exchanged=%lu %s %s m2p=%s mapped=%s", conf_err(rc),
	     (unsigned long)op.nr_exchanged, conf_is(is.aligned, "aligned", "unaligned"),
	     conf_is(is.below, "below", "above"), conf_is(is.m2p, "as-asked", "wrong"),
	     conf_err(end(c)));
}

static const struct exchange_case cases[] = {
	{"exchange-one", 0, 0, 0, 1, 1},
	{"exchange-two", 1, 0, 0, 2, 2},
	{"exchange-nothing", 0, 0, 0, 0, 0},
	{"exchange-page-mapped", 0, 0, 0, 1, 1, .spoilt = MAPPED},
	{"exchange-page-mapped-read-only", 0, 0, 0, 1, 1, .spoilt = MAPPED_READ_ONLY},
	{"exchange-page-table", 0, 0, 0, 1, 1, .spoilt = PAGE_TABLE},
	{"exchange-xen-frame", 0, 0, 0, 1, 1, .spoilt = OF_XEN},
	{"exchange-invalid-frame", 0, 0, 0, 1, 1, .spoilt = NO_FRAME},
	{"exchange-frame-all-ones", 0, 0, 0, 1, 1, .spoilt = ALL_ONES},
	{"exchange-mmio-frame", 0, 0, 0, 1, 1, .spoilt = MMIO},
	{"exchange-third-mapped", 2, 0, 0, 4, 4, .spoilt = MAPPED, .at = 2},
	{"exchange-last-mapped", 2, 0, 0, 4, 4, .spoilt = MAPPED, .at = 3},
	{"exchange-third-invalid", 2, 0, 0, 4, 4, .spoilt = NO_FRAME, .at = 2},
	{"exchange-same-twice", 1, 0, 0, 2, 2, .spoilt = TWICE, .at = 1},
	{"exchange-starts-at-1", 2, 0, 0, 4, 4, .start = 1},
	{"exchange-starts-at-3-of-4", 2, 0, 0, 4, 4, .start = 3},
	{"exchange-starts-at-1-then-mapped", 2, 0, 0, 4, 4, .start = 1, .spoilt = MAPPED, .at = 1},
	{"exchange-starts-at-end", 2, 0, 0, 4, 4, .start = 4},
	{"exchange-starts-behind-end", 2, 0, 0, 4, 4, .start = 5},
	{"exchange-starts-far-behind-end", 2, 0, 0, 4, 4, .start = ~0UL},
	{"exchange-more-out-than-in", 1, 0, 0, 1, 2},
	{"exchange-more-in-than-out", 1, 0, 0, 2, 1},
	{"exchange-none-for-one", 0, 0, 0, 0, 1},
	{"exchange-count-overflows", 0, 1, 1, 1UL << 63, 1UL << 63},
	{"exchange-count-wraps-to-same", 1, 1, 0, (1UL << 63) + 1, 2},
	{"exchange-domains-differ", 0, 0, 0, 1, 1, .domid = CONF_NO_DOMAIN, .one_domid = true},
	{"exchange-no-such-domain", 0, 0, 0, 1, 1, .domid = CONF_NO_DOMAIN},
	{"exchange-domid-xen", 0, 0, 0, 1, 1, .domid = DOMID_XEN},
	{"exchange-domid-invalid", 0, 0, 0, 1, 1, .domid = DOMID_INVALID},
	{"exchange-no-in-list", 0, 0, 0, 1, 1, .no_in = true},
	{"exchange-no-lists-nothing", 0, 0, 0, 0, 0, .no_in = true, .no_out = true},
	{"exchange-below-28-bits", 0, 0, 0, 1, 1, .bits = 28},
	{"exchange-below-13-bits", 0, 0, 0, 1, 1, .bits = 13},
	{"exchange-below-12-bits", 0, 0, 0, 1, 1, .bits = 12},
	{"exchange-below-1-bit", 0, 0, 0, 1, 1, .bits = 1},
	{"exchange-below-63-bits", 0, 0, 0, 1, 1, .bits = 63},
	{"exchange-below-255-bits", 0, 0, 0, 1, 1, .bits = 255},
};

/* Xen gives the M2P entry that the caller asked for, whatever number it is. */
static void strange_pfn(void)
{
	static const struct exchange_case one = {"", 0, 0, 0, 1, 1};
	const uint64_t strange = 0x123456789;
	struct xen_memory_exchange op;
	uint64_t old, pfn;
	long rc;

	if (!begin(&one)) {
		conf("exchange-strange-pfn", "no pages");
		return;
	}
	pfn = w->out[0];
	old = w->old[0];
	w->out[0] = strange;
	rc = call(&one, &op);
	if (!rc)
		w->old[0] = w->out[0];
	conf("exchange-strange-pfn", "%s m2p=%s old-m2p=%s", conf_err(rc),
	     conf_is(conf_m2p(w->old[0]) == strange, "as-asked", "wrong"),
	     conf_is(conf_m2p(old) == pfn, "still-ours", "gone"));
	conf_set_m2p(w->old[0], pfn);
	end(&one);
}

void conf_exchange(void)
{
	size_t i;

	for (i = 0; i < LEN(cases); i++)
		exchange_run(&cases[i]);
	strange_pfn();
	conf("exchange-no-argument", "%s", conf_err(hypercall_memory_op(XENMEM_exchange, NULL)));
}
