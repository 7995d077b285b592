# SPDX-License-Identifier: MIT
# What operations cost (tests/bench): beside Linux's, in instructions, and by themselves, in ns.

BENCH := $(O)/bench
BENCH_TREE := $(O)/linux-6.12/tree
BENCH_LINUX_SRC := tests/bench/linux/xendma_bench.c

$(BENCH_TREE)/.packages: scripts/setup-bench.sh
	$(Q)scripts/setup-bench.sh $(O)/linux-6.12

# Built where the headers want it, in a copy: kbuild writes beside the sources.
$(BENCH)/linux/xendma_bench.ko: $(BENCH_LINUX_SRC) tests/bench/linux/Kbuild \
		tests/bench/rows.h tests/bench/measure.h $(BENCH_TREE)/.packages
	@$(if $(Q),printf '  MODULE  %s\n' '$@')
	$(Q)rm -rf $(@D) && mkdir -p $(@D) && cp tests/bench/linux/* $(@D) && cp tests/bench/*.h $(BENCH)
	$(Q)LD_LIBRARY_PATH='$(abspath $(BENCH_TREE))/usr/lib/x86_64-linux-gnu' MAKEFLAGS= \
		$(MAKE) -s -C $(BENCH_TREE)/build M='$(abspath $(@D))' \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules >$(BENCH)/module.log 2>&1 || \
		{ cat $(BENCH)/module.log >&2; exit 1; }

.PHONY: bench
bench: setup ## what operations cost beside Linux's, in instructions; build/bench.json, bench.svg
	$(Q)$(MAKE) -s $(BENCH)/linux/xendma_bench.ko $(O)/guest.elf
	$(Q)$(BOOT_ENV) PYTHONDONTWRITEBYTECODE=1 tests/bench/bench.py

.PHONY: bench-profile
bench-profile: $(O)/guest.elf setup-xen ## instructions of rows of the bench by function; ROW="name ..."
	$(Q)$(BOOT_ENV) PYTHONDONTWRITEBYTECODE=1 tests/bench/profile.py $(ROW)

.PHONY: bench-selftest
bench-selftest: ## does the bench's report tell right from wrong?
	$(Q)PYTHONDONTWRITEBYTECODE=1 tests/bench/selftest.py

BENCH_HOST_SRC := $(addprefix tests/bench/host/,main.c port.c threads.c)

$(BENCH)/host.a: $(call host_obj,$(LIB_SRC))
	$(Q)mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^

$(BENCH)/host: $(call host_obj,$(BENCH_HOST_SRC)) $(BENCH)/host.a
	@$(if $(Q),printf '  LINK    %s\n' '$@')
	$(Q)$(CC) -o $@ $^ -lpthread

.PHONY: bench-host
bench-host: $(BENCH)/host ## the algorithms in ns on this machine; build/bench-host.json, .svg
	$(Q)O='$(O)' PYTHONDONTWRITEBYTECODE=1 tests/bench/bench_host.py
