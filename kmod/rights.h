/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors under way in the queues of unix sockets. */
#ifndef TERN_RIGHTS_H
#define TERN_RIGHTS_H

#include <net/sock.h>

#include "table.h"

/* In all queues of a tree; without privileges nobody has more (RLIMIT_NOFILE). */
#define TERN_UNDER_WAY_MAX	1024

int tern_queue_keep(struct sock *sk);
void tern_queue_let(struct sock *sk);
int tern_rights_collect(struct tern_table *table, unsigned int *room);
bool tern_rights_are_own(const struct tern_table *table, const struct tern_entry *entry);
const char *tern_rights_refused(const struct tern_table *table, const struct tern_entry *entry,
				u32 kind);
u32 tern_rights_find(const struct tern_table *table, const struct file *carrier,
		     const struct file *file);

#endif /* TERN_RIGHTS_H */
