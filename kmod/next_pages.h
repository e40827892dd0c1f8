/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_NEXT_PAGES_H
#define TERN_NEXT_PAGES_H

struct tern_migration;
struct tern_next_pages;

int tern_next_pages(struct tern_migration *m, struct tern_next_pages *arg);

#endif /* TERN_NEXT_PAGES_H */
