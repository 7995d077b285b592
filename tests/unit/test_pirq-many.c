/* SPDX-License-Identifier: MIT */
/*
 * Several messages at once, and lines by device: from Xen as dom0, and from a source of PIRQs that
 * is not trusted. All or none, whatever fails or lies.
 */
#include "pirq_test.h"

#define MANY 8

static struct xen_pirq irq[MANY];
static struct xen_pirq *const each[MANY] = {&irq[0], &irq[1], &irq[2], &irq[3],
					    &irq[4], &irq[5], &irq[6], &irq[7]};
static const uint16_t entries[MANY] = {5, 0, 64, 1, 2, 3, 4, 6};

static void start(bool remapping)
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

static void stop(void)
{
	for (unsigned int i = 0; i < MANY; i++)
		xen_pirq_release(&irq[i]);
	ck_assert_ptr_null(dev->messages);
	ck_assert_uint_eq(dev->nr_messages, 0);
	xen_pci_host_fini(&host);
	ck_assert(model_stop());
}

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

/* Xen's last number would be beyond what a PIRQ can be. */
static void huge(struct model_lie_call *call)
{
	struct physdev_map_pirq *map = call->arg;

	if (call->kind == MODEL_PHYSDEV_OP && call->cmd == PHYSDEVOP_map_pirq && call->done &&
	    !call->rc)
		map->pirq = INT32_MAX - 1;
}

static void unbelievable(void)
{
	struct xen_pirq *first = &irq[0];

	start(true);
	model_lie(huge);
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), -XEN_EIO);
	model_lie(NULL);
	ck_assert_int_eq(first->pirq, -1);
	for (int pirq = 0; pirq < 256 && model_pirqs(); pirq++) { /* what it really is */
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = pirq};

		hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap);
	}
	stop();
}

static void table_entries(void)
{
	static const uint16_t twice[] = {1, 7, 1}, beyond[] = {0, 65};

	start(false);
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

/* --- from a source ------------------------------------------------------------------------- */

static struct {
	int number[MANY]; /* what is named */
	int err;
	unsigned int enabled, disabled;
	bool msix;
} source;

static int enable_msi(struct xen_pci_dev *device, unsigned int nr, int *first)
{
	ck_assert_ptr_eq(device, dev);
	*first = source.number[0];
	source.enabled += !source.err;
	return source.err;
}

static int enable_msix(struct xen_pci_dev *device, const uint16_t *entry, unsigned int nr,
		       int *pirq)
{
	ck_assert_ptr_eq(device, dev);
	for (unsigned int i = 0; i < nr; i++) {
		ck_assert_uint_eq(entry[i], entries[i]);
		pirq[i] = source.number[i];
	}
	source.enabled += !source.err;
	return source.err;
}

static void disable(struct xen_pci_dev *device, bool msix)
{
	ck_assert_ptr_eq(device, dev);
	source.msix = msix;
	source.disabled++;
}

static const struct xen_pirq_source test_source = {enable_msi, enable_msix, disable};

static void start_source(void)
{
	static const int good[MANY] = {40, 41, 42, 43, 44, 45, 46, 47};

	start(false);
	host.pirqs = &test_source;
	memset(&source, 0, sizeof(source));
	memcpy(source.number, good, sizeof(good));
}

static void given(void)
{
	struct xen_pirq one = {.pirq = -1};

	start_source();
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, entries, MANY), 0);
	for (unsigned int i = 0; i < MANY; i++)
		ck_assert_int_eq(irq[i].pirq, source.number[i]);
	ck_assert_int_eq(xen_pirq_map_msix(&one, dev, 9), -XEN_EBUSY);
	ck_assert_int_eq(xen_pirq_map_msi(&one, dev), -XEN_EBUSY);
	for (unsigned int i = 0; i < MANY; i++) {
		ck_assert_uint_eq(source.disabled, 0);
		xen_pirq_release(&irq[i]);
	}
	ck_assert_uint_eq(source.disabled, 1);
	ck_assert(source.msix);
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), 0);
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_int_eq(irq[i].pirq, 40 + (int)i);
	for (unsigned int i = 0; i < 4; i++)
		xen_pirq_release(&irq[i]);
	ck_assert_uint_eq(source.disabled, 2);
	ck_assert(!source.msix);
	ck_assert(!(control(MSI_CAP) & 1)); /* not ours to switch */
	source.err = -XEN_ENODEV;
	ck_assert_int_eq(xen_pirq_map_msix_many(each, dev, entries, 2), -XEN_ENODEV);
	ck_assert_int_eq(xen_pirq_map_msi(&irq[0], dev), -XEN_ENODEV);
	ck_assert_uint_eq(source.disabled, 2);
	stop();
}

/* Numbers that cannot be: what was switched on is switched off again, and nobody has a PIRQ. */
static void hostile(void)
{
	static const int bad[][3] = {{0, 41, 42},  {40, -1, 42}, {40, 41, INT32_MIN}, {40, 40, 42},
				     {40, 41, 40}, {50, 41, 42}, {41, 42, 50}};
	struct xen_pci_dev *other = dev;
	struct xen_pirq held;

	start_source();
	source.number[0] = 50;
	ck_assert_int_eq(xen_pirq_map_msix_many(&(struct xen_pirq *){&held}, dev, entries, 1), 0);
	/* Another device, as far as the list of a device is concerned. */
	other = dev;
	dev->messages = NULL;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(source.number, bad[i], sizeof(bad[i]));
		source.disabled = 0;
		ck_assert_msg(xen_pirq_map_msix_many(each, dev, entries, 3) == -XEN_EIO, "%u", i);
		ck_assert_uint_eq(source.disabled, 1);
		ck_assert_int_eq(irq[0].pirq, -1);
		ck_assert_ptr_null(dev->messages);
	}
	source.number[0] = 48; /* reaches the 50 of the other */
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), -XEN_EIO);
	source.number[0] = INT32_MAX - 2;
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), -XEN_EIO);
	source.number[0] = 46;
	ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), 0);
	for (unsigned int i = 0; i < 4; i++)
		xen_pirq_release(&irq[i]);
	other->messages = &held;
	xen_pirq_release(&held);
	stop();
}

static void line_of_source(void)
{
	start_source();
	ck_assert_int_eq(xen_pirq_map_intx(&irq[0], dev), 0);
	ck_assert_int_eq(irq[0].pirq, 11);
	ck_assert_uint_eq(model_pirqs(), 0); /* not mapped by us */
	dev->interrupt_line = 0;
	ck_assert_int_eq(xen_pirq_map_intx(&irq[0], dev), -XEN_ENODEV);
	stop();
}

static const struct unit_case cases[] = {
	{"vectors of MSI are consecutive and go together", vectors},
	{"vectors that cannot be had", bad_vectors},
	{"vectors beyond the last PIRQ are not believed", unbelievable},
	{"entries of MSI-X at once", table_entries},
	{"entries of MSI-X: all or none", all_or_none},
	{"lines by device", by_device},
	{"messages from a source go back to it with the last", given},
	{"QSB-023 376 363: a source's PIRQs are positive and nobody else's", hostile},
	{"a line from a source is its number", line_of_source},
};

UNIT_MAIN("pirq-many", cases)
