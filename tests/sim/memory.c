/* SPDX-License-Identifier: MIT */
/*
 * Frames change hands: pages of the port come and go, regions are exchanged and exchanged back,
 * the balloon inflates and deflates. Each page is followed by its frame: one that kept its frame
 * kept its bytes, and no frame is anywhere twice.
 */
#include "sim.h"

#include <xen/balloon.h>
#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/port.h>

#define MAX_OUT 512 /* pages in the balloon beside the spare ones */

/* Sizes as drivers have them: mostly a page, seldom 2 MiB. */
static unsigned int any_order(struct sim_cpu *cpu)
{
	switch (sim_below(cpu, 64)) {
	case 0:
		return 9;
	case 1:
		return 6;
	case 2 ... 5:
		return 4;
	case 6 ... 11:
		return 3;
	case 12 ... 31:
		return 1 + (unsigned int)sim_below(cpu, 2);
	default:
		return 0;
	}
}

void op_buffer(struct sim_cpu *cpu)
{
	struct buffer *buf = &cpu->buffer[sim_below(cpu, NR_BUFFERS)];

	if (buf->map)
		return;
	sim_note(cpu, "give back %p, order %llu, and get another", (uintptr_t)buf->va, buf->order,
		 0, 0, 0);
	if (buf->va)
		buffer_put(buf);
	buffer_get(cpu, buf, any_order(cpu));
}

static pfn_t pfn_of(const struct buffer *buf)
{
	return xen_port_virt_to_pfn(buf->va);
}

static unsigned int any_bits(struct sim_cpu *cpu)
{
	static const uint8_t bits[] = {XEN_ANY_ADDRESS_BITS, 16, 20, 24, 28, 31, 32, 36, 63};

	return bits[sim_below(cpu, sizeof(bits))];
}

static void check_region(const struct buffer *buf, unsigned int bits)
{
	uint64_t first = buf->frame[0], pages = 1ULL << buf->order;

	sim_expect(!(first & (pages - 1)), "a region at frame %llx, order %u, is not aligned",
		   (unsigned long long)first, buf->order);
	sim_expect(!bits || (first + pages - 1) >> (bits - XEN_PAGE_SHIFT) == 0,
		   "a region at frame %llx, order %u, is above %u bits", (unsigned long long)first,
		   buf->order, bits);
	for (uint64_t i = 0; i < pages; i++)
		sim_expect(buf->frame[i] == first + i, "a region at frame %llx is not in one piece",
			   (unsigned long long)first);
}

void op_exchange(struct sim_cpu *cpu)
{
	struct buffer *buf[3];
	unsigned int nr = 0, want = 1 + (unsigned int)sim_below(cpu, 3), done, bits = any_bits(cpu);
	pfn_t pfn[3];
	int err;

	for (unsigned int tries = 0; tries < 16 && nr < want; tries++) {
		struct buffer *b = idle_buffer(cpu);

		if (!b || (nr && (b->order != buf[0]->order || b == buf[0] || b == buf[nr - 1])))
			continue;
		pfn[nr] = pfn_of(b);
		buf[nr++] = b;
	}
	if (!nr)
		return;
	if (sim_once_in(cpu, 4))
		model_exchange_stops_after(sim_below(cpu, 3));
	may_fail(cpu);
	sim_note(cpu, "exchange %llu regions of order %llu for %llu bits, the first at pfn %llx",
		 nr, buf[0]->order, bits, pfn_x(pfn[0]), 0);
	for (unsigned int i = 0; i < nr; i++)
		buffer_frames_begin(buf[i]);
	err = xen_contiguous_create(pfn, nr, buf[0]->order, bits, &done);
	model_exchange_stops_after(~0ULL);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int changed = buffer_frames_end(cpu, buf[i]);

		sim_expect(changed == (i < done ? 1U << buf[i]->order : 0),
			   "%u of %u regions were exchanged, of number %u %u pages", done, nr, i,
			   changed);
		if (i < done)
			check_region(buf[i], bits);
	}
	__atomic_fetch_add(&sim.report->exchanges, done, __ATOMIC_RELAXED);
	sim_expect(!err == (done == nr), "%u of %u regions, and error %d", done, nr, err);
	if (err)
		expect_error("exchange", err, -XEN_ENOMEM);
}

void op_exchange_back(struct sim_cpu *cpu)
{
	struct buffer *buf = idle_buffer(cpu);
	unsigned int changed;
	int err;

	if (!buf)
		return;
	if (sim_once_in(cpu, 4))
		model_exchange_stops_after(sim_below(cpu, 3));
	may_fail(cpu);
	sim_note(cpu, "exchange pfn %llx, order %llu, back", pfn_x(pfn_of(buf)), buf->order, 0, 0,
		 0);
	buffer_frames_begin(buf);
	err = xen_destroy_contiguous_region(pfn_of(buf), buf->order);
	model_exchange_stops_after(~0ULL);
	changed = buffer_frames_end(cpu, buf);
	sim_expect(err || changed == 1U << buf->order, "only %u pages were exchanged back",
		   changed);
	if (err)
		expect_error("exchange back", err, -XEN_ENOMEM);
}

/* A page with a second reference, such as a grant, is never exchanged. */
void op_exchange_used(struct sim_cpu *cpu)
{
	struct buffer *buf = idle_buffer(cpu);
	uint64_t frame;
	size_t page;
	int err;

	if (!buf)
		return;
	page = sim_below(cpu, 1ULL << buf->order);
	frame = buf->frame[page];
	sim_note(cpu, "exchange pfn %llx, order %llu, whose page %llu is in use",
		 pfn_x(pfn_of(buf)), buf->order, page, 0, 0);
	model_page_ref(mk_mfn(frame), 1);
	buffer_frames_begin(buf);
	if (sim_once_in(cpu, 2))
		err = xen_create_contiguous_region(pfn_of(buf), buf->order, any_bits(cpu), NULL);
	else
		err = xen_destroy_contiguous_region(pfn_of(buf), buf->order);
	buffer_frames_end(cpu, buf);
	sim_expect(err && buf->frame[page] == frame, "a page in use was exchanged: error %d", err);
	model_page_ref(mk_mfn(frame), -1);
}

/* The M2P is any domain's to write for its own frames: it is believed only where the P2M agrees. */
void op_m2p(struct sim_cpu *cpu)
{
	const struct buffer *buf = idle_buffer(cpu);
	struct mmu_update update;
	uint64_t lie = sim_below(cpu, 2 * sim.params.max_pages), page, frame;
	pfn_t found;
	int err;

	if (!buf)
		return;
	page = sim_below(cpu, 1ULL << buf->order);
	frame = buf->frame[page];
	sim_note(cpu, "the M2P says pfn %llx of frame %llx", lie, frame, 0, 0, 0);
	update.ptr = frame << XEN_PAGE_SHIFT | MMU_MACHPHYS_UPDATE;
	update.val = lie;
	err = hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
	found = xen_mfn_to_pfn(mk_mfn(frame));
	update.val = pfn_x(pfn_of(buf)) + page;
	err |= hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
	sim_expect(!err, "the M2P cannot be written");
	sim_expect(!pfn_valid(found) || lie == update.val,
		   "a false M2P entry is believed: pfn %llx", (unsigned long long)pfn_x(found));
}

/* Identity over pages that are out would hide the RAM that comes back there. */
static void no_identity(void)
{
	struct xen_range range;

	if (!xen_balloon_query(mk_pfn(0), sim.params.max_pages, &range))
		return;
	sim_expect(xen_p2m_identity_add(mk_pfn(range.start), 1, NULL) == -XEN_EEXIST,
		   "identity over ballooned pfn %llx", (unsigned long long)range.start);
	sim_expect(sim.nr_cpus > 1 || !mfn_valid(xen_pfn_to_mfn(mk_pfn(range.start))),
		   "ballooned pfn %llx has a frame", (unsigned long long)range.start);
}

static void check_balloon(void)
{
	uint64_t out = sim.ballooned, have;
	domid_t self = DOMID_SELF;

	sim_expect(xen_balloon_pages() == out, "%llu pages are in the balloon, not %llu",
		   (unsigned long long)xen_balloon_pages(), (unsigned long long)out);
	faults_end(); /* not this call */
	have = (uint64_t)hypercall_memory_op(XENMEM_current_reservation, &self);
	sim_expect(have + out == sim.params.max_pages,
		   "Xen counts %llu pages of ours, and %llu are out", (unsigned long long)have,
		   (unsigned long long)out);
}

void op_balloon(struct sim_cpu *cpu)
{
	uint64_t out = __atomic_load_n(&sim.ballooned, __ATOMIC_RELAXED), done = 0;
	uint64_t nr = 1 + sim_below(cpu, 100);
	bool inflate = sim_once_in(cpu, 2);
	int err;

	if (inflate && out + nr > sim.nr_spare + MAX_OUT)
		return;
	may_fail(cpu);
	sim_note(cpu,
		 inflate ? "balloon %llu pages out, %llu are"
			 : "balloon %llu pages in, %llu are out",
		 nr, out, 0, 0, 0);
	err = inflate ? xen_balloon_inflate(nr, &done) : xen_balloon_deflate(nr, &done);
	sim_expect(!err == (done == nr) && done <= nr, "%llu of %llu pages, and error %d",
		   (unsigned long long)done, (unsigned long long)nr, err);
	if (err && inflate)
		expect_error("inflate", err, -XEN_ENOMEM);
	else if (err)
		expect_error("deflate", err, -XEN_ENOMEM, -XEN_ENOENT);
	__atomic_fetch_add(&sim.ballooned, inflate ? done : -done, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sim.report->ballooned, done, __ATOMIC_RELAXED);
	no_identity();
	if (sim.nr_cpus == 1)
		check_balloon();
}
