// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's table of connections, and of requests for one (net/ipv4/inet_hashtables.c).
 */
#include <linux/slab.h>
#include <net/inet_hashtables.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "ehash.h"

#define WALK	4096	/* buckets between two looks whether others want the processor */

/** tern_socks_init() - with room for @max, and none yet; 0 or -ENOMEM */
int tern_socks_init(struct tern_socks *socks, unsigned int max)
{
	*socks = (struct tern_socks) {
		.sk = kvmalloc_array(max, sizeof(*socks->sk), GFP_KERNEL), .max = max,
	};
	return socks->sk ? 0 : -ENOMEM;
}

/** tern_socks_add() - one more, whose reference is taken over; -ENOSPC: no room, and it is not */
int tern_socks_add(struct tern_socks *socks, struct sock *sk)
{
	if (socks->nr == socks->max)
		return -ENOSPC;
	socks->sk[socks->nr++] = sk;
	return 0;
}

/** tern_socks_fini() - let all of them go; zeroed, or done before: nothing */
void tern_socks_fini(struct tern_socks *socks)
{
	unsigned int i;

	for (i = 0; i < socks->nr; i++)
		sock_gen_put(socks->sk[i]);
	kvfree(socks->sk);
	*socks = (struct tern_socks) {};
}

/**
 * tern_ehash_find() - sockets that are wanted
 * @socks: receives them
 * @net: whose table it is
 * @wanted: asked of each socket of the table, under a spinlock; the socket may be one of
 *	another namespace, a request, or in TIME_WAIT
 * @arg: for @wanted
 *
 * Return: 0, or -ENOSPC: there are more.
 */
int tern_ehash_find(struct tern_socks *socks, const struct net *net,
		    bool (*wanted)(struct sock *sk, const void *arg), const void *arg)
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
			if (!wanted(sk, arg) || !refcount_inc_not_zero(&sk->sk_refcnt))
				continue;
			err = tern_socks_add(socks, sk);
			if (!err)
				continue;
			sock_gen_put(sk);
			break;
		}
		spin_unlock_bh(inet_ehash_lockp(hashinfo, i));
	}
	return err;
}
