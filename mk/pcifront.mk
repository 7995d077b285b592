# SPDX-License-Identifier: MIT
# The PCI frontend's tests, and the backend and toolstack on the model that they run against. Part of
# `make unit`.

FRONT_UNITS := bucket pirq-many pirq-given pcifront pcifront-again pcifront-channel \
	pcifront-devices pcifront-dies pcifront-due pcifront-error pcifront-hostile \
	pcifront-limits pcifront-lists pcifront-op pcifront-races pcifront-trees
FRONT_MODEL_SRC := $(addprefix tests/model/,pciback.c pciback_export.c pciback_op.c pciback_tool.c)

$(HOST)/test_pcifront-devices: \
	$(call host_obj,$(addprefix tests/guest/,edu.c nvme.c nvme-queue.c nvme-io.c))
$(HOST)/tests/unit/test_pcifront-devices.o: private HOST_CFLAGS += -Iarch/x86/xen/boot
