# SPDX-License-Identifier: MIT
# Installation: the archive, the headers under include/xendma/xen/, the sources of the hypercalls for
# kernels that have none, a pkg-config file, documents; the dom0 command with its page, completion
# and unit.

PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1
INSTALL := install

LIBDIR = $(PREFIX)/lib
INCDIR = $(PREFIX)/include/xendma/xen
SRCDIR = $(PREFIX)/share/xendma
DOCDIR = $(PREFIX)/share/doc/xendma
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man/man1
COMPDIR = $(PREFIX)/share/bash-completion/completions
UNITDIR = $(PREFIX)/lib/systemd/system
# README.md links to docs/: they keep their places.
DOCS := architecture bringup conformance guest pci-xenstore performance porting testing
SOURCES := arch/x86/xen/hypercall.c arch/x86/xen/rawcall.h

.PHONY: install
install: install-lib install-xenpci ## install under $(DESTDIR)$(PREFIX)

.PHONY: install-xenpci
install-xenpci: $(O)/host/xenpci ## install the dom0 command alone
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR),$(SBINDIR) $(MANDIR) $(COMPDIR) $(UNITDIR))
	$(Q)$(INSTALL) $(O)/host/xenpci $(DESTDIR)$(SBINDIR)
	$(Q)$(INSTALL) -m 644 tools/xenpci/xenpci.1 $(DESTDIR)$(MANDIR)
	$(Q)$(INSTALL) -m 644 tools/xenpci/xenpci.bash $(DESTDIR)$(COMPDIR)/xenpci
	$(Q)sed 's,@PREFIX@,$(PREFIX),' tools/xenpci/xenpci-assignable.service.in \
		>$(O)/xenpci-assignable.service
	$(Q)$(INSTALL) -m 644 $(O)/xenpci-assignable.service $(DESTDIR)$(UNITDIR)

.PHONY: install-lib
install-lib: $(O)/libxendma.a ## install the library alone
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(INCDIR) $(SRCDIR) \
		$(DOCDIR)/docs)
	$(Q)$(INSTALL) -m 644 $(O)/libxendma.a $(DESTDIR)$(LIBDIR)
	$(Q)$(INSTALL) -m 644 include/xen/*.h $(DESTDIR)$(INCDIR)
	$(Q)$(INSTALL) -m 644 $(SOURCES) $(DESTDIR)$(SRCDIR)
	$(Q)$(INSTALL) -m 644 LICENSE README.md $(DESTDIR)$(DOCDIR)
	$(Q)$(INSTALL) -m 644 $(DOCS:%=docs/%.md) $(DESTDIR)$(DOCDIR)/docs
	$(Q)sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@VERSION@,$(VERSION),' scripts/xendma.pc.in \
		>$(O)/xendma.pc
	$(Q)$(INSTALL) -m 644 $(O)/xendma.pc $(DESTDIR)$(LIBDIR)/pkgconfig

.PHONY: uninstall
uninstall: ## remove what install put there
	$(Q)rm -rf $(addprefix $(DESTDIR),$(LIBDIR)/libxendma.a $(LIBDIR)/pkgconfig/xendma.pc \
		$(PREFIX)/include/xendma $(SRCDIR) $(DOCDIR) $(SBINDIR)/xenpci $(MANDIR)/xenpci.1 \
		$(COMPDIR)/xenpci $(UNITDIR)/xenpci-assignable.service)

.PHONY: install-check
install-check: $(O)/libxendma.a $(O)/host/xenpci ## does a program build and run against an installed tree?
	$(Q)CC='$(CC)' MAKE='$(MAKE)' tests/install/check.sh $(O)
