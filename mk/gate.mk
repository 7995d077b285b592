# SPDX-License-Identifier: MIT
# How good are the unit tests? By mutation (tests/mutate) and by coverage (scripts/cov.sh).
#   make mutate               a fixed sample              make mutate N=0   all mutants: an hour
#   make mutate F=drivers/xen/dma.c   those of a file     SEED=n            another sample
#   make mutate AGAIN=file    what survived according to that output of an earlier run

MUTATE = PYTHONDONTWRITEBYTECODE=1 nice tests/mutate/mutate.py --host=$(O)/host \
	--asan-host=$(O)/host-asan --work=$(O)/mutate --cc='$(CC)' \
	--cflags='$(BASE_CFLAGS) $(CFLAGS) -Itests' --asan-flags='$(SAN_asan)' \
	--libs="$$(pkg-config --libs check) -lpthread"

# The test programs that are needed: for one file those that targets names.
MUTATE_UNITS = $(if $(F),$(shell sed -n 's|^$(F) :: \([^:]*\).*|\1|p' tests/mutate/targets),$(UNITS))

.PHONY: mutate
mutate: ## do the tests notice a check deleted or flipped? F=file, N=max
	$(if $(strip $(MUTATE_UNITS)),,$(error F=$(F) is not in tests/mutate/targets))
	$(Q)$(MAKE) SAN= $(MUTATE_UNITS:%=$(O)/host/test_%)
	$(Q)$(MAKE) SAN=asan $(MUTATE_UNITS:%=$(O)/host-asan/test_%)
	$(Q)$(MUTATE) --number=$(or $(N),$(if $(F)$(AGAIN),0,60)) $(F:%=--file=%) $(SEED:%=--seed=%) \
		$(AGAIN:%=--again=%) $(if $(filter 1,$(V)),--verbose)

.PHONY: mutate-check
mutate-check: ## do mutation's lists of functions and of equivalent mutants match the source?
	$(Q)$(MUTATE) --check

.PHONY: cov
cov: ## which lines and branches do the unit tests run? pages in build/cov/html
	$(Q)if [ -d $(O)/host-cov ]; then find $(O)/host-cov -name '*.gcda' -delete; fi
	$(Q)$(MAKE) CC=gcc SAN=cov unit
	$(Q)scripts/cov.sh $(O)/host-cov $(O)/cov
