/* SPDX-License-Identifier: MIT */
/*
 * The operations of `make bench`: one source for both systems. The guest (guest/bench.c) and the
 * Linux module (linux/xendma_bench.c) each include it behind their own env_*() functions, which are
 * the system's calls and nothing else. So both run the same calls in the same order with the same
 * sizes, directions, masks and buffers; where a buffer must lie is checked in the machine.
 *
 * What an env_*() function does:
 *   env_tsc()                 the time stamp counter, which counts instructions under -icount
 *   env_say(fmt, ...)         a line on the console
 *   env_count(on)             from now on hypercalls are counted, or not
 *   env_hypercalls()          hypercalls counted so far
 *   env_ran_ns()              how long this virtual CPU has run since the domain was made
 *   env_pages(order, min)     pages that are contiguous in the machine, on frames from min on
 *   env_page(va), env_mfn(va) what the map function wants; the machine frame
 *   env_mask(bits)            the device's width; env_coherent_mask(bits) for coherent memory
 *   env_profile(key)          run this row's operation for ever, to be watched?
 *   env_forget()              coherent memory that is freed but kept goes back
 *   env_pool()                build a bounce pool of POOL_BYTES, once
 *   env_identity(on)          mark a BAR of 16 GiB identity, or undo it; false: no such call
 *
 * Interrupts are on, as in a driver. Figures come out as lines `bench: KEY INSTRUCTIONS NR CALLS`:
 * the instructions of NR operations, the hypercalls of one.
 */
#ifndef XENDMA_BENCH_ROWS_H
#define XENDMA_BENCH_ROWS_H

#define POOL_BYTES (64UL << 20)
#define HELD_SIZE 4096
/* 95 % of the pool in slots of 2 KiB, two a mapping. */
#define HELD_MAPS ((unsigned int)(POOL_BYTES / HELD_SIZE * 95 / 100))
#define BAR_BYTES (16UL << 30)
#define WIDE_BITS 64
#define NARROW_BITS 28 /* what edu reaches */
#define BUFFER_ORDER 8 /* 1 MiB, above all that a narrow device reaches */
#define BUFFER_MFN (1UL << 20)
#define LIST_PAGES 128
#define LOOKUPS 16

static bool env_pool(void);
static bool env_identity(bool on);

#include "measure.h"

static void lookup_none(struct bench *b)
{
	for (unsigned int i = 0; i < LOOKUPS; i++) {
		uint64_t frame = b->frame + i;

		KEEP(frame);
	}
}

static void lookup_pfn(struct bench *b)
{
	for (unsigned int i = 0; i < LOOKUPS; i++) {
		uint64_t frame = b->frame + i;

		KEEP(frame);
		frame = env_pfn_to_mfn(frame);
		KEEP(frame);
	}
}

static void lookup_mfn(struct bench *b)
{
	for (unsigned int i = 0; i < LOOKUPS; i++) {
		uint64_t frame = b->frame + i;

		KEEP(frame);
		frame = env_mfn_to_pfn(frame);
		KEEP(frame);
	}
}

static void rows_lookup(struct bench *b)
{
	struct row pfn = {"pfn_to_mfn", lookup_pfn, lookup_none, NULL, 50, LOOKUPS, MAX_BATCHES};
	struct row mfn = {"mfn_to_pfn", lookup_mfn, lookup_none, NULL, 50, LOOKUPS, MAX_BATCHES};

	b->frame = env_pfn(b->buffer);
	measure(b, &pfn);
	b->frame = env_mfn(b->buffer);
	measure(b, &mfn);
}

static void map_unmap(struct bench *b)
{
	dma_addr_t dma = env_map(b->page, 0, b->size, b->dir);

	if (env_map_failed(dma)) {
		fail(b, "to map");
		return;
	}
	env_unmap(dma, b->size, b->dir);
}

static void sync_both(struct bench *b)
{
	env_sync_for_cpu(b->dma, b->size, b->dir);
	env_sync_for_device(b->dma, b->size, b->dir);
}

/* Is what is mapped where it should be: in the buffer, or in the device's reach? */
static void check_place(struct bench *b, bool direct)
{
	dma_addr_t own = (dma_addr_t)env_mfn(b->buffer) << 12;

	b->dma = env_map(b->page, 0, b->size, b->dir);
	if (env_map_failed(b->dma)) {
		fail(b, "to map");
		return;
	}
	if (direct ? b->dma != own : (b->dma + b->size - 1) >> NARROW_BITS != 0)
		fail(b, direct ? "direct mapping bounced" : "bounce buffer out of reach");
	env_unmap(b->dma, b->size, b->dir);
}

static void row_map(struct bench *b, const char *key, size_t size, enum env_dir dir, bool direct)
{
	b->size = size;
	b->dir = dir;
	check_place(b, direct);
	steady(b, key, map_unmap, size > 4096 ? 20 : 200);
}

static void list_map(struct bench *b)
{
	if (env_list_map(LIST_PAGES, b->dir) <= 0)
		fail(b, "to map a list");
	else
		env_list_unmap(LIST_PAGES, b->dir);
}

/* A list of single pages, @step pages apart in the machine. */
static void row_list(struct bench *b, const char *key, unsigned int step)
{
	uint64_t mfn = env_mfn(b->buffer);

	for (unsigned int i = 0; i < LIST_PAGES; i++) {
		char *va = b->buffer + ((size_t)i * step << 12);

		if (env_mfn(va) != mfn + i * step)
			fail(b, "pages of the list lie elsewhere");
		env_list_set(i, va, 4096);
	}
	b->dir = ENV_TO_DEVICE;
	steady(b, key, list_map, 10);
}

static void rows_direct(struct bench *b)
{
	if (!env_mask(WIDE_BITS)) {
		fail(b, "to set the wide mask");
		return;
	}
	row_map(b, "direct_4k", 4096, ENV_TO_DEVICE, true);
	row_map(b, "direct_64", 64, ENV_TO_DEVICE, true);

	b->size = 4096;
	b->dir = ENV_BOTH_WAYS;
	b->dma = env_map(b->page, 0, b->size, b->dir);
	steady(b, "sync_direct", sync_both, 200);
	env_unmap(b->dma, b->size, b->dir);

	row_list(b, "sg_scattered", 2);
	row_list(b, "sg_merged", 1);
}

static void hold(struct bench *b)
{
	for (unsigned int i = 0; i < HELD_MAPS; i++) {
		b->held[i] = env_map(b->page, 0, HELD_SIZE, ENV_TO_DEVICE);
		if (env_map_failed(b->held[i])) {
			fail(b, "to hold the pool");
			return;
		}
	}
}

static void let_go(struct bench *b)
{
	for (unsigned int i = 0; i < HELD_MAPS; i++)
		env_unmap(b->held[i], HELD_SIZE, ENV_TO_DEVICE);
}

static void rows_bounced(struct bench *b)
{
	if (!env_mask(NARROW_BITS)) {
		fail(b, "to set the narrow mask");
		return;
	}
	row_map(b, "bounce_64", 64, ENV_TO_DEVICE, false);
	row_map(b, "bounce_512", 512, ENV_TO_DEVICE, false);
	row_map(b, "bounce_4k", 4096, ENV_TO_DEVICE, false);
	row_map(b, "bounce_64k", 65536, ENV_TO_DEVICE, false);
	row_map(b, "bounce_256k", 262144, ENV_TO_DEVICE, false);
	row_map(b, "bounce_64_back", 64, ENV_FROM_DEVICE, false);
	row_map(b, "bounce_4k_back", 4096, ENV_FROM_DEVICE, false);

	/* 64 bytes in the middle of a mapping. */
	b->dma = env_map(b->page, 0, 4096, ENV_BOTH_WAYS);
	b->dma += 1024;
	b->size = 64;
	b->dir = ENV_BOTH_WAYS;
	steady(b, "sync_partial", sync_both, 200);
	env_unmap(b->dma - 1024, 4096, ENV_BOTH_WAYS);

	hold(b);
	if (b->failed)
		return;
	row_map(b, "held_64", 64, ENV_TO_DEVICE, false);
	row_map(b, "held_512", 512, ENV_TO_DEVICE, false);
	row_map(b, "held_4k", 4096, ENV_TO_DEVICE, false);
	row_map(b, "held_64k", 65536, ENV_TO_DEVICE, false);
	row_map(b, "held_256k", 262144, ENV_TO_DEVICE, false);
	let_go(b);
}

static void alloc_free(struct bench *b)
{
	dma_addr_t dma;
	void *va = env_alloc(b->size, &dma);

	if (va)
		env_free(va, b->size, dma);
	else
		fail(b, "to allocate coherent memory");
}

static void forget(struct bench *b)
{
	KEEP(b);
	env_forget();
}

struct coherent_keys {
	size_t size;
	const char *first, *steady;
};

static void rows_coherent(struct bench *b, unsigned int bits, const struct coherent_keys keys[3])
{
	if (!env_coherent_mask(bits)) {
		fail(b, "to set the coherent mask");
		return;
	}
	for (unsigned int i = 0; i < 3; i++) {
		struct row first = {keys[i].first, alloc_free, nothing, forget, 1, 1, 5};

		b->size = keys[i].size;
		alloc_free(b);
		env_forget();
		measure(b, &first);
		steady(b, keys[i].steady, alloc_free, b->size > 4096 ? 4 : 50);
		env_forget();
	}
}

static void build_pool(struct bench *b)
{
	if (!env_pool())
		fail(b, "to build a pool");
}

/* Once: there is one pool. So its hypercalls are counted while it is timed. */
static void row_pool(struct bench *b)
{
	uint64_t calls, cost;

	env_count(true);
	calls = env_hypercalls();
	cost = batch(b, build_pool, 1) - batch(b, nothing, 1);
	calls = env_hypercalls() - calls;
	env_count(false);
	if (!b->failed)
		env_say("bench: pool_64m %llu 1 %llu", (unsigned long long)cost,
			(unsigned long long)calls);
}

static void identity(struct bench *b)
{
	if (!env_identity(true) || !env_identity(false))
		fail(b, "to mark a BAR");
}

static void row_identity(struct bench *b)
{
	if (!env_identity(true))
		return; /* no such call: no row */
	env_identity(false);
	steady(b, "identity_16g", identity, 20);
}

/* Before anything else maps. */
static void row_boot(struct bench *b)
{
	if (!env_mask(WIDE_BITS)) {
		fail(b, "to set the wide mask");
		return;
	}
	b->size = 4096;
	b->dir = ENV_TO_DEVICE;
	b->dma = env_map(b->page, 0, b->size, b->dir);
	env_say("bench: boot %llu 1 0", (unsigned long long)env_ran_ns());
	env_unmap(b->dma, b->size, b->dir);
}

/* @held: room for HELD_MAPS addresses. True: every row has its figure. */
static bool bench_rows(dma_addr_t *held)
{
	static const struct coherent_keys wide[] = {
		{4096, "coherent_4k_first_64", "coherent_4k_64"},
		{65536, "coherent_64k_first_64", "coherent_64k_64"},
		{1UL << 20, "coherent_1m_first_64", "coherent_1m_64"},
	};
	static const struct coherent_keys narrow[] = {
		{4096, "coherent_4k_first_32", "coherent_4k_32"},
		{65536, "coherent_64k_first_32", "coherent_64k_32"},
		{1UL << 20, "coherent_1m_first_32", "coherent_1m_32"},
	};
	struct bench b = {.held = held};

	b.buffer = env_pages(BUFFER_ORDER, BUFFER_MFN);
	if (!b.buffer) {
		fail(&b, "to find a buffer beyond the device's reach");
		return false;
	}
	b.page = env_page(b.buffer);
	row_boot(&b);
	row_pool(&b);
	rows_lookup(&b);
	rows_direct(&b);
	rows_bounced(&b);
	rows_coherent(&b, 64, wide);
	rows_coherent(&b, 32, narrow);
	row_identity(&b);
	env_free_buffer(b.buffer, BUFFER_ORDER);
	return !b.failed;
}

#endif
