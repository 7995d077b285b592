/* SPDX-License-Identifier: MIT */
/* XENMEM_exchange of extents larger than a page: up, down and across, and what Xen refuses. */
#include "exchange.h"

static const struct exchange_case cases[] = {
	{"exchange-4-to-order-2", 2, 0, 2, 4, 1},
	{"exchange-8-to-2-of-order-2", 3, 0, 2, 8, 2},
	{"exchange-8-to-order-2-below-28-bits", 3, 0, 2, 8, 2, .bits = 28},
	{"exchange-512-to-order-9", 9, 0, 9, 512, 1},
	{"exchange-512-to-order-9-below-28-bits", 9, 0, 9, 512, 1, .bits = 28},
	{"exchange-1024-to-2-of-order-9", 10, 0, 9, 1024, 2},
	{"exchange-order-2-to-4", 2, 2, 0, 1, 4, .contiguous = true},
	{"exchange-2-of-order-2-to-8", 3, 2, 0, 2, 8, .contiguous = true},
	{"exchange-order-9-to-512", 9, 9, 0, 1, 512, .contiguous = true},
	{"exchange-order-2-to-order-2", 2, 2, 2, 1, 1, .contiguous = true},
	{"exchange-order-3-to-2-of-order-2", 3, 3, 2, 1, 2, .contiguous = true},
	{"exchange-2-of-order-1-to-order-2", 2, 1, 2, 2, 1, .contiguous = true},
	{"exchange-order-2-in-pieces-mapped", 2, 2, 0, 1, 4, .contiguous = true, .spoilt = MAPPED},
	{"exchange-chunk-last-mapped", 2, 0, 2, 4, 1, .spoilt = MAPPED, .at = 3},
	{"exchange-chunk-page-table", 2, 0, 2, 4, 1, .spoilt = PAGE_TABLE, .at = 2},
	{"exchange-chunk-same-twice", 2, 0, 2, 4, 1, .spoilt = TWICE, .at = 3},
	{"exchange-chunk-xen-frame", 2, 0, 2, 4, 1, .spoilt = OF_XEN, .at = 1},
	{"exchange-second-chunk-first-mapped", 3, 0, 2, 8, 2, .spoilt = MAPPED, .at = 4},
	{"exchange-second-chunk-last-mapped", 3, 0, 2, 8, 2, .spoilt = MAPPED, .at = 7},
	{"exchange-second-chunk-invalid", 3, 0, 2, 8, 2, .spoilt = NO_FRAME, .at = 6},
	{"exchange-starts-in-chunk", 3, 0, 2, 8, 2, .start = 4},
	{"exchange-starts-inside-chunk", 3, 0, 2, 8, 2, .start = 5},
	{"exchange-starts-inside-first-chunk", 3, 0, 2, 8, 2, .start = 2},
	{"exchange-second-of-two-down", 3, 2, 0, 2, 8, .start = 1, .contiguous = true},
	{"exchange-3-for-order-1", 2, 0, 1, 3, 1},
	{"exchange-order-9-below-20-bits", 9, 0, 9, 512, 1, .bits = 20},
	{"exchange-order-2-below-14-bits", 2, 0, 2, 4, 1, .bits = 14},
	{"exchange-order-18-too-few", 0, 0, 18, 1, 1},
	{"exchange-in-order-19", 0, 19, 19, 1, 1},
	{"exchange-out-order-19", 0, 0, 19, 1, 1},
	{"exchange-in-order-19-of-nothing", 0, 19, 0, 0, 0},
	{"exchange-in-order-63", 0, 63, 0, 1, 1},
	{"exchange-in-order-64", 0, 64, 64, 1, 1},
	{"exchange-out-order-all-ones", 0, 0, ~0U, 1, 1},
	{"exchange-order-before-domain", 0, 19, 19, 1, 1, .domid = CONF_NO_DOMAIN},
	{"exchange-size-before-domain", 0, 0, 0, 1, 2, .domid = CONF_NO_DOMAIN},
};

void conf_exchange_orders(void)
{
	size_t i;

	for (i = 0; i < LEN(cases); i++)
		exchange_run(&cases[i]);
}
