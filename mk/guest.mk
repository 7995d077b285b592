# SPDX-License-Identifier: MIT
# PV images: the boot kernel, the library and a program.
#   build/guest.elf          tests/guest, the reference guest; what Xen boots
#   build/kernel-test.elf    tests/kernel, which tests the boot kernel itself
#   build/NAME.debug         the same with debug information

BOOT := arch/x86/xen/boot
BOOT_SRC := arch/x86/xen/hypercall.c \
	$(addprefix $(BOOT)/,head.S entry.S start.c traps.c crash.c console.c console-ring.c \
	format.c string.c lock.c event.c wait.c clock.c smp.c direct.c pages.c heap.c vm.c memory.c \
	acpi.c poweroff.c)
BOOT_OBJ = $(call free_obj,$(BOOT_SRC))
GUEST_SRC := $(addprefix tests/guest/,main.c cmdline.c verdict.c pages.c reckon.c \
	pci-ports.c acpi.c host.c map.c map-draw.c edu.c nvme.c nvme-queue.c nvme-io.c \
	scenarios.c test-memory.c test-identity.c test-mmio.c test-exchange.c test-dma.c \
	test-devices.c test-nvme.c test-balloon.c test-pool.c test-smp.c test-badinput.c \
	test-conformance.c demo.c copy.c disks.c \
	front.c figures.c slot.c test-domu.c test-xenstore.c domu-copy.c domu-hotplug.c) \
	tests/bench/guest/bench.c $(CONF_SRC)
KERNEL_TEST_SRC := $(addprefix tests/kernel/,main.c crash.c)
IMAGE_MAX := 1048576

# A tail call leaves no trace on the stack that a crash report could show.
$(FREE)/$(BOOT)/%.o $(FREE)/tests/guest/%.o $(FREE)/tests/bench/guest/%.o $(FREE)/tests/kernel/%.o: \
	KERNEL_CFLAGS += -I$(BOOT) -fno-optimize-sibling-calls

$(O)/guest.debug: $(call free_obj,$(GUEST_SRC))
$(O)/kernel-test.debug: $(call free_obj,$(KERNEL_TEST_SRC))

IMAGE_LD = $(CC) $(CFLAGS) -nostdlib -static -Wl,-T,$(BOOT)/guest.lds -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096,-z,noexecstack,--no-relax
IMAGE_IN = $(filter %.o,$^) $@.symbols.o $(O)/libxendma.a

# Twice: the code symbols of the first image go into the second, behind all code.
$(O)/%.debug: $(BOOT_OBJ) $(O)/libxendma.a $(BOOT)/guest.lds $(BOOT)/symbols.sh
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(BOOT)/symbols.sh nm >$@.S && $(CC) -c -o $@.symbols.o $@.S
	$(Q)$(IMAGE_LD) -o $@.first $(IMAGE_IN)
	$(Q)$(BOOT)/symbols.sh nm $@.first >$@.S && $(CC) -c -o $@.symbols.o $@.S
	$(Q)$(IMAGE_LD) -o $@ $(IMAGE_IN)
	$(Q)rm -f $@.first $@.S $@.symbols.o

$(O)/%.elf: $(O)/%.debug
	$(Q)objcopy --strip-all $< $@
	$(Q)size=$$(stat -c %s $@); [ $$size -lt $(IMAGE_MAX) ] || \
		{ echo "$@: $$size bytes, must stay below $(IMAGE_MAX)" >&2; rm -f $@; exit 1; }

.PRECIOUS: $(O)/%.debug

.PHONY: guest
guest: $(O)/guest.elf ## build the reference guest

.PHONY: kernel-check
kernel-check: $(O)/kernel-test.elf setup-xen ## the boot kernel itself on real Xen; B=name, TAG=short
	$(Q)$(BOOT_ENV) TAG='$(TAG)' tests/kernel/run.sh $(B)
