/* SPDX-License-Identifier: MIT */
/*
 * PIRQs from a source that is not trusted: the backend of a passed-through device.
 */
#include "pirq_many_test.h"

#include <stdlib.h>

static struct {
	int number[XEN_PIRQ_MAX_MESSAGES]; /* what is named */
	const uint16_t *entry;		   /* for which entries */
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
		ck_assert_uint_eq(entry[i], source.entry[i]);
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
	source.entry = entries;
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

/* A second device on the same host, which @dev is from now on. Returns the first. */
static struct xen_pci_dev *second_device(unsigned int entries_of_it)
{
	struct model_pci_function f = nvme();
	struct xen_pci_dev *first = dev;

	f.addr = at(0, 5, 0);
	f.bar[0].addr = 0xe0010000;
	f.msix_entries = (uint16_t)entries_of_it;
	plug(f);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	dev = xen_pci_find(&host, f.addr);
	ck_assert_ptr_nonnull(dev);
	return first;
}

/* A number is another's until just that message is released, whatever lies in its memory then. */
static void numbers_come_free(void)
{
	struct xen_pirq *held[3], one;
	struct xen_pci_dev *first, *second;

	start_source();
	first = second_device(65);
	second = dev;
	dev = first;
	for (unsigned int i = 0; i < 3; i++) {
		held[i] = malloc(sizeof(*held[i]));
		ck_assert_ptr_nonnull(held[i]);
	}
	ck_assert_int_eq(xen_pirq_map_msix_many(held, dev, entries, 3), 0);
	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int j = 0; j < 3; j++) {
			dev = second;
			source.number[0] = 40 + (int)j;
			ck_assert_int_eq(xen_pirq_map_msi(&one, dev), j < i ? 0 : -XEN_EIO);
			xen_pirq_release(&one);
		}
		dev = first;
		xen_pirq_release(held[i]);
		memset(held[i], 0xff, sizeof(*held[i]));
		free(held[i]);
	}
	stop();
}

/* The same where the channel does not close: the message is the backend's business then. */
static void channel_stays(void)
{
	struct physdev_map_pirq map = {
		.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 30, .pirq = 30};
	struct xen_pirq *held = malloc(sizeof(*held)), one;
	struct evtchn_close close;

	ck_assert_ptr_nonnull(held);
	start_source();
	ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
	source.number[0] = map.pirq;
	ck_assert_int_eq(xen_pirq_map_msi(held, dev), 0);
	ck_assert_int_eq(xen_pirq_bind(held, false, count, &calls), 0);
	close.port = held->port;
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_EINVAL);
	xen_pirq_release(held);
	ck_assert_ptr_null(dev->messages);
	memset(held, 0xff, sizeof(*held));
	free(held);
	ck_assert_int_eq(xen_pirq_map_msi(&one, dev), 0);
	ck_assert_int_eq(one.pirq, map.pirq);
	xen_pirq_release(&one);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	stop();
}

/* As many as there can be, with the last number that there is. */
static void most(void)
{
	static struct xen_pirq all[XEN_PIRQ_MAX_MESSAGES + 1];
	static struct xen_pirq *every[XEN_PIRQ_MAX_MESSAGES + 1];
	static uint16_t entry[XEN_PIRQ_MAX_MESSAGES + 1];

	start_source();
	second_device(XEN_PIRQ_MAX_MESSAGES + 1);
	model_pci_raw(dev->addr)[MSI_CAP + 2] |= 5 << 1;
	for (unsigned int i = 0; i <= XEN_PIRQ_MAX_MESSAGES; i++) {
		every[i] = &all[i];
		entry[i] = (uint16_t)i;
	}
	source.number[0] = INT32_MAX - (XEN_PIRQ_MAX_MSI - 1);
	ck_assert_int_eq(xen_pirq_map_msi_many(every, dev, XEN_PIRQ_MAX_MSI + 1), -XEN_ERANGE);
	ck_assert_int_eq(xen_pirq_map_msi_many(every, dev, XEN_PIRQ_MAX_MSI), 0);
	ck_assert_int_eq(all[XEN_PIRQ_MAX_MSI - 1].pirq, INT32_MAX);
	for (unsigned int i = 0; i < XEN_PIRQ_MAX_MSI; i++)
		xen_pirq_release(every[i]);
	for (int i = 0; i < XEN_PIRQ_MAX_MESSAGES; i++)
		source.number[i] = INT32_MAX - i;
	source.entry = entry;
	ck_assert_int_eq(xen_pirq_map_msix_many(every, dev, entry, XEN_PIRQ_MAX_MESSAGES + 1),
			 -XEN_ERANGE);
	ck_assert_int_eq(xen_pirq_map_msix_many(every, dev, entry, XEN_PIRQ_MAX_MESSAGES), 0);
	for (unsigned int i = 0; i < XEN_PIRQ_MAX_MESSAGES; i++)
		xen_pirq_release(every[i]);
	ck_assert_uint_eq(source.disabled, 2);
	stop();
}

/* What a backend makes us say is limited by the host's bucket. */
static void said_by_the_bucket(void)
{
	struct xen_bucket bucket;

	start_source();
	xen_bucket_init(&bucket, 2, ~0ULL);
	host.log = &bucket;
	source.number[0] = -1;
	for (unsigned int i = 0; i < 5; i++)
		ck_assert_int_eq(xen_pirq_map_msi(&irq[0], dev), -XEN_EIO);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 2);
	ck_assert_str_eq(model_last_log(), "0000:00:04.0: the backend's PIRQs for MSI are not "
					   "usable: not positive, or not different");
	stop();
}

/* A virtual function decodes by its physical function's bit. */
static void virtual_functions(void)
{
	start_source();
	ck_assert_int_eq(xen_pci_command(dev, 0, XEN_PCI_COMMAND_MEMORY), 0);
	ck_assert_int_eq(xen_pirq_map_msi(&irq[0], dev), -XEN_ENODEV);
	dev->is_virtfn = true;
	ck_assert_int_eq(xen_pirq_map_msi(&irq[0], dev), 0);
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
	{"messages from a source go back to it with the last", given},
	{"QSB-023 376 363: a source's PIRQs are positive and nobody else's", hostile},
	{"a number is another's until its message is released", numbers_come_free},
	{"a message whose channel does not close is forgotten", channel_stays},
	{"as many as there can be, to the last number", most},
	{"unusable PIRQs are said, within the host's limit", said_by_the_bucket},
	{"a virtual function needs no decode bit", virtual_functions},
	{"a line from a source is its number", line_of_source},
};

UNIT_MAIN("pirq-given", cases)
