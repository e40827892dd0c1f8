// SPDX-License-Identifier: GPL-2.0
/*
 * Warming the connection. TCP lets few bytes go at once on a connection that was
 * quiet or is new, and the blast would wait for an acknowledgement in its
 * middle. So right before the migrant is parked as many bytes are sent as the
 * blast may have, and their arrival is waited for. Sent once more, they tell how
 * long the warm link takes for them, the floor that the latency period is compared
 * with.
 *
 * Owns nothing; runs in the job's thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "source.h"

#define FIRST_PAGES	8	/* of a thread, as most have */
#define PER_THREAD	(4096U + FIRST_PAGES * TERN_WIRE_PAGE)
#define SLOW_NS		20000000ULL

static size_t guess(const struct tern_source *s)
{
	size_t bytes = s->prepared.nr_tids * (size_t)PER_THREAD;

	return bytes < TERN_WIRE_WARM_MAX ? bytes : TERN_WIRE_WARM_MAX;
}

/**
 * tern_source_warm() - have the connection warm for the blast
 * @s: prepared
 *
 * Twice, as the first time is not that of a warm connection; unless it has shown that the link
 * is so slow that this does not matter.
 */
int tern_source_warm(struct tern_source *s)
{
	__u64 trip = 0, again, latency = s->lanes.oneway_ns;
	size_t bytes = guess(s);
	struct tern_wire_clock *warm = calloc(1, bytes);
	int rc;

	if (!warm)
		return -ENOMEM;
	rc = tern_lanes_trip(&s->lanes, TERN_MSG_WARM, warm, bytes, &trip, &s->why);
	if (!rc && trip < SLOW_NS + 2 * latency) {
		rc = tern_lanes_trip(&s->lanes, TERN_MSG_WARM, warm, bytes, &again, &s->why);
		trip = again < trip ? again : trip;
	}
	free(warm);
	if (!rc && trip > latency)
		s->report.floor_ns = trip - latency;
	/* what is under way does not keep the link busy */
	if (!rc)
		tern_recent_budget(&s->recent, bytes, trip > 2 * latency ? trip - 2 * latency : 0);
	return rc;
}
