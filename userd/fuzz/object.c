// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: one object of an image that is sound but for that. The environment says
 * of which type it is (TERN_FUZZ_OBJECT=SOCKET), and where a sound image is
 * (TERN_FUZZ_IMAGE). The input: which of these objects, how much longer it is, and what its
 * payload differs by from the sound one, bit by bit. Run by "make -C userd fuzz-objects".
 */
#include <stdio.h>

#include "fuzz/dress.h"
#include "image_check.h"

#define ROOM	(1U << 20)

static const char *const names[__TERN_OBJ_MAX] = {
#define X(name, id, type, most) [id] = #name,
	TERN_OBJECTS(X)
#undef X
};

static struct tern_image sound;
static unsigned int type;

static void die(const char *what)
{
	fprintf(stderr, "object: %s\n", what);
	exit(1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("TERN_FUZZ_OBJECT"), *path = getenv("TERN_FUZZ_IMAGE");
	FILE *f = path ? fopen(path, "re") : NULL;

	(void)argc;
	(void)argv;
	sound.data = malloc(ROOM);
	sound.len = f && sound.data ? fread(sound.data, 1, ROOM, f) : 0;
	if (!sound.len || sound.len == ROOM)
		die("TERN_FUZZ_IMAGE is no image");
	fclose(f);
	for (type = 0; type < __TERN_OBJ_MAX; type++)
		if (name && names[type] && !strcmp(name, names[type]))
			return 0;
	die("TERN_FUZZ_OBJECT is no type of objects");
	return 1;
}

/* In place of @obj; the input is a patch. Returns its bytes. */
static size_t spoil(unsigned char *to, const struct tern_obj *obj, const unsigned char *patch,
		    size_t patch_len)
{
	size_t was = obj->len - sizeof(*obj), len = was, i;
	struct tern_obj *head = (struct tern_obj *)to;
	unsigned char *payload = to + sizeof(*head);

	if (patch_len) {
		signed char more = *patch++;

		patch_len--;
		len = more < 0 && (size_t)-more > was ? 0 : was + more;
	}
	*head = *obj;
	head->len = sizeof(*head) + len;
	memset(payload, 0, pad8(len));
	memcpy(payload, obj + 1, len < was ? len : was);
	for (i = 0; i < len && i < patch_len; i++)
		payload[i] ^= patch[i];
	return pad8(head->len);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static unsigned char to[ROOM + 4096] __attribute__((aligned(8)));
	unsigned int nr = tern_image_count(&sound, type), which;
	const struct tern_obj *obj = NULL;
	size_t put = 0;

	if (!nr)
		die("the image has no such object");
	if (!len)
		return 0;
	which = data[0] % nr;
	while ((obj = tern_image_next(&sound, obj))) {
		if (obj->type == type && !which--) {
			put += spoil(to + put, obj, data + 1, len - 1);
		} else {
			memcpy(to + put, obj, pad8(obj->len));
			put += pad8(obj->len);
		}
	}
	fuzz_image(to, put);
	return 0;
}
