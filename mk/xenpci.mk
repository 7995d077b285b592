# SPDX-License-Identifier: MIT
# xenpci, the dom0 command (tools/xenpci): libxenctrl, libxenstore, libpci, jansson.
#
# What decides is apart from what acts: XENPCI_SEAMS are the files that touch the host, which the
# tests replace by fakes of their own.

XENPCI_CORE := $(addprefix tools/xenpci/,bdf.c number.c memory.c finding.c device.c capability.c owner.c names.c \
	context.c list.c p2m-view.c space.c map.c map-scale.c map-text.c map-json.c \
	map-svg.c map-command.c facts.c gather.c check-device.c check-memory.c \
	check-command.c explain.c use.c backend.c backend-change.c grants.c record.c situation.c \
	conflict.c pciback.c plan.c judge.c plan-attach.c plan-detach.c run.c run-wait.c \
	steps.c steps-device.c steps-xen.c steps-note.c steps-guest.c steps-driver.c attach.c lock.c \
	policy.c plan-assignable.c assignable.c status.c status-judge.c)
XENPCI_SEAMS := $(addprefix tools/xenpci/,files.c store.c hv.c hv-query.c guest.c quiet.c interrupt.c)
XENPCI_SRC := $(XENPCI_CORE) $(XENPCI_SEAMS) tools/xenpci/main.c
XENPCI_LIBS := xencontrol xenforeignmemory xenstore libpci jansson

# A host in memory: the seams as the tests have them.
XENPCI_WORLD := $(addprefix tests/xenpci/,world.c fake-files.c fake-store.c fake-hv.c fake-query.c fake-guest.c)
# A guest with a P2M, in place of the seam guest.c.
XENPCI_P2M := tests/xenpci/p2m-guest.c

$(HOST)/tools/xenpci/%.o $(HOST)/tests/xenpci/%.o $(HOST)/tests/unit/test_xenpci-%.o: \
	private HOST_CFLAGS += -D_GNU_SOURCE -Itools -DXENPCI_VERSION='"$(VERSION)"'

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
$(addprefix $(HOST)/test_xenpci-,p2m space map check memory use): $(call host_obj,tools/xenpci/files.c)
$(addprefix $(HOST)/test_xenpci-,p2m space map): $(call host_obj,$(XENPCI_P2M))
$(addprefix $(HOST)/test_xenpci-,attach refuse assignable status look): $(call host_obj,$(XENPCI_WORLD))

# The fuzz target (mk/fuzz.mk) in the same host.
$(O)/host-fuzz/fuzz_xenpci: $(patsubst %.c,$(O)/host-fuzz/%.o,$(XENPCI_WORLD)) \
	$(O)/host-fuzz/libxenpci.a
$(O)/host-fuzz/fuzz_xenpci: FUZZ_LIBS = $$(pkg-config --libs libpci jansson)
$(O)/host-fuzz/tests/fuzz/fuzz_xenpci.o: HOST_CFLAGS += -D_GNU_SOURCE -Itools
