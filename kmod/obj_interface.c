// SPDX-License-Identifier: GPL-2.0
/*
 * Interfaces that a UDP socket names: INTERFACE. It is in a multicast group on one, or sends by
 * one. The kernel knows them by their numbers, which another host has for others: they move by
 * their names.
 */
#include <linux/igmp.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <net/if_inet6.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "inet.h"
#include "obj.h"

static const struct ipv6_pinfo *pinfo(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 ? inet6_sk(sk) : NULL;
}

/* With the socket locked, under which both lists are changed. */
#define locked(sk, list)	rcu_dereference_protected(list, lockdep_sock_is_held(sk))

#define for_each_group4(sk, group) \
	for ((group) = locked(sk, inet_sk(sk)->mc_list); group; \
	     (group) = locked(sk, (group)->next_rcu))

#define for_each_group6(sk, group) \
	for ((group) = pinfo(sk) ? locked(sk, pinfo(sk)->ipv6_mc_list) : NULL; group; \
	     (group) = locked(sk, (group)->next))

static bool has_many_sources(struct sock *sk)
{
	const struct ip_mc_socklist *group4;
	const struct ipv6_mc_socklist *group6;
	const struct ip_sf_socklist *list4;
	const struct ip6_sf_socklist *list6;
	unsigned int most = 0;

	lock_sock(sk);
	for_each_group4(sk, group4) {
		list4 = locked(sk, group4->sflist);
		most = max(most, list4 ? list4->sl_count : 0);
	}
	for_each_group6(sk, group6) {
		list6 = locked(sk, group6->sflist);
		most = max(most, list6 ? list6->sl_count : 0);
	}
	release_sock(sk);
	return most > TERN_SOURCES_MAX;
}

/** tern_interface_refused() - what stands against those of a UDP socket; NULL: nothing */
const char *tern_interface_refused(struct sock *sk)
{
	const struct ipv6_pinfo *np = pinfo(sk);

	if (np && READ_ONCE(np->ipv6_ac_list))
		return "a UDP socket with an anycast address (IPV6_JOIN_ANYCAST)";
	return has_many_sources(sk) ?
		"a UDP socket in a multicast group of which it names more than 128 sources" : NULL;
}

/* ---- save -------------------------------------------------------------------- */

/* false: it is gone, and with it whatever the socket wanted of it. */
static bool get_name(struct net *net, int index, char name[TERN_INTERFACE_NAME])
{
	const struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(net, index);
	if (dev)
		strscpy(name, dev->name, TERN_INTERFACE_NAME);
	rcu_read_unlock();
	return dev;
}

/* @source: of its sources' addresses, the first one; of @size bytes each. */
static int put(struct tern_saver *saver, const struct sock *sk, struct tern_obj_interface *obj,
	       int index, const void *source, size_t size)
{
	u8 (*all)[16];
	unsigned int i;

	if (!index || !get_name(sock_net(sk), index, obj->name))
		return 0;
	/* it has been looked at, but may have got more since */
	if (obj->nr_sources > TERN_SOURCES_MAX)
		return -EAGAIN;
	all = kvcalloc(obj->nr_sources + 1, sizeof(*all), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	for (i = 0; i < obj->nr_sources; i++)
		memcpy(all[i], source + i * size, size);
	tern_image_put(saver->image, TERN_OBJ_INTERFACE, obj, sizeof(*obj), all,
		       obj->nr_sources * sizeof(*all));
	kvfree(all);
	return 0;
}

static int put_use(struct tern_saver *saver, const struct sock *sk, u32 desc, u32 family,
		   u32 use, int index, __be32 own)
{
	struct tern_obj_interface obj = { .desc = desc, .family = family, .use = use };

	memcpy(obj.own, &own, sizeof(own));
	return put(saver, sk, &obj, index, NULL, 0);
}

static int put_uses(struct tern_saver *saver, const struct sock *sk, u32 desc)
{
	const struct inet_sock *inet = inet_sk(sk);
	const struct ipv6_pinfo *np = pinfo(sk);
	int err = put_use(saver, sk, desc, AF_INET, TERN_INTERFACE_MULTICAST, inet->mc_index,
			  inet->mc_addr);

	if (!err)
		err = put_use(saver, sk, desc, AF_INET, TERN_INTERFACE_UNICAST, inet->uc_index, 0);
	if (!err && np)
		err = put_use(saver, sk, desc, AF_INET6, TERN_INTERFACE_MULTICAST, np->mcast_oif,
			      0);
	if (!err && np)
		err = put_use(saver, sk, desc, AF_INET6, TERN_INTERFACE_UNICAST, np->ucast_oif, 0);
	return err;
}

static int put_group4(struct tern_saver *saver, const struct sock *sk, u32 desc,
		      const struct ip_mc_socklist *group)
{
	const struct ip_sf_socklist *list = locked(sk, group->sflist);
	struct tern_obj_interface obj = {
		.desc = desc, .family = AF_INET, .use = TERN_INTERFACE_GROUP,
		.include = group->sfmode == MCAST_INCLUDE,
		.nr_sources = list ? list->sl_count : 0,
	};

	memcpy(obj.address, &group->multi.imr_multiaddr, sizeof(group->multi.imr_multiaddr));
	memcpy(obj.own, &group->multi.imr_address, sizeof(group->multi.imr_address));
	return put(saver, sk, &obj, group->multi.imr_ifindex, list ? list->sl_addr : NULL,
		   sizeof(list->sl_addr[0]));
}

static int put_group6(struct tern_saver *saver, const struct sock *sk, u32 desc,
		      const struct ipv6_mc_socklist *group)
{
	const struct ip6_sf_socklist *list = locked(sk, group->sflist);
	struct tern_obj_interface obj = {
		.desc = desc, .family = AF_INET6, .use = TERN_INTERFACE_GROUP,
		.include = group->sfmode == MCAST_INCLUDE,
		.nr_sources = list ? list->sl_count : 0,
	};

	memcpy(obj.address, &group->addr, sizeof(group->addr));
	return put(saver, sk, &obj, group->ifindex, list ? list->sl_addr : NULL,
		   sizeof(list->sl_addr[0]));
}

static int put_groups(struct tern_saver *saver, const struct sock *sk, u32 desc)
{
	const struct ip_mc_socklist *group4;
	const struct ipv6_mc_socklist *group6;
	int err = 0;

	for_each_group4(sk, group4)
		if (!err)
			err = put_group4(saver, sk, desc, group4);
	for_each_group6(sk, group6)
		if (!err)
			err = put_group6(saver, sk, desc, group6);
	return err;
}

/**
 * tern_interfaces_save() - INTERFACE for each that a UDP socket names
 * @saver: where to
 * @sk: accepted by tern_interface_refused()
 * @desc: id of its description
 *
 * Return: 0, -ENOMEM, -EAGAIN: it has come to have too many sources.
 */
int tern_interfaces_save(struct tern_saver *saver, struct sock *sk, u32 desc)
{
	int err;

	lock_sock(sk);
	err = put_uses(saver, sk, desc);
	if (!err)
		err = put_groups(saver, sk, desc);
	release_sock(sk);
	return err;
}

/* ---- load -------------------------------------------------------------------- */

static int find_group(const struct sock *sk, unsigned int version, const u8 address[16])
{
	const struct ip_mc_socklist *group4;
	const struct ipv6_mc_socklist *group6;

	if (version == 4) {
		for_each_group4(sk, group4)
			if (!memcmp(&group4->multi.imr_multiaddr, address,
				    sizeof(group4->multi.imr_multiaddr)))
				return group4->multi.imr_ifindex;
	} else {
		for_each_group6(sk, group6)
			if (!memcmp(&group6->addr, address, sizeof(group6->addr)))
				return group6->ifindex;
	}
	return 0;
}

/**
 * tern_interface_of_group() - the number of the interface on which a socket is in a group
 * @sk: UDP
 * @version: of IP, 4 or 6
 * @address: the group's, as in DATAGRAM
 *
 * Return: 0: it is not.
 */
int tern_interface_of_group(struct sock *sk, unsigned int version, const u8 address[16])
{
	int index;

	lock_sock(sk);
	index = find_group(sk, version, address);
	release_sock(sk);
	return index;
}
