/* SPDX-License-Identifier: MIT */
/*
 * Several messages at once, and lines by device, from Xen as dom0. All or none, whatever fails or
 * lies.
 */
#include "pirq_many_test.h"

static void vectors(void)
{
	start(true);
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 8), 0);
	ck_assert_uint_eq(model_pirqs(), 8);
	for (unsigned int i = 0; i < 8; i++) {
		ck_assert_int_eq(irq[i].pirq, irq[0].pirq + (int)i);
		ck_assert_int_eq(xen_pirq_bind(&irq[i], false, count, &calls), 0);
		model_event(irq[i].port);
		ck_assert_uint_eq(calls, i + 1);
	}
	ck_assert(control(MSI_CAP) & 1 && intx_is_off());
	/* Xen takes them back all at once: with the last, whichever it is. */
	for (unsigned int i = 8; i-- > 0;) {
		ck_assert_uint_eq(model_pirqs(), 8);
		xen_pirq_release(&irq[i]);
	}
	ck_assert_uint_eq(model_pirqs(), 0);
	ck_assert(!(control(MSI_CAP) & 1) && !intx_is_off());
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), 0);
	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_uint_eq(model_pirqs(), 4);
		xen_pirq_release(&irq[i]);
		/* Xen would take the others away for it. */
		if (i < 3)
			ck_assert_int_eq(xen_pirq_map_msi(&irq[i], dev), -XEN_EBUSY);
	}
	ck_assert_uint_eq(model_pirqs(), 0);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	stop();
}

/* Where one channel does not close its PIRQ stays, and with it Xen has all of them. */
static void one_stays(void)
{
	struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF};
	struct evtchn_close close;

	start(true);
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 2), 0);
	ck_assert_int_eq(xen_pirq_bind(&irq[0], false, count, &calls), 0);
	unmap.pirq = irq[0].pirq;
	close.port = irq[0].port;
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_EINVAL);
	xen_pirq_release(&irq[0]);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "does not close"));
	xen_pirq_release(&irq[1]);
	ck_assert_uint_eq(model_pirqs(), 2);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
	stop();
}

static void bad_vectors(void)
{
	static const struct {
		unsigned int nr;
		int err;
	} bad[] = {{0, -XEN_ERANGE}, {3, -XEN_ERANGE}, {6, -XEN_ERANGE}};
	struct xen_pirq one;

	start(true);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, bad[i].nr), bad[i].err);
	model_pci_raw(dev->addr)[MSI_CAP + 2] &= (uint8_t)~0x0e;
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 2), -XEN_ERANGE);
	model_pci_raw(dev->addr)[MSI_CAP + 2] |= 1 << 1;
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), -XEN_ERANGE);
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 2), 0);
	ck_assert_int_eq(xen_pirq_map_msi(&one, dev), -XEN_EBUSY);
	ck_assert_int_eq(xen_pirq_map_msix(&one, dev, 0), -XEN_EBUSY);
	stop();
	start(false);
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 2), -XEN_EOPNOTSUPP);
	ck_assert_int_eq(irq[0].pirq, -1);
	stop();
}

/* Xen's last number would be beyond what a PIRQ can be, or is just within. */
static int named;

static void huge(struct model_lie_call *call)
{
	struct physdev_map_pirq *map = call->arg;

	if (call->kind == MODEL_PHYSDEV_OP && call->cmd == PHYSDEVOP_map_pirq && call->done &&
	    !call->rc)
		map->pirq = named;
}

static int map_four(int number)
{
	int rc;

	named = number;
	model_lie(huge);
	rc = xen_pirq_map_msi_many(each, dev, 4);
	model_lie(NULL);
	return rc;
}

/* Which they really are only the model knows. */
static void unmap_really(void)
{
	for (int pirq = 0; pirq < 256 && model_pirqs(); pirq++) {
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = pirq};

		hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap);
	}
}

static void unbelievable(void)
{
	const struct xen_pirq *first = &irq[0], *last = &irq[3];

	start(true);
	ck_assert_int_eq(map_four(INT32_MAX - 1), -XEN_EIO);
	ck_assert_int_eq(first->pirq, -1);
	/* It was given back, by the name that Xen had for it. */
	ck_assert_ptr_nonnull(strstr(model_last_log(), "PIRQ 2147483646 does not unmap"));
	unmap_really();
	ck_assert_int_eq(map_four(INT32_MAX - 4), 0);
	ck_assert_int_eq(last->pirq, INT32_MAX - 1);
	for (unsigned int i = 0; i < 4; i++)
		xen_pirq_release(&irq[i]);
	unmap_really();
	stop();
}

/* An accessor that says that it failed, at one place, and gives a value all the same. */
static unsigned int fail_at;

static int read_but_fail(const struct xen_pci_config *config, struct xen_pci_addr addr,
			 unsigned int offset, unsigned int size, uint32_t *value)
{
	int rc = model_pci_config.read(&model_pci_config, addr, offset, size, value);

	return offset == fail_at ? -XEN_EIO : rc;
}

static void values_of_failed_reads(void)
{
	struct xen_pci_config config = model_pci_config;

	start(true);
	config.read = read_but_fail;
	host.config = &config;
	fail_at = MSI_CAP + 2;
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 2), -XEN_EIO);
	fail_at = MSIX_CAP + 2;
	ck_assert_int_eq(xen_pirq_map_msix(&irq[0], dev, 0), -XEN_EIO);
	fail_at = MSIX_CAP + 4;
	ck_assert_int_eq(xen_pirq_map_msix(&irq[0], dev, 0), -XEN_ENODEV);
	ck_assert_uint_eq(model_pirqs(), 0);
	host.config = &model_pci_config;
	stop();
}

static void table_entries(void)
{
	static const uint16_t twice[] = {1, 7, 1}, beyond[] = {0, 65};
	struct xen_pirq none = {.pirq = 77};

	start(false);
	ck_assert_int_eq(xen_pirq_map_msix(&none, dev, UINT16_MAX + 1), -XEN_ERANGE);
	ck_assert_int_eq(none.pirq, -1);
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, entries, 0), -XEN_ERANGE);
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, entries, 129), -XEN_ERANGE);
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, twice, 3), -XEN_EBUSY);
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, beyond, 2), -XEN_ERANGE);
	ck_assert_uint_eq(model_pirqs(), 0);
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, entries, MANY), 0);
	ck_assert_uint_eq(model_pirqs(), MANY);
	for (unsigned int i = 0; i < MANY; i++)
		ck_assert_uint_eq(irq[i].entry, entries[i]);
	xen_pirq_release(&irq[3]); /* each is Xen's own: it may go alone, and come back */
	ck_assert_uint_eq(model_pirqs(), MANY - 1);
	ck_assert_int_eq(xen_pirq_map_msix(&irq[3], dev, 0), -XEN_EBUSY);
	ck_assert_int_eq(xen_pirq_map_msix(&irq[3], dev, entries[3]), 0);
	stop();
}

/* Each failure on the way leaves none mapped. */
static void all_or_none(void)
{
	start(false);
	for (unsigned int nth = 1; nth <= MANY; nth++) {
		model_fail(MODEL_PHYSDEV_OP, nth, -XEN_ENOSPC);
		ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, entries, MANY), -XEN_ENOSPC);
		ck_assert_uint_eq(model_pirqs(), 0);
		ck_assert_ptr_null(dev->messages);
		for (unsigned int i = 0; i < MANY; i++)
			ck_assert(irq[i].pirq == -1 && !irq[i].mapped);
	}
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, entries, MANY), 0);
	stop();
}

static void by_device(void)
{
	start(false);
	ck_assert_int_eq(xen_pirq_map_intx(&irq[0], dev), 0);
	ck_assert_int_eq(irq[0].pirq, 11);
	ck_assert_int_eq(xen_pirq_bind(&irq[0], true, count, &calls), 0);
	xen_pirq_release(&irq[0]);
	dev->interrupt_line = 0xff;
	ck_assert_int_eq(xen_pirq_map_intx(&irq[0], dev), -XEN_ENODEV);
	dev->interrupt_line = 11;
	dev->interrupt_pin = 0;
	ck_assert_int_eq(xen_pirq_map_intx(&irq[0], dev), -XEN_ENODEV);
	ck_assert_int_eq(irq[0].pirq, -1);
	stop();
}

static const struct unit_case cases[] = {
	{"vectors of MSI are consecutive and go together", vectors},
	{"vectors of which one does not go stay all", one_stays},
	{"what a failed read gives is not used", values_of_failed_reads},
	{"vectors that cannot be had", bad_vectors},
	{"vectors beyond the last PIRQ are not believed", unbelievable},
	{"entries of MSI-X at once", table_entries},
	{"entries of MSI-X: all or none", all_or_none},
	{"lines by device", by_device},
};

UNIT_MAIN("pirq-many", cases)
