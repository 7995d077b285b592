/* SPDX-License-Identifier: MIT */
/* What the tests of several messages share: as many PIRQs, and a device with entries for them. */
#ifndef XENDMA_TESTS_UNIT_PIRQ_MANY_TEST_H
#define XENDMA_TESTS_UNIT_PIRQ_MANY_TEST_H

#include "pirq_test.h"

#define MANY 8

static struct xen_pirq irq[MANY];
static struct xen_pirq *const each[MANY] = {&irq[0], &irq[1], &irq[2], &irq[3],
					    &irq[4], &irq[5], &irq[6], &irq[7]};
static const uint16_t entries[MANY] = {5, 0, 64, 1, 2, 3, 4, 6};

static inline void start(bool remapping)
{
	const struct model_params params = {.nr_pages = 512, .intremap = remapping};

	model_start(&params);
	calls = 0;
	plug(nvme());
	model_pci_raw(at(0, 4, 0))[MSI_CAP + 2] |= 3 << 1; /* it can have 8 vectors */
	xen_pci_host_init(&host, &model_pci_config, 0, true);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	dev = host.devices;
	for (unsigned int i = 0; i < MANY; i++)
		irq[i].pirq = -1;
}

static inline void stop(void)
{
	for (unsigned int i = 0; i < MANY; i++)
		xen_pirq_release(&irq[i]);
	ck_assert_ptr_null(dev->messages);
	ck_assert_uint_eq(dev->nr_messages, 0);
	xen_pci_host_fini(&host);
	ck_assert(model_stop());
}

#endif
