// SPDX-License-Identifier: GPL-2.0
/*
 * How the interface of a pod is made: a veth pair, of which the pod gets one end, with its
 * addresses and routes. Both ends are up, and ours is on no bridge yet (net_link.c): so all
 * of it can be made before the pod may be seen, and its routes, which need a carrier, too.
 *
 * There are no addresses but those that are named. None is tried out (IFA_F_NODAD): one that
 * moves is in use, by the pod itself.
 *
 * Nothing has to be taken away: both ends go with the pod's network namespace.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "net.h"
#include "net_space.h"
#include "pod.h"

#define NAMES		20	/* that are tried */
#define UP_MS		2000	/* until the kernel has noticed that both ends are */

/**
 * struct making - what is being made
 * @space: the way to the pod
 * @net: how it is to be
 * @host: this one's name
 * @mtu: longest packet of the bridge
 * @name: of our end
 * @end: that
 * @eth0: the pod's
 * @why: sentence
 */
struct making {
	struct tern_net_space space;
	const struct tern_wire_net *net;
	const char *host;
	unsigned int mtu;
	char name[TERN_NET_NAME_LEN];
	struct rtnl_link *end;
	struct rtnl_link *eth0;
	struct tern_why *why;
};

static int explain_bridge(int err, const char *bridge, const char *host, struct tern_why *why)
{
	if (err == -ENODEV)
		return tern_why_set(why, err,
				    "there is no bridge \"%s\" on %s, to which the pod could be attached: make it there, or name another one (bridge, in ternd.conf)",
				    bridge, host);
	return tern_why_set(why, err, "bridge \"%s\" of %s: %s", bridge, host, strerror(-err));
}

static int look_bridge(struct nl_sock *sock, const char *bridge, const char *host,
		       struct tern_why *why)
{
	struct rtnl_link *link;
	int rc = tern_net_find(sock, 0, bridge, &link);

	if (!rc && !rtnl_link_is_bridge(link))
		rc = -ENODEV;
	if (rc)
		rc = explain_bridge(rc, bridge, host, why);
	else if (!(rtnl_link_get_flags(link) & IFF_UP))
		rc = tern_why_set(why, -ENETDOWN, "bridge \"%s\" is down on %s: set it up", bridge,
				  host);
	else
		rc = rtnl_link_get_mtu(link);
	if (link)
		rtnl_link_put(link);
	return rc;
}

/**
 * tern_net_bridge() - may pods be attached to this bridge?
 * @bridge: its name, "": there is none
 * @host: this host's
 * @why: sentence
 *
 * Return: the longest packet that it carries, or negative errno.
 */
int tern_net_bridge(const char *bridge, const char *host, struct tern_why *why)
{
	struct nl_sock *sock;
	int rc;

	if (!*bridge)
		return tern_why_set(why, -ENODEV,
				    "no bridge is configured on %s, to which the pod could be attached: name one there (bridge = NAME, in ternd.conf)",
				    host);
	sock = nl_socket_alloc();
	if (!sock)
		return -ENOMEM;
	rc = tern_net_errno(nl_connect(sock, NETLINK_ROUTE));
	rc = rc ? explain_bridge(rc, bridge, host, why) : look_bridge(sock, bridge, host, why);
	nl_socket_free(sock);
	return rc;
}

/* ---- the pair --------------------------------------------------------------------------- */

static int set_mac(struct rtnl_link *link, const __u8 mac[6])
{
	struct nl_addr *addr = nl_addr_build(AF_LLC, mac, 6);

	if (!addr)
		return -ENOMEM;
	rtnl_link_set_addr(link, addr);
	nl_addr_put(addr);
	return 0;
}

static int try_pair(struct making *m)
{
	__u8 cable[6] = { 0xfe };
	struct rtnl_link *end = rtnl_link_veth_alloc(), *peer;
	int err;

	if (!end)
		return -ENOMEM;
	/* a bridge that was given no address has the lowest of its ends */
	if (getrandom(cable + 1, sizeof(cable) - 1, 0) != sizeof(cable) - 1)
		cable[5] = getpid();
	peer = rtnl_link_veth_get_peer(end);
	rtnl_link_set_name(end, m->name);
	/* as the bridge's, which would have the smallest of those of its ends */
	rtnl_link_set_mtu(end, m->mtu);
	rtnl_link_set_name(peer, TERN_NET_NAME);
	rtnl_link_set_mtu(peer, m->net->mtu);
	rtnl_link_set_ns_fd(peer, m->space.ns);
	err = set_mac(peer, m->net->mac);
	if (!err)
		err = set_mac(end, cable);
	if (!err)
		err = tern_net_errno(rtnl_link_add(m->space.here, end,
						   NLM_F_CREATE | NLM_F_EXCL));
	rtnl_link_put(peer);
	rtnl_link_put(end);
	return err;
}

/* The name tells operators which pod's it is; nothing depends on it. */
static int make_pair(struct making *m, const char *pod)
{
	unsigned int i;
	__u16 number;
	int err = -EEXIST;

	for (i = 0; i < NAMES && err == -EEXIST; i++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -errno;
		snprintf(m->name, sizeof(m->name), "%.10s-%04x", pod, number);
		err = try_pair(m);
	}
	if (!err)
		err = tern_net_find(m->space.here, 0, m->name, &m->end);
	if (!err)
		err = tern_net_find(m->space.there, 0, TERN_NET_NAME, &m->eth0);
	return err ? tern_why_set(m->why, err, "no veth pair can be made on %s: %s", m->host,
				  strerror(-err)) : 0;
}

/* In the pod. Without IPv6 in the kernel there are no such files, nor any need. */
static int set_parameters(void *name)
{
	static const struct {
		const char *version, *file, *value;
	} parameters[] = {
		{ "ipv4", "arp_notify", "1" },
		{ "ipv6", "ndisc_notify", "1" },
		{ "ipv6", "accept_ra", "0" },
		{ "ipv6", "addr_gen_mode", "1" },	/* none */
	};
	char path[96];
	unsigned int i;

	for (i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", parameters[i].version,
			 (const char *)name, parameters[i].file);
		if (tern_pod_write(path, parameters[i].value) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* Our end is a cable, not a host. */
static void set_mute(const struct making *m)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", m->name);
	tern_pod_write(path, "1");
}

static bool is_up(struct nl_sock *sock, const struct rtnl_link *link)
{
	struct rtnl_link *now;
	bool up;

	if (tern_net_find(sock, rtnl_link_get_ifindex((struct rtnl_link *)link), NULL, &now))
		return false;
	up = rtnl_link_get_operstate(now) == IF_OPER_UP;
	rtnl_link_put(now);
	return up;
}

/* The kernel sees to that when it has time; before, nothing is sent. */
static int wait_up(const struct making *m)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	unsigned int ms;

	for (ms = 0; ms < UP_MS; ms++) {
		if (is_up(m->space.here, m->end) && is_up(m->space.there, m->eth0))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static int bring_up(struct making *m)
{
	int err = tern_net_inside(&m->space, set_parameters, TERN_NET_NAME);

	set_mute(m);
	if (!err)
		err = tern_net_set_up(m->space.there, m->eth0, true);
	if (!err)
		err = tern_net_set_up(m->space.here, m->end, true);
	if (!err)
		err = wait_up(m);
	return err ? tern_why_set(m->why, err, "the interface of the pod cannot be set up on %s: %s",
				  m->host, strerror(-err)) : 0;
}

/* ---- addresses and routes ------------------------------------------------------------------ */

static struct nl_addr *build(const __u8 *bytes, unsigned int version, unsigned int prefix)
{
	struct nl_addr *addr = version == 4 ? nl_addr_build(AF_INET, bytes, 4) :
			       nl_addr_build(AF_INET6, bytes, 16);

	if (addr)
		nl_addr_set_prefixlen(addr, prefix);
	return addr;
}

static int set_broadcast(struct rtnl_addr *addr, const struct tern_wire_address *a)
{
	__u32 last = tern_net_broadcast(a);
	struct nl_addr *broadcast;
	int err;

	if (!(a->flags & TERN_WIRE_ADDRESS_BROADCAST))
		return 0;
	broadcast = nl_addr_build(AF_INET, &last, sizeof(last));
	if (!broadcast)
		return -ENOMEM;
	err = tern_net_errno(rtnl_addr_set_broadcast(addr, broadcast));
	nl_addr_put(broadcast);
	return err;
}

static int add_address(struct making *m, const struct tern_wire_address *a)
{
	struct nl_addr *local = build(a->bytes, a->version, a->prefix);
	struct rtnl_addr *addr = rtnl_addr_alloc();
	char text[46];
	int err = local && addr ? 0 : -ENOMEM;

	if (!err) {
		rtnl_addr_set_ifindex(addr, rtnl_link_get_ifindex(m->eth0));
		err = tern_net_errno(rtnl_addr_set_local(addr, local));
	}
	if (!err)
		err = set_broadcast(addr, a);
	if (!err) {
		rtnl_addr_set_scope(addr, a->scope);
		if (a->version == 6)
			rtnl_addr_set_flags(addr, IFA_F_NODAD);
		err = tern_net_errno(rtnl_addr_add(m->space.there, addr, NLM_F_EXCL));
	}
	if (addr)
		rtnl_addr_put(addr);
	if (local)
		nl_addr_put(local);
	if (!err)
		return 0;
	return tern_why_set(m->why, err,
			    a->version == 6 && (err == -EPERM || err == -EOPNOTSUPP) ?
			    "address %s cannot be had on %s: IPv6 is turned off there (%s)" :
			    "address %s cannot be had on %s: %s",
			    tern_net_text(a->bytes, a->version, text), m->host, strerror(-err));
}

static int set_hop(struct making *m, struct rtnl_route *route, const struct tern_wire_route *r)
{
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *gateway = NULL;

	if (!hop)
		return -ENOMEM;
	rtnl_route_add_nexthop(route, hop);
	rtnl_route_nh_set_ifindex(hop, rtnl_link_get_ifindex(m->eth0));
	if (r->flags & TERN_WIRE_ROUTE_ONLINK)
		rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
	if (!(r->flags & TERN_WIRE_ROUTE_GATEWAY))
		return 0;
	gateway = build(r->gateway, r->version, r->version == 4 ? 32 : 128);
	if (!gateway)
		return -ENOMEM;
	rtnl_route_nh_set_gateway(hop, gateway);
	nl_addr_put(gateway);
	return 0;
}

static int set_source(struct rtnl_route *route, const struct tern_wire_route *r)
{
	struct nl_addr *source;
	int err;

	if (!(r->flags & TERN_WIRE_ROUTE_SOURCE))
		return 0;
	source = build(r->source, r->version, r->version == 4 ? 32 : 128);
	if (!source)
		return -ENOMEM;
	err = tern_net_errno(rtnl_route_set_pref_src(route, source));
	nl_addr_put(source);
	return err;
}

static int fill_route(struct making *m, struct rtnl_route *route, const struct tern_wire_route *r)
{
	struct nl_addr *dst = build(r->dst, r->version, r->prefix);
	int err;

	if (!dst)
		return -ENOMEM;
	rtnl_route_set_family(route, r->version == 4 ? AF_INET : AF_INET6);
	rtnl_route_set_table(route, RT_TABLE_MAIN);
	rtnl_route_set_type(route, RTN_UNICAST);
	rtnl_route_set_scope(route, r->scope);
	rtnl_route_set_protocol(route, r->protocol);
	rtnl_route_set_priority(route, r->metric);
	err = tern_net_errno(rtnl_route_set_dst(route, dst));
	nl_addr_put(dst);
	if (!err)
		err = set_source(route, r);
	return err ? err : set_hop(m, route, r);
}

static int add_route(struct making *m, const struct tern_wire_route *r)
{
	struct rtnl_route *route = rtnl_route_alloc();
	char dst[46], gateway[46];
	int err = -ENOMEM;

	if (route) {
		err = fill_route(m, route, r);
		if (!err)
			err = tern_net_errno(rtnl_route_add(m->space.there, route, NLM_F_EXCL));
		rtnl_route_put(route);
	}
	if (!err)
		return 0;
	return tern_why_set(m->why, err, "the route to %s/%u by %s cannot be made on %s: %s",
			    tern_net_text(r->dst, r->version, dst), r->prefix,
			    tern_net_text(r->gateway, r->version, gateway), m->host,
			    strerror(-err));
}

/* The way to a gateway comes before the ways through it. */
static int add_routes(struct making *m, unsigned int gateways)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < m->net->nr_routes && !err; i++)
		if ((m->net->route[i].flags & TERN_WIRE_ROUTE_GATEWAY) == gateways)
			err = add_route(m, &m->net->route[i]);
	return err;
}

/* The first of IPv4 is the first that was given, of IPv6 the last. */
static int add_addresses(struct making *m)
{
	const struct tern_wire_net *net = m->net;
	unsigned int i;
	int err = 0;

	for (i = 0; i < net->nr_addresses && !err; i++)
		if (net->address[i].version == 4)
			err = add_address(m, &net->address[i]);
	for (i = net->nr_addresses; i-- && !err;)
		if (net->address[i].version == 6)
			err = add_address(m, &net->address[i]);
	return err;
}

static int give(struct making *m)
{
	int err = add_addresses(m);

	if (!err)
		err = add_routes(m, 0);
	return err ? err : add_routes(m, TERN_WIRE_ROUTE_GATEWAY);
}

static int make(struct making *m, int pid, const char *pod)
{
	int err = tern_net_open(&m->space, pid);

	if (err <= 0)
		return tern_why_set(m->why, err ? err : -EINVAL,
				    "the network namespace of the pod cannot be entered on %s: %s",
				    m->host, strerror(err ? -err : EINVAL));
	err = make_pair(m, pod);
	if (!err)
		err = bring_up(m);
	return err ? err : give(m);
}

/**
 * tern_net_make() - make the interface of a pod; tern_net_attach() lets it live
 * @pid: a process of the pod, which has nothing but loopback
 * @pod: its name
 * @bridge: to which it will be attached
 * @host: this host's name
 * @net: how it is to be
 * @why: sentence
 */
int tern_net_make(int pid, const char *pod, const char *bridge, const char *host,
		  const struct tern_wire_net *net, struct tern_why *why)
{
	struct making m = { .space.ns = -1, .net = net, .host = host, .why = why };
	int err, mtu = tern_net_bridge(bridge, host, why);

	if (mtu < 0)
		return mtu;
	if ((unsigned int)mtu < net->mtu)
		return tern_why_set(why, -EMSGSIZE,
				    "packets of the pod have up to %u bytes, and bridge \"%s\" of %s takes %d: raise its MTU",
				    net->mtu, bridge, host, mtu);
	m.mtu = mtu;
	err = make(&m, pid, pod);
	if (m.end)
		rtnl_link_put(m.end);
	if (m.eth0)
		rtnl_link_put(m.eth0);
	tern_net_close(&m.space);
	return err;
}
