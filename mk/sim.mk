# SPDX-License-Identifier: MIT
# Deterministic simulation: random operations on the whole library against an oracle.
#   make sim [OPS=1000000] [SEED=n|random] [CPUS=1..4] [TRACE=1] [SAN=asan|tsan]

SIM_SRC := $(addprefix tests/sim/,main.c episode.c oracle.c stream.c list.c coherent.c memory.c \
	bus.c pools.c)
LISTED += $(SIM_SRC)
SIM_ARGS = $(if $(OPS),-n $(OPS)) $(if $(SEED),-s $(SEED)) $(if $(CPUS),-c $(CPUS)) \
	$(if $(filter 1,$(TRACE)),-t)

$(HOST)/sim: $(call host_obj,$(SIM_SRC)) $(HOST)/libhosted.a
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) $(SAN_$(SAN)) -o $@ $^ -lpthread

.PHONY: sim
sim: $(HOST)/sim ## simulation; OPS=, SEED=, CPUS=, SAN=
	$(Q)$< $(SIM_ARGS)

.PHONY: mutants-check
mutants-check: ## do the planted faults still apply?
	$(Q)scripts/each.sh mutants-check 'patch -p1 -s -f --dry-run -i' tests/mutants/*.patch

.PHONY: mutants
mutants: ## planted faults: does the simulation find each? M=name
	$(Q)CC='$(CC)' MAKE='$(MAKE)' MAKEFLAGS= OPS='$(OPS)' tests/mutants/run.sh $(O) $(M)
