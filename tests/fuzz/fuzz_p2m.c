/* SPDX-License-Identifier: MIT */
/*
 * The P2M and its two sets of ranges against plain arrays: entries, RAM and identity marked in
 * cells that lie inside, across and beyond the array, look-ups both ways, growth, publication.
 */
#include <xen/p2m.h>

#include "fuzz.h"

#define NR_PAGES 256
#define MAX_ENTRIES 2048
#define NR_CELLS 44
#define MAX_OPS 200

enum op { SET, ODD, RAM_ADD, RAM_REMOVE, ID_ADD, ID_REMOVE, EXTEND, PUBLISH, FAIL, NR_OPS };

static struct {
	uint64_t frame[NR_PAGES]; /* the builder's list, which the M2P agrees with */
	uint64_t entry[MAX_ENTRIES];
	uint64_t nr;
	const char *ram[NR_CELLS]; /* NULL: no RAM */
	uint32_t identity[NR_CELLS];
	struct arch_shared_info arch;
	bool published;
	void *storage; /* of the port */
	unsigned int storage_order;
} w;

/* Where cell @i begins, in PFNs. */
static uint64_t edge(unsigned int i)
{
	static const uint64_t far[] = {2047,
				       2048,
				       4096,
				       16384,
				       1ULL << 20,
				       (1ULL << 20) + 1,
				       1ULL << 32,
				       1ULL << 51,
				       (1ULL << 52) - 2,
				       (1ULL << 52) - 1,
				       1ULL << 52};

	return i < NR_CELLS - 10 ? i * 16 - (i % 3 == 2) : far[i - (NR_CELLS - 10)];
}

static unsigned int cell_of(uint64_t pfn)
{
	unsigned int i = 0;

	while (i < NR_CELLS && pfn >= edge(i + 1))
		i++;
	return i;
}

static uint64_t entry_of(uint64_t pfn)
{
	return pfn < w.nr ? w.entry[pfn] : XEN_INVALID_FRAME;
}

static bool is_identity(uint64_t pfn)
{
	unsigned int cell = cell_of(pfn);

	return cell < NR_CELLS && w.identity[cell];
}

static void check_pfn(uint64_t pfn)
{
	uint64_t entry = entry_of(pfn), want = entry & ~XEN_P2M_FOREIGN;

	if (entry == XEN_INVALID_FRAME)
		want = is_identity(pfn) ? pfn : XEN_INVALID_FRAME;
	FUZZ_CHECK(mfn_x(xen_pfn_to_mfn(mk_pfn(pfn))) == want);
	FUZZ_CHECK(xen_p2m_entry(mk_pfn(pfn)) == entry);
	FUZZ_CHECK(xen_p2m_is_own_ram(mk_pfn(pfn)) == !(entry >> 63));
}

static void check_mfn(uint64_t mfn)
{
	uint64_t want = XEN_INVALID_FRAME;

	if (entry_of(mfn) == XEN_INVALID_FRAME && is_identity(mfn))
		want = mfn;
	for (uint64_t pfn = 0; pfn < NR_PAGES; pfn++)
		if (w.frame[pfn] == mfn && entry_of(pfn) == mfn)
			want = pfn;
	FUZZ_CHECK(pfn_x(xen_mfn_to_pfn(mk_mfn(mfn))) == want);
}

static bool all_point_back(void)
{
	for (uint64_t pfn = 0; pfn < w.nr; pfn++)
		if (!(w.entry[pfn] >> 63) && (pfn >= NR_PAGES || w.entry[pfn] != w.frame[pfn]))
			return false;
	return true;
}

/* What a machine address shows, as the toolstack maps frames. */
static uint64_t word_at(uint64_t mfn, uint64_t index)
{
	uint64_t word = 0;

	FUZZ_CHECK(model_dma_read(mfn_to_dma(mk_mfn(mfn)) + 8 * index, &word, 8));
	return word;
}

static void check_view(void)
{
	FUZZ_CHECK(w.arch.max_pfn == w.nr && w.arch.p2m_vaddr == (uintptr_t)xen_p2m.entry);
	FUZZ_CHECK(!(w.arch.p2m_generation & 1));
	for (uint64_t pfn = 0; pfn < w.nr; pfn += 1 + pfn / 16) {
		uint64_t list = word_at(w.arch.pfn_to_mfn_frame_list_list, 0);

		FUZZ_CHECK(word_at(word_at(list, pfn >> 9), pfn & 511) == w.entry[pfn]);
	}
}

static void check_all(void)
{
	FUZZ_CHECK(xen_p2m.nr == w.nr);
	FUZZ_CHECK(!memcmp(xen_p2m.entry, w.entry, w.nr * sizeof(w.entry[0])));
	for (unsigned int i = 0; i < NR_CELLS; i++) {
		FUZZ_CHECK(!w.ram[i] || !w.identity[i]);
		FUZZ_CHECK(xen_ranges_find(&xen_p2m.ram, edge(i), NULL) == !!w.ram[i]);
		check_pfn(edge(i));
		check_pfn(edge(i + 1) - 1);
		check_mfn(edge(i));
	}
	check_pfn(XEN_INVALID_FRAME);
	check_mfn(XEN_INVALID_FRAME);
	FUZZ_CHECK(!xen_p2m_check(NULL, NULL) == all_point_back());
	if (w.published)
		check_view();
}

/* Pages that the port may hand out, lowest first, keep their frames: the table itself lies there.
 */
static uint64_t pick_pfn(struct fuzz_input *in)
{
	uint64_t pfn = fuzz_below(in, 512);

	return pfn >= 16 && pfn < NR_PAGES / 2 ? pfn + NR_PAGES / 2 : pfn;
}

static void set(struct fuzz_input *in)
{
	static const uint64_t odd[] = {XEN_INVALID_FRAME, (1ULL << 52) - 1, 1ULL << 52,
				       XEN_P2M_FOREIGN, XEN_INVALID_FRAME - 1};
	unsigned int what = fuzz_byte(in);
	uint64_t pfn = pick_pfn(in), mfn;
	bool foreign = what & 0x80, bad;
	int rc;

	if (what & 0x40)
		pfn = pfn % 4 ? w.nr - 1 + pfn % 4 : XEN_INVALID_FRAME;
	mfn = what & 0x20 ? odd[what % 5] : w.frame[what & 0x10 ? fuzz_byte(in) : pfn % NR_PAGES];
	bad = mfn != XEN_INVALID_FRAME && mfn >> 52;
	rc = xen_p2m_set(mk_pfn(pfn), mk_mfn(mfn), foreign);
	FUZZ_CHECK(rc == (pfn >= w.nr ? -XEN_ERANGE : bad ? -XEN_EINVAL : 0));
	if (!rc)
		w.entry[pfn] = foreign ? mfn | XEN_P2M_FOREIGN : mfn;
	check_pfn(pfn);
	check_mfn(mfn);
}

/* Refused whatever is marked. */
static void odd(unsigned int which)
{
	static const struct {
		uint64_t pfn, nr;
	} ranges[] = {{5, 0},	       {~0ULL, 1},	 {~0ULL, 2},	  {0, ~0ULL},
		      {1ULL << 63, 1}, {64, 1ULL << 63}, {1ULL << 52, 1}, {(1ULL << 52) - 1, 2}};
	uint64_t nr = ranges[which % 8].nr;
	pfn_t pfn = mk_pfn(ranges[which % 8].pfn);
	int rc = xen_p2m_ram_add(pfn, nr, "odd", NULL);

	FUZZ_CHECK(rc == -XEN_EINVAL || rc == -XEN_EEXIST);
	rc = xen_p2m_identity_add(pfn, nr, NULL);
	FUZZ_CHECK(rc == -XEN_EINVAL || rc == -XEN_EEXIST);
	FUZZ_CHECK(xen_p2m_ram_remove(pfn, nr) == -XEN_EINVAL);
	FUZZ_CHECK(xen_p2m_identity_remove(pfn, nr) == -XEN_EINVAL);
}

/* What a change of the cells [from, to) has to return when there is memory. */
static int expected(enum op op, unsigned int from, unsigned int to)
{
	bool any_ram = false, any_id = false, all_ram = true, all_id = true;

	for (unsigned int i = from; i < to; i++) {
		any_ram |= !!w.ram[i];
		any_id |= !!w.identity[i];
		all_ram &= !!w.ram[i];
		all_id &= !!w.identity[i];
	}
	switch (op) {
	case RAM_ADD:
		return any_ram || any_id ? -XEN_EEXIST : 0;
	case ID_ADD:
		return any_ram ? -XEN_EEXIST : 0;
	case RAM_REMOVE:
		return all_ram ? 0 : -XEN_ENOENT;
	default:
		return all_id ? 0 : -XEN_ENOENT;
	}
}

/* A conflict overlaps the range and is what it says it is. */
static void check_conflict(const struct xen_range *conflict, unsigned int from, unsigned int to)
{
	unsigned int cell = cell_of(conflict->start);

	FUZZ_CHECK(conflict->start < edge(to) && conflict->end > edge(from));
	FUZZ_CHECK(conflict->tag);
	if (w.ram[cell])
		FUZZ_CHECK(w.ram[cell] == conflict->tag);
	else
		FUZZ_CHECK(w.identity[cell] && !strcmp(conflict->tag, "identity"));
}

static void mark(enum op op, unsigned int from, unsigned int to, const char *name)
{
	uint64_t start = edge(from), nr = edge(to) - start, failed = model.fail[MODEL_ALLOC].nth;
	struct xen_range conflict = {0};
	int should = expected(op, from, to), rc;

	if (op == RAM_ADD)
		rc = xen_p2m_ram_add(mk_pfn(start), nr, name, &conflict);
	else if (op == RAM_REMOVE)
		rc = xen_p2m_ram_remove(mk_pfn(start), nr);
	else if (op == ID_ADD)
		rc = xen_p2m_identity_add(mk_pfn(start), nr, &conflict);
	else
		rc = xen_p2m_identity_remove(mk_pfn(start), nr);
	failed = failed && !model.fail[MODEL_ALLOC].nth;
	FUZZ_CHECK(rc == should || (rc == -XEN_ENOMEM && failed));
	if (rc == -XEN_EEXIST)
		check_conflict(&conflict, from, to);
	for (unsigned int i = from; i < to && !rc; i++) {
		if (op == RAM_ADD || op == RAM_REMOVE)
			w.ram[i] = op == RAM_ADD ? name : NULL;
		else
			w.identity[i] += op == ID_ADD ? 1 : -1u;
	}
}

static void extend(struct fuzz_input *in)
{
	uint64_t nr = NR_PAGES + fuzz_number(in, 2) % (MAX_ENTRIES - NR_PAGES + 1);
	unsigned int order = nr > 1024 ? 2 : nr > 512 ? 1 : 0;
	void *storage = xen_port_alloc_pages(order), *old = w.storage;
	unsigned int old_order = w.storage_order;
	int rc;

	if (!storage)
		return;
	FUZZ_CHECK(xen_p2m_extend((uint64_t *)storage + 1, nr) == -XEN_EINVAL);
	rc = xen_p2m_extend(storage, nr);
	FUZZ_CHECK(nr < w.nr ? rc == -XEN_EINVAL : !rc || (rc == -XEN_ENOMEM && w.published));
	if (rc) {
		xen_port_free_pages(storage, order);
		return;
	}
	for (; w.nr < nr; w.nr++)
		w.entry[w.nr] = XEN_INVALID_FRAME;
	w.storage = storage;
	w.storage_order = order;
	FUZZ_CHECK(xen_p2m_in_table(storage, 1));
	if (!old)
		return;
	FUZZ_CHECK(!xen_p2m_in_table(old, XEN_PAGE_SIZE << old_order));
	xen_port_free_pages(old, old_order);
}

static void publish(void)
{
	int rc;

	rc = xen_p2m_publish(&w.arch, mk_mfn(w.frame[0]));
	FUZZ_CHECK(!rc || rc == -XEN_ENOMEM);
	w.published |= !rc;
}

static void step(struct fuzz_input *in)
{
	static const enum model_call kinds[] = {MODEL_ALLOC, MODEL_ALLOC_PAGES};
	static const char *const names[] = {"low RAM", "high RAM"};
	unsigned int code = fuzz_byte(in), from, to;
	enum op op = code % NR_OPS;

	switch (op) {
	case SET:
		set(in);
		break;
	case ODD:
		odd(code / NR_OPS);
		break;
	case EXTEND:
		extend(in);
		break;
	case PUBLISH:
		publish();
		break;
	case FAIL:
		fuzz_fail(in, kinds, 2);
		break;
	default:
		from = fuzz_below(in, NR_CELLS);
		to = from + 1 + fuzz_below(in, NR_CELLS - from);
		mark(op, from, to, names[code >> 7]);
	}
	check_all();
}

void fuzz_one(struct fuzz_input *in)
{
	static const struct xen_e820_entry map[] = {{0, 64ULL << 20, XEN_E820_RAM}};
	static const struct model_params params = {.e820 = map,
						   .nr_e820 = 1,
						   .nr_pages = NR_PAGES,
						   .contiguous = true,
						   .no_setup = true};
	struct model_allocs before;

	model_start(&params);
	before = model_allocs();
	memset(&w, 0, sizeof(w));
	memcpy(w.frame, model_mfn_list(), sizeof(w.frame));
	memcpy(w.entry, model_mfn_list(), sizeof(w.frame));
	w.nr = NR_PAGES;
	FUZZ_CHECK(!xen_p2m_init(model_mfn_list(), NR_PAGES));
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step(in);
	fuzz_fail_nothing();
	xen_p2m_fini();
	FUZZ_CHECK(!w.arch.pfn_to_mfn_frame_list_list && !w.arch.p2m_cr3);
	if (w.storage)
		xen_port_free_pages(w.storage, w.storage_order);
	FUZZ_CHECK(fuzz_same_allocs(&before));
	/* The builder's list is what the tables are compared with now. */
	memcpy(model_mfn_list(), w.frame, sizeof(w.frame));
	FUZZ_CHECK(model_stop());
}
