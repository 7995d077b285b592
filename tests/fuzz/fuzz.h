/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target is made of: fuzz_one() reads its input as a script, does to the library
 * what the script says, and compares with an oracle of its own. A target leaves nothing behind:
 * each input begins with the same state, so that a saved one replays.
 *
 * Reading past the end of the input gives zeroes; a script ends where fuzz_more() says so.
 */
#ifndef XENDMA_TESTS_FUZZ_H
#define XENDMA_TESTS_FUZZ_H

#include <string.h>

#include <model/internal.h>

struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

void fuzz_one(struct fuzz_input *in);

static inline bool fuzz_more(const struct fuzz_input *in)
{
	return in->left;
}

/* The next @bytes (at most 8), little endian. */
static inline uint64_t fuzz_number(struct fuzz_input *in, unsigned int bytes)
{
	uint64_t value = 0;
	size_t nr = bytes < in->left ? bytes : in->left;

	for (size_t i = 0; i < nr; i++)
		value |= (uint64_t)in->at[i] << 8 * i;
	in->at += nr;
	in->left -= nr;
	return value;
}

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
	return (uint8_t)fuzz_number(in, 1);
}

/* A number below @limit, which is at most 65536; takes no more bytes than that needs. */
static inline unsigned int fuzz_below(struct fuzz_input *in, unsigned int limit)
{
	return (unsigned int)(fuzz_number(in, limit > 256 ? 2 : 1) % limit);
}

/* The error that a hypercall is to fail with. */
static inline int fuzz_error(struct fuzz_input *in)
{
	static const int errors[] = {-XEN_EPERM, -XEN_ENOMEM, -XEN_EBUSY, -XEN_EINVAL};

	return errors[fuzz_below(in, 4)];
}

/* Let call number 1 to 32 of one of @nr kinds fail. */
static inline void fuzz_fail(struct fuzz_input *in, const enum model_call *kinds, unsigned int nr)
{
	enum model_call kind = kinds[fuzz_below(in, nr)];
	uint64_t nth = 1 + fuzz_below(in, 32);

	model_fail(kind, nth, fuzz_error(in));
}

static inline void fuzz_fail_nothing(void)
{
	for (unsigned int kind = 0; kind < MODEL_NR_CALLS; kind++)
		model_fail((enum model_call)kind, 0, 0);
}

/* What must hold: else the library's log is shown and the input saved. */
#define FUZZ_CHECK(cond)                                                                           \
	do {                                                                                       \
		if (!(cond))                                                                       \
			model_breach("%s:%d: '%s' does not hold", __FILE__, __LINE__, #cond);      \
	} while (0)

/* Does the library hold as much of the port's memory as in @before? */
static inline bool fuzz_same_allocs(const struct model_allocs *before)
{
	struct model_allocs now = model_allocs();

	return now.pages == before->pages && now.objects == before->objects &&
	       now.bytes == before->bytes && now.vm_pages == before->vm_pages;
}

#endif
