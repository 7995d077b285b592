/* SPDX-License-Identifier: MIT */
/* What Xen is told of functions, word by word: plain ones, ARI's, virtual ones, on any segment. */
#include "pci-bench.h"

#include <xen/hypercall.h>

static struct xen_pci_host host;
static struct picture before;

static struct physdev_pci_device_add told;
static struct physdev_manage_pci_ext told_ext;
static struct physdev_manage_pci told_plain;
static unsigned long last;
static bool old; /* Xen does not know the newer calls */

static void listen(struct model_lie_call *call)
{
	if (call->kind != MODEL_PHYSDEV_OP || call->done)
		return;
	last = call->cmd;
	if (call->cmd == PHYSDEVOP_pci_device_add)
		memcpy(&told, call->arg, sizeof(told));
	else if (call->cmd == PHYSDEVOP_manage_pci_add_ext)
		memcpy(&told_ext, call->arg, sizeof(told_ext));
	else if (call->cmd == PHYSDEVOP_manage_pci_add)
		memcpy(&told_plain, call->arg, sizeof(told_plain));
}

static void start(uint16_t segment)
{
	begin(&host, &before);
	host.segment = segment;
	last = 0;
	model_lie(listen);
}

static struct xen_pci_dev *add(struct xen_pci_addr addr, struct xen_pci_dev *parent)
{
	struct xen_pci_dev *dev;

	plug(with_bar(addr, 0, 0));
	if (old)
		model_fail(MODEL_PHYSDEV_OP, 1, -XEN_ENOSYS);
	ck_assert_int_eq(xen_pci_add(&host, addr, parent, &dev), 0);
	model_fail(MODEL_PHYSDEV_OP, 0, 0);
	return dev;
}

static void stop(void)
{
	model_lie(NULL);
	finish(&host, &before);
}

static void on_any_segment(void)
{
	struct xen_pci_dev *dev;

	start(2);
	dev = add((struct xen_pci_addr){2, 5, XEN_PCI_DEVFN(3, 1)}, NULL);
	ck_assert_uint_eq(last, PHYSDEVOP_pci_device_add);
	ck_assert_uint_eq(told.seg, 2);
	ck_assert_uint_eq(told.bus, 5);
	ck_assert_uint_eq(told.devfn, XEN_PCI_DEVFN(3, 1));
	ck_assert_uint_eq(told.flags, 0);
	ck_assert(dev->known_to_xen);
	xen_pci_remove(&host, dev);
	ck_assert_uint_eq(last, PHYSDEVOP_pci_device_remove);
	/* The older calls know no segments: not told, and said. */
	old = true;
	last = 0;
	dev = add((struct xen_pci_addr){2, 5, 0}, NULL);
	ck_assert_uint_eq(last, 0);
	ck_assert(!dev->known_to_xen);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	stop();
}

/* A port that forwards ARI to bus 1. */
static struct xen_pci_dev *add_port(void)
{
	struct xen_pci_addr addr = at(0, 1, 0);
	struct xen_pci_dev *port;
	uint8_t *raw;

	plug(bridge(addr, 1, 1, 0, 0));
	raw = model_pci_raw(addr);
	raw[6] |= 0x10;
	raw[0x34] = 0xa0;
	memcpy(raw + 0xa0, (uint8_t[]){0x10, 0, 0x42, 0}, 4);
	raw[0xa0 + 0x28] = 0x20;
	ck_assert_int_eq(xen_pci_add(&host, addr, NULL, &port), 0);
	return port;
}

static void extended_functions(void)
{
	struct xen_pci_dev *port;

	start(0);
	port = add_port();
	add(at(1, 0, 3), port);
	ck_assert_uint_eq(told.flags, 0); /* function 3 is one with or without ARI */
	add(at(1, 2, 1), port);
	ck_assert_uint_eq(told.flags, XEN_PCI_DEV_EXTFN);
	add(at(0, 2, 1), NULL);
	ck_assert_uint_eq(told.flags, 0); /* behind no port */
	old = true;
	add(at(1, 2, 2), port);
	ck_assert_uint_eq(last, PHYSDEVOP_manage_pci_add_ext);
	ck_assert_uint_eq(told_ext.devfn, XEN_PCI_DEVFN(2, 2));
	ck_assert_uint_eq(told_ext.is_extfn, 1);
	ck_assert_uint_eq(told_ext.is_virtfn, 0);
	ck_assert_uint_eq(told_ext.physfn.bus, 0);
	add(at(1, 0, 4), port);
	ck_assert_uint_eq(last, PHYSDEVOP_manage_pci_add);
	ck_assert_uint_eq(told_plain.bus, 1);
	ck_assert_uint_eq(told_plain.devfn, 4);
	stop();
}

/* Two virtual functions of 1:3.0, at 1:8.0 and 1:10.0, by SR-IOV at 140h. */
static void virtual_functions(void)
{
	struct xen_pci_addr addr = at(1, 3, 0);
	struct xen_pci_dev *port;
	uint8_t *raw;

	start(0);
	port = add_port();
	plug(with_bar(addr, 0, 0));
	raw = model_pci_raw(addr);
	raw[6] |= 0x10;
	raw[0x34] = 0xa0;
	memcpy(raw + 0xa0, (uint8_t[]){0x10, 0, 0x02, 0}, 4);
	memcpy(raw + 0x100, (uint8_t[]){0x10, 0, 0x01, 0}, 4);
	ck_assert_int_eq(xen_pci_add(&host, addr, port, NULL), 0);
	raw[0x108] = 1;	   /* enable */
	raw[0x110] = 1;	   /* one of them */
	raw[0x114] = 0x28; /* 1:3.0 + 28h = 1:8.0 */
	raw[0x116] = 0x40;
	raw[0x11a] = 0x77;
	for (unsigned int i = 0; i < 2; i++) {
		struct xen_pci_addr vf = at(1, i ? 0x10 : 8, 0);

		plug(with_bar(vf, 0, 0));
		memset(model_pci_raw(vf), 0xff, 4);
		raw[0x110] = (uint8_t)(i + 1);
		last = 0;
		if (i)
			model_fail(MODEL_PHYSDEV_OP, 1, -XEN_ENOSYS);
		ck_assert_int_eq(xen_pci_scan(&host, 1, NULL), 0);
		ck_assert_uint_eq(last,
				  i ? PHYSDEVOP_manage_pci_add_ext : PHYSDEVOP_pci_device_add);
		ck_assert(xen_pci_find(&host, vf)->known_to_xen);
	}
	ck_assert_uint_eq(told.bus, 1);
	ck_assert_uint_eq(told.devfn, XEN_PCI_DEVFN(8, 0));
	ck_assert_uint_eq(told.flags, XEN_PCI_DEV_VIRTFN);
	ck_assert_uint_eq(told.physfn.bus, 1);
	ck_assert_uint_eq(told.physfn.devfn, XEN_PCI_DEVFN(3, 0));
	ck_assert_uint_eq(told_ext.is_virtfn, 1);
	ck_assert_uint_eq(told_ext.is_extfn, 0);
	ck_assert_uint_eq(told_ext.physfn.bus, 1);
	ck_assert_uint_eq(told_ext.physfn.devfn, XEN_PCI_DEVFN(3, 0));
	/* Another function goes: they stay. */
	add(at(1, 1, 0), port);
	xen_pci_remove(&host, xen_pci_find(&host, at(1, 1, 0)));
	ck_assert_ptr_nonnull(xen_pci_find(&host, at(1, 8, 0)));
	stop();
}

static const struct unit_case cases[] = {
	{"functions of any segment are told", on_any_segment},
	{"extended functions are told as such", extended_functions},
	{"virtual functions are told with their physical one", virtual_functions},
};

UNIT_MAIN("pci-report", cases)
