/* SPDX-License-Identifier: MIT */
/*
 * Texts that others wrote and people will see: guests, xenstore, sysfs, data bases.
 */
#ifndef XENPCI_TEXT_H
#define XENPCI_TEXT_H

/*
 * Make '?' of all but printable ASCII, in place: what is left steers no terminal, is one line, and
 * is valid in JSON. Returns text.
 */
char *text_clean(char *text);

#endif
