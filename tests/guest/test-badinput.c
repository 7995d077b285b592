/* SPDX-License-Identifier: MIT */
/*
 * Scenario badinput: mistakes on the command line and in calls of the library come back as the
 * errors that the headers promise, and change nothing.
 */
#include "scenario.h"

#include <xen/contiguous.h>
#include <xen/p2m.h>

#include "boot.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

static void check_cmdline(void)
{
	static const char *const bad[] = {
		"tset=memory",
		"test",
		"test=",
		"cpus=",
		"cpus=0",
		"cpus=999",
		"cpus=two",
		"seed=-1",
		"seed=0x10",
		"demo=2",
		"pool-max=1T",
		"pool-max=K",
		"wait=1",
		"iterations=0",
		"=",
		"color=yes",
		"cpus=1 nonsense",
		"pool-max=",
		"pool-max=99999999999999999999",
		"seed=1,2",
		"CPUS=1",
		"cpus =1",
		"pool-max=1M pool-initial=2M",
	};
	char error[CMDLINE_ERROR_MAX];
	struct options opt;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		options_default(&opt);
		error[0] = 0;
		check(!cmdline_parse(bad[i], &opt, error), "\"%s\" was taken", bad[i]);
		check(error[0], "\"%s\" was refused without a word", bad[i]);
	}
	options_default(&opt);
	check(cmdline_parse("  test=a,b\tcpus=2 pool-max=3M  wait=500 demo=1 ", &opt, error) &&
		      opt.cpus == 2 && opt.pool_max == 3 << 20 && opt.wait_ms == 500 && opt.demo &&
		      text_is(opt.test.text, opt.test.length, "a,b"),
	      "a good command line was misread");
}

static void check_devices(void)
{
	static const struct xen_dma_limits bad[] = {
		{.mask = 0},
		{.mask = 0xfff},
		{.mask = 0x12345678},
		{.mask = 0xffffffff, .boundary_mask = 0x7ff},
		{.mask = 0xffffffff, .boundary_mask = 0x12000},
		{.mask = 0xffffffff, .min_align_mask = 0x1234},
		{.mask = 0xffffffff, .min_align_mask = 0x1ffff},
		{.mask = 0xffffffff, .coherent_mask = 0x12345},
	};
	struct xen_dma_dev dev;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		err = xen_dma_dev_init(&dev, "bad", &xen_swiotlb_dma_ops, &bad[i]);
		check(err == -XEN_EINVAL, "limits %u: %d", i, err);
		if (!err)
			xen_dma_dev_fini(&dev);
	}
}

static void check_map_error(struct xen_dma_dev *dev, uint64_t pfn, size_t offset, size_t size,
			    unsigned int attrs, int want)
{
	dma_addr_t dma = xen_dma_map_page(dev, mk_pfn(pfn), offset, size, XEN_DMA_TO_DEVICE, attrs);

	check(xen_dma_mapping_error(dma) && dev->last_error == want,
	      "%lu bytes at offset %lu of PFN 0x%lx: address 0x%lx, error %d, not %d", size, offset,
	      pfn, dma, dev->last_error, want);
	if (!xen_dma_mapping_error(dma))
		xen_dma_unmap(dev, dma, size, XEN_DMA_TO_DEVICE, attrs);
}

static void check_maps(void *page)
{
	static const struct xen_dma_limits limits = {.mask = ~0ULL};
	uint64_t pfn = pfn_x(xen_port_virt_to_pfn(page)), nowhere = 1ULL << 39;
	struct xen_dma_dev dev;
	dma_addr_t dma;
	int err = xen_dma_dev_init(&dev, "bad", &xen_swiotlb_dma_ops, &limits);

	if (!check(!err, "xen_dma_dev_init: %d", err))
		return;
	check_map_error(&dev, pfn, 0, 0, 0, -XEN_EINVAL);
	check_map_error(&dev, pfn, ~0UL - 10, 100, 0, -XEN_EINVAL);
	check_map_error(&dev, pfn, 0, ~0UL, 0, -XEN_EINVAL);
	check_map_error(&dev, nowhere, 0, 64, 0, -XEN_EFAULT);
	check_map_error(&dev, pfn, 0, 64, XEN_DMA_ATTR_MMIO, -XEN_EFAULT);
	check(!xen_dma_alloc_coherent(&dev, 0, &dma) && dev.last_error == -XEN_EINVAL,
	      "0 bytes of coherent memory: %d", dev.last_error);
	check(!xen_dma_alloc_coherent(&dev, (2UL << 20) + 1, &dma) && dev.last_error == -XEN_E2BIG,
	      "more than 2 MiB of coherent memory: %d", dev.last_error);
	check(xen_dma_set_mask(&dev, 0x1001) == -XEN_EINVAL, "a malformed mask was taken");
	xen_dma_free_coherent(&dev, NULL, 4096, 0);
	xen_dma_dev_fini(&dev);
}

static void check_p2m(void *page)
{
	struct xen_range conflict;
	pfn_t pfn = xen_port_virt_to_pfn(page);
	int err;

	check(xen_p2m_set(mk_pfn(xen_p2m.nr), mk_mfn(1), false) == -XEN_ERANGE,
	      "an entry behind the P2M's end was set");
	check(xen_p2m_set(pfn, mk_mfn(1ULL << 52), false) == -XEN_EINVAL,
	      "an MFN of 53 bits was taken");
	err = xen_p2m_identity_add(pfn, 1, &conflict);
	check(err == -XEN_EEXIST, "identity over RAM: %d", err);
	check(xen_p2m_identity_add(pfn, 0, NULL) == -XEN_EINVAL, "an empty range was taken");
	check(xen_p2m_identity_remove(mk_pfn(1ULL << 50), 1) == -XEN_ENOENT,
	      "identity was removed where there was none");
	check(!pfn_valid(xen_mfn_to_pfn(mk_mfn(XEN_INVALID_FRAME))), "no MFN has a PFN");
	check(!pfn_valid(xen_mfn_to_pfn(mk_mfn(1ULL << 50))), "an MFN beyond memory has a PFN");
}

void scenario_badinput(void)
{
	uint64_t owned = pages_owned();
	void *page = xen_port_alloc_pages(0);

	if (!check(page, "no page"))
		return;
	check_cmdline();
	check_devices();
	check_maps(page);
	check_p2m(page);
	xen_port_free_pages(page, 0);
	check_frames(owned, "afterwards");
}
