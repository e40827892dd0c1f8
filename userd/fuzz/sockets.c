// SPDX-License-Identifier: GPL-2.0
/* libFuzzer target: connections as a peer hands them over; what the check lets through is walked. */
#include "fuzz/dress.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct tern_image image = { 0 };
	struct tern_why why = { "" };

	if (fuzz_copy(&image, data, size))
		return 0;
	if (!tern_image_check_sockets(&image, &why))
		walk(&image);
	else if (!why.text[0])
		abort();
	tern_image_free(&image);
	return 0;
}
