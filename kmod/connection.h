/* SPDX-License-Identifier: GPL-2.0 */
/* TCP connections that move. */
#ifndef TERN_CONNECTION_H
#define TERN_CONNECTION_H

#include <linux/list.h>
#include <linux/types.h>
#include <tern/image.h>

struct sock;
struct task_struct;
struct tern_saver;

const char *tern_connection_refused(const struct sock *sk);
int tern_connection_save(struct tern_saver *saver, int fd, struct sock *sk);

bool tern_connection_valid(const struct tern_obj *head, const struct tern_obj_tcp *obj);
bool tern_stream_valid(const struct tern_obj *head, const struct tern_obj_stream *obj);
int tern_connection_load(struct list_head *connections, struct task_struct *leader,
			 const struct tern_obj_tcp *obj);
int tern_stream_load(struct list_head *connections, const struct tern_obj_stream *obj);
int tern_connections_finish(struct list_head *connections);

void tern_connections_go(struct list_head *connections);
void tern_connections_silence(struct list_head *connections);
void tern_connections_forget(struct list_head *connections);

#endif /* TERN_CONNECTION_H */
