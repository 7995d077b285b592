# SPDX-License-Identifier: MIT
# xendma. `make help` lists what can be made; O=dir builds elsewhere, V=1 shows commands.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

O ?= build
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar

# These goals install what is missing, or need no compiler.
NO_TOOLS := check check-long demo bench setup help clean boot-list dom0-list fmt fmt-check shellcheck
ifneq ($(filter-out $(NO_TOOLS),$(or $(MAKECMDGOALS),all)),)
ifeq ($(shell command -v $(firstword $(CC))),)
$(error no compiler '$(CC)': install gcc, give CC=, or let `make setup` install what is missing)
endif
ifneq ($(shell $(CC) -E -include xen/xen.h -x c /dev/null >/dev/null 2>&1; echo $$?),0)
$(error no Xen public headers: install libxen-dev, or let `make setup` install what is missing)
endif
endif

# --- what the library is made of, bottom floor first ---------------------------------------------
LIB_SRC := \
	lib/ranges-tree.c \
	lib/ranges.c \
	lib/bucket.c \
	arch/x86/xen/p2m.c \
	arch/x86/xen/p2m-publish.c \
	arch/x86/xen/mmu.c \
	arch/x86/xen/ptable.c \
	arch/x86/xen/contiguous.c \
	arch/x86/xen/e820.c \
	arch/x86/xen/setup.c \
	drivers/xen/evtchn.c \
	drivers/xen/evtchn-2l.c \
	drivers/xen/evtchn-fifo.c \
	drivers/xen/evtchn-eoi.c \
	drivers/xen/evtchn-channel.c \
	drivers/xen/grant.c \
	drivers/xen/grant-page.c \
	drivers/xen/grant-map.c \
	drivers/xen/xs-parse.c \
	drivers/xen/xs-ring.c \
	drivers/xen/xs-request.c \
	drivers/xen/xs-connect.c \
	drivers/xen/xs-ops.c \
	drivers/xen/xs-watch.c \
	drivers/xen/xenbus.c \
	drivers/xen/balloon.c \
	drivers/xen/swiotlb.c \
	drivers/xen/swiotlb-find.c \
	drivers/xen/swiotlb-slots.c \
	drivers/xen/swiotlb-sync.c \
	drivers/xen/swiotlb-grow.c \
	drivers/xen/swiotlb-pool.c \
	drivers/xen/swiotlb-report.c \
	drivers/xen/coherent.c \
	drivers/xen/pci-config.c \
	drivers/xen/pci-bar.c \
	drivers/xen/pci-claim.c \
	drivers/xen/pci-name.c \
	drivers/xen/pci-resource.c \
	drivers/xen/pci-sriov.c \
	drivers/xen/pci-report.c \
	drivers/xen/pci.c \
	drivers/xen/pci-scan.c \
	drivers/xen/pirq.c \
	drivers/xen/pirq-message.c \
	drivers/xen/pirq-line.c \
	drivers/xen/pirq-switch.c \
	drivers/xen/pcifront.c \
	drivers/xen/pcifront-state.c \
	drivers/xen/pcifront-store.c \
	drivers/xen/pcifront-list.c \
	drivers/xen/pcifront-channel.c \
	drivers/xen/pcifront-op.c \
	drivers/xen/pcifront-config.c \
	drivers/xen/pcifront-irq.c \
	drivers/xen/pcifront-devices.c \
	drivers/xen/pcifront-error.c \
	drivers/xen/dma.c \
	drivers/xen/dma-debug.c \
	drivers/xen/dma-debug-record.c \
	drivers/xen/swiotlb-xen.c

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla \
	-Wno-unused-parameter
CFLAGS ?= -O2 -g
BASE_CFLAGS := -std=gnu11 $(WARN) -Iinclude -MMD -MP

# --- hosted build of the library, with the model, for unit tests -----------------------------------
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_ubsan := -fsanitize=undefined -fno-sanitize-recover=all
SAN_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
# gcc says that it does not follow fences; clang knows no such warning.
SAN_tsan := -fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)
SAN_cov := -O0 --coverage
HOST := $(O)/host$(if $(SAN),-$(SAN))
HOST_CFLAGS := $(BASE_CFLAGS) $(CFLAGS) $(SAN_$(SAN)) -Itests

host_obj = $(patsubst %.c,$(HOST)/%.o,$(1))

$(HOST)/%.o: %.c $(HOST)/.flags
	@mkdir -p $(@D)
	@$(if $(Q),printf '  CC      %s\n' '$@')
	$(Q)$(CC) $(HOST_CFLAGS) -c -o $@ $<

# --- freestanding library ----------------------------------------------------------------------------
KERNEL_CFLAGS := $(BASE_CFLAGS) $(CFLAGS) -ffreestanding -fno-stack-protector -fcf-protection=none \
	-mno-red-zone -mgeneral-regs-only -fpie -fvisibility=hidden -fno-asynchronous-unwind-tables \
	-fno-common
# As gcc does by itself: no detour by a table of addresses to data of another file of one image.
ifneq ($(findstring clang,$(CC)),)
KERNEL_CFLAGS += -fdirect-access-external-data
endif
FREE := $(O)/free

free_obj = $(patsubst %.c,$(FREE)/%.o,$(patsubst %.S,$(FREE)/%.o,$(1)))

$(FREE)/%.o: %.c $(FREE)/.flags
	@mkdir -p $(@D)
	@$(if $(Q),printf '  CC      %s\n' '$@')
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(FREE)/%.o: %.S $(FREE)/.flags
	@mkdir -p $(@D)
	@$(if $(Q),printf '  AS      %s\n' '$@')
	$(Q)$(CC) $(KERNEL_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<

$(O)/libxendma.a: $(call free_obj,$(LIB_SRC))
	@$(if $(Q),printf '  AR      %s\n' '$@')
	$(Q)mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^

include $(wildcard mk/*.mk)

# Objects depend on these files, which change when the compiler or its flags do.
$(HOST)/.flags: FLAGS = $(CC) $(HOST_CFLAGS)
$(FREE)/.flags: FLAGS = $(CC) $(KERNEL_CFLAGS)
$(HOST)/.flags $(FREE)/.flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS)' | cmp -s - $@ || printf '%s\n' '$(FLAGS)' >$@

.PHONY: FORCE
FORCE:

.PHONY: all
all: $(O)/libxendma.a ## build the library

.PHONY: clean
clean: ## remove what was built, but not what was downloaded
	$(Q)rm -rf $(addprefix $(O)/,host host-asan host-ubsan host-tsan \
		host-cov host-fuzz fuzz cov mutate free guest guest.elf libxendma.a \
		xendma.pc boot check demo install conformance conformance-selftest \
		dom0 dom0-selftest help bench bench.json bench.svg bench-host.json bench-host.svg)

.PHONY: help
help: ## this list
	@printf 'make TARGET [O=build] [CC=gcc|clang-14] [V=1]\n\n'
	@grep -hE '^[a-z0-9-]+:.*##' Makefile mk/*.mk | sed -E 's/:.*## /\t/' | expand -t 18

-include $(shell find $(O) -name '*.d' -type f 2>/dev/null)
