/* SPDX-License-Identifier: MIT */
/*
 * The hosts and devices of a frontend, from a list to trees and out of them again, by themselves:
 * config space is the model's, read through an accessor that can fail, take its time or break the
 * channel.
 */
#include <string.h>

#include <model/model.h>

#include "../../drivers/xen/pcifront-internal.h"
#include "unit.h"

#define DEVICE_NS 1000000000ULL

static struct xen_pcifront front;
static struct {
	uint64_t accesses, limit; /* of the first one */
	uint64_t takes;		  /* each one, in ns */
	int err;		  /* of writes, and of reads of the command register */
	bool breaks;
} config;
static unsigned int removing;
static int refusal;

static void look(void)
{
	if (!config.accesses++)
		config.limit = front.limit;
	ck_assert_uint_ne(front.limit, FRONT_NEVER);
	ck_assert_uint_eq(front.limit, config.limit); /* what one takes is the next one's loss */
	model_clock_advance(config.takes);
	front.broken |= config.breaks;
}

static int slow_read(const struct xen_pci_config *own, struct xen_pci_addr addr,
		     unsigned int offset, unsigned int size, uint32_t *value)
{
	look();
	*value = ~0u;
	if (config.err && offset == 4)
		return config.err;
	return model_pci_config.read(&model_pci_config, addr, offset, size, value);
}

static int slow_write(const struct xen_pci_config *own, struct xen_pci_addr addr,
		      unsigned int offset, unsigned int size, uint32_t value)
{
	look();
	return config.err ? config.err
			  : model_pci_config.write(&model_pci_config, addr, offset, size, value);
}

static void on_added(struct xen_pcifront *f, struct xen_pci_dev *dev)
{
	ck_assert_ptr_eq(xen_front_find(f, dev->addr), dev);
}

static int on_removing(struct xen_pcifront *f, struct xen_pci_dev *dev, bool gone)
{
	removing++;
	return refusal;
}

static const struct xen_pcifront_ops ops = {.added = on_added, .removing = on_removing};

static void start(void)
{
	static const struct model_params machine = {.domu = true, .nr_pages = 1024};

	model_start(&machine);
	memset(&front, 0, sizeof(front));
	memset(&config, 0, sizeof(config));
	front.ops = &ops;
	front.limit = FRONT_NEVER;
	front.config = (struct xen_pci_config){
		.read = slow_read, .write = slow_write, .limit = 4096, .priv = &front};
	xen_bucket_init(&front.log, 100, DEVICE_NS);
	removing = 0;
	refusal = 0;
}

static int take_away(bool all, bool gone)
{
	config.accesses = 0;
	return xen_front_remove_devices(&front, all, gone);
}

static void end(void)
{
	ck_assert_int_eq(take_away(true, true), 0);
	ck_assert_uint_eq(front.stats.nr_devs, 0);
	ck_assert_uint_eq(front.stats.removed, front.stats.added);
	for (unsigned int i = 0; i < front.nr_hosts; i++)
		xen_pci_host_fini(&front.host[i]);
	model_stop();
}

static struct xen_pci_addr at(uint16_t segment, uint8_t bus, uint8_t slot)
{
	return (struct xen_pci_addr){segment, bus, XEN_PCI_DEVFN(slot, 0)};
}

static void plug(struct xen_pci_addr addr, uint8_t secondary)
{
	const struct model_pci_function function = {.addr = addr,
						    .vendor = 0x8086,
						    .device = 0x10d3,
						    .class_code = secondary ? 0x060400 : 0x020000,
						    .bridge = secondary,
						    .secondary = secondary,
						    .subordinate = secondary};

	model_pci_plug(&function);
}

static void root(uint16_t segment, uint8_t bus)
{
	front.list.root[front.list.nr_roots].segment = segment;
	front.list.root[front.list.nr_roots++].bus = bus;
}

static struct front_vdev *list(struct xen_pci_addr addr)
{
	struct front_vdev *vdev = &front.list.vdev[front.list.nr++];

	*vdev = (struct front_vdev){.addr = addr};
	return vdev;
}

static void add(void)
{
	config.accesses = 0;
	xen_front_add_devices(&front);
	ck_assert_uint_eq(front.limit, FRONT_NEVER);
}

static unsigned int lines(void)
{
	return model_log_lines(XEN_LOG_ERROR) + model_log_lines(XEN_LOG_WARN);
}

/* As many segments as there may be roots; a host that is empty becomes another segment's. */
static void segments(void)
{
	unsigned int i;

	start();
	for (i = 0; i < XEN_PCIFRONT_MAX_ROOTS; i++) {
		plug(at((uint16_t)i, 0, 1), 0);
		root((uint16_t)i, 0);
		list(at((uint16_t)i, 0, 1));
	}
	add();
	ck_assert_uint_eq(front.stats.nr_devs, i);
	ck_assert_uint_eq(front.stats.added, i);
	ck_assert_uint_eq(front.nr_hosts, i);
	while (i-- > 0) {
		ck_assert_uint_eq(front.host[i].segment, i);
		ck_assert_uint_eq(front.host[i].nr_devices, 1);
		ck_assert_ptr_eq(front.host[i].pirqs, &xen_front_pirqs);
		ck_assert_ptr_eq(front.host[i].log, &front.log);
		ck_assert(front.host[i].alias);
	}

	/* Another one while all are taken: its driver of the old one does not let go, say. */
	plug(at(100, 0, 1), 0);
	front.list.root[3].segment = 100;
	front.list.vdev[3] = (struct front_vdev){.addr = at(100, 0, 1)};
	add();
	ck_assert_uint_eq(front.nr_hosts, XEN_PCIFRONT_MAX_ROOTS);
	ck_assert_uint_eq(front.stats.added, XEN_PCIFRONT_MAX_ROOTS);
	ck_assert_uint_eq(front.stats.bad_replies, 1);
	ck_assert_uint_eq(lines(), 1);
	ck_assert_int_eq(take_away(false, false), 0);
	ck_assert_uint_eq(front.stats.nr_devs, XEN_PCIFRONT_MAX_ROOTS - 1);
	add();
	ck_assert_uint_eq(front.nr_hosts, XEN_PCIFRONT_MAX_ROOTS);
	ck_assert_uint_eq(front.host[3].segment, 100);
	ck_assert_ptr_nonnull(xen_front_find(&front, at(100, 0, 1)));
	ck_assert_uint_eq(front.stats.bad_replies, 1);
	ck_assert_uint_eq(lines(), 1);
	end();
}

/* Each device is behind the bridge that leads to its bus, and comes after it. */
static void bridges(void)
{
	start();
	root(0, 0);
	plug(at(0, 2, 1), 0);
	list(at(0, 2, 1));
	for (uint8_t bus = 1; bus <= 2; bus++) {
		plug(at(0, 0, bus), bus);
		list(at(0, 0, bus));
	}
	add();
	ck_assert_uint_eq(front.stats.nr_devs, 3);
	ck_assert_ptr_eq(xen_front_find(&front, at(0, 2, 1))->parent,
			 xen_front_find(&front, at(0, 0, 2)));
	ck_assert_uint_eq(lines(), 0);
	end();
}

/* What is listed is added once, or said to be nowhere once; what is closing is neither. */
static void listed(void)
{
	struct front_vdev *gone;

	start();
	root(0, 0);
	plug(at(0, 0, 1), 0);
	plug(at(0, 0, 2), 0);
	list(at(0, 0, 1));
	list(at(0, 0, 2))->closing = true;
	list(at(0, 7, 1))->closing = true; /* behind nothing that is there */
	front.list.vdev[3] =
		(struct front_vdev){.addr = at(0, 9, 9)}; /* of a list that was longer */
	add();
	ck_assert_uint_eq(front.stats.added, 1);
	front.list.vdev[0].tried = false;
	add(); /* is there already */
	ck_assert_uint_eq(config.accesses, 0);
	ck_assert_uint_eq(front.stats.bad_replies, 0);
	ck_assert_uint_eq(lines(), 0);

	gone = list(at(0, 0, 5)); /* nobody answers there */
	add();
	ck_assert(gone->tried);
	add();
	ck_assert_uint_eq(config.accesses, 0);
	ck_assert_uint_eq(front.stats.bad_replies, 0);
	ck_assert_uint_eq(lines(), 1);

	list(at(0, 9, 1));
	list(at(4, 0, 1));
	add();
	ck_assert_uint_eq(front.stats.bad_replies, 2);
	ck_assert_uint_eq(lines(), 3);
	ck_assert_uint_eq(front.stats.added, 1);
	ck_assert_uint_eq(front.nr_hosts, 1);
	end();
}

/* All of a list has one time, which grows with it; a channel that breaks ends it. */
static void time_of_a_list(void)
{
	for (unsigned int breaks = 0; breaks < 2; breaks++) {
		uint64_t begun;

		start();
		root(0, 0);
		for (uint8_t slot = 1; slot <= 3; slot++) {
			plug(at(0, 0, slot), 0);
			list(at(0, 0, slot));
		}
		config.takes = 1000;
		config.breaks = breaks;
		begun = xen_port_clock_ns();
		add();
		ck_assert_uint_eq(config.limit, begun + XEN_PCIFRONT_STEP_NS + 3 * DEVICE_NS);
		ck_assert_uint_eq(front.stats.added, breaks ? 1 : 3);
		ck_assert_uint_eq(front.stats.bad_replies, 0);
		ck_assert_uint_eq(lines(), 0);
		end();
	}
}

static void begin_with_two(void)
{
	start();
	root(0, 0);
	for (uint8_t slot = 1; slot <= 2; slot++) {
		plug(at(0, 0, slot), 0);
		list(at(0, 0, slot));
	}
	add();
	ck_assert_uint_eq(front.stats.nr_devs, 2);
	config.accesses = 0;
	config.takes = 1000;
}

/* Bus mastering ends with a device, where that can be done, within a step's time. */
static void removed(void)
{
	static const struct {
		int err;
		bool broken;
		unsigned int lines;
	} how[] = {{0, false, 0}, {-XEN_EIO, false, 2}, {-XEN_ENODEV, false, 0}, {0, true, 0}};

	for (unsigned int i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		uint64_t begun;

		begin_with_two();
		config.err = how[i].err;
		front.broken = how[i].broken;
		begun = xen_port_clock_ns();
		ck_assert_int_eq(take_away(true, false), 0);
		ck_assert_uint_eq(front.limit, FRONT_NEVER);
		ck_assert_uint_eq(config.accesses != 0, !how[i].broken);
		if (config.accesses)
			ck_assert_uint_eq(config.limit, begun + XEN_PCIFRONT_STEP_NS);
		ck_assert_uint_eq(removing, 2);
		ck_assert_uint_eq(front.stats.nr_devs, 0);
		ck_assert_uint_eq(front.stats.removed, 2);
		ck_assert_uint_eq(lines(), how[i].lines);
		end();
	}
}

/* A driver that does not let go is asked, and no other one after it, unless all is gone. */
static void kept(void)
{
	begin_with_two();
	refusal = -XEN_EIO;
	ck_assert_int_eq(take_away(true, false), -XEN_EBUSY);
	ck_assert_uint_eq(removing, 1);
	ck_assert_uint_eq(front.stats.nr_devs, 2);
	ck_assert_uint_eq(config.accesses, 0);
	ck_assert_int_eq(take_away(false, false), 0);
	ck_assert_uint_eq(removing, 1); /* nothing has to go */
	ck_assert_int_eq(take_away(true, true), 0);
	ck_assert_uint_eq(removing, 3);
	ck_assert_uint_eq(front.stats.removed, 2);
	end();
}

static const struct unit_case cases[] = {
	{"each segment has a host, and one that is empty is another's", segments},
	{"a device is behind the bridge to its bus", bridges},
	{"what is listed is added or refused once", listed},
	{"a list has one time, and ends with the channel", time_of_a_list},
	{"a device that goes loses bus mastering, in time", removed},
	{"a driver that does not let go keeps its device", kept},
};

UNIT_MAIN("pcifront-trees", cases)
