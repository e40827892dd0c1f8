// SPDX-License-Identifier: GPL-2.0
/*
 * Foresight: a table of streams, each of which is somebody who goes through
 * memory in equal steps, forwards or backwards. A fault either belongs to one of
 * them, or to none, and never disturbs the others. Pages that have arrived do not
 * fault, so the next fault of a stream that was foreseen well is just beyond what
 * was asked for, and one within it means that its page is on the way.
 *
 * Pure logic: no system calls, no locks, one thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "streams.h"

#define NEAR	64	/* pages between the first two faults of a stream */
#define SLACK	2	/* steps that came with the flush, and so were not seen */
#define WINDOW	4U	/* of a stream that has just been recognised */

/* Is @page a step of the stream that was to be expected? Steps from its last one, or 0. */
static unsigned int steps(const struct tern_stream *s, __u64 page)
{
	__s64 way = (__s64)(page - s->last);

	if (!s->used || !s->stride || way % s->stride)
		return 0;
	way /= s->stride;
	return way > 0 && way <= s->ahead + 1 + SLACK ? way : 0;
}

static bool is_near(const struct tern_stream *s, __u64 page)
{
	__s64 way = (__s64)(page - s->last);

	return s->used && way && way >= -NEAR && way <= NEAR;
}

/* The stream that goes on with @page, or may begin with it. */
static struct tern_stream *find(struct tern_streams *t, __u64 page, unsigned int *way)
{
	struct tern_stream *best = NULL, *near = NULL, *oldest = &t->stream[0];
	unsigned int i, n;

	*way = 0;
	for (i = 0; i < TERN_STREAMS; i++) {
		struct tern_stream *s = &t->stream[i];

		n = steps(s, page);
		if (n && (!best || s->window > best->window)) {
			best = s;
			*way = n;
		}
		/* one that has proved itself is not spoilt by a stray neighbour */
		if (is_near(s, page) && s->window < WINDOW && (!near || s->used > near->used))
			near = s;
		if (s->used < oldest->used)
			oldest = s;
	}
	if (best)
		return best;
	return near ? near : oldest;
}

static void learn(struct tern_stream *s, __u64 page)
{
	bool near = is_near(s, page);

	s->stride = near ? (__s64)(page - s->last) : 0;
	s->window = near ? 1 : 0;
	s->ahead = 0;
	s->last = page;
}

/* What is not beyond either end of the numbers there are. */
static unsigned int cut(const struct tern_ahead *a, __u64 pages)
{
	__u64 most;

	if (a->first >= pages)
		return 0;
	most = a->stride > 0 ? (pages - 1 - a->first) / a->stride : a->first / -a->stride;
	return a->nr <= most + 1 ? a->nr : most + 1;
}

/**
 * tern_streams_fault() - somebody waits for a page
 * @streams: zeroed, or used before
 * @page: its number
 * @pages: there are so many
 *
 * Return: what to ask for beside it, nothing of which was asked for before.
 */
struct tern_ahead tern_streams_fault(struct tern_streams *streams, __u64 page, __u64 pages)
{
	struct tern_ahead ahead = { 0 };
	unsigned int way, from;
	struct tern_stream *s = find(streams, page, &way);

	s->used = ++streams->clock;
	if (!way) {
		learn(s, page);
		return ahead;
	}
	s->window = s->window < WINDOW ? WINDOW : s->window * 2;
	if (s->window > TERN_STREAM_WINDOW)
		s->window = TERN_STREAM_WINDOW;
	s->ahead = s->ahead > way ? s->ahead - way : 0;
	s->last = page;
	from = s->ahead;
	if (from >= s->window)
		return ahead;
	s->ahead = s->window;
	ahead.stride = s->stride;
	ahead.first = page + (from + 1) * s->stride;
	ahead.nr = s->window - from;
	ahead.nr = cut(&ahead, pages);
	return ahead;
}
