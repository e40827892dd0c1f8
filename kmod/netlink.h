/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_NETLINK_H
#define TERN_NETLINK_H

struct tern_migration;

int tern_netlink_init(void);
void tern_netlink_exit(void);
void tern_netlink_event(struct tern_migration *m);

#endif /* TERN_NETLINK_H */
