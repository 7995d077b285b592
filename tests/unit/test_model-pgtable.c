/* SPDX-License-Identifier: MIT */
/* Frames of the model as page tables: pins, types, updates. Errors are Xen 4.17's. */
#include "guest.h"

#define RO (XEN_PTE_KERNEL & ~XEN_PTE_RW)
#define ENTRY(n) ((mfns[n] << XEN_PAGE_SHIFT) | XEN_PTE_KERNEL)
#define ENTRY_RO(n) ((mfns[n] << XEN_PAGE_SHIFT) | RO)

static uint64_t *mfns;

static int mmuext(unsigned int cmd, uint64_t mfn)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn};
	unsigned int done = 9;
	int rc = hypercall_mmuext_op(&op, 1, &done, DOMID_SELF);

	ck_assert_uint_eq(done, !rc);
	return rc;
}

static int update(uint64_t pfn, unsigned int index, uint64_t value)
{
	struct mmu_update op = {.ptr = (mfns[pfn] << XEN_PAGE_SHIFT) + 8ULL * index, .val = value};

	return hypercall_mmu_update(&op, 1, NULL, DOMID_SELF);
}

static uint64_t *table(uint64_t pfn)
{
	return memset(guest_va(pfn), 0, XEN_PAGE_SIZE);
}

static int make_readonly(uint64_t pfn)
{
	return guest_set_pte(guest_va(pfn), ENTRY_RO(pfn));
}

static int make_writable(uint64_t pfn)
{
	return guest_map(guest_va(pfn), mfns[pfn]);
}

static long exchange(uint64_t pfn)
{
	xen_pfn_t in = mfns[pfn], out = pfn;
	struct xen_memory_exchange op = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
					 .out = {.nr_extents = 1, .domid = DOMID_SELF}};

	long rc;

	set_xen_guest_handle(op.in.extent_start, &in);
	set_xen_guest_handle(op.out.extent_start, &out);
	rc = hypercall_memory_op(XENMEM_exchange, &op);
	if (!rc)
		mfns[pfn] = out;
	return rc;
}

static void pin_one(void)
{
	mfns = guest_start(NULL);
	table(900);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfns[900]), -XEN_EINVAL); /* writable */
	ck_assert_int_eq(mmuext(MMUEXT_UNPIN_TABLE, mfns[900]), -XEN_EINVAL);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, 5), -XEN_EINVAL); /* somebody else's */
	ck_assert_int_eq(make_readonly(900), 0);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfns[900]), 0);
	ck_assert(model_check());
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfns[900]), -XEN_EINVAL); /* twice */
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L2_TABLE, mfns[900]), -XEN_EINVAL);
	ck_assert_int_eq(make_writable(900), -XEN_EBUSY);
	/* Not even without a mapping: the pin is a reference. */
	ck_assert_int_eq(guest_unmap(guest_va(900)), 0);
	ck_assert_int_eq(exchange(900), -XEN_EINVAL);
	ck_assert_int_eq(mmuext(MMUEXT_UNPIN_TABLE, mfns[900]), 0);
	ck_assert_int_eq(mmuext(MMUEXT_UNPIN_TABLE, mfns[900]), -XEN_EINVAL);
	ck_assert_int_eq(make_writable(900), 0);
	ck_assert(model_stop());
}

static void entries_hold(void)
{
	uint64_t *l1;

	mfns = guest_start(NULL);
	l1 = table(900);
	l1[0] = ENTRY(901);
	l1[511] = ENTRY_RO(902);
	ck_assert_int_eq(make_readonly(900), 0);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfns[900]), 0);
	ck_assert(!model_check()); /* 901 is mapped twice */
	ck_assert_int_eq(guest_unmap(guest_va(901)), 0);
	ck_assert_int_eq(exchange(901), -XEN_EINVAL);
	ck_assert_int_eq(update(900, 0, ENTRY(903)), 0);
	ck_assert_int_eq(exchange(901), 0); /* no entry holds it any more */
	ck_assert_int_eq(make_writable(901), 0);
	ck_assert(!model_check()); /* now 903 */
	ck_assert_int_eq(mmuext(MMUEXT_UNPIN_TABLE, mfns[900]), 0);
	ck_assert_int_eq(make_writable(900), 0);
	ck_assert(model_stop());
}

static void bad_contents(void)
{
	uint64_t *l1;

	mfns = guest_start(NULL);
	l1 = table(900);
	l1[7] = ENTRY(901);
	l1[8] = 5 << XEN_PAGE_SHIFT | XEN_PTE_KERNEL; /* RAM of somebody else */
	ck_assert_int_eq(make_readonly(900), 0);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfns[900]), -XEN_EBUSY);
	ck_assert(model_check()); /* what was taken for entry 7 is given back */
	ck_assert_int_eq(make_writable(900), 0);
	l1[8] = XEN_PTE_FRAME_MASK | XEN_PTE_KERNEL;
	ck_assert_int_eq(make_readonly(900), 0);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfns[900]), -XEN_EINVAL);
	ck_assert_int_eq(make_writable(900), 0);
	ck_assert(model_stop());
}

/* 900 is the fourth level, 903 the first, which maps 904. */
static void four_levels(void)
{
	mfns = guest_start(NULL);
	for (uint64_t pfn = 900; pfn < 904; pfn++)
		table(pfn)[1] = pfn < 903 ? ENTRY(pfn + 1) : ENTRY_RO(pfn + 1);
	((uint64_t *)guest_va(900))[256] = ~0ULL; /* Xen's part is not looked at */
	for (uint64_t pfn = 900; pfn < 903; pfn++)
		ck_assert_int_eq(make_readonly(pfn), 0);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L4_TABLE, mfns[900]), -XEN_EINVAL); /* 903 is writable */
	ck_assert_int_eq(make_readonly(903), 0);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L4_TABLE, mfns[900]), 0);
	for (uint64_t pfn = 900; pfn < 904; pfn++)
		ck_assert_int_eq(make_writable(pfn), -XEN_EBUSY);
	ck_assert_int_eq(update(902, 1, 1ULL << 7 | ENTRY(903)), -XEN_EINVAL); /* a large page */
	ck_assert_int_eq(update(902, 1, ENTRY(904)), -XEN_EINVAL);	       /* 904 is no table */
	ck_assert_int_eq(update(902, 1, 0), 0);				       /* now 903 is free */
	ck_assert_int_eq(make_writable(903), 0);
	ck_assert_int_eq(mmuext(MMUEXT_UNPIN_TABLE, mfns[900]), 0);
	for (uint64_t pfn = 900; pfn < 903; pfn++)
		ck_assert_int_eq(make_writable(pfn), 0);
	ck_assert(model_stop());
}

static void updates(void)
{
	mfns = guest_start(NULL);
	ck_assert_int_eq(update(900, 3, 0x1234), 0); /* an ordinary page: an ordinary write */
	ck_assert_uint_eq(((uint64_t *)guest_va(900))[3], 0x1234);
	table(900)[0] = ENTRY_RO(901);
	ck_assert_int_eq(make_readonly(900), 0);
	ck_assert_int_eq(mmuext(MMUEXT_PIN_L1_TABLE, mfns[900]), 0);
	ck_assert_int_eq(update(900, 0, 5 << XEN_PAGE_SHIFT | RO), -XEN_EBUSY);
	ck_assert_int_eq(update(900, 0, ENTRY(900)), -XEN_EBUSY); /* itself, writable */
	ck_assert_uint_eq(((uint64_t *)guest_va(900))[0], ENTRY_RO(901));
	ck_assert_int_eq(update(900, 0, 0), 0);
	mfns[1] ^= 1ULL << 40; /* no frame at all */
	ck_assert_int_eq(update(1, 0, 0), -XEN_EINVAL);
	mfns[1] ^= 1ULL << 40;
	ck_assert_int_eq(mmuext(MMUEXT_UNPIN_TABLE, mfns[900]), 0);
	ck_assert_int_eq(make_writable(900), 0);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"C 222,247,252: a pinned page is neither writable nor exchanged", pin_one},
	{"C 222,247,252: a page that a table maps is not exchanged", entries_hold},
	{"a table with a bad entry takes no references", bad_contents},
	{"a pin covers the levels below", four_levels},
	{"entries change by mmu_update alone", updates},
};

UNIT_MAIN("model-pgtable", cases)
