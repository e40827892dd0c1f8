// SPDX-License-Identifier: GPL-2.0
/*
 * Extended state as it travels: without its blocks of zeros. A thread uses little of what
 * a processor has, and that is not all in one place, while each byte of it is copied half a
 * dozen times before the thread runs again. No locks; a thread packs its own before it stands.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <tern/image.h>

#include "arch/arch.h"
#include "xstate.h"

#define BLOCKS_MAX	(TERN_XSTATE_WORDS * 64)

/* Those that a thread has here; one that has more has been refused. */
static unsigned int nr_blocks(void)
{
	return min_t(unsigned int, DIV_ROUND_UP(tern_arch_xstate_size(), TERN_XSTATE_BLOCK),
		     BLOCKS_MAX);
}

/**
 * tern_xstate_alloc() - room for the extended state of a thread
 *
 * Return: whole blocks, zeroed, to be freed by kvfree(); or NULL.
 */
void *tern_xstate_alloc(void)
{
	return kvzalloc(ALIGN(tern_arch_xstate_size(), TERN_XSTATE_BLOCK), GFP_KERNEL);
}

/**
 * tern_xstate_pack() - leave out what is zero
 * @state: from tern_xstate_alloc(), filled; packed in place
 * @obj: is told what is left
 */
void tern_xstate_pack(void *state, struct tern_obj_thread *obj)
{
	unsigned int i, nr = nr_blocks();
	void *to = state;

	memset(obj->xstate_blocks, 0, sizeof(obj->xstate_blocks));
	for (i = 0; i < nr; i++) {
		void *block = state + i * TERN_XSTATE_BLOCK;

		if (!memchr_inv(block, 0, TERN_XSTATE_BLOCK))
			continue;
		obj->xstate_blocks[i / 64] |= 1ULL << i % 64;
		memmove(to, block, TERN_XSTATE_BLOCK);
		to += TERN_XSTATE_BLOCK;
	}
	obj->xstate = to - state;
}

/** tern_xstate_valid() - can what @obj says of its extended state be so here? */
bool tern_xstate_valid(const struct tern_obj_thread *obj)
{
	const unsigned long *blocks = (const unsigned long *)obj->xstate_blocks;

	return bitmap_weight(blocks, BLOCKS_MAX) * TERN_XSTATE_BLOCK == obj->xstate &&
	       find_next_bit(blocks, BLOCKS_MAX, nr_blocks()) == BLOCKS_MAX;
}

/**
 * tern_xstate_unpack() - undo tern_xstate_pack()
 * @state: from tern_xstate_alloc(), still zero
 * @obj: accepted by tern_xstate_valid(); its blocks follow it
 */
void tern_xstate_unpack(void *state, const struct tern_obj_thread *obj)
{
	const void *from = obj + 1;
	unsigned int i;

	for_each_set_bit(i, (const unsigned long *)obj->xstate_blocks, BLOCKS_MAX) {
		memcpy(state + i * TERN_XSTATE_BLOCK, from, TERN_XSTATE_BLOCK);
		from += TERN_XSTATE_BLOCK;
	}
}
