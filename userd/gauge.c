// SPDX-License-Identifier: GPL-2.0
/*
 * Packing is worth while when the link is what holds the flush up, and the packer
 * keeps more of it busy than it costs. Neither is known beforehand and both
 * change, so they are measured, in turns of a few milliseconds: what the link
 * takes, when messages find the socket full; what the packer makes, and how
 * small that is.
 *
 * What is not being done cannot be measured. So now and then a turn is spent on
 * the other way: plain messages when the packer does not keep up with the link,
 * which may have become faster; packed ones when the link holds plain ones up, and
 * as many as the window has if that takes no longer, for pages may repeat others that
 * are far away. The more often nothing comes of it, the rarer: a sixty-fourth of the
 * time in the end.
 *
 * Pure logic: no system calls, no locks, one thread.
 */
#include <string.h>
#include <tern/wire.h>

#include "gauge.h"

#define TURN_NS		10000000ULL
#define PATIENCE_MIN	16U		/* times as long as was tried in vain */
#define PATIENCE_MAX	64U
#define SAMPLE		(64U << 10)	/* bytes that tell how fast the packer is */
#define WINDOW		(1U << TERN_WIRE_WINDOW_LOG)
#define MUCH		4		/* times as fast: it need not make anything smaller */

static __u64 per_second(__u64 bytes, __u64 ns)
{
	return (double)bytes * 1e9 / (ns ? ns : 1);
}

static __u64 turn_ns(const struct tern_gauge *g)
{
	/* what arrives in a turn was sent a round trip ago */
	return TURN_NS + 2 * g->trip_ns;
}

static void begin_turn(struct tern_gauge *g, const struct tern_gauge_line *line, __u64 now)
{
	g->begin_ns = now;
	g->begin = *line;
	g->trip_ns = line->trip_ns;
	g->full = false;
	memset(&g->sum, 0, sizeof(g->sum));
}

/* What the packer takes in per second. */
static __u64 pack_rate(const struct tern_gauge *g)
{
	return per_second(g->sum.raw, g->sum.pack_ns);
}

/* What the link takes of packed pages, counted before they were packed. */
static __u64 packed_link_rate(const struct tern_gauge *g)
{
	return (double)g->link * g->sum.raw / (g->sum.wire ? g->sum.wire : 1);
}

static __u64 clearly_more(__u64 rate)
{
	return rate + rate / 8;
}

static bool keeps_up(const struct tern_gauge *g)
{
	return pack_rate(g) > clearly_more(g->link);
}

static bool is_worth_while(const struct tern_gauge *g)
{
	__u64 pack = pack_rate(g), packed = packed_link_rate(g);

	/* it then costs next to nothing, and may meet pages again that it has seen */
	if (pack / MUCH > g->link)
		return true;
	return (pack < packed ? pack : packed) > clearly_more(g->link);
}

/* The other way, for the next turn; or back, since that was better. */
static void change(struct tern_gauge *g, bool trying)
{
	g->packing = !g->packing;
	g->trying = trying;
	g->tried = 0;
	g->tried_ns = 0;
}

/* @cost: of what has been tried, in ns. */
static void wait_longer(struct tern_gauge *g, __u64 cost, __u64 now)
{
	g->patience = g->patience ? g->patience * 2 : PATIENCE_MIN;
	if (g->patience > PATIENCE_MAX)
		g->patience = PATIENCE_MAX;
	g->try_ns = now + g->patience * (cost > turn_ns(g) ? cost : turn_ns(g));
}

static void give_up(struct tern_gauge *g, __u64 now)
{
	__u64 cost = g->packing ? g->tried_ns : now - g->begin_ns;

	/* the link was busy meanwhile, and only a processor was in vain */
	if (g->packing && keeps_up(g))
		cost /= 8;
	wait_longer(g, g->trying ? cost : 0, now);
	change(g, false);
}

static void stay(struct tern_gauge *g, __u64 now)
{
	if (!g->trying)
		return;
	g->trying = false;
	g->patience = 0;
	wait_longer(g, 0, now);
}

static void decide_packed(struct tern_gauge *g, bool full, __u64 now)
{
	if (g->sum.raw < SAMPLE)
		return;
	g->tried += g->sum.raw;
	g->tried_ns += g->sum.pack_ns;
	if (is_worth_while(g)) {
		stay(g, now);
		if (!full && now >= g->try_ns)
			change(g, true);
		return;
	}
	if (g->trying && g->tried < WINDOW && keeps_up(g))
		return;
	give_up(g, now);
}

static void decide_plain(struct tern_gauge *g, bool full, __u64 now)
{
	if (!g->trying) {
		if (full && now >= g->try_ns)
			change(g, true);
		return;
	}
	/* this was to see whether the link has become faster than the packer */
	if (full)
		give_up(g, now);
	else
		stay(g, now);
}

/**
 * tern_gauge_add() - a message is about to be sent
 * @g: the gauge
 * @batch: the message
 * @now: monotonic ns
 *
 * Return: the turn is over, and tern_gauge_turn() wanted.
 */
bool tern_gauge_add(struct tern_gauge *g, const struct tern_gauge_batch *batch, __u64 now)
{
	g->sum.raw += batch->raw;
	g->sum.wire += batch->wire;
	g->sum.pack_ns += batch->pack_ns;
	/* it may take some to fill the socket */
	g->full = batch->full;
	if (now >= g->begin_ns + turn_ns(g))
		return true;
	/* a try that has failed already need not go on */
	return g->packing && g->trying && g->sum.raw >= SAMPLE && pack_rate(g) < g->link;
}

/**
 * tern_gauge_turn() - a turn is over: how to go on?
 * @g: the gauge
 * @line: the connection
 * @now: monotonic ns
 */
void tern_gauge_turn(struct tern_gauge *g, const struct tern_gauge_line *line, __u64 now)
{
	__u64 ns = now - g->begin_ns;
	__u64 acked = line->acked - g->begin.acked;
	bool full = g->full;

	if (!g->begin_ns) {
		begin_turn(g, line, now);
		return;
	}
	/* a peer that is slow itself would not gain from fewer bytes */
	if ((line->shut_ns - g->begin.shut_ns) * 2 > ns)
		full = false;
	if (full && acked && ns >= turn_ns(g))
		g->link = per_second(acked, ns);
	if (g->link && g->packing)
		decide_packed(g, full, now);
	else if (g->link)
		decide_plain(g, full, now);
	begin_turn(g, line, now);
}
