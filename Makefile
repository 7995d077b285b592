# SPDX-License-Identifier: MIT
# xendma. `make help` lists what can be made; O=dir builds elsewhere, V=1 shows commands.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DEFAULT_GOAL := all

O ?= build
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar

# --- what the library is made of, bottom floor first ---------------------------------------------
LIB_SRC := \
	lib/ranges.c \
	arch/x86/xen/p2m.c \
	arch/x86/xen/mmu.c \
	arch/x86/xen/contiguous.c \
	arch/x86/xen/setup.c \
	drivers/xen/balloon.c \
	drivers/xen/swiotlb.c \
	drivers/xen/coherent.c \
	drivers/xen/pci.c \
	drivers/xen/pirq.c \
	drivers/xen/dma.c \
	drivers/xen/dma-debug.c \
	drivers/xen/swiotlb-xen.c

# While the house is being built: what is not there yet is left out.
LIB_SRC := $(wildcard $(LIB_SRC))

include $(wildcard mk/*.mk)

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla \
	-Wno-unused-parameter
CFLAGS ?= -O2 -g
BASE_CFLAGS := -std=gnu11 $(WARN) -Iinclude -MMD -MP

# --- hosted build of the library, with the model, for unit tests -----------------------------------
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread
HOST := $(O)/host$(if $(SAN),-$(SAN))
HOST_CFLAGS := $(BASE_CFLAGS) $(CFLAGS) $(SAN_$(SAN)) -Itests

host_obj = $(patsubst %.c,$(HOST)/%.o,$(1))

$(HOST)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(Q),printf '  CC      %s\n' '$@')
	$(Q)$(CC) $(HOST_CFLAGS) -c -o $@ $<

# --- freestanding library ----------------------------------------------------------------------------
KERNEL_CFLAGS := $(BASE_CFLAGS) $(CFLAGS) -ffreestanding -fno-stack-protector -fcf-protection=none \
	-mno-red-zone -mgeneral-regs-only -fpie -fvisibility=hidden -fno-asynchronous-unwind-tables \
	-fno-common
FREE := $(O)/free

free_obj = $(patsubst %.c,$(FREE)/%.o,$(patsubst %.S,$(FREE)/%.o,$(1)))

$(FREE)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(Q),printf '  CC      %s\n' '$@')
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(FREE)/%.o: %.S
	@mkdir -p $(@D)
	@$(if $(Q),printf '  AS      %s\n' '$@')
	$(Q)$(CC) $(KERNEL_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<

$(O)/libxendma.a: $(call free_obj,$(LIB_SRC))
	@$(if $(Q),printf '  AR      %s\n' '$@')
	$(Q)rm -f $@ && $(AR) rcs $@ $^

.PHONY: all
all: $(O)/libxendma.a ## build the library

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

-include $(shell find $(O) -name '*.d' 2>/dev/null)
