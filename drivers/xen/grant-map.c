/* SPDX-License-Identifier: MIT */
/*
 * Mapping the grants of others, in batches. A batch can fail in part, and Xen can stop in the
 * middle of one: each element has a status of its own, and one that Xen did not reach keeps the
 * impossible value that it began with. No state here: what is mapped is in the caller's elements.
 */
#include "grant-internal.h"

#define BATCH 16u
#define NOT_DONE 1 /* Xen's statuses are 0 or negative */

/* Of an element of a batch that returned @rc. */
static int result(int16_t status, int rc)
{
	if (status == NOT_DONE)
		return rc < 0 ? rc : -XEN_EIO;
	return xen_grant_error(status);
}

static uint32_t kinds(const struct xen_grant_map *map)
{
	return GNTMAP_host_map | (map->device ? GNTMAP_device_map : 0) |
	       (map->readonly ? GNTMAP_readonly : 0);
}

static int map_batch(domid_t domid, struct xen_grant_map *map, unsigned int nr)
{
	struct gnttab_map_grant_ref op[BATCH];
	unsigned int i;
	int rc, first = 0;

	for (i = 0; i < nr; i++)
		op[i] = (struct gnttab_map_grant_ref){
			.host_addr = (uintptr_t)map[i].va,
			.flags = kinds(&map[i]),
			.ref = map[i].ref,
			.dom = domid,
			.status = NOT_DONE,
		};
	rc = hypercall_grant_table_op(GNTTABOP_map_grant_ref, op, nr);
	for (i = 0; i < nr; i++) {
		map[i].err = result(op[i].status, rc);
		map[i].handle = op[i].handle;
		map[i].dma = map[i].device && !map[i].err ? op[i].dev_bus_addr : 0;
		if (!first)
			first = map[i].err;
	}
	return first;
}

int xen_grant_map(domid_t domid, struct xen_grant_map *map, unsigned int nr)
{
	unsigned int i, part;
	int rc, first = 0;

	for (i = 0; i < nr; i += part) {
		part = nr - i < BATCH ? nr - i : BATCH;
		rc = map_batch(domid, map + i, part);
		if (!first)
			first = rc;
	}
	return first;
}

static int unmap_batch(struct xen_grant_map *const *map, unsigned int nr)
{
	struct gnttab_unmap_grant_ref op[BATCH];
	unsigned int i;
	int rc, err, first = 0;

	for (i = 0; i < nr; i++)
		op[i] = (struct gnttab_unmap_grant_ref){
			.host_addr = (uintptr_t)map[i]->va,
			.dev_bus_addr = map[i]->dma,
			.handle = map[i]->handle,
			.status = NOT_DONE,
		};
	rc = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, op, nr);
	for (i = 0; i < nr; i++) {
		err = result(op[i].status, rc);
		if (!err)
			map[i]->err = -XEN_ENOENT;
		if (!first)
			first = err;
	}
	return first;
}

int xen_grant_unmap(struct xen_grant_map *map, unsigned int nr)
{
	struct xen_grant_map *batch[BATCH];
	unsigned int i, nr_batch = 0;
	int rc, first = 0;

	for (i = 0; i < nr; i++) {
		if (!map[i].err)
			batch[nr_batch++] = &map[i];
		if (!nr_batch || (nr_batch < BATCH && i + 1 < nr))
			continue;
		rc = unmap_batch(batch, nr_batch);
		if (!first)
			first = rc;
		nr_batch = 0;
	}
	return first;
}
