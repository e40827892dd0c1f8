// SPDX-License-Identifier: GPL-2.0
/*
 * What the interface of a pod has become: the program may have changed all of it. What the
 * destination could not make again is a reason to refuse.
 *
 * Owns nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>

#include "dev.h"
#include "net.h"
#include "net_space.h"

/* beside whether it is there for ever: how the kernel came to have it, and tries it out */
#define FLAGS_KNOWN	(IFA_F_PERMANENT | IFA_F_SECONDARY | IFA_F_NODAD | IFA_F_TENTATIVE | \
			 IFA_F_OPTIMISTIC | IFA_F_STABLE_PRIVACY)

/**
 * struct look - at a pod
 * @space: the way to it
 * @index: of its interface
 * @net: filled
 * @why: sentence
 */
struct look {
	struct tern_net_space space;
	int index;
	struct tern_wire_net *net;
	struct tern_why *why;
};

static int refuse(struct look *look, const char *fmt, const struct nl_addr *addr)
{
	char text[64] = "default";

	if (addr && nl_addr_get_len(addr))
		nl_addr2str(addr, text, sizeof(text));
	return tern_why_set(look->why, -EOPNOTSUPP, fmt, text);
}

static unsigned int version_of(int family)
{
	return family == AF_INET ? 4 : 6;
}

static void copy(__u8 bytes[16], const struct nl_addr *addr)
{
	size_t len = nl_addr_get_len(addr);

	memcpy(bytes, nl_addr_get_binary_addr(addr), len < 16 ? len : 16);
}

/* ---- addresses -------------------------------------------------------------------------- */

/* Return: false: one that is not the usual one. */
static bool take_broadcast(struct tern_wire_address *a, const struct nl_addr *broadcast)
{
	__u32 last = tern_net_broadcast(a);

	if (!broadcast)
		return true;
	a->flags |= TERN_WIRE_ADDRESS_BROADCAST;
	return a->version == 4 && nl_addr_get_len(broadcast) == sizeof(last) &&
	       !memcmp(nl_addr_get_binary_addr(broadcast), &last, sizeof(last));
}

static int see_address(struct look *look, struct rtnl_addr *addr)
{
	const struct nl_addr *local = rtnl_addr_get_local(addr);
	unsigned int flags = rtnl_addr_get_flags(addr);
	struct tern_wire_address *a;
	int family = rtnl_addr_get_family(addr);

	if (rtnl_addr_get_ifindex(addr) != look->index || !local ||
	    (family != AF_INET && family != AF_INET6))
		return 0;
	if (!(flags & IFA_F_PERMANENT))
		return refuse(look, "address %s of its interface has a lifetime: make it permanent",
			      local);
	if (flags & ~FLAGS_KNOWN || rtnl_addr_get_peer(addr))
		return refuse(look, "address %s of its interface is not of a kind that moves: remove it",
			      local);
	if (look->net->nr_addresses == TERN_WIRE_ADDRESSES)
		return refuse(look, "its interface has too many addresses: remove %s", local);
	a = &look->net->address[look->net->nr_addresses++];
	copy(a->bytes, local);
	a->version = version_of(family);
	a->prefix = rtnl_addr_get_prefixlen(addr);
	a->scope = family == AF_INET ? rtnl_addr_get_scope(addr) : 0;
	return take_broadcast(a, rtnl_addr_get_broadcast(addr)) ? 0 :
	       refuse(look, "address %s of its interface has an unusual broadcast address: remove it",
		      local);
}

static int see_addresses(struct look *look)
{
	struct nl_object *obj;
	struct nl_cache *cache;
	int err = tern_net_errno(rtnl_addr_alloc_cache(look->space.there, &cache));

	if (err)
		return err;
	for (obj = nl_cache_get_first(cache); obj && !err; obj = nl_cache_get_next(obj))
		err = see_address(look, (struct rtnl_addr *)obj);
	nl_cache_free(cache);
	return err;
}

/* ---- routes ----------------------------------------------------------------------------- */

/* Those that come about by themselves, and those of loopback, which are the destination's. */
static bool is_of_interest(const struct look *look, struct rtnl_route *route)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);

	if (rtnl_route_get_table(route) == RT_TABLE_LOCAL ||
	    rtnl_route_get_protocol(route) == RTPROT_KERNEL ||
	    rtnl_route_get_flags(route) & RTM_F_CLONED)
		return false;
	return !hop || rtnl_route_get_nnexthops(route) > 1 ||
	       rtnl_route_nh_get_ifindex(hop) == look->index;
}

static bool has_metrics(struct rtnl_route *route)
{
	uint32_t value;
	int i;

	for (i = RTAX_MTU; i <= RTAX_MAX; i++)
		if (!rtnl_route_get_metric(route, i, &value) && value)
			return true;
	return false;
}

static bool is_simple(struct rtnl_route *route)
{
	return rtnl_route_get_table(route) == RT_TABLE_MAIN &&
	       rtnl_route_get_type(route) == RTN_UNICAST &&
	       rtnl_route_get_nnexthops(route) == 1 && !rtnl_route_get_tos(route) &&
	       !rtnl_route_get_src(route) && !has_metrics(route) &&
	       !rtnl_route_nh_get_via(rtnl_route_nexthop_n(route, 0));
}

static void take_route(struct tern_wire_route *r, struct rtnl_route *route)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
	const struct nl_addr *dst = rtnl_route_get_dst(route);
	const struct nl_addr *gateway = rtnl_route_nh_get_gateway(hop);
	const struct nl_addr *source = rtnl_route_get_pref_src(route);

	r->version = version_of(rtnl_route_get_family(route));
	if (dst) {
		copy(r->dst, dst);
		r->prefix = nl_addr_get_prefixlen(dst);
	}
	if (gateway) {
		copy(r->gateway, gateway);
		r->flags |= TERN_WIRE_ROUTE_GATEWAY;
	}
	if (source) {
		copy(r->source, source);
		r->flags |= TERN_WIRE_ROUTE_SOURCE;
	}
	if ((rtnl_route_get_flags(route) | rtnl_route_nh_get_flags(hop)) & RTNH_F_ONLINK)
		r->flags |= TERN_WIRE_ROUTE_ONLINK;
	r->scope = r->version == 4 ? rtnl_route_get_scope(route) : 0;
	r->protocol = rtnl_route_get_protocol(route);
	r->metric = rtnl_route_get_priority(route);
}

static int see_route(struct look *look, struct rtnl_route *route)
{
	const struct nl_addr *dst = rtnl_route_get_dst(route);

	if (!is_of_interest(look, route))
		return 0;
	if (!is_simple(route))
		return refuse(look, "its route to %s is not of a kind that moves: remove it", dst);
	if (look->net->nr_routes == TERN_WIRE_ROUTES)
		return refuse(look, "it has too many routes: remove that to %s", dst);
	take_route(&look->net->route[look->net->nr_routes++], route);
	return 0;
}

static int see_routes(struct look *look, int family)
{
	struct nl_object *obj;
	struct nl_cache *cache;
	int err = tern_net_errno(rtnl_route_alloc_cache(look->space.there, family, 0, &cache));

	/* IPv6 is not there */
	if (err)
		return family == AF_INET6 && err == -EOPNOTSUPP ? 0 : err;
	for (obj = nl_cache_get_first(cache); obj && !err; obj = nl_cache_get_next(obj))
		err = see_route(look, (struct rtnl_route *)obj);
	nl_cache_free(cache);
	return err;
}

/* ---- the interface ------------------------------------------------------------------------ */

static int see_link(struct look *look, struct rtnl_link *eth0)
{
	const struct nl_addr *mac = rtnl_link_get_addr(eth0);
	struct rtnl_link *end;
	int err = tern_net_end(&look->space, eth0, &end);

	if (err)
		return err == -ENODEV ?
		       tern_why_set(look->why, -EOPNOTSUPP,
				    "its interface %s is not that which tern run has made: remove it",
				    TERN_NET_NAME) : err;
	rtnl_link_put(end);
	if (!(rtnl_link_get_flags(eth0) & IFF_UP) || !mac || nl_addr_get_len(mac) != 6)
		return tern_why_set(look->why, -EOPNOTSUPP,
				    "its interface %s is down: set it up, or it cannot move",
				    TERN_NET_NAME);
	look->index = rtnl_link_get_ifindex(eth0);
	look->net->mtu = rtnl_link_get_mtu(eth0);
	memcpy(look->net->mac, nl_addr_get_binary_addr(mac), 6);
	return 0;
}

static int see(struct look *look, struct rtnl_link *eth0)
{
	int err = see_link(look, eth0);

	if (!err)
		err = see_addresses(look);
	if (!err)
		err = see_routes(look, AF_INET);
	if (!err)
		err = see_routes(look, AF_INET6);
	if (!err && tern_net_check(look->net))
		err = tern_why_set(look->why, -EOPNOTSUPP,
				   "its interface %s has addresses, routes or an MTU that cannot move",
				   TERN_NET_NAME);
	return err;
}

/**
 * tern_net_look() - the interface of a pod, as it is
 * @pid: a process of the pod
 * @net: filled
 * @why: what of it cannot move
 *
 * Return: 1; 0: it has none; or negative errno.
 */
int tern_net_look(int pid, struct tern_wire_net *net, struct tern_why *why)
{
	struct look look = { .net = net, .why = why };
	struct rtnl_link *eth0;
	int rc = tern_net_open(&look.space, pid);

	memset(net, 0, sizeof(*net));
	if (rc <= 0)
		return tern_why_set(why, rc, "its network cannot be looked at: %s", strerror(-rc));
	rc = tern_net_find(look.space.there, 0, TERN_NET_NAME, &eth0);
	if (!rc) {
		rc = see(&look, eth0);
		rtnl_link_put(eth0);
		rc = rc ? rc : 1;
	} else if (rc == -ENODEV) {
		rc = 0;
	}
	tern_net_close(&look.space);
	return rc < 0 ? tern_why_set(why, rc, "its network cannot be looked at: %s",
				     strerror(-rc)) : rc;
}

static int hear(struct nl_sock *sock)
{
	nl_socket_disable_seq_check(sock);
	return nl_socket_add_memberships(sock, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
					 RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
					 RTNLGRP_IPV6_ROUTE, RTNLGRP_NONE);
}

/**
 * tern_net_watch() - be told when a pod's network changes
 * @pid: a process of the pod
 *
 * Return: a descriptor that is readable when it has; as long as it is open the network
 * remains, whatever becomes of the pod. Or negative errno.
 */
int tern_net_watch(int pid)
{
	struct tern_net_space space;
	int rc = tern_net_open(&space, pid), fd;

	if (rc <= 0)
		return rc ? rc : -EINVAL;
	rc = tern_net_errno(hear(space.there));
	fd = rc ? rc : fcntl(nl_socket_get_fd(space.there), F_DUPFD_CLOEXEC, 0);
	if (!rc && fd < 0)
		fd = -errno;
	tern_net_close(&space);
	return fd;
}
