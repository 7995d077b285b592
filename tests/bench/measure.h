/* SPDX-License-Identifier: MIT */
/*
 * How an operation of rows.h is measured: batches of it and of a loop without it; the medians'
 * difference is its cost.
 */
#ifndef XENDMA_BENCH_MEASURE_H
#define XENDMA_BENCH_MEASURE_H

#define MAX_BATCHES 11

struct bench {
	char *buffer;
	env_page_t page;
	size_t size;
	enum env_dir dir;
	uint64_t frame;
	dma_addr_t dma;
	dma_addr_t *held;
	bool failed;
};

typedef void (*bench_fn)(struct bench *b);

struct row {
	const char *key;
	bench_fn run, base; /* the operation; what of it is not to count */
	bench_fn reset;	    /* after a batch, not counted; or NULL */
	unsigned int nr;    /* operations in a batch */
	unsigned int unit;  /* how many each run() does */
	unsigned int batches;
};

/* The value may be anything and be used by anybody; so may all memory. */
#define KEEP(x) __asm__ volatile("" : "+r"(x) : : "memory")

static void fail(struct bench *b, const char *what)
{
	if (!b->failed)
		env_say("bench: failed %s", what);
	b->failed = true;
}

static void nothing(struct bench *b)
{
	KEEP(b);
}

static __attribute__((__noinline__)) uint64_t batch(struct bench *b, bench_fn run, unsigned int nr)
{
	uint64_t start = env_tsc();

	for (unsigned int i = 0; i < nr; i++)
		run(b);
	return env_tsc() - start;
}

/* Sorts. An interrupt makes a batch longer, never shorter. */
static uint64_t median(uint64_t *value, unsigned int nr)
{
	for (unsigned int i = 1; i < nr; i++)
		for (unsigned int j = i; j && value[j - 1] > value[j]; j--) {
			uint64_t swap = value[j];

			value[j] = value[j - 1];
			value[j - 1] = swap;
		}
	return value[nr / 2];
}

/* Hypercalls of one operation: the fewest, for a timer that goes off in between makes some too. */
static uint64_t least_calls(struct bench *b, const struct row *row)
{
	uint64_t least = ~0ULL;

	env_count(true);
	for (unsigned int i = 0; i < MAX_BATCHES; i++) {
		uint64_t calls = env_hypercalls();

		row->run(b);
		calls = env_hypercalls() - calls;
		if (calls < least)
			least = calls;
		if (row->reset)
			row->reset(b);
	}
	env_count(false);
	return least;
}

static void measure(struct bench *b, const struct row *row)
{
	uint64_t run[MAX_BATCHES], base[MAX_BATCHES], calls, whole, off;

	for (unsigned int i = 0; i < row->batches; i++) {
		run[i] = batch(b, row->run, row->nr);
		if (row->reset)
			row->reset(b);
		base[i] = batch(b, row->base, row->nr);
	}
	whole = median(run, row->batches);
	off = median(base, row->batches);
	calls = least_calls(b, row);
	if (!b->failed)
		env_say("bench: %s %llu %u %llu", row->key, (unsigned long long)(whole - off),
			row->nr * row->unit, (unsigned long long)calls);
}

static void steady(struct bench *b, const char *key, bench_fn run, unsigned int nr)
{
	struct row row = {key, run, nothing, NULL, nr, 1, MAX_BATCHES};

	run(b); /* what only the first one does */
	measure(b, &row);
	if (env_profile(key))
		for (;;)
			run(b);
}

#endif
