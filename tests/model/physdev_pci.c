/* SPDX-License-Identifier: MIT */
/*
 * The PCI functions that Xen knows: what PHYSDEVOP_pci_device_add and its kin keep. Model lock
 * held.
 */
#include <model/internal.h>

#define NR_KNOWN 1024
#define MMCFG_BASE 0xb0000000ULL /* segment 0, all buses */

static uint32_t known[NR_KNOWN];
static unsigned int nr_known;

void physdev_pci_start(void)
{
	nr_known = 0;
}

uint32_t physdev_sbdf(uint32_t segment, uint32_t bus, uint32_t devfn)
{
	return segment << 16 | (bus & 0xff) << 8 | (devfn & 0xff);
}

bool physdev_pci_known(uint32_t sbdf)
{
	for (unsigned int i = 0; i < nr_known; i++)
		if (known[i] == sbdf)
			return true;
	return false;
}

bool model_pci_known(struct xen_pci_addr addr)
{
	bool yes;

	model_enter();
	yes = physdev_pci_known(physdev_sbdf(addr.segment, addr.bus, addr.devfn));
	model_leave();
	return yes;
}

static int device(const struct physdev_pci_device *dev, bool add)
{
	uint32_t sbdf = physdev_sbdf(dev->seg, dev->bus, dev->devfn);

	if (!domain_is_privileged())
		return -XEN_EPERM;
	if (add) {
		if (!physdev_pci_known(sbdf) && nr_known < NR_KNOWN)
			known[nr_known++] = sbdf;
		return 0;
	}
	for (unsigned int i = 0; i < nr_known; i++) {
		if (known[i] != sbdf)
			continue;
		if (physdev_message_of(sbdf) >= 0)
			model_breach("PHYSDEVOP_pci_device_remove: PIRQ %d is mapped",
				     physdev_message_of(sbdf));
		known[i] = known[--nr_known];
		return 0;
	}
	return -XEN_ENODEV;
}

static int device_add(const struct physdev_pci_device_add *add)
{
	const struct physdev_pci_device dev = {add->seg, add->bus, add->devfn};

	return device(&dev, true); /* Xen looks at known flags only */
}

/* The older calls: segment 0 only. Their structures begin alike. */
static int manage_pci(int cmd, const struct physdev_manage_pci *op)
{
	const struct physdev_pci_device dev = {0, op->bus, op->devfn};
	const struct physdev_manage_pci_ext *ext = (const void *)op;

	if (cmd == PHYSDEVOP_manage_pci_add_ext && (ext->is_extfn > 1 || ext->is_virtfn > 1))
		return -XEN_EINVAL;
	return device(&dev, cmd != PHYSDEVOP_manage_pci_remove);
}

/* The firmware's tables name one window. */
static int mmcfg_reserved(const struct physdev_pci_mmcfg_reserved *op)
{
	if (!domain_is_privileged())
		return -XEN_EPERM;
	if (op->flags & ~XEN_PCI_MMCFG_RESERVED)
		return -XEN_EINVAL;
	if (op->segment || op->start_bus || op->end_bus != 255)
		return -XEN_ENODEV;
	return op->address == MMCFG_BASE ? 0 : -XEN_EIO;
}

int physdev_pci_op(int cmd, void *arg)
{
	switch (cmd) {
	case PHYSDEVOP_pci_device_add:
		return device_add(arg);
	case PHYSDEVOP_pci_device_remove:
		return device(arg, false);
	case PHYSDEVOP_pci_mmcfg_reserved:
		return mmcfg_reserved(arg);
	default:
		return manage_pci(cmd, arg);
	}
}
