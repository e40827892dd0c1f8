// SPDX-License-Identifier: GPL-2.0
/*
 * Packing and unpacking. All messages of a connection are one zstd stream, which
 * is flushed at the end of each: a page that has gone by within the window costs a
 * few bytes when it comes again. Long distance matching finds those far back, at
 * next to no cost where there are none.
 *
 * Either end owns its stream, about as much memory as the window has. No locks.
 * The unpacker is told by the message how much it may yield, and believes nothing
 * that the stream says of itself: neither of a larger window nor of its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <zstd_errors.h>

#include "pack.h"

#define LEVEL	1

/* ---- the source ------------------------------------------------------------- */

static int begin(struct tern_packer *p)
{
	static const struct {
		ZSTD_cParameter name;
		int value;
	} params[] = {
		{ ZSTD_c_compressionLevel, LEVEL },
		{ ZSTD_c_windowLog, TERN_WIRE_WINDOW_LOG },
		{ ZSTD_c_enableLongDistanceMatching, 1 },
	};
	unsigned int i;

	p->stream = ZSTD_createCCtx();
	if (!p->stream)
		return -ENOMEM;
	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(p->stream, params[i].name,
							params[i].value)))
			return -EINVAL;
	return 0;
}

/* For the worst that @len bytes can become. */
static int make_room(struct tern_packer *p, size_t len)
{
	size_t need = ZSTD_compressBound(len);

	if (need <= p->room)
		return 0;
	free(p->buf);
	p->buf = malloc(need);
	p->room = p->buf ? need : 0;
	return p->buf ? 0 : -ENOMEM;
}

static int feed(struct tern_packer *p, ZSTD_outBuffer *out, const struct iovec *iov)
{
	ZSTD_inBuffer in = { iov->iov_base, iov->iov_len, 0 };

	while (in.pos < in.size)
		if (ZSTD_isError(ZSTD_compressStream2(p->stream, out, &in, ZSTD_e_continue)) ||
		    out->pos == out->size)
			return -ENOMEM;
	return 0;
}

/**
 * tern_packer_pack() - make a message
 * @p: zeroed, or used before
 * @iov: the payload of a PAGES
 * @nr: number of @iov
 *
 * After an error the stream is of no more use.
 */
int tern_packer_pack(struct tern_packer *p, const struct iovec *iov, unsigned int nr)
{
	ZSTD_inBuffer nothing = { NULL, 0, 0 };
	ZSTD_outBuffer out;
	size_t len = 0;
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr; i++)
		len += iov[i].iov_len;
	if (len > TERN_WIRE_PAGES_LEN)
		return -EMSGSIZE;
	if (!p->stream)
		err = begin(p);
	if (!err)
		err = make_room(p, len);
	if (err)
		return err;
	out = (ZSTD_outBuffer){ p->buf, p->room, 0 };
	for (i = 0; i < nr && !err; i++)
		err = feed(p, &out, &iov[i]);
	/* nothing stays behind, there being room for all of it */
	if (!err && ZSTD_compressStream2(p->stream, &out, &nothing, ZSTD_e_flush))
		err = -ENOMEM;
	p->head = (struct tern_wire_packed){ .len = len };
	p->len = out.pos;
	return err;
}

/**
 * tern_packer_send() - send what tern_packer_pack() has made
 * @p: the packer
 * @link: lane 1; the same one for all messages
 */
int tern_packer_send(struct tern_packer *p, struct tern_link *link)
{
	struct iovec iov[3] = {
		[1] = { &p->head, sizeof(p->head) },
		[2] = { p->buf, p->len },
	};

	return tern_link_sendv(link, TERN_MSG_PACKED, iov, 3);
}

/**
 * tern_packer_fini() - forget the stream
 * @p: zeroed, or used
 */
void tern_packer_fini(struct tern_packer *p)
{
	ZSTD_freeCCtx(p->stream);
	free(p->buf);
	*p = (struct tern_packer){ 0 };
}

/* ---- the destination -------------------------------------------------------- */

/**
 * tern_unpack_len() - how much a message will yield
 * @payload: of a PACKED
 * @len: bytes of it
 *
 * Return: bytes, or -EBADMSG.
 */
int tern_unpack_len(const void *payload, size_t len)
{
	const struct tern_wire_packed *head = payload;

	if (len < sizeof(*head) || head->reserved ||
	    head->len < sizeof(struct tern_wire_pages) || head->len > TERN_WIRE_PAGES_LEN)
		return -EBADMSG;
	return head->len;
}

static int open_stream(struct tern_unpacker *u)
{
	if (u->stream)
		return 0;
	u->stream = ZSTD_createDCtx();
	if (!u->stream || ZSTD_isError(ZSTD_DCtx_setParameter(u->stream, ZSTD_d_windowLogMax,
							      TERN_WIRE_WINDOW_LOG)))
		return -ENOMEM;
	return 0;
}

/* 0 is the end of a frame, and there is none. */
static int step(struct tern_unpacker *u, ZSTD_outBuffer *out, ZSTD_inBuffer *in)
{
	size_t ret = ZSTD_decompressStream(u->stream, out, in);

	if (ZSTD_isError(ret))
		return ZSTD_getErrorCode(ret) == ZSTD_error_memory_allocation ? -ENOMEM :
										-EBADMSG;
	return ret ? 0 : -EBADMSG;
}

/**
 * tern_unpack() - the PAGES that a PACKED stands for
 * @u: zeroed, or used for all messages before on the same connection
 * @payload: of the PACKED
 * @len: bytes of it
 * @to: receives the payload of the PAGES, tern_unpack_len() bytes
 *
 * Return: 0, -ENOMEM, or -EBADMSG: it yields less, or more, or is no such stream.
 * After an error the connection is of no more use.
 */
int tern_unpack(struct tern_unpacker *u, const void *payload, size_t len, void *to)
{
	ZSTD_inBuffer in = { payload, len, sizeof(struct tern_wire_packed) };
	ZSTD_outBuffer out = { to, 0, 0 };
	int size = tern_unpack_len(payload, len), err;

	if (size < 0)
		return size;
	out.size = size;
	err = open_stream(u);
	while (!err && in.pos < in.size && out.pos < out.size)
		err = step(u, &out, &in);
	if (!err && out.pos < out.size)
		err = -EBADMSG;
	/* whatever is left, here or in the stream, must come to nothing */
	while (!err) {
		char more;
		ZSTD_outBuffer excess = { &more, 1, 0 };

		err = step(u, &excess, &in);
		if (!err && excess.pos)
			err = -EBADMSG;
		if (in.pos == in.size)
			break;
	}
	return err;
}

/**
 * tern_unpacker_fini() - forget the stream
 * @u: zeroed, or used
 */
void tern_unpacker_fini(struct tern_unpacker *u)
{
	ZSTD_freeDCtx(u->stream);
	u->stream = NULL;
}
