/* SPDX-License-Identifier: MIT */
/*
 * Laying a domain's RAM out like its E820: pages under holes move to free PFNs under RAM, holes
 * become identity, the rest of the RAM PFNs stays empty for the balloon. Invariants: a frame has
 * one PFN at every moment, and P2M and M2P agree on it whenever a hypercall is not under way. All
 * that can fail for our own reasons is done before the first page moves. No locking: one CPU runs.
 */
#include <xen/hypercall.h>
#include <xen/p2m.h>
#include <xen/port.h>
#include <xen/setup.h>

/* Requests in one mmu_update: 1 KiB of stack. */
#define BATCH 64

/* The first PFN behind 4 GiB: below it a machine has its holes for devices. */
#define LOW_END (1ULL << (32 - XEN_PAGE_SHIFT))

/* Beyond every PFN. */
#define MAX_PFN (1ULL << 52)

static const char name_ram[] = "RAM";
static const char name_moved[] = "moved RAM";
static const char name_spare[] = "spare RAM";

/* PFNs [start, end) of one kind. */
struct run {
	uint64_t start, end;
};

/* Walks the RAM of a map, or what is not RAM, in order, within [run.end, limit). */
struct cursor {
	const struct xen_setup_params *params;
	uint64_t limit;
	unsigned int index;
	struct run run; /* the current one */
};

static struct run entry_run(const struct xen_e820_entry *entry)
{
	struct run run = {entry->addr >> XEN_PAGE_SHIFT,
			  (entry->addr + entry->size) >> XEN_PAGE_SHIFT};

	return run;
}

static void cursor_init(struct cursor *cursor, const struct xen_setup_params *params,
			uint64_t start, uint64_t limit)
{
	*cursor = (struct cursor){params, limit, 0, {start, start}};
}

/* The next run of RAM. */
static bool next_ram(struct cursor *cursor)
{
	uint64_t from = cursor->run.end;

	for (; cursor->index < cursor->params->nr_map; cursor->index++) {
		const struct xen_e820_entry *entry = &cursor->params->map[cursor->index];
		struct run run = entry_run(entry);

		if (entry->type != XEN_E820_RAM)
			continue;
		if (run.start < from)
			run.start = from;
		if (run.end > cursor->limit)
			run.end = cursor->limit;
		if (run.start < run.end) {
			cursor->run = run;
			return true;
		}
	}
	return false;
}

/* The next run of what is not RAM: entries of other types and gaps alike. */
static bool next_hole(struct cursor *cursor)
{
	uint64_t from = cursor->run.end, to = cursor->limit;

	for (; cursor->index < cursor->params->nr_map; cursor->index++) {
		const struct xen_e820_entry *entry = &cursor->params->map[cursor->index];
		struct run run = entry_run(entry);

		if (entry->type != XEN_E820_RAM || run.end <= from)
			continue;
		if (run.start > from) {
			to = run.start < to ? run.start : to;
			break;
		}
		from = run.end;
	}
	cursor->run = (struct run){from, to};
	return from < to;
}

/* What is to be done, worked out from the parameters alone. */
struct plan {
	uint64_t dest_end; /* one past the last PFN that a page moves to; nr_pages if none */
	uint64_t max_pfn;  /* one past the last RAM PFN, spare ones included */
	uint64_t spare;	   /* RAM PFNs in [dest_end, max_pfn) */
};

static bool sanitized(const struct xen_setup_params *params)
{
	uint64_t end = 0;
	unsigned int i;

	for (i = 0; i < params->nr_map; i++) {
		const struct xen_e820_entry *entry = &params->map[i];
		uint64_t next;

		if (entry->addr < end || !entry->size ||
		    ((entry->addr | entry->size) & ~XEN_PAGE_MASK) ||
		    __builtin_add_overflow(entry->addr, entry->size, &next))
			return false;
		end = next;
	}
	return true;
}

/* Refuse, by name, a pinned page that would have to move. */
static int check_pinned(const struct xen_setup_params *params)
{
	unsigned int i;

	for (i = 0; i < params->nr_pinned; i++) {
		const struct xen_setup_pinned *pin = &params->pinned[i];
		uint64_t start = pfn_x(pin->start), end;
		struct cursor hole;

		if (__builtin_add_overflow(start, pin->nr, &end))
			return -XEN_EINVAL;
		cursor_init(&hole, params, 0, MAX_PFN);
		while (next_hole(&hole) && hole.run.start < end) {
			if (hole.run.end <= start || !pin->nr)
				continue;
			xen_port_log(
				XEN_LOG_ERROR,
				"setup: %s (pfn %llx-%llx) lies under the hole at pfn %llx-%llx"
				" of the memory map and cannot be moved",
				pin->name, (unsigned long long)start, (unsigned long long)end - 1,
				(unsigned long long)hole.run.start,
				(unsigned long long)hole.run.end - 1);
			return -XEN_EBUSY;
		}
	}
	return 0;
}

static int make_plan(const struct xen_setup_params *params, struct plan *plan)
{
	uint64_t max = params->max_pages, kept = 0, left;
	struct cursor cursor;

	if (!params->nr_pages || max < params->nr_pages || !sanitized(params))
		return -XEN_EINVAL;

	cursor_init(&cursor, params, 0, params->nr_pages);
	while (next_ram(&cursor))
		kept += cursor.run.end - cursor.run.start;
	*plan = (struct plan){.dest_end = params->nr_pages};

	/* RAM above the populated PFNs takes first what moves, then what is spare. */
	plan->max_pfn = params->nr_pages;
	left = max - kept;
	cursor_init(&cursor, params, params->nr_pages, MAX_PFN);
	while (left && next_ram(&cursor)) {
		uint64_t size = cursor.run.end - cursor.run.start;
		uint64_t take = size < left ? size : left;
		uint64_t moving =
			left > max - params->nr_pages ? left - (max - params->nr_pages) : 0;

		if (moving)
			plan->dest_end = cursor.run.start + (take < moving ? take : moving);
		if (take > moving)
			plan->spare += take - moving;
		plan->max_pfn = cursor.run.start + take;
		left -= take;
	}
	if (left > max - params->nr_pages) {
		xen_port_log(XEN_LOG_ERROR,
			     "setup: the memory map has RAM for %llu of %llu pages only",
			     (unsigned long long)(max - left),
			     (unsigned long long)params->nr_pages);
		return -XEN_ENOSPC;
	}
	return check_pinned(params);
}

int xen_setup_plan(const struct xen_setup_params *params, uint64_t *nr_entries)
{
	struct plan plan;
	int err = make_plan(params, &plan);

	if (!err)
		*nr_entries = plan.max_pfn;
	return err;
}

/*
 * Where identity ends: with the map, but not below 4 GiB, as devices may sit in unlisted space
 * there. A map that is nothing but RAM from 0 on describes no machine: no identity.
 */
static uint64_t identity_end(const struct xen_setup_params *params)
{
	const struct xen_e820_entry *map = params->map;
	uint64_t end;

	if (params->nr_map == 1 && map[0].type == XEN_E820_RAM && map[0].addr == 0)
		return 0;
	end = params->nr_map ? entry_run(&map[params->nr_map - 1]).end : 0;
	return end > LOW_END ? end : LOW_END;
}

static int mark_ram(const struct xen_setup_params *params, uint64_t start, uint64_t end,
		    const char *name)
{
	struct cursor ram;
	int err = 0;

	cursor_init(&ram, params, start, end);
	while (!err && next_ram(&ram))
		err = xen_p2m_ram_add(mk_pfn(ram.run.start), ram.run.end - ram.run.start, name,
				      NULL);
	return err;
}

static int mark_identity(const struct xen_setup_params *params, uint64_t *pages)
{
	struct cursor hole;
	int err = 0;

	cursor_init(&hole, params, 0, identity_end(params));
	while (!err && next_hole(&hole)) {
		uint64_t nr = hole.run.end - hole.run.start;

		err = xen_p2m_identity_add(mk_pfn(hole.run.start), nr, NULL);
		if (!err)
			*pages += nr;
	}
	return err;
}

/* Take back what marking did before it failed: identity in [0, ...) as far as @pages reach. */
static void unmark(const struct xen_setup_params *params, uint64_t pages)
{
	struct xen_range ram = {0};
	struct cursor hole;

	cursor_init(&hole, params, 0, identity_end(params));
	while (pages && next_hole(&hole)) {
		uint64_t nr = hole.run.end - hole.run.start;

		xen_p2m_identity_remove(mk_pfn(hole.run.start), nr);
		pages -= nr;
	}
	while (xen_ranges_first(&xen_p2m.ram, ram.end, UINT64_MAX, &ram))
		xen_p2m_ram_remove(mk_pfn(ram.start), ram.end - ram.start);
}

static int mark(const struct xen_setup_params *params, const struct plan *plan,
		uint64_t *identity_pages)
{
	int err;

	*identity_pages = 0;
	err = mark_ram(params, 0, params->nr_pages, name_ram);
	if (!err)
		err = mark_ram(params, params->nr_pages, plan->dest_end, name_moved);
	if (!err)
		err = mark_ram(params, plan->dest_end, plan->max_pfn, name_spare);
	if (!err)
		err = mark_identity(params, identity_pages);
	if (err)
		unmark(params, *identity_pages);
	return err;
}

/* Every page that is to move must have a frame of ours. */
static bool movable(const struct xen_setup_params *params)
{
	struct cursor hole;

	cursor_init(&hole, params, 0, params->nr_pages);
	while (next_hole(&hole)) {
		uint64_t pfn;

		for (pfn = hole.run.start; pfn < hole.run.end; pfn++)
			if (!xen_p2m_is_own_ram(mk_pfn(pfn)))
				return false;
	}
	return true;
}

/* Move up to BATCH pages: M2P first, then for as many as Xen did, the P2M. */
static int move_batch(uint64_t from, uint64_t to, unsigned int nr, unsigned int *done)
{
	struct mmu_update req[BATCH];
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		req[i].ptr =
			mfn_to_dma(mk_mfn(xen_p2m_entry(mk_pfn(from + i)))) | MMU_MACHPHYS_UPDATE;
		req[i].val = to + i;
	}
	*done = 0;
	err = hypercall_mmu_update(req, nr, done, DOMID_SELF);
	if (*done > nr || (!err && *done != nr)) {
		*done = *done > nr ? nr : *done;
		err = err ?: -XEN_EINVAL;
	}
	for (i = 0; i < *done; i++) {
		mfn_t mfn = dma_to_mfn(req[i].ptr);

		err = xen_p2m_set(mk_pfn(to + i), mfn, false) ?: err;
		err = xen_p2m_set(mk_pfn(from + i), mk_mfn(XEN_INVALID_FRAME), false) ?: err;
	}
	return err;
}

/* Move one run of pages, tell the kernel how far that went, add it to *@moved. */
static int move_run(const struct xen_setup_params *params, uint64_t from, uint64_t to, uint64_t nr,
		    uint64_t *moved)
{
	uint64_t at = 0;
	int err = 0;

	while (at < nr && !err) {
		unsigned int batch = nr - at < BATCH ? (unsigned int)(nr - at) : BATCH;
		unsigned int done;

		err = move_batch(from + at, to + at, batch, &done);
		at += done;
	}
	if (at && params->moved)
		params->moved(mk_pfn(from), mk_pfn(to), at, params->arg);
	*moved += at;
	return err;
}

static int move_all(const struct xen_setup_params *params, const struct plan *plan, uint64_t *moved)
{
	struct cursor hole, ram;
	int err = 0;

	cursor_init(&hole, params, 0, params->nr_pages);
	cursor_init(&ram, params, params->nr_pages, plan->dest_end);
	while (!err && next_hole(&hole)) {
		while (!err && hole.run.start < hole.run.end) {
			uint64_t nr = hole.run.end - hole.run.start;

			if (ram.run.start == ram.run.end && !next_ram(&ram))
				xen_port_panic("setup: the plan has too few places");
			if (nr > ram.run.end - ram.run.start)
				nr = ram.run.end - ram.run.start;
			err = move_run(params, hole.run.start, ram.run.start, nr, moved);
			hole.run.start += nr;
			ram.run.start += nr;
		}
	}
	return err;
}

int xen_setup_memory(const struct xen_setup_params *params, struct xen_setup_result *result)
{
	struct plan plan;
	uint64_t identity_pages;
	int err;

	err = make_plan(params, &plan);
	if (err)
		return err;
	if (plan.max_pfn > xen_p2m.nr)
		return -XEN_ERANGE;
	if (xen_ranges_first(&xen_p2m.ram, 0, UINT64_MAX, NULL) || !movable(params))
		return -XEN_EINVAL;
	err = mark(params, &plan, &identity_pages);
	if (err)
		return err;
	*result = (struct xen_setup_result){
		.ram_pages = params->nr_pages,
		.spare_pages = plan.spare,
		.identity_pages = identity_pages,
		.max_pfn = plan.max_pfn,
	};
	return move_all(params, &plan, &result->moved_pages);
}
