/* SPDX-License-Identifier: GPL-2.0 */
/* Is it quicker to pack pages, or to send them as they are? */
#ifndef TERN_GAUGE_H
#define TERN_GAUGE_H

#include <linux/types.h>
#include <stdbool.h>

/**
 * struct tern_gauge_batch - a message, ready to be sent
 * @raw: bytes of it before it was packed; 0, as the next two: it was not
 * @wire: bytes of it since
 * @pack_ns: how long packing has taken
 * @full: the socket has no room for it yet
 */
struct tern_gauge_batch {
	__u64 raw;
	__u64 wire;
	__u64 pack_ns;
	bool full;
};

/**
 * struct tern_gauge_line - what TCP knows of the connection, since it was made
 * @acked: bytes that have arrived
 * @shut_ns: time in which the peer's window kept bytes back
 * @trip_ns: the shortest round trip
 */
struct tern_gauge_line {
	__u64 acked;
	__u64 shut_ns;
	__u64 trip_ns;
};

/**
 * struct tern_gauge - a comparison that goes on; zeroed at first
 * @packing: the answer, for the next messages
 * @trying: the present turn is there to find out, and perhaps the next ones
 * @tried: bytes that have been packed for it in turns before this one
 * @tried_ns: how long that has taken
 * @patience: turns until the next try
 * @try_ns: when that is
 * @link: bytes per second that the link took when it was what held us up; 0: it never did
 * @trip_ns: the shortest round trip
 * @begin_ns: when the present turn began; 0: it has not
 * @begin: how the connection stood then
 * @sum: of this turn's messages
 * @full: the last of them has found no room
 */
struct tern_gauge {
	bool packing;
	bool trying;
	__u64 tried;
	__u64 tried_ns;
	unsigned int patience;
	__u64 try_ns;
	__u64 link;
	__u64 trip_ns;
	__u64 begin_ns;
	struct tern_gauge_line begin;
	struct tern_gauge_batch sum;
	bool full;
};

bool tern_gauge_add(struct tern_gauge *g, const struct tern_gauge_batch *batch, __u64 now);
void tern_gauge_turn(struct tern_gauge *g, const struct tern_gauge_line *line, __u64 now);

#endif
