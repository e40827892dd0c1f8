// SPDX-License-Identifier: GPL-2.0
/* libFuzzer target: an image as a whole. Build with "make -C userd fuzz". */
#include "fuzz/dress.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	fuzz_image(data, size);
	return 0;
}
