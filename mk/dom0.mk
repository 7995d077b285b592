# SPDX-License-Identifier: MIT
# Scenarios with a Linux dom0 on real Xen under QEMU (tests/dom0), driven by the host.

DOM0 := $(O)/dom0
DOM0_TREE := $(O)/linux/tree
DOM0_INIT := $(addprefix tests/dom0/,mkimage.sh vmlinux.py dom0-init domu-init)

.PHONY: setup-dom0
setup-dom0: ## download Linux and Xen's tools into build/ for the dom0 scenarios
	$(Q)scripts/setup-dom0.sh $(O)/linux

$(DOM0_TREE)/.packages: scripts/setup-dom0.sh
	$(Q)scripts/setup-dom0.sh $(O)/linux

# Preloaded into xenpci to kill it.
$(DOM0)/killat.so: tests/dom0/killat.c
	@$(if $(Q),printf '  CC      %s\n' '$@')
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) -D_GNU_SOURCE -Wno-missing-prototypes $(CFLAGS) -fPIC -shared -o $@ $<

# Runs in dom0.
$(DOM0)/pirq: tests/dom0/pirq.c
	@$(if $(Q),printf '  CC      %s\n' '$@')
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) -D_GNU_SOURCE $(CFLAGS) -o $@ $< $$(pkg-config --libs xencontrol)

$(DOM0)/dom0.cpio: $(HOST)/xenpci $(DOM0_INIT) $(DOM0_TREE)/.packages
	@$(if $(Q),printf '  IMAGE   %s\n' '$@')
	$(Q)tests/dom0/mkimage.sh $(DOM0_TREE) $(DOM0) $(HOST)/xenpci

.PHONY: dom0-list
dom0-list: ## the dom0 scenarios
	@tests/dom0/run.py list

.PHONY: dom0-check
dom0-check: $(DOM0)/dom0.cpio $(DOM0)/killat.so $(DOM0)/pirq $(O)/guest.elf $(O)/kernel-test.elf
dom0-check: $(O)/host/conformance setup-xen ## scenarios with a Linux dom0; B=name, TAG=short
	$(Q)$(BOOT_ENV) tests/dom0/run.py $(if $(B),run $(B),all $(TAG))

.PHONY: dom0-selftest
dom0-selftest: ## does the dom0 harness tell right from wrong?
	$(Q)O='$(O)' tests/dom0/selftest.py
