# SPDX-License-Identifier: MIT
# Checks that run nothing: format, headers, symbols, floors, documents, shell scripts, source lists.

CLANG_FORMAT ?= clang-format-14
C_FILES = $(sort $(shell find include lib arch drivers tests tools -name '*.[ch]' 2>/dev/null))
SHELL_FILES := .ci/run $(wildcard scripts/*.sh tests/*/*.sh tests/dom0/*-init tools/*/*.bash tests/bench/linux/init arch/x86/xen/boot/*.sh)

.PHONY: fmt
fmt: ## put all C files into the project's format
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

.PHONY: fmt-check
fmt-check: ## is every C file in the project's format?
	$(Q)scripts/each.sh fmt-check '$(CLANG_FORMAT) --dry-run -Werror' $(C_FILES)

.PHONY: headers-check
headers-check: ## does each public header compile alone, as C and as C++?
	$(Q)scripts/headers-check.sh include

.PHONY: symbols
symbols: $(O)/libxendma.a ## does the library need and export just what it may?
	$(Q)CC='$(CC)' scripts/symbols.sh $< include

.PHONY: floors
floors: $(call free_obj,$(LIB_SRC)) ## does every file of the library use only what is below it?
	$(Q)scripts/floors.sh docs/architecture.md $(FREE) $^

.PHONY: docs-check
docs-check: ## is what the documents name there: links, make targets, files?
	$(Q)mkdir -p $(O) && $(MAKE) -s help >$(O)/help && scripts/docs-check.sh . $(O)/help

.PHONY: shellcheck
shellcheck: ## are the shell scripts clean?
	$(Q)scripts/each.sh shellcheck 'shellcheck -x -P SCRIPTDIR' $(SHELL_FILES)

# Source lists are explicit; what stands beside them would be neither built nor tested.
LISTED = $(LIB_SRC) $(MODEL_SRC) $(BOOT_SRC) $(GUEST_SRC) $(KERNEL_TEST_SRC) \
	$(patsubst %,tests/unit/test_%.c,$(UNITS) $(XENPCI_UNITS)) $(XENPCI_SRC) $(XENPCI_WORLD) $(XENPCI_P2M) tests/install/embed.c tests/dom0/killat.c tests/dom0/pirq.c $(FAULTS_SRC) $(CONF_HOSTED_SRC) \
	$(FUZZ_SRC) $(BENCH_LINUX_SRC) $(BENCH_HOST_SRC)
UNLISTED = $(filter-out $(LISTED),$(shell find lib arch drivers tests tools -name '*.[cS]'))

.PHONY: lists-check
lists-check: ## is every source file in one of make's lists?
	$(Q)scripts/each.sh lists-check 'test -z' $(UNLISTED) ''

.PHONY: rows
rows: ## which unit test covers which known fault (tests/ROWS)?
	$(Q)scripts/rows.sh

.PHONY: lint
lint: fmt-check headers-check symbols floors docs-check shellcheck lists-check ## all of these

.PHONY: lint-selftest
lint-selftest: ## do these checks see what they are there to see?
	$(Q)CC='$(CC)' tests/lint/selftest.sh $(O)
