/* SPDX-License-Identifier: GPL-2.0 */
/* Arrays of which nobody knows how long they will be. */
#ifndef TERN_GROW_H
#define TERN_GROW_H

#include <stddef.h>
#include <stdlib.h>

#define TERN_GROW_FIRST	256

/**
 * tern_grow() - room for one more element
 * @array: from malloc(3), or NULL
 * @nr: elements that it has
 * @room: elements that fit; doubled when there are as many
 * @each: bytes of one
 *
 * Return: the array, which may have moved, or NULL: nothing has changed.
 */
static inline void *tern_grow(void *array, size_t nr, size_t *room, size_t each)
{
	size_t more = *room ? *room * 2 : TERN_GROW_FIRST;

	if (nr < *room)
		return array;
	array = realloc(array, more * each);
	if (array)
		*room = more;
	return array;
}

#endif
