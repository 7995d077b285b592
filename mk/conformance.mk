# SPDX-License-Identifier: MIT
# Conformance: the same hypercalls on the model and on real Xen, compared line by line.

CONF_SRC := $(addprefix tests/conformance/,conf.c reservation.c maps.c exchange.c \
	exchange-orders.c va-mapping.c mmu-update.c mmuext.c page-levels.c tables.c multicall.c \
	event.c event-bind.c grant.c grant-map.c pirq.c pci.c misc.c)
CONF_HOSTED_SRC := tests/conformance/hosted.c

# The rows of its tables name only the fields that matter.
$(HOST)/tests/conformance/%.o: HOST_CFLAGS += -Wno-missing-field-initializers
$(FREE)/tests/conformance/%.o: KERNEL_CFLAGS += -Wno-missing-field-initializers

$(HOST)/conformance: $(call host_obj,$(CONF_SRC) $(CONF_HOSTED_SRC)) $(HOST)/libhosted.a
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $^ -lpthread

.PHONY: conformance-model
conformance-model: $(HOST)/conformance ## the suite's lines on the model alone
	$(Q)$<

.PHONY: conformance
conformance: $(HOST)/conformance $(O)/guest.elf setup-xen ## compare the model with real Xen
	$(Q)$(BOOT_ENV) tests/conformance/conformance.sh run $<

.PHONY: conformance-selftest
conformance-selftest: ## does the comparison tell right from wrong?
	$(Q)tests/conformance/selftest.sh $(O)
