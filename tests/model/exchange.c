/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange as Xen 4.17 does it: a chunk is the larger of an input and an output extent; its
 * input pages are stolen, output extents allocated, and only then does anything change, so a chunk
 * happens whole or not. The M2P of output frames is set to the frame numbers that the caller put
 * into the output list, which receives the machine frames. Model lock held.
 */
#include <model/internal.h>

unsigned int memory_max_order(void)
{
	if (!model.params.domu)
		return 18; /* the control domain */
	return model.nr_iomem ? 12 : 9;
}

static int check(const struct xen_memory_exchange *exch)
{
	unsigned int in = exch->in.extent_order, out = exch->out.extent_order;

	if ((in > out ? in : out) > memory_max_order())
		return -XEN_EPERM;
	if (exch->nr_exchanged > exch->in.nr_extents || exch->in.domid != exch->out.domid ||
	    ~0UL >> in < exch->in.nr_extents || ~0UL >> out < exch->out.nr_extents ||
	    exch->in.nr_extents << in != exch->out.nr_extents << out)
		return -XEN_EINVAL;
	if (exch->nr_exchanged == exch->in.nr_extents)
		return 0;
	if (exch->in.domid != DOMID_SELF)
		return -XEN_ESRCH; /* there is no other domain */
	if (!exch->in.extent_start.p || !exch->out.extent_start.p)
		return -XEN_EFAULT;
	return 1;
}

struct chunk {
	xen_pfn_t *in, *out;
	unsigned int in_order, out_order;
	uint64_t nr_in, nr_out;
	unsigned int bits;
};

static uint64_t in_frame(const struct chunk *c, uint64_t i)
{
	return c->in[i >> c->in_order] + (i & ((1ULL << c->in_order) - 1));
}

static int steal(const struct chunk *c)
{
	uint64_t nr = c->nr_in << c->in_order, i;
	int rc;

	for (i = 0; i < nr; i++) {
		rc = frame_steal(in_frame(c, i));
		if (rc)
			goto unsteal;
	}
	return 0;

unsteal:
	while (i-- > 0)
		frame_unsteal(in_frame(c, i));
	return rc;
}

static void finish(const struct chunk *c, const uint32_t *got)
{
	for (uint64_t i = 0; i < c->nr_in << c->in_order; i++)
		frame_free(in_frame(c, i));
	for (uint64_t j = 0; j < c->nr_out; j++) {
		uint64_t gpfn = c->out[j];

		frames_assign(got[j], c->out_order);
		for (uint64_t k = 0; k < 1ULL << c->out_order; k++)
			__atomic_store_n(&model.m2p[got[j] + k], gpfn + k, __ATOMIC_RELAXED);
		c->out[j] = got[j];
	}
}

static int exchange_chunk(const struct chunk *c)
{
	/* The largest chunk has 2^18 output extents. */
	static uint32_t got[1UL << MAX_ORDER];
	uint64_t j;
	int rc = steal(c);

	if (rc)
		return rc;
	for (j = 0; j < c->nr_out; j++) {
		got[j] = frames_alloc(c->out_order, c->bits, false);
		if (got[j] == NONE)
			goto no_memory;
	}
	finish(c, got);
	return 0;

no_memory:
	while (j-- > 0)
		frames_free_block(got[j], c->out_order);
	for (uint64_t i = 0; i < c->nr_in << c->in_order; i++)
		frame_unsteal(in_frame(c, i));
	return -XEN_ENOMEM;
}

long memory_exchange(struct xen_memory_exchange *exch)
{
	unsigned int in = exch->in.extent_order, out = exch->out.extent_order;
	struct chunk c = {.in_order = in, .out_order = out};
	uint64_t done;
	long err;
	int rc = check(exch);

	if (rc <= 0)
		return rc;
	c.nr_in = in < out ? 1ULL << (out - in) : 1;
	c.nr_out = in < out ? 1 : 1ULL << (in - out);
	c.bits = XENMEMF_get_address_bits(exch->out.mem_flags);
	if (!c.bits)
		c.bits = 64 + XEN_PAGE_SHIFT;
	rc = 0;
	/* Xen starts again at the chunk that nr_exchanged lies in. */
	for (done = exch->nr_exchanged / c.nr_in; done < exch->in.nr_extents / c.nr_in; done++) {
		c.in = exch->in.extent_start.p + done * c.nr_in;
		c.out = exch->out.extent_start.p + done * c.nr_out;
		if (model_counts(MODEL_EXTENT, &err))
			rc = (int)err;
		else
			rc = done >= model.exchange_stop ? -XEN_ENOMEM : exchange_chunk(&c);
		if (rc)
			break;
	}
	exch->nr_exchanged = rc ? done * c.nr_in : exch->in.nr_extents;
	return rc;
}
