# SPDX-License-Identifier: MIT
# Unit tests: one Check program a source file, linked with the hosted library and the model.
#   make unit                   all       make unit T=swiotlb           one program
#   make unit T=swiotlb C=name  one case  make unit SAN=asan            under ASan and UBSan;
#                                         also SAN=ubsan and SAN=tsan

# A line an area.
UNITS := ranges ranges-beside liar liar-balloon format pages console-ring guest-drivers
UNITS += p2m m2p p2m-publish mmu ptable ptable-refused contiguous contiguous-refused
UNITS += e820 setup setup-refused balloon balloon-spare
UNITS += swiotlb swiotlb-areas swiotlb-data swiotlb-misuse swiotlb-sync swiotlb-full swiotlb-grow
UNITS += swiotlb-find swiotlb-paths swiotlb-segment swiotlb-trim
UNITS += coherent coherent-trim dma dma-backend dma-device dma-limits dma-sg dma-debug
UNITS += pci pci-bar pci-claims pci-config pci-odd pci-report pci-express pci-faults pci-hostile
UNITS += pci-alias pci-rom pci-scan pci-trees pci-windows pirq pirq-faults
UNITS += evtchn evtchn-cpus evtchn-eoi grant grant-page grant-map
UNITS += xenbus xenbus-parse xenbus-watch xenbus-ring xenbus-broken xenbus-late xenbus-restart
UNITS += model model-device model-domain model-event model-exchange model-grant model-memory
UNITS += model-mmu model-pci model-pgtable model-port model-rules model-trap model-xenstore
UNITS += model-xs-link
UNITS += $(FRONT_UNITS)
# Those of xenpci (mk/xenpci.mk), which neither the library nor the model is linked into.
XENPCI_UNITS := xenpci-text xenpci-p2m xenpci-space xenpci-map xenpci-check xenpci-memory \
	xenpci-use xenpci-lock xenpci-attach xenpci-refuse xenpci-detach xenpci-force xenpci-moved \
	xenpci-assignable xenpci-status xenpci-look
MODEL_SRC := $(addprefix tests/model/,argument.c breach.c buddy.c check.c device.c dma.c domain.c \
	edu.c event.c event_abi.c evtchn_op.c exchange.c frames.c grant.c grant_copy.c grant_map.c \
	hypercall.c lock.c log.c machine.c memory_op.c misc.c mmu.c mmu_op.c nvme.c nvme_command.c object.c pci.c \
	pgtable.c physdev.c physdev_pci.c port.c shared.c tables.c trap.c xenstore.c xs_command.c \
	xs_ring.c xs_transaction.c xs_tree.c xs_watch.c) $(FRONT_MODEL_SRC)

$(HOST)/libhosted.a: $(call host_obj,$(LIB_SRC) $(MODEL_SRC))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(HOST)/test_%: $(HOST)/tests/unit/test_%.o $(HOST)/libhosted.a
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $(filter %.o,$^) $(HOST)/libhosted.a $$(pkg-config --libs check) -lpthread

# The reference guest's drivers, on the model's devices.
$(HOST)/test_guest-drivers: $(call host_obj,$(addprefix tests/guest/,edu.c nvme.c nvme-queue.c \
	nvme-io.c))
$(HOST)/tests/guest/%.o $(HOST)/tests/unit/test_guest-drivers.o: \
	private HOST_CFLAGS += -Iarch/x86/xen/boot

.PRECIOUS: $(HOST)/%.o

.PHONY: unit
unit: $(patsubst %,$(HOST)/test_%,$(if $(T),$(T),$(UNITS) $(XENPCI_UNITS))) ## unit tests; T=name, C=case, SAN=asan|ubsan|tsan
	$(Q)$(if $(SAN),CK_TIMEOUT_MULTIPLIER=4 UNIT_SECONDS=3600) $(if $(C),CK_RUN_CASE='$(C)') \
		scripts/unit-run.sh 'unit$(if $(SAN), $(SAN))' \
		'make unit$(if $(SAN), SAN=$(SAN))' $^

.PHONY: unit-selftest
unit-selftest: ## does the unit test runner tell right from wrong?
	$(Q)tests/unit/selftest.sh $(O)
