// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that no process has any more, and that are not over: what has been written
 * before close(2) is to reach the peer, and a FIN behind it. They belong to the network
 * namespace of a pod, and move with its first process.
 */
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "connection.h"
#include "desc.h"
#include "ehash.h"

#define SOME	64	/* orphans that there is room for at first */

static bool is_orphan(struct sock *sk, const void *net)
{
	/* of others only what all have in common may be looked at */
	return net_eq(sock_net(sk), net) && sk_fullsock(sk) && sock_flag(sk, SOCK_DEAD) &&
	       !tern_connection_is_local(sk) &&
	       1U << READ_ONCE(sk->sk_state) & CONNECTION_SAID_FIN;
}

/**
 * tern_orphans_find() - those that there are
 * @orphans: receives them; none if there is an error
 * @net: of a pod whose processes stand, so there will be no others
 *
 * Looks at all connections of the host, which takes its time. Return: 0 or -ENOMEM.
 */
int tern_orphans_find(struct tern_socks *orphans, const struct net *net)
{
	unsigned int max;
	int err = -ENOSPC;

	for (max = SOME; err == -ENOSPC; max *= 4) {
		err = tern_socks_init(orphans, max);
		if (err)
			return err;
		err = tern_ehash_find(orphans, net, is_orphan, net);
		if (err)
			tern_socks_fini(orphans);
	}
	return err;
}

/**
 * tern_orphans_save() - TCP, and STREAM, for each
 * @saver: where to
 * @orphans: found; of one that has ended since nothing is saved
 */
int tern_orphans_save(struct tern_saver *saver, const struct tern_socks *orphans)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < orphans->nr && !err; i++)
		err = tern_connection_save_new(saver, -1, orphans->sk[i], TERN_TCP_ORPHAN);
	return err;
}

/**
 * tern_orphan_make() - a socket that no process has
 * @net: where it is to be
 * @family: AF_INET or AF_INET6
 *
 * Return: to be given to sock_release(), or ERR_PTR.
 */
struct socket *tern_orphan_make(struct net *net, int family)
{
	struct socket *sock;
	/* no kernel's socket: it must hold the namespace as long as it lives */
	int err = __sock_create(net, family, SOCK_STREAM, IPPROTO_TCP, &sock, 0);

	return err ? ERR_PTR(err) : sock;
}
