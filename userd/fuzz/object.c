// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: one object of an image that is sound but for that. The environment says
 * of which type it is (TERN_FUZZ_OBJECT=SOCKET), and where a sound image is
 * (TERN_FUZZ_IMAGE). The input: which of these objects, how much longer it is, and what its
 * payload differs by from the sound one, bit by bit. Run by "make -C userd fuzz-objects".
 */
#include <stdio.h>

#include "fuzz/dress.h"

#define ROOM	(1U << 20)

static const char *const names[__TERN_OBJ_MAX] = {
#define X(name, id, type, most) [id] = #name,
	TERN_OBJECTS(X)
#undef X
};

static unsigned char *sound;	/* the image, of @size bytes */
static size_t size;
static unsigned int type;

static void die(const char *what)
{
	fprintf(stderr, "object: %s\n", what);
	exit(1);
}

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("TERN_FUZZ_OBJECT"), *path = getenv("TERN_FUZZ_IMAGE");
	FILE *f = path ? fopen(path, "re") : NULL;

	(void)argc;
	(void)argv;
	sound = malloc(ROOM);
	size = f && sound ? fread(sound, 1, ROOM, f) : 0;
	if (!size || size == ROOM)
		die("TERN_FUZZ_IMAGE is no image");
	fclose(f);
	for (type = 0; type < __TERN_OBJ_MAX; type++)
		if (name && names[type] && !strcmp(name, names[type]))
			return 0;
	die("TERN_FUZZ_OBJECT is no type of objects");
	return 1;
}

static unsigned int count(void)
{
	const struct tern_image image = { .data = sound, .len = size, .size = size };

	return tern_image_count(&image, type);
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
	memset(payload, 0, padded(len));
	memcpy(payload, obj + 1, len < was ? len : was);
	for (i = 0; i < len && i < patch_len; i++)
		payload[i] ^= patch[i];
	return padded(head->len);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static unsigned char to[ROOM + 4096] __attribute__((aligned(8)));
	unsigned int nr = count(), which;
	size_t done, put = 0;

	if (!nr)
		die("the image has no such object");
	if (!len)
		return 0;
	which = data[0] % nr;
	for (done = 0; done < size;) {
		const struct tern_obj *obj = (const void *)(sound + done);

		if (obj->type == type && !which--) {
			put += spoil(to + put, obj, data + 1, len - 1);
		} else {
			memcpy(to + put, obj, padded(obj->len));
			put += padded(obj->len);
		}
		done += padded(obj->len);
	}
	fuzz_image(to, put);
	return 0;
}
