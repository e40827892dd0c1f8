/* SPDX-License-Identifier: GPL-2.0 */
/* The source's two lanes to the destination. */
#ifndef TERN_LANES_H
#define TERN_LANES_H

#include "host.h"
#include "link.h"

/**
 * struct tern_lanes - both lanes of a migration, at its source
 * @lane: 0: control, 1: flush; a closed one has fd -1
 * @hello: what the peer said on lane 0
 * @boot_id: of the peer when the migration began
 * @known: @boot_id is filled
 * @bytes: moved over lanes that have been closed since
 * @oneway_ns: half of the shortest round trip
 */
struct tern_lanes {
	struct tern_link lane[2];
	struct tern_wire_hello hello;
	__u8 boot_id[16];
	bool known;
	__u64 bytes;
	__u64 oneway_ns;
};

int tern_lanes_init(struct tern_lanes *lanes);
void tern_lanes_fini(struct tern_lanes *lanes);
int tern_lanes_connect(struct tern_lanes *lanes, const struct tern_job *job,
		       struct tern_why *why);
int tern_lanes_trip(struct tern_lanes *lanes, unsigned int type, struct tern_wire_clock *ask,
		    size_t len, __u64 *ns, struct tern_why *why);
int tern_lanes_clock(struct tern_lanes *lanes);
void tern_lanes_close(struct tern_lanes *lanes);
__u64 tern_lanes_bytes(const struct tern_lanes *lanes);

#endif
