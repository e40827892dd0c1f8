// SPDX-License-Identifier: GPL-2.0
/*
 * A segment of TCP from the peer of a connection, as it is when IP has done with it: for what
 * a connection at the destination is to have got, and must get by way of TCP's own code.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "segment.h"

#define TTL	64	/* of one that has gone nowhere */

/** tern_segment_is_mapped() - a connection by IPv4, of a socket of IPv6 */
bool tern_segment_is_mapped(const struct tern_obj_tcp *obj)
{
	return obj->family == AF_INET6 && ipv6_addr_v4mapped((const struct in6_addr *)obj->peer);
}

/** tern_segment_in4() - the last four bytes of a mapped address, the first ones of any other */
__be32 tern_segment_in4(const u8 addr[16], bool mapped)
{
	return get_unaligned((const __be32 *)(addr + (mapped ? 12 : 0)));
}

static void put_ip(struct sk_buff *skb, const struct tern_obj_tcp *obj)
{
	bool mapped = tern_segment_is_mapped(obj);

	if (obj->family == AF_INET6 && !mapped) {
		struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));

		ip6_flow_hdr(ip, 0, 0);
		ip->hop_limit = TTL;
		ip->nexthdr = IPPROTO_TCP;
		memcpy(&ip->saddr, obj->peer, sizeof(ip->saddr));
		memcpy(&ip->daddr, obj->local, sizeof(ip->daddr));
		skb->protocol = htons(ETH_P_IPV6);
	} else {
		struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));

		ip->version = 4;
		ip->ihl = sizeof(*ip) / 4;
		ip->ttl = TTL;
		ip->protocol = IPPROTO_TCP;
		ip->saddr = tern_segment_in4(obj->peer, mapped);
		ip->daddr = tern_segment_in4(obj->local, mapped);
		skb->protocol = htons(ETH_P_IP);
	}
}

/**
 * tern_segment_make() - one that acknowledges what the peer had, with its window
 * @obj: the connection
 * @seq: number of its first byte
 * @data: bytes
 * @len: how many
 *
 * Return: for sk->sk_backlog_rcv(), or NULL.
 */
struct sk_buff *tern_segment_make(const struct tern_obj_tcp *obj, u32 seq, const void *data,
				  u32 len)
{
	struct sk_buff *skb = alloc_skb(sizeof(struct ipv6hdr) + sizeof(struct tcphdr) + len,
					GFP_KERNEL);
	struct tcphdr *th;

	if (!skb)
		return NULL;
	skb_reset_network_header(skb);
	put_ip(skb, obj);
	skb_set_transport_header(skb, skb->len);
	th = skb_put_zero(skb, sizeof(*th));
	th->source = htons(obj->peer_port);
	th->dest = htons(obj->port);
	th->seq = htonl(seq);
	th->ack_seq = htonl(obj->snd_una);
	th->doff = sizeof(*th) / 4;
	th->ack = 1;
	th->window = htons(min_t(u32, obj->snd_wnd >> obj->snd_wscale, U16_MAX));
	skb_put_data(skb, data, len);
	__skb_pull(skb, skb_transport_offset(skb));
	/* looked at on the other host */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	memset(TCP_SKB_CB(skb), 0, sizeof(*TCP_SKB_CB(skb)));
	TCP_SKB_CB(skb)->seq = seq;
	TCP_SKB_CB(skb)->end_seq = seq + len;
	TCP_SKB_CB(skb)->ack_seq = obj->snd_una;
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_ACK;
	return skb;
}
