/* SPDX-License-Identifier: MIT */
/* Between libFuzzer and a target. One thread; nothing is kept from one input to the next. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With FUZZ_TRACES=file: what each input did, one line each, for run.sh to compare. */
static void tell_trace(const uint8_t *data, size_t size)
{
	const char *name = getenv("FUZZ_TRACES");
	FILE *file = name ? fopen(name, "a") : NULL;
	uint64_t hash = size;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 0x100000001b3ULL;
	if (file) {
		fprintf(file, "%016" PRIx64 " %016" PRIx64 "\n", hash, model_trace());
		fclose(file);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int traced = -1;
	struct fuzz_input in = {data, size};

	if (traced < 0)
		traced = getenv("FUZZ_TRACES") != NULL;
	fuzz_one(&in);
	if (traced)
		tell_trace(data, size);
	return 0;
}
