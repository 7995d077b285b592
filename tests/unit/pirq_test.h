/* SPDX-License-Identifier: MIT */
/* What the tests of PIRQs share: one function with MSI and MSI-X, and a handler that counts. */
#ifndef XENDMA_TESTS_UNIT_PIRQ_TEST_H
#define XENDMA_TESTS_UNIT_PIRQ_TEST_H

#include "pci-bench.h"

#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/pirq.h>

#define MSI_CAP 0x50
#define MSIX_CAP 0x70

static struct xen_pci_host host;
static struct picture before;
static struct xen_pci_dev *dev;
static unsigned int calls;

static inline void count(void *arg)
{
	ck_assert_ptr_eq(arg, &calls);
	calls++;
}

static inline struct model_pci_function nvme(void)
{
	struct model_pci_function f = with_bar(at(0, 4, 0), 0xe0000000, 0x4000);

	f.msi = true;
	f.msix_entries = 65;
	f.interrupt_pin = 1;
	return f;
}

static inline void begin_with(struct model_pci_function f)
{
	begin(&host, &before);
	calls = 0;
	plug(f);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	dev = host.devices;
}

static inline uint32_t control(unsigned int cap)
{
	return xen_pci_read(dev, cap + 2, 2);
}

static inline bool intx_is_off(void)
{
	return xen_pci_read(dev, 4, 2) & XEN_PCI_COMMAND_INTX_DISABLE;
}

#endif
