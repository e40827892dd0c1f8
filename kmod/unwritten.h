/* SPDX-License-Identifier: GPL-2.0 */
/* Files with data that the source has yet to bring to their server. */
#ifndef TERN_UNWRITTEN_H
#define TERN_UNWRITTEN_H

#include <linux/list.h>
#include <linux/types.h>

struct tern_entry;
struct tern_migration;

bool tern_unwritten_is(const struct tern_entry *entry);
int tern_unwritten_add(struct list_head *list, const struct tern_entry *entry);
void tern_unwritten_forget(struct list_head *list);
int tern_unwritten_note(struct tern_migration *m);
int tern_unwritten_write(struct tern_migration *m);
int tern_unwritten_error(int err);

#endif /* TERN_UNWRITTEN_H */
