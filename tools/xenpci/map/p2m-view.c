/* SPDX-License-Identifier: MIT */
/*
 * Follows what the guest says about its P2M, level by level, from private copies. Of each level the
 * page used last is kept, so that a walk in the order of PFNs reads each page of the tables once;
 * and leaf pages that many PFNs share (a kernel has one of invalid entries and one of identity
 * ones) are read once for each run of them. Nothing is ever mapped for longer than the copy takes.
 */
#include "p2m-view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xen/xen.h>

#define PTE_PRESENT 1ULL
#define PTE_LARGE (1ULL << 7)
#define PTE_FRAME 0x000ffffffffff000ULL
#define PAGE_BITS 12
#define LEVEL_BITS 9
#define TREE_MAX_ENTRIES (1ULL << 27) /* three levels of 512 */
#define ADDRESS_MASK ((1ULL << 48) - 1)

/* The part of the address space that is the hypervisor's in every PV guest. */
#define XEN_FIRST 0xffff800000000000ULL
#define XEN_LAST 0xffff87ffffffffffULL

/* What is used of the guest's shared info page, from one copy of it. */
struct published {
	uint64_t max_pfn, tree, cr3, address, generation;
};

static int read_published(struct p2m_view *view, struct published *published)
{
	union {
		uint8_t page[GUEST_PAGE];
		struct shared_info info;
	} copy;
	int err = guest_read(view->guest, view->info.shared_info, copy.page);

	if (err)
		return err;
	*published = (struct published){
		.max_pfn = copy.info.arch.max_pfn,
		.tree = copy.info.arch.pfn_to_mfn_frame_list_list,
		.cr3 = copy.info.arch.p2m_cr3,
		.address = copy.info.arch.p2m_vaddr,
		.generation = copy.info.arch.p2m_generation,
	};
	return 0;
}

static bool canonical(uint64_t address)
{
	uint64_t top = address >> 47;

	return top == 0 || top == (1ULL << 17) - 1;
}

static bool is_frame(const struct p2m_view *view, uint64_t mfn)
{
	return mfn && mfn <= view->info.max_mfn;
}

static enum exit_status use_list(struct p2m_view *view, const struct published *published,
				 struct report *report)
{
	uint64_t bytes = view->entries * sizeof(uint64_t);
	uint64_t last = published->address + bytes - 1;

	view->linear = true;
	view->address = published->address;
	view->root = published->cr3 >> PAGE_BITS;
	view->generation = published->generation;
	if (view->address & (GUEST_PAGE - 1) || last < view->address || !canonical(view->address) ||
	    !canonical(last) || (view->address ^ last) >> 63 ||
	    (view->address <= XEN_LAST && last >= XEN_FIRST))
		return report_error(report, EXIT_UNDONE, "p2m-address",
				    "the guest's P2M cannot be where it says|%" PRIu64
				    " entries at address %#" PRIx64,
				    view->entries, view->address);
	if (!is_frame(view, view->root))
		return report_error(report, EXIT_UNDONE, "p2m-root",
				    "the guest's P2M has no page table|p2m_cr3 is %#" PRIx64
				    ", the last frame is %#" PRIx64,
				    published->cr3, view->info.max_mfn);
	if (view->generation & 1)
		return report_error(report, EXIT_UNDONE, "p2m-changing",
				    "the guest is changing its P2M|p2m_generation is %" PRIu64
				    "|try again",
				    view->generation);
	return EXIT_DONE;
}

static enum exit_status use_tree(struct p2m_view *view, const struct published *published,
				 struct report *report)
{
	view->root = published->tree;
	if (!is_frame(view, view->root) || view->entries > TREE_MAX_ENTRIES)
		return report_error(report, EXIT_UNDONE, "p2m-root",
				    "the guest's frame list makes no sense|%" PRIu64
				    " entries at frame %#" PRIx64 ", the last frame is %#" PRIx64,
				    view->entries, view->root, view->info.max_mfn);
	return EXIT_DONE;
}

static enum exit_status check_guest(const struct guest_info *info, uint32_t domain,
				    struct report *report)
{
	if (!info->pv)
		return report_error(report, EXIT_REFUSED, "not-pv",
				    "domain %" PRIu32 " is not PV|it has no P2M of its own: Xen "
				    "translates for it",
				    domain);
	if (info->width != sizeof(uint64_t))
		return report_error(report, EXIT_REFUSED, "not-64-bit",
				    "domain %" PRIu32 " is no 64-bit guest|its words have %u bytes",
				    domain, info->width);
	return EXIT_DONE;
}

enum exit_status p2m_open(struct p2m_view *view, struct guest *guest, uint32_t domain,
			  struct report *report)
{
	struct published published;
	enum exit_status status;
	int err;

	memset(view, 0, sizeof(*view));
	view->guest = guest;
	err = guest_info(guest, &view->info);
	if (err == -ESRCH)
		return report_error(report, EXIT_UNKNOWN, "no-domain",
				    "no domain %" PRIu32 "||xl list", domain);
	if (err)
		return report_error(report, EXIT_HOST, "no-domain-info",
				    "Xen does not describe domain %" PRIu32 "|%s", domain,
				    strerror(-err));
	status = check_guest(&view->info, domain, report);
	if (status)
		return status;
	err = read_published(view, &published);
	if (err)
		return report_error(report, EXIT_HOST, "no-shared-info",
				    "the shared info page of domain %" PRIu32
				    " cannot be read|frame %#" PRIx64 ": %s",
				    domain, view->info.shared_info, strerror(-err));
	if (!published.cr3 && !published.tree)
		return report_error(report, EXIT_UNDONE, "p2m-none",
				    "the guest has not published its P2M|p2m_cr3 and "
				    "pfn_to_mfn_frame_list_list are 0|wait until its kernel is up");
	if (!published.max_pfn || published.max_pfn > P2M_MAX_ENTRIES)
		return report_error(
			report, EXIT_UNDONE, "p2m-size",
			"the guest's P2M has no size that makes sense|max_pfn is %#" PRIx64
			", xenpci reads up to %#llx",
			published.max_pfn, P2M_MAX_ENTRIES);
	view->entries = published.max_pfn;
	return published.cr3 ? use_list(view, &published, report)
			     : use_tree(view, &published, report);
}

__attribute__((format(printf, 2, 3))) static void fault(struct p2m_view *view, const char *format,
							...)
{
	va_list args;

	if (view->faults++)
		return;
	va_start(args, format);
	vsnprintf(view->first_fault, sizeof(view->first_fault), format, args);
	va_end(args);
}

/*
 * Have level hold a copy of frame mfn. Whose it is is asked first: Xen would also let us map the
 * registers of a device that the guest has, and reading those is for its driver alone.
 */
static bool load(struct p2m_view *view, struct p2m_level *level, uint64_t mfn, bool again)
{
	bool own = false;
	int err;

	if (!is_frame(view, mfn)) {
		fault(view, "%#" PRIx64 " is no frame of the machine's RAM", mfn);
		return false;
	}
	if (level->mfn == mfn && !again)
		return true;
	level->mfn = 0;
	view->error = guest_owns(view->guest, &mfn, 1, &own);
	if (view->error)
		return false;
	err = own ? guest_read(view->guest, mfn, level->entry) : -EPERM;
	if (err) {
		fault(view, "frame %#" PRIx64 " cannot be read: %s", mfn, strerror(-err));
		return false;
	}
	level->mfn = mfn;
	return true;
}

/* The frame that holds the leaf, by the page tables. */
static bool walk_list(struct p2m_view *view, uint64_t leaf, bool again, uint64_t *mfn)
{
	uint64_t address = (view->address + leaf * GUEST_PAGE) & ADDRESS_MASK;
	int i;

	*mfn = view->root;
	for (i = 3; i >= 0; i--) {
		uint64_t pte;

		if (!load(view, &view->level[i], *mfn, again))
			return false;
		pte = view->level[i]
			      .entry[address >> (PAGE_BITS + LEVEL_BITS * i) & (GUEST_ENTRIES - 1)];
		if (!(pte & PTE_PRESENT) || (i && pte & PTE_LARGE)) {
			fault(view,
			      "level %d of the page tables has %#" PRIx64 " for leaf %" PRIu64,
			      i + 1, pte, leaf);
			return false;
		}
		*mfn = (pte & PTE_FRAME) >> PAGE_BITS;
	}
	return true;
}

static bool walk_tree(struct p2m_view *view, uint64_t leaf, bool again, uint64_t *mfn)
{
	int i;

	*mfn = view->root;
	for (i = 1; i >= 0; i--) {
		if (!load(view, &view->level[i], *mfn, again))
			return false;
		*mfn = view->level[i].entry[leaf >> (LEVEL_BITS * i) & (GUEST_ENTRIES - 1)];
	}
	return true;
}

const uint64_t *p2m_leaf(struct p2m_view *view, uint64_t leaf, bool again)
{
	uint64_t first = leaf * GUEST_ENTRIES, mfn;
	bool found = view->linear ? walk_list(view, leaf, again, &mfn)
				  : walk_tree(view, leaf, again, &mfn);

	if (!found || !load(view, &view->leaf, mfn, again))
		memset(view->leaf.entry, 0xff, sizeof(view->leaf.entry));
	if (first + GUEST_ENTRIES > view->entries) {
		uint64_t valid = first < view->entries ? view->entries - first : 0;

		memset(&view->leaf.entry[valid], 0xff,
		       (GUEST_ENTRIES - valid) * sizeof(view->leaf.entry[0]));
		view->leaf.mfn = 0; /* no true copy of its page any more */
	}
	return view->leaf.entry;
}

bool p2m_unmoved(struct p2m_view *view)
{
	struct published now;

	if (!view->linear)
		return true;
	return !read_published(view, &now) && now.generation == view->generation &&
	       now.address == view->address && now.cr3 >> PAGE_BITS == view->root;
}
