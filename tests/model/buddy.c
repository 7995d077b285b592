/* SPDX-License-Identifier: MIT */
/*
 * A buddy allocator as Xen's heap: blocks are naturally aligned powers of two on lists by zone and
 * order; the highest zone that satisfies the width is tried first, and within it the smallest
 * block that is large enough. Number 0 is never handed out: it would belong to no zone.
 * The arrays are demand-zero memory, so a heap costs what its free blocks touch. Not locked.
 */
#include <model/internal.h>

static unsigned int zone_of(uint64_t n)
{
	return n ? 64 - (unsigned int)__builtin_clzll(n) : 0;
}

void buddy_init(struct buddy *b, uint64_t limit, bool high)
{
	b->limit = limit;
	b->high = high;
	b->nr_free = 0;
	b->zones = 0;
	b->next = model_reserve(limit * sizeof(*b->next));
	b->prev = model_reserve(limit * sizeof(*b->prev));
	b->order = model_reserve(limit);
	for (unsigned int z = 0; z <= NR_ZONES; z++) {
		b->orders[z] = 0;
		for (unsigned int o = 0; o <= MAX_ORDER; o++)
			b->head[z][o] = NONE;
	}
}

static void push(struct buddy *b, uint64_t n, unsigned int order)
{
	unsigned int zone = zone_of(n);
	uint32_t *head = &b->head[zone][order];

	b->order[n] = (uint8_t)(order + 1);
	b->prev[n] = NONE;
	b->next[n] = *head;
	if (*head != NONE)
		b->prev[*head] = (uint32_t)n;
	*head = (uint32_t)n;
	b->orders[zone] |= 1u << order;
	b->zones |= 1ULL << zone;
	b->nr_free += 1ULL << order;
}

static void take(struct buddy *b, uint64_t n)
{
	unsigned int order = b->order[n] - 1u, zone = zone_of(n);
	uint32_t next = b->next[n], prev = b->prev[n];

	if (prev != NONE)
		b->next[prev] = next;
	else
		b->head[zone][order] = next;
	if (b->head[zone][order] == NONE)
		b->orders[zone] &= ~(1u << order);
	if (!b->orders[zone])
		b->zones &= ~(1ULL << zone);
	if (next != NONE)
		b->prev[next] = prev;
	b->order[n] = 0;
	b->nr_free -= 1ULL << order;
}

static void free_block(struct buddy *b, uint64_t n, unsigned int order)
{
	while (order < MAX_ORDER) {
		uint64_t other = n ^ (1ULL << order);

		if (other >= b->limit || b->order[other] != order + 1)
			break;
		take(b, other);
		n &= ~(1ULL << order);
		order++;
	}
	push(b, n, order);
}

void buddy_free(struct buddy *b, uint64_t start, uint64_t nr)
{
	uint64_t end = start + nr;

	if (start == 0)
		start = 1;
	while (start < end) {
		unsigned int order = (unsigned int)__builtin_ctzll(start);

		if (order > MAX_ORDER)
			order = MAX_ORDER;
		while (start + (1ULL << order) > end)
			order--;
		free_block(b, start, order);
		start += 1ULL << order;
	}
}

/* The smallest block of 2^@order or more in @zone; the rest of it stays free. NONE. */
static uint32_t alloc_in(struct buddy *b, unsigned int zone, unsigned int order)
{
	uint32_t orders = b->orders[zone] >> order << order, n;
	unsigned int o;

	if (!orders)
		return NONE;
	o = (unsigned int)__builtin_ctz(orders);
	n = b->head[zone][o];
	take(b, n);
	while (o > order) {
		o--;
		push(b, b->high ? n : n + (1ULL << o), o);
		n += b->high ? 1u << o : 0;
	}
	return n;
}

uint32_t buddy_alloc(struct buddy *b, unsigned int order, unsigned int bits)
{
	unsigned int top = bits < NR_ZONES ? bits : NR_ZONES;
	uint64_t zones = b->zones & ((2ULL << top) - 1);
	uint32_t n = NONE;

	while (zones && n == NONE) {
		unsigned int zone = b->high ? 63u - (unsigned int)__builtin_clzll(zones)
					    : (unsigned int)__builtin_ctzll(zones);

		n = alloc_in(b, zone, order);
		zones &= ~(1ULL << zone);
	}
	return n;
}

uint64_t buddy_count(const struct buddy *b, unsigned int bits)
{
	uint64_t nr = 0;

	for (unsigned int z = 0; z <= NR_ZONES && z <= bits; z++)
		for (unsigned int o = 0; o <= MAX_ORDER; o++)
			for (uint32_t n = b->head[z][o]; n != NONE; n = b->next[n])
				nr += 1ULL << o;
	return nr;
}
