/* SPDX-License-Identifier: MIT */
/*
 * Memory whose accesses the model traps: pages that were freed are out of reach, and of memory that
 * is shared every byte is read once.
 */
#include <model/domain.h>

#include "guest.h"

static void touch(void *page)
{
	*(volatile int *)page = 1;
}

static void peek(void *page)
{
	(void)*(volatile int *)page;
}

static void *page;

static void touch_freed(void)
{
	touch(page);
}

static void peek_freed(void)
{
	peek((uint8_t *)page + 3 * XEN_PAGE_SIZE);
}

static void freed_pages(void)
{
	guest_start(NULL);
	page = xen_port_alloc_pages(2);
	touch(page);
	xen_port_free_pages(page, 2);
	ck_assert(guest_dies(touch_freed));
	ck_assert(guest_dies(peek_freed));
	ck_assert_ptr_eq(xen_port_alloc_pages(1), page);
	touch(page);
	ck_assert(guest_dies(peek_freed)); /* the other half is free still */
	ck_assert(model_stop());
}

static uint8_t *shared;

static uint8_t fetch(size_t at)
{
	return ((volatile uint8_t *)shared)[at];
}

static void twice(void *arg)
{
	fetch(16);
	fetch(16);
}

static void twice_in_part(void *arg)
{
	(void)*(volatile uint64_t *)(void *)(shared + 16);
	(void)*(volatile uint16_t *)(void *)(shared + 22);
}

static void copy_and_look(void *arg)
{
	uint8_t copy[64];

	for (size_t i = 0; i < sizeof(copy); i++)
		copy[i] = fetch(i);
	ck_assert_uint_eq(copy[40], 40);
	fetch(40);
}

static void shared_page(void)
{
	uint64_t *mfns = guest_start(NULL);
	uint8_t *theirs = model_frame(mk_mfn(mfns[900]));

	shared = guest_va(900);
	for (unsigned int i = 0; i < 64; i++)
		theirs[i] = (uint8_t)i;
	model_shared_watch(shared, 0, 64);
	ck_assert(model_expect_breach(twice, NULL, "shared memory: byte 16 is read twice"));
	ck_assert(model_expect_breach(twice_in_part, NULL, "shared memory: byte 22 is read twice"));
	ck_assert(model_expect_breach(copy_and_look, NULL, "shared memory: byte 40 is read twice"));
	ck_assert_uint_eq(fetch(16), 16);
	ck_assert_uint_eq(*(volatile uint64_t *)(void *)(shared + 8), 0x0f0e0d0c0b0a0908ULL);
	ck_assert_uint_eq(*(volatile uint16_t *)(void *)(shared + 18), 0x1312);
	ck_assert_uint_eq(model_shared_reads(shared, 16), 1);
	ck_assert_uint_eq(model_shared_reads(shared, 15), 1);
	ck_assert_uint_eq(model_shared_reads(shared, 17), 0);
	*(volatile uint32_t *)(void *)(shared + 16) = 5; /* to write is free */
	ck_assert_uint_eq(model_shared_reads(shared, 17), 0);
	ck_assert_uint_eq(theirs[16], 5);
	theirs[16] = 6;
	model_shared_renew(shared, 16, 1);
	ck_assert_uint_eq(fetch(16), 6);
	fetch(100); /* nobody asked */
	fetch(100);
	ck_assert_uint_eq(model_shared_reads(shared, 100), 2);
	model_shared_unwatch(shared);
	fetch(16);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"freed pages are out of reach", freed_pages},
	{"B 155,86,39: shared memory is read once", shared_page},
};

UNIT_MAIN("model-trap", cases)
