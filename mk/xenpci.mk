# SPDX-License-Identifier: MIT
# xenpci, the dom0 command (tools/xenpci): libxenctrl, libxenstore, libpci, jansson.
#
# What decides is apart from what acts: XENPCI_SEAMS are the files that touch the host, which the
# tests replace by fakes of their own.

XENPCI_CORE := $(addprefix tools/xenpci/,bdf.c number.c memory.c finding.c device.c owner.c names.c \
	context.c list.c attached.c p2m-view.c space.c map.c map-scale.c map-text.c map-json.c \
	map-svg.c map-command.c facts.c gather.c check-device.c check-memory.c \
	check-command.c explain.c use.c)
XENPCI_SEAMS := $(addprefix tools/xenpci/,files.c store.c hv.c hv-query.c guest.c quiet.c interrupt.c)
XENPCI_SRC := $(XENPCI_CORE) $(XENPCI_SEAMS) tools/xenpci/main.c
XENPCI_LIBS := xencontrol xenforeignmemory xenstore libpci jansson

$(HOST)/tools/xenpci/%.o $(HOST)/tests/unit/test_xenpci-%.o: \
	private HOST_CFLAGS += -D_GNU_SOURCE -Itools -DXENPCI_VERSION='"$(VERSION)"'

$(HOST)/xenpci: $(call host_obj,$(XENPCI_SRC))
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $^ $$(pkg-config --libs $(XENPCI_LIBS))

.PHONY: xenpci
xenpci: $(HOST)/xenpci ## build the dom0 command

# A test program names what it is made of beside itself.
$(HOST)/test_xenpci-%: $(HOST)/tests/unit/test_xenpci-%.o
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $^ $$(pkg-config --libs check libpci jansson) -lpthread

$(HOST)/test_xenpci-text: $(call host_obj,$(addprefix tools/xenpci/,bdf.c number.c memory.c finding.c))

$(HOST)/test_xenpci-map: $(call host_obj,$(addprefix tools/xenpci/,bdf.c number.c memory.c finding.c \
	p2m-view.c space.c map.c map-scale.c map-text.c map-json.c map-svg.c device.c files.c))

$(HOST)/test_xenpci-check: $(call host_obj,$(addprefix tools/xenpci/,bdf.c number.c memory.c finding.c \
	device.c files.c names.c facts.c check-device.c check-memory.c explain.c use.c map-text.c \
	map-scale.c map.c))
