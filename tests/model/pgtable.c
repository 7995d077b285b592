/* SPDX-License-Identifier: MIT */
/*
 * Frames as page tables of the four levels: pinned, or used by an entry of the level above. A frame
 * becomes a table only while nothing writes to it, each of its entries then holds a reference, and
 * it changes by mmu_update() alone. The kernel's own tables are the model's array of PTEs and,
 * where a test wants them (tables.c), frames as well; recursive ("linear") tables are not modelled.
 * Model lock held.
 */
#include <model/internal.h>

#include <xen/mmu.h>

#define ENTRIES 512
#define PTE_GLOBAL (1ULL << 8)
#define PTE_PSE XEN_PTE_PAT /* the same bit, in the levels above the first */
#define XEN_SLOT_FIRST 256  /* of the fourth level: the hypervisor's, not looked at */
#define XEN_SLOT_LAST 271
#define NEVER_ALLOWED (XEN_PTE_PWT | XEN_PTE_PCD | PTE_PSE | PTE_GLOBAL) /* in those levels */

static uint64_t *table_of(uint64_t mfn)
{
	return (uint64_t *)(void *)(model.ram + (mfn << XEN_PAGE_SHIFT));
}

static bool looked_at(enum frame_type type, unsigned int index)
{
	return type != TYPE_L4 || index < XEN_SLOT_FIRST || index > XEN_SLOT_LAST;
}

static int get_table(uint64_t mfn, enum frame_type type)
{
	int rc;

	if (!frame_is_domains(mfn) || !frame_get_type(mfn, type))
		return -XEN_EINVAL;
	rc = model.frames[mfn].types == 1 ? pgtable_validate(mfn, type) : 0;
	if (rc) { /* nothing of it holds */
		model.frames[mfn].types = 0;
		model.frames[mfn].type = TYPE_NONE;
		return rc;
	}
	model.frames[mfn].refs++;
	return 0;
}

static int get_entry(uint64_t *entry, enum frame_type type)
{
	uint64_t mfn = (*entry & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT;
	int rc;

	if (!(*entry & XEN_PTE_PRESENT))
		return 0;
	if (type == TYPE_L1)
		return mmu_get_pte(entry);
	if (*entry & NEVER_ALLOWED)
		return -XEN_EINVAL;
	rc = get_table(mfn, type - 1);
	if (!rc)
		model.frames[mfn].tables++;
	return rc;
}

static void put_entry(uint64_t entry, enum frame_type type)
{
	uint64_t mfn = (entry & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT;

	if (!(entry & XEN_PTE_PRESENT))
		return;
	if (type == TYPE_L1) {
		mmu_put_pte(entry);
		return;
	}
	model.frames[mfn].tables--;
	frame_put_type(mfn);
	frame_put(mfn);
}

int pgtable_validate(uint64_t mfn, enum frame_type type)
{
	uint64_t *table = table_of(mfn);
	unsigned int i;
	int rc = 0;

	for (i = 0; i < ENTRIES; i++) {
		if (looked_at(type, i))
			rc = get_entry(&table[i], type);
		if (rc)
			break;
	}
	while (rc && i-- > 0)
		if (looked_at(type, i))
			put_entry(table[i], type);
	return rc;
}

void pgtable_devalidate(uint64_t mfn, enum frame_type type)
{
	const uint64_t *table = table_of(mfn);

	for (unsigned int i = 0; i < ENTRIES; i++)
		if (looked_at(type, i))
			put_entry(table[i], type);
}

int pgtable_pin(uint64_t mfn, enum frame_type type)
{
	int rc = get_table(mfn, type);

	if (rc)
		return rc;
	if (model.frames[mfn].pinned) {
		frame_put_type(mfn);
		frame_put(mfn);
		return -XEN_EINVAL;
	}
	model.frames[mfn].pinned = true;
	return 0;
}

int pgtable_unpin(uint64_t mfn)
{
	if (!frame_is_domains(mfn) || !model.frames[mfn].pinned)
		return -XEN_EINVAL;
	model.frames[mfn].pinned = false;
	frame_put_type(mfn);
	frame_put(mfn);
	return 0;
}

int pgtable_update(uint64_t ptr, uint64_t val, bool preserve_ad)
{
	uint64_t mfn = ptr >> XEN_PAGE_SHIFT, old, *entry;
	const struct frame *frame;
	int rc;

	if (!frame_is_domains(mfn))
		return -XEN_EINVAL;
	frame = &model.frames[mfn];
	entry = table_of(mfn) + (ptr & ~XEN_PAGE_MASK) / sizeof(*entry);
	if (frame->types && frame->type != TYPE_WRITABLE) {
		old = *entry;
		if (!looked_at(frame->type, (unsigned int)((ptr & ~XEN_PAGE_MASK) / 8)))
			return -XEN_EINVAL;
		rc = get_entry(&val, frame->type);
		if (rc)
			return rc;
		if (preserve_ad)
			val |= old & (XEN_PTE_ACCESSED | XEN_PTE_DIRTY);
		*entry = val;
		put_entry(old, frame->type);
		tables_changed(mfn);
		return 0;
	}
	*entry = val; /* a page like others: an ordinary write */
	return 0;
}
