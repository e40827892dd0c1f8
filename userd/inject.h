/* SPDX-License-Identifier: GPL-2.0 */
/* What has come to a pod where it was, and is handed to it where it is. */
#ifndef TERN_INJECT_H
#define TERN_INJECT_H

#include <linux/tern.h>
#include <tern/wire.h>

struct tern_inject;
struct tern_peer;

int tern_inject_create(struct tern_inject **inject, __u64 id, const struct tern_peer *peer,
		       int index);
void tern_inject_go(struct tern_inject *inject);
void tern_inject_drop(struct tern_inject **inject);
void tern_inject_hand(__u64 id, const struct tern_peer *peer, int fd);
int tern_inject_check(const struct tern_wire_frame *frame, size_t len);

#endif
