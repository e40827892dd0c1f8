/* SPDX-License-Identifier: GPL-2.0 */
/* A host: a network namespace with its migrations and its daemon. */
#ifndef TERN_HOST_H
#define TERN_HOST_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/tern.h>
#include <linux/wait.h>
#include <net/net_namespace.h>

struct tern_handle;

/**
 * struct tern_host - one per network namespace, so that one kernel can play several
 * @net: the namespace; outlives this
 * @lock: guards everything below; taken before any migration's lock
 * @migrations: all that are known here, oldest first
 * @daemon: handle of the daemon that serves, or NULL
 * @requests: struct tern_queued, for the daemon to read
 * @wait: the daemon's poll
 * @self: the host's own name
 * @names: destinations, char[TERN_HOST_LEN] each
 * @nr_names: how many
 */
struct tern_host {
	struct net *net;
	struct mutex lock;	/* all that follows */
	struct list_head migrations;
	struct tern_handle *daemon;
	struct list_head requests;
	wait_queue_head_t wait;
	char self[TERN_HOST_LEN];
	char (*names)[TERN_HOST_LEN];
	unsigned int nr_names;
};

struct tern_host *tern_host_of(struct net *net);
int tern_host_serve(struct tern_host *host, struct tern_handle *handle,
		    const struct tern_serve *serve);
void tern_host_unserve(struct tern_host *host, struct tern_handle *handle);
int tern_host_queue(struct tern_host *host, const struct tern_request *request,
		    struct pid *pid);
ssize_t tern_host_read(struct tern_host *host, char __user *buf, size_t len,
		       bool block);
bool tern_host_readable(struct tern_host *host);
bool tern_host_knows(struct tern_host *host, const char *name);
int tern_host_init(void);
void tern_host_exit(void);

#endif /* TERN_HOST_H */
