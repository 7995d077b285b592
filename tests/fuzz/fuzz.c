/* SPDX-License-Identifier: MIT */
/* Between libFuzzer and a target. One thread; nothing is kept from one input to the next. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};

	fuzz_one(&in);
	return 0;
}
