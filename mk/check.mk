# SPDX-License-Identifier: MIT
# The whole of it: what a change must pass.

CHECK = O='$(O)' QEMU='$(filter-out qemu-system-x86_64,$(QEMU))' XEN='$(XEN)' \
	CC='$(CC)' MAKEFLAGS= MAKE='$(MAKE)' scripts/check.sh

.PHONY: check
ifneq ($(SAN)$(T)$(C),)
check: unit
else
check: ## all but the long ones; T=, C= or SAN=asan|ubsan|tsan: just these unit tests
	@$(CHECK) short
endif

.PHONY: check-long
check-long: ## the same with all boot scenarios, coverage, mutation, unit tests under TSan, fuzzing, all faults
	@$(CHECK)
