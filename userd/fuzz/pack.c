// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: PACKED messages of one connection, from anybody. What they
 * yield is as large as was said, and no more. The input: messages, each behind a
 * __u16 that is its length.
 */
#include <stdlib.h>
#include <string.h>

#include "pack.h"
#include "pager.h"

/* 0: go on with the stream. */
static int message(struct tern_unpacker *u, const unsigned char *data, size_t size)
{
	int len = tern_unpack_len(data, size), err = len;
	struct tern_place place;
	char *pages;

	if (len < 0)
		return len;
	/* in memory of its own, so that the sanitizer sees every byte too many */
	pages = malloc(len);
	if (!pages)
		return -1;
	memset(pages, 0, len);
	err = tern_unpack(u, data, size, pages);
	if (!err)
		tern_place_init(&place, pages, len);
	free(pages);
	return err;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct tern_unpacker u = { 0 };
	unsigned char *copy;
	__u16 len;
	int err = 0;

	while (!err && size >= sizeof(len)) {
		memcpy(&len, data, sizeof(len));
		data += sizeof(len);
		size -= sizeof(len);
		if (len > size)
			break;
		copy = malloc(len ? len : 1);
		if (!copy)
			break;
		memcpy(copy, data, len);
		err = message(&u, copy, len);
		free(copy);
		data += len;
		size -= len;
	}
	tern_unpacker_fini(&u);
	return 0;
}
