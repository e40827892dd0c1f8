/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_ACCESSED_H
#define TERN_ACCESSED_H

struct tern_accessed;
struct tern_migration;

int tern_accessed(struct tern_migration *m, struct tern_accessed *arg);

#endif /* TERN_ACCESSED_H */
