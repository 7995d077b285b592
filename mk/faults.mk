# SPDX-License-Identifier: MIT
# Fail call N: every scenario of tests/faults with each of its calls failing.
#   make faults [S=scenario] [K=kind] [N=number] [E=errno] [FULL=1] [SEED=n] [SAN=asan]
#   K2=, N2=, E2=: a second failure behind the first

FAULTS_SRC := $(addprefix tests/faults/,main.c run.c errors.c dma.c exchange.c memory.c balloon.c \
	pci.c pirq.c wrong.c xenstore.c front.c)

$(HOST)/faults: $(call host_obj,$(FAULTS_SRC)) $(HOST)/libhosted.a
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $^ -lpthread

.PHONY: faults
faults: $(HOST)/faults ## each call fails in turn; S=scenario K=kind N=number E=errno, FULL=1
	$(Q)S='$(S)' K='$(K)' N='$(N)' E='$(E)' K2='$(K2)' N2='$(N2)' E2='$(E2)' \
		FAULTS_FULL='$(FULL)' FAULTS_SEED='$(SEED)' $< include/xen

.PHONY: faults-selftest
faults-selftest: $(HOST)/faults ## does this driver see what is wrong?
	$(Q)FAULTS_WRONG=1 $<
