/* SPDX-License-Identifier: GPL-2.0 */
/* What has come to a pod where it was, and is handed to it where it is. */
#ifndef TERN_INJECT_H
#define TERN_INJECT_H

#include <linux/tern.h>

struct tern_inject;
struct tern_peer;

int tern_inject_create(struct tern_inject **inject, __u64 id, const struct tern_peer *peer,
		       int index, int hold);
void tern_inject_go(struct tern_inject *inject);
void tern_inject_drop(struct tern_inject **inject);
void tern_inject_hand(__u64 id, const struct tern_peer *peer, int fd);

#endif
