/* SPDX-License-Identifier: MIT */
/*
 * The backend's list of devices and root buses, read in a transaction and parsed strictly: what
 * does not parse is left out with a log line, what is too many makes the list worth nothing. The
 * tool moves entries up when it removes one, so an index means nothing from one look to the next.
 * No state but the list.
 */
#include "pcifront-internal.h"

#define ADDR_MAX 16 /* bytes of a value, with the NUL: longer ones are none */

/* Exactly @digits hexadecimal digits and then @end. */
static bool parse_part(const char **at, unsigned int digits, char end, unsigned int max,
		       unsigned int *out)
{
	char part[5];
	uint64_t value;

	for (unsigned int i = 0; i < digits; i++) {
		part[i] = (*at)[i];
		if (!part[i])
			return false;
	}
	part[digits] = 0;
	if ((*at)[digits] != end || !xen_xs_parse_uint(part, 16, max, &value))
		return false;
	*at += digits + (end != 0);
	*out = (unsigned int)value;
	return true;
}

/* ssss:bb:dd.ff, all hexadecimal, or ssss:bb:dd.f. */
static bool parse_vdev(const char *value, struct xen_pci_addr *addr)
{
	unsigned int segment, bus, dev, fn;

	if (!parse_part(&value, 4, ':', 0xffff, &segment) ||
	    !parse_part(&value, 2, ':', 0xff, &bus) || !parse_part(&value, 2, '.', 31, &dev))
		return false;
	if (!parse_part(&value, 2, 0, 7, &fn) && !parse_part(&value, 1, 0, 7, &fn))
		return false;
	*addr = (struct xen_pci_addr){(uint16_t)segment, (uint8_t)bus, XEN_PCI_DEVFN(dev, fn)};
	return true;
}

/* ssss:bb */
static bool parse_root(const char *value, unsigned int *segment, unsigned int *bus)
{
	return parse_part(&value, 4, ':', 0xffff, segment) && parse_part(&value, 2, 0, 0xff, bus);
}

/* One line for each kind of nonsense, not for each entry. */
static void log_value(struct xen_pcifront *front, const char *name, unsigned int i)
{
	front_bad_reply(front);
	front_log(front, XEN_LOG_ERROR, "%s%u of the backend makes no sense: left out", name, i);
}

/* The text of a node; -XEN_EINVAL: none that could be an address. */
static int read_short(xen_xs_tx_t tx, const struct xen_pcifront *front, const char *name,
		      unsigned int i, char value[ADDR_MAX])
{
	char key[XEN_XS_PATH_MAX];
	int rc = xen_front_key(key, front->backend, name, (int)i);

	if (!rc)
		rc = xen_xs_read(tx, key, value, ADDR_MAX);
	return rc == -XEN_E2BIG ? -XEN_EINVAL : rc;
}

static int read_count(xen_xs_tx_t tx, const struct xen_pcifront *front, const char *name,
		      unsigned int max, unsigned int *out)
{
	char key[XEN_XS_PATH_MAX];
	uint64_t count;
	int rc = xen_front_key(key, front->backend, name, -1);

	if (!rc)
		rc = xen_xs_read_uint(tx, key, max, &count);
	if (!rc)
		*out = (unsigned int)count;
	return rc;
}

/* Entry @i: whether there is a device, exported and there to stay. */
static int read_vdev(xen_xs_tx_t tx, struct xen_pcifront *front, unsigned int i)
{
	struct front_vdev *vdev = &front->list.vdev[front->list.nr];
	char key[XEN_XS_PATH_MAX], value[ADDR_MAX];
	uint64_t state = XenbusStateInitialised;
	int rc = read_short(tx, front, "vdev-", i, value);

	if (rc == -XEN_ENOENT) /* not exported yet */
		return 0;
	if (rc && rc != -XEN_EINVAL)
		return rc;
	if (rc || !parse_vdev(value, &vdev->addr)) {
		log_value(front, "vdev-", i);
		return 0;
	}
	rc = xen_front_key(key, front->backend, "state-", (int)i);
	if (!rc)
		rc = xen_xs_read_uint(tx, key, XenbusStateReconfigured, &state);
	if (rc == -XEN_EINVAL)
		log_value(front, "state-", i);
	if (rc && rc != -XEN_EINVAL && rc != -XEN_ENOENT)
		return rc;
	vdev->closing = state == XenbusStateClosing || state == XenbusStateClosed;
	vdev->tried = false;
	front->list.nr++;
	return 0;
}

static int read_root(xen_xs_tx_t tx, struct xen_pcifront *front, unsigned int i)
{
	unsigned int segment, bus;
	char value[ADDR_MAX];
	int rc = read_short(tx, front, "root-", i, value);

	if (rc && rc != -XEN_EINVAL && rc != -XEN_ENOENT)
		return rc;
	if (rc || !parse_root(value, &segment, &bus)) {
		log_value(front, "root-", i);
		return 0;
	}
	front->list.root[front->list.nr_roots].segment = (uint16_t)segment;
	front->list.root[front->list.nr_roots++].bus = (uint8_t)bus;
	return 0;
}

static int read_list(xen_xs_tx_t tx, void *arg)
{
	struct xen_pcifront *front = arg;
	unsigned int nr_roots, nr_devs, i;
	int rc;

	front->list.nr = 0;
	front->list.nr_roots = 0;
	rc = read_count(tx, front, "num_devs", XEN_PCIFRONT_MAX_DEVS, &nr_devs);
	if (rc)
		return rc == -XEN_ENOENT ? -XEN_EINVAL : rc;
	for (i = 0; i < nr_devs && !rc; i++)
		rc = read_vdev(tx, front, i);
	if (rc)
		return rc;
	rc = read_count(tx, front, "root_num", XEN_PCIFRONT_MAX_ROOTS, &nr_roots);
	if (rc == -XEN_ENOENT) { /* a backend that does not say: there is one, and it is all 0 */
		front->list.root[0].segment = 0;
		front->list.root[0].bus = 0;
		front->list.nr_roots = 1;
		return 0;
	}
	for (i = 0; !rc && i < nr_roots; i++)
		rc = read_root(tx, front, i);
	return rc;
}

int xen_front_read_list(struct xen_pcifront *front)
{
	int rc = xen_xs_transaction(read_list, front);

	if (rc == -XEN_EINVAL) {
		front_bad_reply(front);
		front_log(front, XEN_LOG_ERROR, "the backend's list of devices makes no sense");
	}
	return rc;
}
