# SPDX-License-Identifier: MIT
# The reference guest: the boot kernel, the library and tests/guest in one PV image.
#   build/guest.elf        what Xen boots     build/guest.debug      the same with debug information

BOOT := arch/x86/xen/boot
BOOT_SRC := arch/x86/xen/hypercall.c \
	$(addprefix $(BOOT)/,head.S entry.S start.c traps.c crash.c console.c format.c string.c \
	lock.c event.c wait.c clock.c smp.c direct.c pages.c heap.c vm.c memory.c acpi.c poweroff.c)
GUEST_SRC := $(addprefix tests/guest/,main.c cmdline.c verdict.c pages.c reckon.c \
	pci-ports.c acpi.c host.c map.c map-draw.c edu.c nvme.c nvme-queue.c nvme-io.c \
	scenarios.c test-memory.c test-identity.c test-mmio.c test-exchange.c test-dma.c \
	test-devices.c test-nvme.c test-balloon.c test-pool.c test-smp.c test-badinput.c \
	demo.c copy.c)
GUEST_OBJ = $(call free_obj,$(BOOT_SRC) $(GUEST_SRC))
GUEST_MAX := 1048576

$(FREE)/$(BOOT)/%.o $(FREE)/tests/guest/%.o: KERNEL_CFLAGS += -I$(BOOT)

GUEST_LD = $(CC) $(CFLAGS) -nostdlib -static -Wl,-T,$(BOOT)/guest.lds -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096,-z,noexecstack,--no-relax

# Twice: the code symbols of the first image go into the second, behind all code.
$(O)/guest.debug: $(GUEST_OBJ) $(O)/libxendma.a $(BOOT)/guest.lds $(BOOT)/symbols.sh
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(BOOT)/symbols.sh nm >$@.S && $(CC) -c -o $@.symbols.o $@.S
	$(Q)$(GUEST_LD) -o $@.first $(GUEST_OBJ) $@.symbols.o $(O)/libxendma.a
	$(Q)$(BOOT)/symbols.sh nm $@.first >$@.S && $(CC) -c -o $@.symbols.o $@.S
	$(Q)$(GUEST_LD) -o $@ $(GUEST_OBJ) $@.symbols.o $(O)/libxendma.a
	$(Q)rm -f $@.first $@.S $@.symbols.o

$(O)/guest.elf: $(O)/guest.debug
	$(Q)objcopy --strip-all $< $@
	$(Q)size=$$(stat -c %s $@); [ $$size -lt $(GUEST_MAX) ] || \
		{ echo "$@: $$size bytes, must stay below $(GUEST_MAX)" >&2; rm -f $@; exit 1; }

.PHONY: guest
guest: $(O)/guest.elf ## build the reference guest
