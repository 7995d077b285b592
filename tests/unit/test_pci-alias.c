/* SPDX-License-Identifier: MIT */
/*
 * Hosts whose resources may lie over RAM's PFNs, and hosts that may not say everything.
 */
#include "pci-bench.h"

#include <xen/bucket.h>

static struct xen_pci_host host;
static struct picture before;

static const struct xen_pci_resource *bar0(struct xen_pci_addr addr)
{
	struct xen_pci_dev *dev = xen_pci_find(&host, addr);

	ck_assert_ptr_nonnull(dev);
	return &dev->res[0];
}

static unsigned int flags(struct xen_pci_addr addr)
{
	return bar0(addr)->flags & (XEN_PCI_RES_CLAIMED | XEN_PCI_RES_ALIAS | XEN_PCI_RES_CONFLICT);
}

static void over_ram(void)
{
	const uint64_t place = 0x100000;
	pfn_t pfn = paddr_to_pfn(place);
	uint64_t mfn;

	begin(&host, &before);
	host.alias = true;
	mfn = xen_p2m_entry(pfn);
	plug(with_bar(at(0, 1, 0), place, 0x2000));
	plug(with_bar(at(0, 2, 0), 0xe0000000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(flags(at(0, 1, 0)), XEN_PCI_RES_CLAIMED | XEN_PCI_RES_ALIAS);
	ck_assert_uint_eq(flags(at(0, 2, 0)), XEN_PCI_RES_CLAIMED);
	ck_assert(is_identity(0xe0000000));
	ck_assert_ptr_eq(xen_pci_resource_at(&host, place + 0x1fff), bar0(at(0, 1, 0)));
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	/* It is a claim like others: nothing else may lie there. */
	plug(with_bar(at(0, 3, 0), place + 0x1000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(flags(at(0, 3, 0)), XEN_PCI_RES_CONFLICT);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	/* RAM was RAM all the time, and nothing is said when the claim goes. */
	ck_assert(xen_p2m_is_own_ram(pfn));
	model_pci_unplug(at(0, 1, 0));
	xen_pci_remove(&host, xen_pci_find(&host, at(0, 1, 0)));
	ck_assert_ptr_null(xen_pci_resource_at(&host, place));
	ck_assert_uint_eq(xen_p2m_entry(pfn), mfn);
	xen_pci_remove(&host, xen_pci_find(&host, at(0, 2, 0)));
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	finish(&host, &before);
}

/* Want of memory is no reason to do without identity. */
static void without_memory(void)
{
	unsigned int failed = 0;
	int rc = -XEN_ENOMEM;

	begin(&host, &before);
	host.alias = true;
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	for (unsigned int nth = 1; rc; nth++) {
		model_fail(MODEL_ALLOC, nth, 0);
		rc = xen_pci_scan(&host, 0, NULL);
		ck_assert(!rc || rc == -XEN_ENOMEM);
		failed += rc != 0;
	}
	model_fail(MODEL_ALLOC, 0, 0);
	ck_assert_uint_gt(failed, 1);
	ck_assert_uint_eq(flags(at(0, 1, 0)), XEN_PCI_RES_CLAIMED);
	ck_assert(is_identity(0xe0000000));
	finish(&host, &before);
}

/* What a host with a bucket may still say of its conflicts, with each other and with RAM. */
static void said_by_the_bucket(void)
{
	struct xen_bucket bucket;

	begin(&host, &before);
	host.log = &bucket;
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	plug(with_bar(at(0, 2, 0), 0xe0000000, 0x1000));
	plug(with_bar(at(0, 3, 0), 0x100000, 0x1000));
	for (unsigned int lines = 0; lines <= 2; lines++) {
		unsigned int was = model_log_lines(XEN_LOG_ERROR);

		xen_bucket_init(&bucket, lines, ~0ULL);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.nr_conflicts, 2);
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), was + lines);
		xen_pci_host_fini(&host);
	}
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"where a host allows it BARs lie over RAM, which stays RAM", over_ram},
	{"without memory there is no claim without identity", without_memory},
	{"conflicts are said within the host's limit", said_by_the_bucket},
};
UNIT_MAIN("pci-alias", cases)
