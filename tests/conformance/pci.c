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
}
