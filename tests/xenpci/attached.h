/* SPDX-License-Identifier: MIT */
/*
 * The fake host with its first device attached, and what it was before: to be freed.
 */
#ifndef XENDMA_TESTS_XENPCI_ATTACHED_H
#define XENDMA_TESTS_XENPCI_ATTACHED_H

#include "expect.h"

/* By xenpci or, as far as can be seen, by xl. */
static inline char *attached(bool by_xl)
{
	char *before;

	world_make();
	before = world_dump();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	if (by_xl)
		world_put_node("/tool/xenpci", NULL);
	return before;
}

/* By xl, so that nothing but the device itself tells what was granted; and MSI hides the line. */
static inline char *attached_with_msi(void)
{
	char *before;

	world_make();
	world_add_messages(world_device("0000:00:06.0"));
	before = world_dump();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_put_node("/tool/xenpci", NULL);
	return before;
}

#endif
