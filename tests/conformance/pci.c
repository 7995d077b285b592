/* SPDX-License-Identifier: MIT */
/* physdev_op: the functions that Xen is told of. */
#include "physdev.h"

static int device(int cmd, uint16_t segment, uint8_t bus, uint8_t devfn)
{
	struct physdev_pci_device dev = {.seg = segment, .bus = bus, .devfn = devfn};

	return physdev_op(cmd, &dev);
}

static int add(uint16_t segment, uint8_t devfn, uint32_t flags)
{
	struct physdev_pci_device_add dev = {.seg = segment, .devfn = devfn, .flags = flags};

	return physdev_op(PHYSDEVOP_pci_device_add, &dev);
}

static int manage(int cmd, uint8_t devfn, unsigned int extfn, unsigned int virtfn)
{
	struct physdev_manage_pci_ext dev = {
		.devfn = devfn, .is_extfn = extfn, .is_virtfn = virtfn};

	return physdev_op(cmd, &dev);
}

static int mmcfg(uint64_t address, uint16_t segment, uint8_t first, uint8_t last)
{
	struct physdev_pci_mmcfg_reserved window = {
		.address = address,
		.segment = segment,
		.start_bus = first,
		.end_bus = last,
		.flags = XEN_PCI_MMCFG_RESERVED,
	};

	return physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &window);
}

static int iopl(uint32_t level)
{
	struct physdev_set_iopl set = {.iopl = level};

	return physdev_op(PHYSDEVOP_set_iopl, &set);
}

static void others(void)
{
	conf("mmcfg", "%s", conf_err(mmcfg(0xb0000000, 0, 0, 255)));
	conf("mmcfg-other-first-bus", "%s", conf_err(mmcfg(0xb0000000, 0, 1, 255)));
	conf("mmcfg-other-last-bus", "%s", conf_err(mmcfg(0xb0000000, 0, 0, 3)));
	conf("mmcfg-no-such-window", "%s", conf_err(mmcfg(0x12340000, 0, 0, 255)));
	conf("mmcfg-no-such-segment", "%s", conf_err(mmcfg(0xb0000000, 5, 0, 255)));
	conf("iopl-4", "%s", conf_err(iopl(4)));
	conf("iopl-all-ones", "%s", conf_err(iopl(~0U)));
	conf("iopl-3", "%s", conf_err(iopl(3)));
	conf("iopl-1", "%s", conf_err(iopl(1)));
}

void conf_pci(void)
{
	const int remove = PHYSDEVOP_pci_device_remove;

	conf("pci-add-known", "%s", conf_err(add(0, EDU_DEVFN, 0)));
	conf("pci-add-twice", "%s", conf_err(add(0, EDU_DEVFN, 0)));
	conf("pci-remove-absent", "%s", conf_err(device(remove, 0, 0, ABSENT_DEVFN)));
	conf("pci-remove-other-segment", "%s", conf_err(device(remove, 9, 0, EDU_DEVFN)));
	conf("pci-add-absent", "%s", conf_err(add(0, ABSENT_DEVFN, 0)));
	conf("pci-remove-added", "%s", conf_err(device(remove, 0, 0, ABSENT_DEVFN)));
	conf("pci-remove-again", "%s", conf_err(device(remove, 0, 0, ABSENT_DEVFN)));
	conf("pci-add-unknown-flags", "%s", conf_err(add(0, ABSENT_DEVFN, 0x100)));
	conf("pci-remove-with-unknown-flags", "%s", conf_err(device(remove, 0, 0, ABSENT_DEVFN)));
	conf("pci-remove-known", "%s", conf_err(device(remove, 0, 0, EDU_DEVFN)));
	conf("pci-add-after-remove", "%s", conf_err(add(0, EDU_DEVFN, 0)));
	conf("manage-add-absent", "%s",
	     conf_err(manage(PHYSDEVOP_manage_pci_add, ABSENT_DEVFN, 0, 0)));
	conf("manage-remove-added", "%s",
	     conf_err(manage(PHYSDEVOP_manage_pci_remove, ABSENT_DEVFN, 0, 0)));
	conf("manage-remove-again", "%s",
	     conf_err(manage(PHYSDEVOP_manage_pci_remove, ABSENT_DEVFN, 0, 0)));
	conf("manage-ext-bad-extfn", "%s",
	     conf_err(manage(PHYSDEVOP_manage_pci_add_ext, ABSENT_DEVFN, 2, 0)));
	conf("manage-ext-bad-virtfn", "%s",
	     conf_err(manage(PHYSDEVOP_manage_pci_add_ext, ABSENT_DEVFN, 0, 2)));
	conf("pci-add-no-argument", "%s", conf_err(physdev_op(PHYSDEVOP_pci_device_add, NULL)));
	conf("pci-remove-no-argument", "%s", conf_err(physdev_op(remove, NULL)));
	others();
}
