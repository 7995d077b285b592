/* SPDX-License-Identifier: MIT */
/*
 * Reading a memory map from Xen and making it usable: sorted, disjoint, whole pages. The map comes
 * from firmware by way of Xen: nothing about it is taken for granted. No state, no locking.
 */
#include <xen/hypercall.h>
#include <xen/setup.h>

/* The last byte address that a whole page can end at. */
#define MAX_ADDR XEN_PAGE_MASK

int xen_e820_read(bool machine, struct xen_e820_entry map[XEN_E820_MAX], unsigned int *nr)
{
	struct xen_memory_map arg = {.nr_entries = XEN_E820_MAX};
	long err;

	set_xen_guest_handle(arg.buffer, (void *)map);
	err = hypercall_memory_op(machine ? XENMEM_machine_memory_map : XENMEM_memory_map, &arg);
	if (err)
		return (int)err;
	if (arg.nr_entries > XEN_E820_MAX)
		return -XEN_EINVAL;
	*nr = arg.nr_entries;
	return 0;
}

static uint64_t entry_end(const struct xen_e820_entry *entry)
{
	return entry->addr + entry->size;
}

/* Which of two entries that overlap wins: the higher rank. */
static uint64_t rank(uint32_t type)
{
	return type == XEN_E820_RAM ? 0 : (uint64_t)type + 1;
}

/* Make entries that are not RAM whole pages; false for one that must go. */
static bool widen(struct xen_e820_entry *entry)
{
	uint64_t addr = entry->addr, end;

	if (!entry->size || __builtin_add_overflow(addr, entry->size, &end))
		return false;
	if (entry->type != XEN_E820_RAM) {
		addr &= XEN_PAGE_MASK;
		end = end > MAX_ADDR ? MAX_ADDR : (end + XEN_PAGE_SIZE - 1) & XEN_PAGE_MASK;
	}
	*entry = (struct xen_e820_entry){addr, end - addr, entry->type};
	return addr < end;
}

/*
 * The winning entry at @pos (NULL: none), and in *@next the lowest address above @pos at which that
 * may change; 0 when there is nothing more.
 */
static const struct xen_e820_entry *winner(const struct xen_e820_entry *map, unsigned int nr,
					   uint64_t pos, uint64_t *next)
{
	const struct xen_e820_entry *best = NULL;
	unsigned int i;

	*next = 0;
	for (i = 0; i < nr; i++) {
		const struct xen_e820_entry *entry = &map[i];
		uint64_t edge = entry->addr > pos ? entry->addr : entry_end(entry);

		if (edge > pos && (!*next || edge < *next))
			*next = edge;
		if (entry->addr <= pos && pos < entry_end(entry) &&
		    (!best || rank(entry->type) > rank(best->type)))
			best = entry;
	}
	return best;
}

/* Append @entry to the @nr that @map has, partial pages of RAM cut off, unless it is empty then.
 * False: there is no room for it. */
static bool append(struct xen_e820_entry *map, unsigned int *nr, unsigned int max,
		   const struct xen_e820_entry *entry)
{
	uint64_t addr = entry->addr, end = entry_end(entry);

	if (entry->type == XEN_E820_RAM) {
		end &= XEN_PAGE_MASK;
		if (addr > MAX_ADDR)
			return true;
		addr = (addr + XEN_PAGE_SIZE - 1) & XEN_PAGE_MASK;
	}
	if (addr >= end)
		return true;
	if (*nr == max || *nr == XEN_E820_MAX)
		return false;
	map[(*nr)++] = (struct xen_e820_entry){addr, end - addr, entry->type};
	return true;
}

int xen_e820_sanitize(struct xen_e820_entry *map, unsigned int nr, unsigned int max)
{
	struct xen_e820_entry in[XEN_E820_MAX], open = {0, 0, 0};
	unsigned int nr_in = 0, out = 0, i;
	uint64_t pos, next;

	if (nr > XEN_E820_MAX)
		return -XEN_E2BIG;
	for (i = 0; i < nr; i++) {
		in[nr_in] = map[i];
		nr_in += widen(&in[nr_in]);
	}

	/* From one edge to the next; RAM keeps its partial pages until neighbours are joined. */
	for (pos = 0;; pos = next) {
		const struct xen_e820_entry *best = winner(in, nr_in, pos, &next);

		if (!next)
			break;
		if (!best)
			continue;
		if (open.type == best->type && entry_end(&open) == pos) {
			open.size += next - pos;
			continue;
		}
		if (!append(map, &out, max, &open))
			return -XEN_E2BIG;
		open = (struct xen_e820_entry){pos, next - pos, best->type};
	}
	return append(map, &out, max, &open) ? (int)out : -XEN_E2BIG;
}
