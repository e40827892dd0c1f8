/* SPDX-License-Identifier: GPL-2.0 */
/* Netlink in two network namespaces: this host's and a pod's. */
#ifndef TERN_NET_SPACE_H
#define TERN_NET_SPACE_H

#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdbool.h>

/**
 * struct tern_net_space - the way to both
 * @ns: the pod's namespace, which does not go as long as this is open; -1: it is none of its own
 * @here: socket of this host
 * @there: of the pod
 */
struct tern_net_space {
	int ns;
	struct nl_sock *here;
	struct nl_sock *there;
};

int tern_net_open(struct tern_net_space *space, int pid);
void tern_net_close(struct tern_net_space *space);
int tern_net_inside(const struct tern_net_space *space, int (*fn)(void *arg), void *arg);

int tern_net_errno(int err);
int tern_net_find(struct nl_sock *sock, int index, const char *name, struct rtnl_link **link);
int tern_net_end(const struct tern_net_space *space, const struct rtnl_link *eth0,
		 struct rtnl_link **end);
int tern_net_set_up(struct nl_sock *sock, struct rtnl_link *link, bool up);

#endif
