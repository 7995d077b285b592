/* SPDX-License-Identifier: MIT */
/*
 * What the PCI tests share: an accessor around the model's that counts, fails and lies on demand;
 * pictures of the identity set, to compare before and after; short ways to write functions.
 */
#ifndef XENDMA_TESTS_PCI_BENCH_H
#define XENDMA_TESTS_PCI_BENCH_H

#include <string.h>

#include <model/model.h>
#include <unit/unit.h>

#include <xen/p2m.h>
#include <xen/pci.h>

#define MAX_PICTURE 4096

/* What the accessor does beside asking the model. */
static struct {
	uint64_t nr;	  /* accesses so far */
	uint64_t fail_at; /* this one fails, once; 0: none */
	uint64_t lies;	  /* not 0: state of a random sequence; a read in eight is changed by it */
	bool dies;	  /* and so do all after it */
	int err;
	unsigned int nr_off; /* times that a function's decoding was switched off */
} bench;

static inline bool bench_fails(void)
{
	bench.nr++;
	return bench.nr == bench.fail_at ||
	       (bench.dies && bench.fail_at && bench.nr > bench.fail_at);
}

static int bench_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
		      unsigned int offset, unsigned int size, uint32_t *value)
{
	*value = 0xffffffff;
	if (bench_fails())
		return bench.err;
	model_pci_config.read(&model_pci_config, addr, offset, size, value);
	if (bench.lies && !(unit_random(&bench.lies) & 7))
		*value = (uint32_t)unit_random(&bench.lies);
	return 0;
}

/* What the model does, less its check that nothing is sized while it decodes: who is lied to about
 * the command register cannot know. */
static void bench_write_raw(struct xen_pci_addr addr, unsigned int offset, unsigned int size,
			    uint32_t value)
{
	uint8_t *raw = model_pci_raw(addr), *writable = model_pci_writable(addr);

	for (unsigned int i = 0; raw && i < size; i++) {
		uint8_t mask = writable[offset + i], byte = (uint8_t)(value >> i * 8);

		raw[offset + i] = (raw[offset + i] & ~mask) | (byte & mask);
	}
}

static int bench_write(const struct xen_pci_config *config, struct xen_pci_addr addr,
		       unsigned int offset, unsigned int size, uint32_t value)
{
	if (bench_fails())
		return bench.err;
	bench.nr_off += offset == 4 && !(value & 3);
	if (bench.lies) {
		bench_write_raw(addr, offset, size, value);
		return 0;
	}
	return model_pci_config.write(&model_pci_config, addr, offset, size, value);
}

static const struct xen_pci_config bench_config = {bench_read, bench_write, 4096, NULL};

static inline void bench_fail(uint64_t nth)
{
	bench.fail_at = nth ? bench.nr + nth : 0;
	bench.err = -XEN_EIO;
}

/* The identity set, piece by piece. */
struct picture {
	struct xen_range piece[MAX_PICTURE];
	unsigned int nr;
};

static inline void take_picture(struct picture *p)
{
	uint64_t from = 0;

	p->nr = 0;
	while (p->nr < MAX_PICTURE &&
	       xen_ranges_first(&xen_p2m.identity, from, 1ULL << 63, &p->piece[p->nr])) {
		from = p->piece[p->nr].end;
		p->nr++;
	}
}

static inline bool same_picture(const struct picture *a, const struct picture *b)
{
	if (a->nr != b->nr)
		return false;
	for (unsigned int i = 0; i < a->nr; i++)
		if (a->piece[i].start != b->piece[i].start || a->piece[i].end != b->piece[i].end ||
		    a->piece[i].count != b->piece[i].count)
			return false;
	return true;
}

static inline bool is_identity(uint64_t addr)
{
	pfn_t pfn = paddr_to_pfn(addr);

	return mfn_x(xen_pfn_to_mfn(pfn)) == pfn_x(pfn);
}

static inline bool is_nothing(uint64_t addr)
{
	return !mfn_valid(xen_pfn_to_mfn(paddr_to_pfn(addr)));
}

/* Identity at both ends and in the middle. */
static inline bool all_identity(uint64_t start, uint64_t size)
{
	return is_identity(start) && is_identity(start + size / 2) && is_identity(start + size - 1);
}

static inline struct xen_pci_addr at(unsigned int bus, unsigned int device, unsigned int fn)
{
	struct xen_pci_addr addr = {0, (uint8_t)bus, XEN_PCI_DEVFN(device, fn)};

	return addr;
}

/* One function with one memory BAR. */
static inline struct model_pci_function with_bar(struct xen_pci_addr addr, uint64_t start,
						 uint64_t size)
{
	struct model_pci_function f = {
		.addr = addr,
		.vendor = 0x1234,
		.device = 0x11e8,
		.class_code = 0x00ff00,
		.bar[0] = {.addr = start, .size = size, .is64 = true, .prefetch = true},
	};

	return f;
}

static inline struct model_pci_function bridge(struct xen_pci_addr addr, unsigned int secondary,
					       unsigned int subordinate, uint64_t start,
					       uint64_t size)
{
	struct model_pci_function f = {
		.addr = addr,
		.vendor = 0x1b36,
		.device = 0x000c,
		.class_code = 0x060400,
		.bridge = true,
		.secondary = (uint8_t)secondary,
		.subordinate = (uint8_t)subordinate,
		.window_start = size ? start : 0x100000,
		.window_end = size ? start + size - 1 : 0,
		.pref_start = 0x100000,
	};

	return f;
}

static inline void plug(struct model_pci_function f)
{
	model_pci_plug(&f);
}

/* Start the model and a host on it; *@before is the identity set as it was. */
static inline void begin(struct xen_pci_host *host, struct picture *before)
{
	memset(&bench, 0, sizeof(bench));
	model_start(NULL);
	take_picture(before);
	xen_pci_host_init(host, &bench_config, 0, true);
}

/* Take the host down: nothing of it may be left. It can be used again. */
static inline void empty(struct xen_pci_host *host, const struct picture *before)
{
	struct picture after;

	xen_pci_host_fini(host);
	ck_assert_uint_eq(host->nr_devices, 0);
	ck_assert_uint_eq(host->nr_conflicts, 0);
	ck_assert_ptr_null(host->devices);
	take_picture(&after);
	ck_assert(same_picture(before, &after));
}

static inline void finish(struct xen_pci_host *host, const struct picture *before)
{
	empty(host, before);
	ck_assert(model_stop());
}

/* Every resource: claimed and identity, or not at all. */
static inline void check_claims(const struct xen_pci_host *host)
{
	unsigned int conflicts = 0, nr = 0;

	for (struct xen_pci_dev *dev = host->devices; dev; dev = dev->next, nr++)
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
			const struct xen_pci_resource *res = &dev->res[i];

			conflicts += !!(res->flags & XEN_PCI_RES_CONFLICT);
			if (!(res->flags & XEN_PCI_RES_CLAIMED))
				continue;
			ck_assert(!(res->flags &
				    (XEN_PCI_RES_CONFLICT | XEN_PCI_RES_IO | XEN_PCI_RES_UNSET)));
			ck_assert(all_identity(res->start, res->size));
		}
	ck_assert_uint_eq(conflicts, host->nr_conflicts);
	ck_assert_uint_eq(nr, host->nr_devices);
}

#endif
