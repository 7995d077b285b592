# SPDX-License-Identifier: MIT
# Fuzzing: one libFuzzer program a target, with ASan and UBSan, over the model.
#   make fuzz                    all targets, 30 s each, from their corpora on
#   make fuzz T=pci TIME=600     one target, so many seconds
#   make fuzz T=pci R=file       run one input again: what a failure's message says
#   make fuzz T=pci RUNS=1000000 one target, so many inputs, by SEED
#   make fuzz-corpus             every input of every corpus, in two orders
#   make fuzz-merge T=pci        put what fuzzing found into the corpus, as little as covers it all

FUZZ_TARGETS := e820 setup ranges p2m contiguous dma pci xenstore xenpci xenpci-map pcifront
FUZZ_SRC := $(addprefix tests/fuzz/,fuzz.c dma-oracle.c pci-hostile.c pcifront-hostile.c xenstored-hostile.c \
	guest-hostile.c $(FUZZ_TARGETS:%=fuzz_%.c))
FUZZ_CC := clang-14
TIME ?= 30

FUZZ_PROGRAMS = $(patsubst %,$(O)/host-fuzz/fuzz_%,$(if $(T),$(T),$(FUZZ_TARGETS)))
FUZZ_RUN = O='$(O)' FUZZ_SEED='$(or $(SEED),$(FUZZ_SEED))' tests/fuzz/run.sh

# Only what is under test leads the fuzzer.
$(O)/host-fuzz/tests/model/%.o: HOST_CFLAGS += -fno-sanitize=fuzzer-no-link
# What is compared there byte by byte or bit by bit tells nothing that the branches do not.
$(patsubst %,$(O)/host-fuzz/drivers/xen/%.o,xs-parse xs-ring evtchn evtchn-2l): \
	HOST_CFLAGS += -fno-sanitize-coverage=trace-cmp

$(O)/host-fuzz/fuzz_dma: $(O)/host-fuzz/tests/fuzz/dma-oracle.o
$(O)/host-fuzz/fuzz_pci: $(O)/host-fuzz/tests/fuzz/pci-hostile.o
$(O)/host-fuzz/fuzz_pcifront: $(O)/host-fuzz/tests/fuzz/pcifront-hostile.o
$(O)/host-fuzz/fuzz_xenstore: $(O)/host-fuzz/tests/fuzz/xenstored-hostile.o

$(O)/host-fuzz/fuzz_%: $(O)/host-fuzz/tests/fuzz/fuzz_%.o $(O)/host-fuzz/tests/fuzz/fuzz.o \
		$(O)/host-fuzz/libhosted.a
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_fuzz) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS) -lpthread

.PHONY: fuzz-build
fuzz-build:
	$(Q)$(MAKE) O='$(O)' CC='$(FUZZ_CC)' SAN=fuzz T= $(FUZZ_PROGRAMS)

.PHONY: fuzz
fuzz: fuzz-build ## fuzz all targets; T=name, TIME=seconds or RUNS=number SEED=n, R=file (one input again)
	$(Q)$(FUZZ_RUN) $(if $(R),replay '$(R)',$(if $(RUNS),count '$(RUNS)',search '$(TIME)')) \
		$(FUZZ_PROGRAMS)

.PHONY: fuzz-corpus
fuzz-corpus: fuzz-build ## run every kept input of the fuzz targets, in two orders
	$(Q)$(FUZZ_RUN) corpus $(FUZZ_PROGRAMS)

.PHONY: fuzz-merge
fuzz-merge: fuzz-build ## put what fuzzing found into the kept corpora, minimised
	$(Q)$(FUZZ_RUN) merge $(FUZZ_PROGRAMS)

.PHONY: fuzz-list
fuzz-list: ## the fuzz targets
	@printf '%s\n' $(FUZZ_TARGETS)

.PHONY: fuzz-selftest
fuzz-selftest: ## does the fuzz runner tell right from wrong?
	$(Q)tests/fuzz/selftest.sh $(O)
