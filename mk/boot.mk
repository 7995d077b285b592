# SPDX-License-Identifier: MIT
# Boot scenarios on real Xen under QEMU (tests/boot/scenarios), and the demo.
#   QEMU=command   XEN=file   the user's own instead of Debian's
#   JOBS=n         scenarios at once          SLOW=n   factor on all deadlines

QEMU ?= qemu-system-x86_64
XEN ?=
BOOT_ENV := O='$(O)' QEMU='$(QEMU)' XEN='$(XEN)'

.PHONY: setup
setup: ## install what is missing, download Xen into build/ (XEN=file: take this one)
	$(Q)QEMU='$(filter-out qemu-system-x86_64,$(QEMU))' scripts/setup.sh packages
	$(Q)XEN='$(XEN)' scripts/setup.sh xen $(O)/xen

.PHONY: setup-check
setup-check: ## does set-up say the right thing where something is missing?
	$(Q)tests/setup/check.sh $(O)

.PHONY: setup-xen
setup-xen:
	$(Q)XEN='$(XEN)' scripts/setup.sh xen $(O)/xen

.PHONY: boot-list
boot-list: ## the boot scenarios
	@tests/boot/boot.sh list

.PHONY: boot-check
boot-check: $(O)/guest.elf setup-xen ## boot scenarios on real Xen; B=name, TAG=short
	$(Q)$(BOOT_ENV) tests/boot/boot.sh $(if $(B),run $(B),all $(TAG))

.PHONY: boot-selftest
boot-selftest: ## does the boot harness tell right from wrong?
	$(Q)tests/boot/selftest.sh $(O)

.PHONY: demo
demo: setup ## copy a disk through real DMA on three hosts; DISK=file of your own
	$(Q)$(MAKE) -s $(O)/guest.elf
	$(Q)$(BOOT_ENV) tests/boot/demo.sh '$(DISK)'
