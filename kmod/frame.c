// SPDX-License-Identifier: GPL-2.0
/*
 * What a frame is about, as a receive handler gets it: from the header of IP on. What cannot be
 * told of it is not.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "frame.h"

/**
 * struct headers - of a frame of TCP
 * @ip4: if it is one of IPv4
 * @ip6: else
 * @tcp: where that of TCP is, from skb->data on
 * @whole: it is no fragment
 */
struct headers {
	union {
		struct iphdr ip4;
		struct ipv6hdr ip6;
	};
	int tcp;
	bool whole;
};

static bool find4(const struct sk_buff *skb, int at, struct headers *h)
{
	if (skb_copy_bits(skb, at, &h->ip4, sizeof(h->ip4)) || h->ip4.protocol != IPPROTO_TCP)
		return false;
	h->tcp = at + h->ip4.ihl * 4;
	h->whole = !ip_is_fragment(&h->ip4);
	return true;
}

static bool find6(const struct sk_buff *skb, int at, struct headers *h)
{
	__be16 fragment = 0;
	u8 next;

	if (skb_copy_bits(skb, at, &h->ip6, sizeof(h->ip6)))
		return false;
	next = h->ip6.nexthdr;
	h->tcp = ipv6_skip_exthdr(skb, at + sizeof(h->ip6), &next, &fragment);
	h->whole = !fragment;
	return h->tcp >= 0 && next == IPPROTO_TCP;
}

static bool find(const struct sk_buff *skb, struct headers *h)
{
	switch (skb->protocol) {
	case htons(ETH_P_IP):	return find4(skb, skb_network_offset(skb), h);
	case htons(ETH_P_IPV6):	return find6(skb, skb_network_offset(skb), h);
	default:		return false;
	}
}

/** tern_frame_is_tcp() - is it of TCP, or a fragment of such a packet? */
bool tern_frame_is_tcp(const struct sk_buff *skb)
{
	struct headers h;

	return find(skb, &h);
}

/**
 * tern_frame_has_connection() - is it for a connection that is there, and nothing unusual?
 * @skb: with softirqs off, under RCU
 * @net: whose connections
 *
 * No fragment, nor what begins a connection, or is urgent: of these none can be handed over.
 */
bool tern_frame_has_connection(const struct sk_buff *skb, struct net *net)
{
	struct inet_hashinfo *table = net->ipv4.tcp_death_row.hashinfo;
	const int dev = skb->dev->ifindex;
	const struct tcphdr *th;
	struct tcphdr buf;
	struct headers h;
	struct sock *sk;

	if (!find(skb, &h) || !h.whole)
		return false;
	th = skb_header_pointer(skb, h.tcp, sizeof(buf), &buf);
	if (!th || th->syn || th->urg)
		return false;
	if (skb->protocol == htons(ETH_P_IPV6))
		sk = __inet6_lookup_established(net, table, &h.ip6.saddr, th->source,
						&h.ip6.daddr, ntohs(th->dest), dev, 0);
	else
		sk = __inet_lookup_established(net, table, h.ip4.saddr, th->source, h.ip4.daddr,
					       ntohs(th->dest), dev, 0);
	if (sk)
		sock_gen_put(sk);
	return sk;
}
