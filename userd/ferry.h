/* SPDX-License-Identifier: GPL-2.0 */
/* Frames on their way between two hosts: from a hold to a connection, from there to a pod. */
#ifndef TERN_FERRY_H
#define TERN_FERRY_H

#include <linux/tern.h>

#include "link.h"

/**
 * struct tern_ferry - a pod's frames, at either host
 * @hold: descriptor of the kernel's hold (TERN_IOC_HOLD), -1: none
 * @end: packet socket of this host's end of the pod's interface, -1: none
 * @link: to the other host
 * @sent: frames that have gone there
 * @taken: that have come from there
 * @lost: of these, such as the interface did not take
 * @buf: one of them
 */
struct tern_ferry {
	int hold;
	int end;
	struct tern_link link;
	__u64 sent;
	__u64 taken;
	__u64 lost;
	char buf[TERN_WIRE_FRAME_LEN];
};

int tern_ferry_open(int index);
int tern_ferry_check(const struct tern_wire_frame *frame, size_t len);
int tern_ferry_send(struct tern_ferry *ferry);
void tern_ferry_send_end(struct tern_ferry *ferry);
int tern_ferry_take(struct tern_ferry *ferry, unsigned int ms);

#endif
