# SPDX-License-Identifier: MIT
# xenpci, the dom0 command (tools/xenpci): libxenctrl, libxenstore, libpci, jansson.
#
# Floors from the ground up. What decides is apart from what acts: XENPCI_SEAMS are the files that
# touch the host, which the tests replace by fakes of their own.

xenpci_in = $(patsubst %,tools/xenpci/$(1)/%.c,$(2))
XENPCI_CORE := $(call xenpci_in,base,bdf number memory text finding) \
	$(call xenpci_in,seam,context) \
	$(call xenpci_in,host,device capability names pciback policy owner mounts block use) \
	$(call xenpci_in,domain,backend backend-change grants record situation) \
	$(call xenpci_in,map,p2m-view space map map-scale map-text map-json map-svg map-command) \
	$(call xenpci_in,check,conflict facts gather check-device check-memory check-command explain) \
	$(call xenpci_in,plan,plan judge plan-attach plan-detach plan-assignable) \
	$(call xenpci_in,run,lock run run-wait meanwhile steps steps-device steps-xen steps-note steps-guest \
		steps-driver) \
	$(patsubst %,tools/xenpci/%.c,list attach assignable status status-judge)
XENPCI_SEAMS := $(call xenpci_in,seam,files store hv hv-query guest quiet interrupt)
XENPCI_SRC := $(XENPCI_CORE) $(XENPCI_SEAMS) tools/xenpci/main.c
XENPCI_LIBS := xencontrol xenforeignmemory xenstore libpci jansson

# A host in memory: the seams as the tests have them.
XENPCI_WORLD := $(addprefix tests/xenpci/,world.c fake-files.c fake-store.c fake-hv.c fake-query.c fake-guest.c)
# A guest with a P2M, in place of the seam guest.c.
XENPCI_P2M := tests/xenpci/p2m-guest.c

$(HOST)/tools/xenpci/%.o $(HOST)/tests/xenpci/%.o $(HOST)/tests/unit/test_xenpci-%.o: \
	private HOST_CFLAGS += -D_GNU_SOURCE -Itools -Itools/xenpci -DXENPCI_VERSION='"$(VERSION)"'

$(HOST)/xenpci: $(call host_obj,$(XENPCI_SRC))
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $^ $$(pkg-config --libs $(XENPCI_LIBS))

.PHONY: xenpci
xenpci: $(HOST)/xenpci ## build the dom0 command

# What decides, as an archive: a test program takes from it what it needs.
$(HOST)/libxenpci.a: $(call host_obj,$(XENPCI_CORE))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(HOST)/test_xenpci-%: $(HOST)/tests/unit/test_xenpci-%.o $(HOST)/libxenpci.a
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $(filter %.o,$^) $(HOST)/libxenpci.a \
		$$(pkg-config --libs check libpci jansson) -lpthread

# Those have the real seam to files.
$(addprefix $(HOST)/test_xenpci-,p2m space map check memory use lock): $(call host_obj,tools/xenpci/seam/files.c)
$(addprefix $(HOST)/test_xenpci-,p2m space map): $(call host_obj,$(XENPCI_P2M))
$(addprefix $(HOST)/test_xenpci-,attach refuse detach force moved assignable status look): $(call host_obj,$(XENPCI_WORLD))

# The fuzz target (mk/fuzz.mk) in the same host.
$(O)/host-fuzz/fuzz_xenpci: $(patsubst %.c,$(O)/host-fuzz/%.o,$(XENPCI_WORLD)) \
	$(O)/host-fuzz/libxenpci.a
# Only what is under test leads the fuzzer.
$(O)/host-fuzz/tests/xenpci/%.o: HOST_CFLAGS += -fno-sanitize=fuzzer-no-link
$(O)/host-fuzz/fuzz_xenpci: FUZZ_LIBS = $$(pkg-config --libs libpci jansson)
$(O)/host-fuzz/fuzz_xenpci-map: $(O)/host-fuzz/tests/fuzz/guest-hostile.o \
	$(O)/host-fuzz/tools/xenpci/seam/files.o \
	$(O)/host-fuzz/libxenpci.a
$(O)/host-fuzz/fuzz_xenpci-map: FUZZ_LIBS = $$(pkg-config --libs jansson)
$(addprefix $(O)/host-fuzz/tests/fuzz/,fuzz_xenpci.o fuzz_xenpci-map.o guest-hostile.o): \
	HOST_CFLAGS += -D_GNU_SOURCE -Itools -Itools/xenpci
