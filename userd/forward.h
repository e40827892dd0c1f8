/* SPDX-License-Identifier: GPL-2.0 */
/* What comes to a pod where it has left, and is sent after it. */
#ifndef TERN_FORWARD_H
#define TERN_FORWARD_H

#include <linux/tern.h>

struct tern_job;
struct tern_why;
struct tern_forward;

int tern_forward_start(struct tern_forward **forward, const struct tern_job *job, int dev,
		       struct tern_why *why);
void tern_forward_over(struct tern_forward **forward);
void tern_forward_stop(struct tern_forward **forward);

#endif
