/* SPDX-License-Identifier: MIT */
/*
 * The hostile guest. Each of its changes is one command of the input: entries, page tables, what it
 * publishes, and what Xen's books say of its frames, so that the two contradict each other. While
 * it is read, each page that is copied may be followed by one more.
 */
#include "guest-hostile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "xenpci/map/p2m-view.h"
#include "xenpci/seam/context.h"

#define LIST 0xffffc90000000000ULL

struct hostile_guest hostile;

struct arch_shared_info *hostile_arch(void)
{
	return &((struct shared_info *)hostile.page[SHARED])->arch;
}

const uint64_t *hostile_page(uint64_t mfn)
{
	static const uint64_t zeroes[GUEST_ENTRIES];

	if (!mfn || mfn >= FRAMES || !hostile.owned[mfn])
		return NULL;
	return mfn < PAGES ? hostile.page[mfn] : zeroes;
}

/* ---- commands ---- */

static uint64_t pte(uint64_t mfn)
{
	return mfn << 12 | 0x67;
}

static uint64_t *entry(uint64_t pfn)
{
	return &hostile.page[LEAF + pfn / GUEST_ENTRIES][pfn % GUEST_ENTRIES];
}

/* So many entries from a PFN on, of one kind. */
static void fill(struct fuzz_input *in)
{
	unsigned int kind = fuzz_below(in, 5), first = fuzz_below(in, ENTRIES_MAX);
	unsigned int count = 1 + fuzz_below(in, 1024), i;
	uint64_t mfn = fuzz_below(in, FRAMES);

	for (i = 0; i < count && first + i < ENTRIES_MAX; i++, mfn++) {
		if (kind == 0 && mfn < FRAMES) {
			*entry(first + i) = mfn;
			hostile.owned[mfn] = mfn != 0;
			hostile.m2p[mfn] = first + i;
		} else if (kind == 1) {
			*entry(first + i) = P2M_IDENTITY | (first + i);
		} else if (kind == 2) {
			*entry(first + i) = P2M_FOREIGN | mfn;
		} else if (kind == 3) {
			*entry(first + i) = first + i; /* MMIO without the bit that says so */
		} else {
			*entry(first + i) = mfn;
		}
	}
}

static void poke_page(struct fuzz_input *in)
{
	static const unsigned int used[] = {LIST >> 39 & 511, LIST >> 30 & 511, LIST >> 21 & 511};
	unsigned int page = L4 + fuzz_below(in, PAGES - L4), at = fuzz_below(in, GUEST_ENTRIES);
	unsigned int how = fuzz_below(in, 3);

	if (page <= L2 && at & 1)
		at = used[page - L4];
	hostile.page[page][at] = how == 0   ? fuzz_number(in, 8)
				 : how == 1 ? pte(fuzz_below(in, PAGES)) ^ fuzz_byte(in)
					    : fuzz_below(in, PAGES);
}

/* Sizes beyond what the list has are cut: walking all of them would only take time. */
static void publish(struct fuzz_input *in)
{
	struct arch_shared_info *arch = hostile_arch();
	unsigned int which = fuzz_below(in, 5);
	uint64_t value = fuzz_number(in, 8);

	if (which == 0)
		arch->max_pfn = value <= P2M_MAX_ENTRIES ? value % (2 * ENTRIES_MAX) : value;
	else if (which == 1)
		arch->p2m_cr3 = value;
	else if (which == 2)
		arch->p2m_vaddr = value;
	else if (which == 3)
		arch->p2m_generation = value;
	else
		arch->pfn_to_mfn_frame_list_list = value;
}

static void change(struct fuzz_input *in)
{
	unsigned int which = fuzz_below(in, 8), mfn;

	switch (which) {
	case 0:
	case 1:
		fill(in);
		break;
	case 2:
	case 3:
		poke_page(in);
		break;
	case 4:
		publish(in);
		break;
	case 5:
		mfn = fuzz_below(in, FRAMES);
		hostile.owned[mfn] = mfn && fuzz_byte(in) & 1;
		break;
	case 6:
		mfn = fuzz_below(in, FRAMES);
		hostile.m2p[mfn] = fuzz_number(in, 8);
		break;
	default:
		hostile.info.max_mfn = fuzz_below(in, FRAMES);
	}
}

/* ---- beginning ---- */

static void make_tables(void)
{
	unsigned int i;

	hostile.page[L4][LIST >> 39 & 511] = pte(L3);
	hostile.page[L3][LIST >> 30 & 511] = pte(L2);
	hostile.page[L2][LIST >> 21 & 511] = pte(L1);
	hostile.page[TREE_TOP][0] = TREE_MID;
	for (i = 0; LEAF + i < PAGES; i++) {
		hostile.page[L1][i] = pte(LEAF + i);
		hostile.page[TREE_MID][i] = LEAF + i;
		memset(hostile.page[LEAF + i], 0xff, GUEST_PAGE);
	}
}

void hostile_make(struct fuzz_input *in)
{
	unsigned int i, changes;

	memset(&hostile, 0, sizeof(hostile));
	memset(hostile.m2p, 0xff, sizeof(hostile.m2p));
	hostile.info = (struct guest_info){
		.pv = true, .width = 8, .pages = 512, .shared_info = SHARED, .max_mfn = FRAMES - 1};
	for (i = SHARED; i < PAGES; i++)
		hostile.owned[i] = true;
	make_tables();
	hostile.still = fuzz_byte(in) & 1;
	hostile_arch()->max_pfn = fuzz_below(in, ENTRIES_MAX + 1);
	hostile_arch()->p2m_vaddr = LIST;
	if (fuzz_byte(in) & 1)
		hostile_arch()->p2m_cr3 = (uint64_t)L4 << 12;
	else
		hostile_arch()->pfn_to_mfn_frame_list_list = TREE_TOP;
	for (changes = fuzz_below(in, 24); changes && fuzz_more(in); changes--)
		change(in);
	if (!(fuzz_byte(in) & 15))
		hostile.owns_error = -EPERM;
	hostile.in = in;
}

/* ---- the seam ---- */

struct guest *guest_open(uint32_t domain)
{
	return NULL;
}

void guest_close(struct guest *guest)
{
}

int guest_info(struct guest *guest, struct guest_info *info)
{
	*info = hostile.info;
	return 0;
}

int guest_read(struct guest *guest, uint64_t mfn, void *page)
{
	const uint64_t *from = hostile_page(mfn);

	hostile.reads++;
	if (mfn == SHARED)
		from = hostile.page[SHARED];
	if (!from) {
		fprintf(stderr, "frame %#llx is mapped, which is not the guest's\n",
			(unsigned long long)mfn);
		abort();
	}
	memcpy(page, from, GUEST_PAGE);
	if (!hostile.still && fuzz_more(hostile.in) && fuzz_byte(hostile.in) & 1) {
		hostile.moved = true;
		change(hostile.in);
	}
	return 0;
}

int guest_owns(struct guest *guest, const uint64_t *mfn, size_t count, bool *owns)
{
	size_t i;

	if (!count || count > GUEST_ENTRIES)
		abort();
	for (i = 0; i < count; i++)
		owns[i] = hostile_page(mfn[i]);
	return hostile.owns_error;
}

int guest_m2p(struct guest *guest, uint64_t mfn, uint64_t *pfn)
{
	if (mfn > hostile.info.max_mfn || mfn >= FRAMES)
		return -ERANGE;
	*pfn = hostile.m2p[mfn];
	return 0;
}

bool context_interrupted(void)
{
	return false;
}
