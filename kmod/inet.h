/* SPDX-License-Identifier: GPL-2.0 */
/* TCP, UDP and netlink sockets. */
#ifndef TERN_INET_H
#define TERN_INET_H

#include "desc.h"

struct sock;
struct task_struct;

bool tern_socket_is_at_home(const struct tern_table *table, const struct sock *sk);
bool tern_inet_is(const struct sock *sk);
const char *tern_inet_refused(const struct tern_table *table, const struct tern_entry *entry,
			      struct sock *sk);
int tern_inet_save(struct tern_saver *saver, const struct tern_entry *entry, struct sock *sk,
		   u32 id);

/* obj_interface.c */
const char *tern_interface_refused(struct sock *sk);
int tern_interfaces_save(struct tern_saver *saver, struct sock *sk, u32 desc);
int tern_interface_of_group(struct sock *sk, unsigned int version, const u8 address[16]);

/* obj_netlink.c */
const char *tern_netlink_refused(const struct tern_table *table, const struct tern_entry *entry,
				 struct sock *sk);

bool tern_datagram_valid(const struct tern_obj *head, const struct tern_obj_datagram *obj);
int tern_datagram_load(struct task_struct *leader, const struct tern_obj_datagram *obj);

#endif /* TERN_INET_H */
