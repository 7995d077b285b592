/* SPDX-License-Identifier: MIT */
/*
 * pirq DOMAIN NUMBER: was this PIRQ mapped in the domain? Xen prints nothing about one that is not
 * bound; that it can be unmapped tells it. So it is not mapped afterwards. Runs in dom0.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	int status;

	if (!xc || argc != 3) {
		fprintf(stderr, "usage: pirq DOMAIN NUMBER, as root in dom0\n");
		return 2;
	}
	status = xc_physdev_unmap_pirq(xc, (uint32_t)atoi(argv[1]), atoi(argv[2]));
	if (status && errno != EINVAL)
		printf("error: %s\n", strerror(errno));
	else
		puts(status ? "not mapped" : "was mapped");
	xc_interface_close(xc);
	return status && errno != EINVAL;
}
