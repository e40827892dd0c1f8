/* SPDX-License-Identifier: GPL-2.0 */
/* Lane 1 at the destination: whole messages, received and unpacked by a thread. */
#ifndef TERN_INTAKE_H
#define TERN_INTAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <tern/wire.h>

#include "pack.h"

#define TERN_INTAKE_SLOTS	4	/* messages that may wait */

/**
 * struct tern_intake_slot - a message
 * @head: its header; a PACKED has become the PAGES that it stands for
 * @buf: its payload
 * @room: of @buf
 * @wire: bytes that it was on the wire, the header's included
 */
struct tern_intake_slot {
	struct tern_wire head;
	char *buf;
	size_t room;
	size_t wire;
};

/**
 * struct tern_intake - the lane
 * @fd: its socket, owned; -1: none
 * @event: eventfd, readable when there is something new after there was nothing
 * @thread: receives
 * @unpacker: for what comes packed; the thread's, like the next two
 * @packed: a payload before it is unpacked
 * @packed_room: of @packed
 * @lock: guards all that follows, but not what is in a slot
 * @freed: a slot is free again, or @stop
 * @slot: messages @taken to @put - 1 wait
 * @put: how many the thread has received
 * @taken: how many are done with
 * @stop: the thread is to end
 * @err: why it has ended; 0: it has not
 */
struct tern_intake {
	int fd;
	int event;
	pthread_t thread;
	struct tern_unpacker unpacker;
	char *packed;
	size_t packed_room;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct tern_intake_slot slot[TERN_INTAKE_SLOTS];
	unsigned int put;
	unsigned int taken;
	bool stop;
	int err;
};

int tern_intake_init(struct tern_intake *in);
void tern_intake_fini(struct tern_intake *in);
int tern_intake_start(struct tern_intake *in, int fd);
void tern_intake_stop(struct tern_intake *in);
const struct tern_intake_slot *tern_intake_look(struct tern_intake *in, int *err);
void tern_intake_done(struct tern_intake *in);

#endif
