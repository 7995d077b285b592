# SPDX-License-Identifier: MIT
# Installation: the archive, the headers under include/xendma/xen/, a pkg-config file, documents.

PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1
INSTALL := install

LIBDIR = $(PREFIX)/lib
INCDIR = $(PREFIX)/include/xendma/xen
DOCDIR = $(PREFIX)/share/doc/xendma
DOCS := README.md docs/architecture.md docs/porting.md docs/guest.md docs/testing.md

.PHONY: install
install: $(O)/libxendma.a ## install under $(DESTDIR)$(PREFIX)
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(INCDIR) $(DOCDIR))
	$(Q)$(INSTALL) -m 644 $(O)/libxendma.a $(DESTDIR)$(LIBDIR)
	$(Q)$(INSTALL) -m 644 include/xen/*.h $(DESTDIR)$(INCDIR)
	$(Q)$(INSTALL) -m 644 LICENSE $(DOCS) $(DESTDIR)$(DOCDIR)
	$(Q)sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@VERSION@,$(VERSION),' scripts/xendma.pc.in \
		>$(O)/xendma.pc
	$(Q)$(INSTALL) -m 644 $(O)/xendma.pc $(DESTDIR)$(LIBDIR)/pkgconfig

.PHONY: uninstall
uninstall: ## remove what install put there
	$(Q)rm -rf $(addprefix $(DESTDIR),$(LIBDIR)/libxendma.a $(LIBDIR)/pkgconfig/xendma.pc \
		$(PREFIX)/include/xendma $(DOCDIR))

.PHONY: install-check
install-check: $(O)/libxendma.a ## does a program build and run against an installed tree?
	$(Q)CC='$(CC)' MAKE='$(MAKE)' tests/install/check.sh $(O)
