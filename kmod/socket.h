/* SPDX-License-Identifier: GPL-2.0 */
/* Unix sockets, as LOAD sees them. */
#ifndef TERN_SOCKET_H
#define TERN_SOCKET_H

#include "image.h"

struct file;
struct sock;
struct task_struct;
struct tern_migration;

struct sock *tern_socket_unix(struct file *file);
const struct file *tern_socket_peer_file(struct sock *sk);

bool tern_socket_valid(const struct tern_obj *head, const struct tern_obj_peer *obj);
int tern_socket_load(struct tern_migration *m, struct task_struct *leader,
		     const struct tern_obj_peer *obj);

#endif /* TERN_SOCKET_H */
