// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: a draft, and what comes after it as changes. What both
 * checks let through must be safe to turn into the script that alters a shell.
 * The input: a __u32, that many bytes of draft, and the rest.
 */
#include "changes.h"
#include "fuzz/dress.h"

static void alter(const struct tern_image *old, const struct tern_image *new, __u64 types)
{
	const struct tern_obj_task *task =
		tern_obj_payload(tern_image_find(old, TERN_OBJ_TASK, NULL));
	struct tern_dress base = { .host = "fuzz", .caps = ~0ULL, .cap_last = 40,
				   .nr_open = 1 << 20, .become = true };
	struct tern_dress worn = base, next = base;
	struct tern_why why = { "" };
	struct tern_script s;
	struct shell_run run;
	void *mem = calloc(1, AREA);

	worn.image = old;
	next.image = new;
	next.types = types;
	if (mem && task->nr_threads < 100) {
		tern_script_init(&s, mem, 0x10000, AREA, task->nr_threads);
		if (!tern_script_dress(&s, &worn, true, &run, &why))
			tern_script_alter(&s, &worn, &next, false, &run, &why);
	}
	tern_dress_fini(&worn);
	tern_dress_fini(&next);
	free(mem);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct tern_image first = { 0 }, in = { 0 }, image = { 0 };
	struct tern_draft draft = { 0 };
	struct tern_why why = { "" };
	__u64 types;
	__u32 len;

	if (size < sizeof(len))
		return 0;
	memcpy(&len, data, sizeof(len));
	data += sizeof(len);
	size -= sizeof(len);
	if (len > size || fuzz_copy(&first, data, len) || fuzz_copy(&in, data + len, size - len))
		goto out;
	if (tern_image_check(&first, &why) || tern_draft_set(&draft, &first))
		goto out;
	if (tern_changes_read(&draft, &in, &image, &types, &why) ||
	    tern_image_check_changes(&image, types, &why))
		goto out;
	/* what was not looked at again must be as sound as the rest */
	if (tern_image_check(&image, &why))
		abort();
	alter(&draft.image, &image, types);
out:
	tern_draft_fini(&draft);
	tern_image_free(&first);
	tern_image_free(&in);
	tern_image_free(&image);
	return 0;
}
