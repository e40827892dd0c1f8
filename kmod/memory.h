/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_MEMORY_H
#define TERN_MEMORY_H

struct tern_migration;
struct tern_read_pages;

int tern_memory_read(struct tern_migration *m, struct tern_read_pages *arg);

#endif /* TERN_MEMORY_H */
