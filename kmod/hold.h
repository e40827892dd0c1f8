/* SPDX-License-Identifier: GPL-2.0 */
/* Frames that come to a pod's network namespace while the pod is nowhere. */
#ifndef TERN_HOLD_H
#define TERN_HOLD_H

#include <linux/types.h>

#include "reasons.h"

struct net;
struct tern_hold;
struct tern_hold_io;
struct tern_migration;

int tern_hold_init(void);
void tern_hold_exit(void);

int tern_hold(struct tern_migration *m, struct tern_hold_io *arg, struct tern_why *why);
void tern_hold_cut(struct tern_migration *m);
void tern_hold_shut(const struct net *net);
void tern_hold_release(struct tern_migration *m);
void tern_hold_forward(struct tern_migration *m);
void tern_hold_end(struct tern_migration *m, bool stays);
struct tern_hold *tern_hold_part(struct tern_migration *m);
void tern_hold_over(struct tern_hold *hold);

#endif /* TERN_HOLD_H */
