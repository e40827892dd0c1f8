// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that no process has any more, and that are not over: what has been written
 * before close(2) is to reach the peer, and a FIN behind it. They belong to the network
 * namespace of a pod, and move with its first process.
 */
#include <linux/nsproxy.h>
#include <linux/rculist_nulls.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <net/inet_hashtables.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "connection.h"
#include "desc.h"
#include "table.h"

#define SOME	64	/* orphans that there is room for at first */
#define WALK	4096	/* buckets between two looks whether others want the processor */

/**
 * struct orphans - those of a network namespace
 * @sk: each is held
 * @nr: how many
 * @max: how many there is room for
 */
struct orphans {
	struct sock **sk;
	unsigned int nr;
	unsigned int max;
};

/** tern_net_of() - network namespace of a process, referenced; NULL: it has ended */
struct net *tern_net_of(struct task_struct *task)
{
	struct net *net = NULL;

	task_lock(task);
	if (task->nsproxy)
		net = get_net(task->nsproxy->net_ns);
	task_unlock(task);
	return net;
}

static bool is_orphan(struct sock *sk, const struct net *net)
{
	/* of others only what all have in common may be looked at */
	return net_eq(sock_net(sk), net) && sk_fullsock(sk) && sock_flag(sk, SOCK_DEAD) &&
	       !tern_connection_is_local(sk) &&
	       1U << READ_ONCE(sk->sk_state) & CONNECTION_SAID_FIN;
}

/* -ENOSPC: there are more. */
static int find_some(struct orphans *orphans, const struct net *net)
{
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	struct hlist_nulls_node *node;
	struct sock *sk;
	unsigned int i;
	int err = 0;

	for (i = 0; i <= hashinfo->ehash_mask && !err; i++) {
		if (!(i % WALK))
			cond_resched();
		if (hlist_nulls_empty(&hashinfo->ehash[i].chain))
			continue;
		spin_lock_bh(inet_ehash_lockp(hashinfo, i));
		sk_nulls_for_each(sk, node, &hashinfo->ehash[i].chain) {
			if (!is_orphan(sk, net) || !refcount_inc_not_zero(&sk->sk_refcnt))
				continue;
			orphans->sk[orphans->nr++] = sk;
			if (orphans->nr < orphans->max)
				continue;
			err = -ENOSPC;
			break;
		}
		spin_unlock_bh(inet_ehash_lockp(hashinfo, i));
	}
	return err;
}

static void put_all(struct orphans *orphans)
{
	unsigned int i;

	for (i = 0; i < orphans->nr; i++)
		sock_gen_put(orphans->sk[i]);
	kvfree(orphans->sk);
}

static int find(struct orphans *orphans, const struct net *net)
{
	unsigned int max;
	int err = -ENOSPC;

	for (max = SOME; err == -ENOSPC; max *= 4) {
		*orphans = (struct orphans) {
			.sk = kvmalloc_array(max, sizeof(*orphans->sk), GFP_KERNEL), .max = max,
		};
		if (!orphans->sk)
			return -ENOMEM;
		err = find_some(orphans, net);
		if (err)
			put_all(orphans);
	}
	return err;
}

/**
 * tern_orphans_save() - TCP, and STREAM, for each
 * @saver: where to; of the first process of a pod, which stands
 */
int tern_orphans_save(struct tern_saver *saver)
{
	struct net *net = tern_net_of(saver->table->leader);
	struct orphans orphans;
	unsigned int i;
	int err;

	if (!net)
		return -ESRCH;
	err = find(&orphans, net);
	if (!err) {
		for (i = 0; i < orphans.nr && !err; i++) {
			err = tern_connection_save(saver, -1, orphans.sk[i], TERN_TCP_ORPHAN);
			/* it was over before it was looked at */
			err = err == -EAGAIN ? 0 : err;
		}
		put_all(&orphans);
	}
	put_net(net);
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
