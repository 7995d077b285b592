/* SPDX-License-Identifier: MIT */
/* Finds disks by their serials, which only an opened controller tells. No state. */
#include "disks.h"

#include "scenario.h"
#include "text.h"
#include "verdict.h"

bool disks_open(struct disks *disks)
{
	struct xen_pci_dev *pci = NULL;

	disks->nr = 0;
	disks->src = disks->dst = NULL;
	while (disks->nr < 2 && (pci = next_nvme(pci))) {
		struct nvme *disk = &disks->nvme[disks->nr];
		struct nvme **role = NULL;
		int err = nvme_open(disk, pci);

		if (!check(!err, "NVMe controller %s cannot be used (%d)", disk->name, err))
			return false;
		if (text_same(disk->serial, "src"))
			role = &disks->src;
		else if (text_same(disk->serial, "dst"))
			role = &disks->dst;
		if (!role || *role) {
			nvme_close(disk);
			if (role)
				return check(false, "two NVMe disks have serial %s", disk->serial);
			continue;
		}
		*role = disk;
		disks->nr++;
	}
	return check(disks->src, "there is no NVMe disk with serial src") &&
	       check(disks->dst, "there is no NVMe disk with serial dst");
}

void disks_close(struct disks *disks)
{
	while (disks->nr)
		nvme_close(&disks->nvme[--disks->nr]);
}

bool disks_match(const struct disks *disks, size_t chunk)
{
	const struct nvme *src = disks->src, *dst = disks->dst;
	uint64_t block =
		1ULL << (src->block_shift > dst->block_shift ? src->block_shift : dst->block_shift);

	return check(nvme_bytes(src) == nvme_bytes(dst),
		     "disk src has %lu bytes, disk dst has %lu: they must be equal",
		     nvme_bytes(src), nvme_bytes(dst)) &&
	       check(!(nvme_bytes(src) & (block - 1)),
		     "%lu bytes are not whole blocks of both disks", nvme_bytes(src)) &&
	       check(src->max_bytes >= chunk && dst->max_bytes >= chunk,
		     "a disk takes only %lu bytes at once",
		     src->max_bytes < dst->max_bytes ? src->max_bytes : dst->max_bytes);
}
