// SPDX-License-Identifier: GPL-2.0
/* Sockets: none of them can move. */
#include <linux/fs.h>
#include <linux/net.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "desc.h"

static const char *socket_name(struct inode *inode)
{
	struct sock *sk = SOCKET_I(inode)->sk;

	if (!sk)
		return "a socket";
	switch (sk->sk_family) {
	case AF_UNIX:
		return "a unix socket";
	case AF_NETLINK:
		return "a netlink socket";
	case AF_PACKET:
		return "a packet socket";
	case AF_INET:
	case AF_INET6:
		break;
	default:
		return "a socket";
	}
	if (sk->sk_protocol == IPPROTO_UDP)
		return "a UDP socket";
	if (sk->sk_protocol != IPPROTO_TCP)
		return "a raw socket";
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_ESTABLISHED:
		return "an established TCP connection";
	case TCP_LISTEN:
		return "a listening TCP socket";
	default:
		return "a TCP socket";
	}
}

static u32 socket_kind(const struct tern_table *table, const struct tern_entry *entry,
		       const char **what)
{
	*what = socket_name(file_inode(entry->file));
	return 0;
}

const struct tern_desc_family tern_desc_socket = {
	.kind = socket_kind,
};
