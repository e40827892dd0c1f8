// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: the code of another host's vDSO. What is written to stays within
 * it. The input: the file, of which this kernel's own is the best start.
 */
#include <stdlib.h>
#include <string.h>

#include "dev.h"
#include "vdso.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct tern_why why = { "" };
	struct tern_vdso own;
	char *text;

	if (!size || size > TERN_VDSO_MAX || tern_vdso_own(&own))
		return 0;
	/* in memory of its own, so that the sanitizer sees every byte too many */
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data, size);
	tern_vdso_divert(text, size, &own, (unsigned long)own.text, &why);
	free(text);
	return 0;
}
