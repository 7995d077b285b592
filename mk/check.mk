# SPDX-License-Identifier: MIT
# The whole of it: what a change must pass.

CHECK = O='$(O)' QEMU='$(filter-out qemu-system-x86_64,$(QEMU))' XEN='$(XEN)' \
	CC='$(CC)' MAKEFLAGS= MAKE='$(MAKE)' scripts/check.sh

.PHONY: check
check: ## set up, build, lint, unit tests plain and under ASan, short boot set
	@$(CHECK) short

.PHONY: check-long
check-long: ## the same with all boot scenarios, and unit tests under TSan
	@$(CHECK)
