// SPDX-License-Identifier: GPL-2.0
/*
 * Packing and unpacking: round trips, what repeats, and what a peer with bad
 * intentions may send. With a file's name: writes a sound input for fuzz/pack.c.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"
#include "test.h"

#define PAGE	((size_t)TERN_WIRE_PAGE)

enum { ZEROS, TEXT, NOISE };

static struct tern_packer packer;
static struct tern_unpacker unpacker;
static char *msg, *pages, *out;
static size_t len;

static unsigned int random_state = 1;

static unsigned int noise(void)
{
	random_state = random_state * 1103515245 + 12345;
	return random_state >> 8;
}

static void fill(char *to, size_t n, unsigned int kind)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = kind == ZEROS ? 0 : kind == TEXT ? "etaoin "[noise() % 7] : (char)noise();
}

/* @n bytes of @from, in pieces, as a message; its length. */
static size_t pack(const char *from, size_t n)
{
	struct iovec iov[3] = {
		{ (void *)from, n / 3 },
		{ (void *)(from + n / 3), 0 },
		{ (void *)(from + n / 3), n - n / 3 },
	};

	if (tern_packer_pack(&packer, iov, 3))
		return 0;
	memcpy(msg, &packer.head, sizeof(packer.head));
	memcpy(msg + sizeof(packer.head), packer.buf, packer.len);
	return sizeof(packer.head) + packer.len;
}

static int unpack(size_t expected)
{
	int n = tern_unpack_len(msg, len), err;
	char *to;

	if (n < 0)
		return n;
	/* exactly as large as promised, so that the sanitizer sees one byte more */
	to = malloc(n);
	err = tern_unpack(&unpacker, msg, len, to);
	if (!err && (size_t)n == expected)
		memcpy(out, to, n);
	free(to);
	return err ? err : (size_t)n == expected ? 0 : -ERANGE;
}

static void anew(void)
{
	tern_packer_fini(&packer);
	tern_unpacker_fini(&unpacker);
}

static bool trip(const char *from, size_t n)
{
	len = pack(from, n);
	return len && !unpack(n) && !memcmp(out, from, n);
}

static void round_trips(void)
{
	static const size_t size[] = { 8, 24, 4120, 64 * 4112 + 8, 131072, 131073, 0 };
	unsigned int i, kind;

	for (kind = ZEROS; kind <= NOISE; kind++) {
		fill(pages, TERN_WIRE_PAGES_LEN, kind);
		for (i = 0; size[i]; i++)
			CHECK(trip(pages, size[i]));
		CHECK(trip(pages, TERN_WIRE_PAGES_LEN));
		CHECK(len <= TERN_WIRE_PACKED_MAX);
	}
	len = pack(pages, TERN_WIRE_PAGES_LEN + 1);
	CHECK(!len);
	anew();
}

/* Noise cannot be made smaller, but need not be sent twice. */
static void duplicates(void)
{
	size_t all = 15 << 20, step = 64 * PAGE, i, sum[2] = { 0, 0 };
	char *heap = malloc(all);
	unsigned int round;
	bool same = true;

	fill(heap, all, NOISE);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < all; i += step) {
			same = same && trip(heap + i, step);
			sum[round] += len;
		}
	}
	CHECK(same);
	CHECK(sum[0] < all + all / 100);
	CHECK(sum[1] < all / 100);
	free(heap);
	anew();
}

/* A message as it should be, to be spoilt by the caller. */
static void sound(size_t n)
{
	anew();
	fill(pages, n, TEXT);
	len = pack(pages, n);
}

static void set_len(__u32 n)
{
	memcpy(msg, &n, sizeof(n));
}

static void lengths(void)
{
	const size_t n = 3 * PAGE;

	sound(n);
	CHECK(!unpack(n));
	sound(n);
	set_len(n - 1);
	CHECK(unpack(n - 1) == -EBADMSG);
	sound(n);
	set_len(n + 1);
	CHECK(unpack(n + 1) == -EBADMSG);
	sound(n);
	set_len(0);
	CHECK(unpack(0) == -EBADMSG);
	sound(n);
	set_len(7);
	CHECK(unpack(7) == -EBADMSG);
	sound(n);
	set_len(TERN_WIRE_PAGES_LEN + 1);
	CHECK(unpack(TERN_WIRE_PAGES_LEN + 1) == -EBADMSG);
	sound(n);
	set_len(~0U);
	CHECK(unpack(~0U) == -EBADMSG);
	sound(n);
	msg[4] = 1;
	CHECK(unpack(n) == -EBADMSG);
}

static void cut_short(void)
{
	const size_t n = 300;
	size_t bad = 0, whole;

	sound(n);
	whole = len;
	while (len) {
		len--;
		tern_unpacker_fini(&unpacker);
		bad += unpack(n) == -EBADMSG;
	}
	CHECK(bad == whole);
}

/* Frames of somebody else's making. */
static void frame(int window, int whole_frame)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	struct tern_wire_packed head = { .len = 3 * PAGE };
	ZSTD_outBuffer to = { msg + sizeof(head), 1 << 20, 0 };
	ZSTD_inBuffer from = { pages, head.len, 0 };

	anew();
	fill(pages, head.len, TEXT);
	memcpy(msg, &head, sizeof(head));
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window);
	ZSTD_compressStream2(c, &to, &from, whole_frame ? ZSTD_e_end : ZSTD_e_flush);
	len = sizeof(head) + to.pos;
	ZSTD_freeCCtx(c);
}

static void foreign(void)
{
	static const unsigned char skip[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4 };
	struct tern_wire_packed head = { .len = 8 };
	size_t i;

	frame(TERN_WIRE_WINDOW_LOG, 0);
	CHECK(!unpack(3 * PAGE));
	frame(TERN_WIRE_WINDOW_LOG + 1, 0);
	CHECK(unpack(3 * PAGE) == -EBADMSG);
	frame(TERN_WIRE_WINDOW_LOG, 1);
	CHECK(unpack(3 * PAGE) == -EBADMSG);
	anew();
	memcpy(msg, &head, sizeof(head));
	memcpy(msg + sizeof(head), skip, sizeof(skip));
	len = sizeof(head) + sizeof(skip);
	CHECK(unpack(8) == -EBADMSG);
	/* the second message of another connection */
	sound(3 * PAGE);
	len = pack(pages, 3 * PAGE);
	CHECK(unpack(3 * PAGE) == -EBADMSG);
	/* blocks without anything in them, as many as fit */
	sound(8);
	for (i = len; i + 3 <= TERN_WIRE_PACKED_MAX; i += 3)
		memset(msg + i, 0, 3);
	len = i;
	CHECK(!unpack(8));
	/* and then one that has something */
	sound(8);
	memset(msg + len, 0, 3);
	memcpy(msg + len + 3, "\x08\x00\x00x", 4);
	len += 7;
	CHECK(unpack(8) == -EBADMSG);
}

/* Bits that tip over: an error or something else, but no more than was promised. */
static void spoilt(void)
{
	unsigned int i, odd = 0;

	sound(700);
	for (i = 0; i < 2000; i++) {
		char *at = msg + sizeof(struct tern_wire_packed) + noise() % (len - 8), was = *at;
		int ret;

		*at ^= 1 << noise() % 8;
		tern_unpacker_fini(&unpacker);
		ret = unpack(700);
		odd += ret && ret != -EBADMSG;
		*at = was;
	}
	CHECK(!odd);
}

static int write_sound(const char *path)
{
	FILE *f = fopen(path, "w");
	unsigned int i;

	for (i = 0; f && i < 3; i++) {
		__u16 n;

		fill(pages, 2 * PAGE, TEXT);
		n = len = pack(pages, i == 1 ? 100 : 2 * PAGE);
		fwrite(&n, sizeof(n), 1, f);
		fwrite(msg, 1, len, f);
	}
	return !f || fclose(f);
}

int main(int argc, char **argv)
{
	int rc;

	msg = malloc(2 * TERN_WIRE_PACKED_MAX);
	pages = malloc(TERN_WIRE_PAGES_LEN);
	out = malloc(TERN_WIRE_PAGES_LEN);
	if (argc > 1) {
		rc = write_sound(argv[1]);
	} else {
		round_trips();
		duplicates();
		lengths();
		cut_short();
		foreign();
		spoilt();
		rc = done();
	}
	anew();
	free(msg);
	free(pages);
	free(out);
	return rc;
}
