/* SPDX-License-Identifier: MIT */
/*
 * What hv.c and hv-query.c share.
 */
#ifndef XENPCI_HV_PRIVATE_H
#define XENPCI_HV_PRIVATE_H

#include <xenctrl.h>

struct hv {
	xc_interface *xc;
};

/* What a function of libxenctrl returned, as 0 or a negative errno. */
int hv_result(int value);

#endif
