// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink sockets: those by which programs ask for interfaces, addresses and sockets, and
 * hear of them. Here is said what cannot move; what there is to them ternd asks for itself.
 */
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "inet.h"

/* Of these a new socket is as good as the old one; others give numbers that differ. */
static bool is_plain(const struct sock *sk)
{
	switch (sk->sk_protocol) {
	case NETLINK_ROUTE:
	case NETLINK_SOCK_DIAG:
	case NETLINK_AUDIT:
	case NETLINK_KOBJECT_UEVENT:
		return true;
	default:
		return false;
	}
}

/**
 * tern_netlink_refused() - what stands against a netlink socket
 * @table: of the process
 * @entry: its descriptor
 * @sk: of AF_NETLINK
 *
 * Return: what it is ("fd 3 is …"); NULL: it can move.
 */
const char *tern_netlink_refused(const struct tern_table *table, const struct tern_entry *entry,
				 struct sock *sk)
{
	if (!is_plain(sk))
		return "a netlink socket, and not of route, sock_diag, audit or uevent";
	if (!entry->same->is_ours)
		return "a netlink socket that another process has open, too";
	if (!tern_socket_is_at_home(table, sk))
		return "a socket of another network namespace";
	if (rcu_access_pointer(sk->sk_filter))
		return "a netlink socket with a filter (SO_ATTACH_*)";
	if (READ_ONCE(sk->sk_err))
		return "a netlink socket with an error that has not been read";
	return skb_queue_empty_lockless(&sk->sk_receive_queue) ? NULL :
	       "a netlink socket with messages that have not been read";
}
