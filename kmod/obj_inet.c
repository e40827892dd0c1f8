// SPDX-License-Identifier: GPL-2.0
/*
 * TCP and UDP sockets, with their addresses, and datagrams that wait in their queues: INET and
 * DATAGRAM. Connections of TCP are another matter (obj_tcp.c). What can be set by setsockopt(2)
 * ternd asks for itself.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inetdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/addrconf.h>
#include <net/dsfield.h>
#include <net/inet_connection_sock.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/sock_reuseport.h>
#include <net/tcp.h>
#include <net/tcp_states.h>
#include <net/udp.h>

#include "connection.h"
#include "gate.h"
#include "inet.h"
#include "obj.h"
#include "pod.h"

#define LINEAR	2048	/* bytes of a datagram, up to which it is in one piece */

static bool is_inet(const struct sock *sk)
{
	return sk->sk_family == AF_INET || sk->sk_family == AF_INET6;
}

static bool is_tcp(const struct sock *sk)
{
	return sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP;
}

static bool is_udp(const struct sock *sk)
{
	return sk->sk_type == SOCK_DGRAM && sk->sk_protocol == IPPROTO_UDP;
}

/** tern_inet_is() - is it a socket of a kind that may move? */
bool tern_inet_is(const struct sock *sk)
{
	return is_inet(sk) && (is_tcp(sk) || is_udp(sk));
}

/* ---- check ------------------------------------------------------------------- */

/** tern_socket_is_at_home() - is a socket of the network namespace that the process is in? */
bool tern_socket_is_at_home(const struct tern_table *table, const struct sock *sk)
{
	struct net *net = tern_net_of(table->leader);

	if (net)
		put_net(net);
	return net == sock_net(sk);
}

static bool has_ip_options(const struct sock *sk)
{
	const struct ipv6_pinfo *np = sk->sk_family == AF_INET6 ? inet6_sk(sk) : NULL;

	return rcu_access_pointer(inet_sk(sk)->inet_opt) ||
	       (np && (rcu_access_pointer(np->opt) || np->sticky_pktinfo.ipi6_ifindex));
}

/* By which whoever sends to it chooses. */
static bool has_program(const struct sock *sk)
{
	const struct sock_reuseport *group;
	bool has;

	rcu_read_lock();
	group = rcu_dereference(sk->sk_reuseport_cb);
	has = rcu_access_pointer(sk->sk_filter) || (group && rcu_access_pointer(group->prog));
	rcu_read_unlock();
	return has;
}

static bool has_policy(const struct sock *sk)
{
#ifdef CONFIG_XFRM
	return rcu_access_pointer(sk->sk_policy[0]) || rcu_access_pointer(sk->sk_policy[1]);
#else
	return false;
#endif
}

/* Nobody has called yet whom it has not accepted. */
static bool has_callers(const struct sock *sk)
{
	return READ_ONCE(sk->sk_ack_backlog) ||
	       reqsk_queue_len(&inet_csk(sk)->icsk_accept_queue);
}

static bool has_keys(const struct sock *sk)
{
#ifdef CONFIG_TCP_MD5SIG
	return rcu_access_pointer(tcp_sk(sk)->md5sig_info);
#else
	return false;
#endif
}

/* Connections of the host's own address stay, and are reset. */
static bool closes(const struct tern_table *table)
{
	return table->flags & TERN_TCP_CLOSE && !tern_is_pod(table->tree);
}

static const char *tcp_refused(const struct tern_table *table, const struct sock *sk)
{
	if (sk->sk_socket && tern_gate_is_shut(sk->sk_socket))
		return "a TCP socket whose connection has not come here yet";
	if (inet_csk(sk)->icsk_ulp_ops)
		return "a TCP socket with a protocol above it (TCP_ULP)";
	if (has_keys(sk))
		return "a TCP socket with keys (TCP_MD5SIG)";
	if (closes(table))
		return NULL;
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_LISTEN:
		return has_callers(sk) && !tern_is_pod(table->tree) ?
			"a listening TCP socket with callers that wait (or use --tcp-close)" : NULL;
	case TCP_CLOSE:
		/* shutdown(2) says so, and does it all the same */
		return tern_ended_is(sk) && !inet_sk(sk)->inet_dport ?
			"a TCP socket that has been shut down before it was connected" : NULL;
	default:
		/* elsewhere its address stays, and with it whoever is at the other end */
		return tern_is_pod(table->tree) ? tern_connection_refused(sk) :
			"a TCP connection, and in no pod (tern run --net, or use --tcp-close)";
	}
}

/* Of the connection only the end moves: it is over, or will be then. */
static bool stays_behind(const struct tern_table *table, const struct sock *sk)
{
	return is_tcp(sk) && sk->sk_state != TCP_LISTEN && (tern_ended_is(sk) || closes(table));
}

static const char *udp_refused(struct sock *sk)
{
	const struct udp_sock *up = udp_sk(sk);

	if (READ_ONCE(up->encap_type))
		return "a UDP socket of a tunnel (UDP_ENCAP)";
	if (READ_ONCE(up->pending))
		return "a UDP socket with an unfinished datagram (MSG_MORE, UDP_CORK)";
	return tern_interface_refused(sk);
}

/**
 * tern_inet_refused() - what stands against a socket
 * @table: of the process
 * @entry: its descriptor
 * @sk: accepted by tern_inet_is()
 *
 * Return: what it is ("fd 3 is …"); NULL: it can move.
 */
const char *tern_inet_refused(const struct tern_table *table, const struct tern_entry *entry,
			      struct sock *sk)
{
	const char *what = is_tcp(sk) ? tcp_refused(table, sk) : udp_refused(sk);

	if (what)
		return what;
	if (!entry->same->is_ours)
		return "a TCP or UDP socket that another process has open, too";
	if (!tern_socket_is_at_home(table, sk))
		return "a socket of another network namespace";
	/* a soft one of TCP is over when the peer is heard again */
	if ((READ_ONCE(sk->sk_err) && !stays_behind(table, sk)) ||
	    (is_udp(sk) && READ_ONCE(sk->sk_err_soft)) ||
	    !skb_queue_empty_lockless(&sk->sk_error_queue))
		return "a TCP or UDP socket with an error that has not been read";
	if (has_program(sk))
		return "a TCP or UDP socket with a filter (SO_ATTACH_*)";
	if (tern_connection_is_local(sk) && !stays_behind(table, sk))
		return "a socket with a link-local address";
	if (has_policy(sk))
		return "a socket with a policy of IPsec (IP_XFRM_POLICY)";
	return has_ip_options(sk) ? "a socket with IP options" : NULL;
}

/* ---- save -------------------------------------------------------------------- */

static void describe_addresses(const struct sock *sk, struct tern_obj_inet *obj)
{
	const struct inet_sock *inet = inet_sk(sk);
	const bool ended = is_tcp(sk) && sk->sk_state == TCP_CLOSE &&
			   obj->flags & TERN_INET_CONNECTED;
	/* who has been connected without a name is given one that the other host may not have */
	bool own = is_tcp(sk) || sk->sk_state != TCP_ESTABLISHED ||
		   sk->sk_userlocks & SOCK_BINDADDR_LOCK;

	/* of a connection that has ended that in its packets is left */
	obj->port = ended ? ntohs(inet->inet_sport) : inet->inet_num;
	if (obj->flags & TERN_INET_CONNECTED)
		obj->peer_port = ntohs(inet->inet_dport);
	if (sk->sk_family == AF_INET6) {
		if (own)
			memcpy(obj->local, &sk->sk_v6_rcv_saddr, sizeof(obj->local));
		if (obj->flags & TERN_INET_CONNECTED)
			memcpy(obj->peer, &sk->sk_v6_daddr, sizeof(obj->peer));
		return;
	}
	if (own)
		memcpy(obj->local, &inet->inet_rcv_saddr, sizeof(inet->inet_rcv_saddr));
	if (obj->flags & TERN_INET_CONNECTED)
		memcpy(obj->peer, &inet->inet_daddr, sizeof(inet->inet_daddr));
}

static void describe(struct sock *sk, struct tern_obj_inet *obj)
{
	const struct inode *inode = SOCK_INODE(sk->sk_socket);

	obj->uid = from_kuid(&init_user_ns, inode->i_uid);
	obj->gid = from_kgid(&init_user_ns, inode->i_gid);
	/* of a draft it may change at any moment */
	lock_sock(sk);
	obj->family = sk->sk_family;
	obj->type = sk->sk_type;
	if (sk->sk_state == TCP_LISTEN) {
		obj->flags |= TERN_INET_LISTENS;
		obj->backlog = READ_ONCE(sk->sk_max_ack_backlog);
	} else if (sk->sk_state != TCP_CLOSE || (is_tcp(sk) && tern_ended_is(sk))) {
		obj->flags |= TERN_INET_CONNECTED;
	}
	if (is_udp(sk))
		obj->shutdown = sk->sk_shutdown;
	else
		obj->maxseg = tcp_sk(sk)->rx_opt.user_mss;
	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		obj->sndbuf = sk->sk_sndbuf;
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		obj->rcvbuf = sk->sk_rcvbuf;
	describe_addresses(sk, obj);
	release_sock(sk);
}

/*
 * Datagrams wait in two queues: whoever reads takes all of the second one at once into the
 * first (net/ipv4/udp.c).
 */
static void queues_lock(struct sock *sk)
	__acquires(&udp_sk(sk)->reader_queue.lock) __acquires(&sk->sk_receive_queue.lock)
{
	spin_lock_bh(&udp_sk(sk)->reader_queue.lock);
	spin_lock(&sk->sk_receive_queue.lock);
}

static void queues_unlock(struct sock *sk)
	__releases(&sk->sk_receive_queue.lock) __releases(&udp_sk(sk)->reader_queue.lock)
{
	spin_unlock(&sk->sk_receive_queue.lock);
	spin_unlock_bh(&udp_sk(sk)->reader_queue.lock);
}

static unsigned int queues_len(struct sock *sk)
{
	return skb_queue_len(&udp_sk(sk)->reader_queue) + skb_queue_len(&sk->sk_receive_queue);
}

static void get_all(struct sk_buff_head *queue, struct sk_buff **skb, unsigned int *nr)
{
	struct sk_buff *at;

	skb_queue_walk(queue, at)
		skb[(*nr)++] = skb_get(at);
}

/* Whatever waits there, in its order, to be freed one by one. */
static struct sk_buff **get_queue(struct sock *sk, unsigned int *nr)
{
	struct sk_buff **skb;
	unsigned int max;

	do {
		max = queues_len(sk);
		skb = kvmalloc_array(max + 1, sizeof(*skb), GFP_KERNEL);
		if (!skb)
			return ERR_PTR(-ENOMEM);
		*nr = 0;
		queues_lock(sk);
		if (queues_len(sk) <= max) {
			get_all(&udp_sk(sk)->reader_queue, skb, nr);
			get_all(&sk->sk_receive_queue, skb, nr);
			max = 0;
		}
		queues_unlock(sk);
		if (max)
			kvfree(skb);
	} while (max);
	return skb;
}

static void describe_datagram(const struct sk_buff *skb, struct tern_obj_datagram *obj)
{
	obj->version = ip_hdr(skb)->version;
	obj->port = ntohs(udp_hdr(skb)->source);
	obj->own_port = ntohs(udp_hdr(skb)->dest);
	obj->len = skb->len;
	if (skb_is_gso(skb))
		obj->segment = skb_shinfo(skb)->gso_size;
	if (obj->version == 6) {
		obj->ttl = ipv6_hdr(skb)->hop_limit;
		obj->tos = ipv6_get_dsfield(ipv6_hdr(skb));
		memcpy(obj->from, &ipv6_hdr(skb)->saddr, sizeof(obj->from));
		memcpy(obj->to, &ipv6_hdr(skb)->daddr, sizeof(obj->to));
	} else {
		obj->ttl = ip_hdr(skb)->ttl;
		obj->tos = ip_hdr(skb)->tos;
		memcpy(obj->from, &ip_hdr(skb)->saddr, sizeof(ip_hdr(skb)->saddr));
		memcpy(obj->to, &ip_hdr(skb)->daddr, sizeof(ip_hdr(skb)->daddr));
	}
}

static int save_datagram(struct tern_saver *saver, int fd, struct sk_buff *skb)
{
	struct tern_obj_datagram obj = { .fd = fd };
	void *data;
	int err;

	/* whoever reads it would not be given it either */
	if (udp_lib_checksum_complete(skb))
		return 0;
	describe_datagram(skb, &obj);
	if (obj.len > TERN_DATAGRAM_MAX)
		return -E2BIG;
	data = kvmalloc(obj.len + 1, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	err = skb_copy_bits(skb, 0, data, obj.len);
	if (!err)
		tern_image_put(saver->image, TERN_OBJ_DATAGRAM, &obj, sizeof(obj), data, obj.len);
	kvfree(data);
	return err;
}

/* What comes after this to the source is lost with its socket. */
static int save_queue(struct tern_saver *saver, int fd, struct sock *sk)
{
	struct sk_buff **skb;
	unsigned int i, nr;
	int err = 0;

	skb = get_queue(sk, &nr);
	if (IS_ERR(skb))
		return PTR_ERR(skb);
	for (i = 0; i < nr; i++) {
		if (!err)
			err = save_datagram(saver, fd, skb[i]);
		consume_skb(skb[i]);
	}
	kvfree(skb);
	return err;
}

/*
 * Connections, and callers of who listens, come when the process runs elsewhere (handover.c):
 * all of a pod, and of others what is left of those that have ended.
 */
static int save_late(struct tern_saver *saver, int fd, struct sock *sk)
{
	struct tern_obj_late obj = { .fd = fd };

	tern_image_put(saver->image, TERN_OBJ_LATE, &obj, sizeof(obj), NULL, 0);
	return tern_connection_note(saver->table->connections, fd, sk,
				    !tern_is_pod(saver->table->tree));
}

static bool is_late(const struct tern_saver *saver, const struct tern_obj_inet *obj)
{
	return obj->flags & TERN_INET_CONNECTED ||
	       (obj->flags & TERN_INET_LISTENS && tern_is_pod(saver->table->tree));
}

/* What a connection that has been accepted has of an interface TCP does not use. */
static int save_udp(struct tern_saver *saver, int fd, struct sock *sk, u32 id)
{
	int err = tern_interfaces_save(saver, sk, id);

	return err || saver->table->draft ? err : save_queue(saver, fd, sk);
}

/**
 * tern_inet_save() - INET, INTERFACE for those that it names, DATAGRAM for what waits, or LATE
 * @saver: where to
 * @entry: the first one of its description
 * @sk: accepted by tern_inet_refused()
 * @id: of the description
 *
 * While the process runs what waits is not looked at: it will have been read.
 */
int tern_inet_save(struct tern_saver *saver, const struct tern_entry *entry, struct sock *sk,
		   u32 id)
{
	struct tern_obj_inet obj = { .desc = id };

	describe(sk, &obj);
	tern_image_put(saver->image, TERN_OBJ_INET, &obj, sizeof(obj), NULL, 0);
	if (is_udp(sk))
		return save_udp(saver, entry->fd, sk, id);
	return !saver->table->draft && is_late(saver, &obj) ?
	       save_late(saver, entry->fd, sk) : 0;
}

/* ---- load -------------------------------------------------------------------- */

/** tern_datagram_valid() - may LOAD take @obj? */
bool tern_datagram_valid(const struct tern_obj *head, const struct tern_obj_datagram *obj)
{
	return head->len >= sizeof(*head) + sizeof(*obj) && obj->len <= TERN_DATAGRAM_MAX &&
	       head->len == sizeof(*head) + sizeof(*obj) + obj->len && obj->fd >= 0 &&
	       (obj->version == 4 || obj->version == 6) && obj->port <= U16_MAX &&
	       obj->own_port <= U16_MAX && obj->segment <= obj->len && obj->ttl <= U8_MAX &&
	       obj->tos <= U8_MAX;
}

/* Where it would have come from; loopback, if the address is on no interface. */
static int interface_of(struct sock *sk, const struct tern_obj_datagram *obj)
{
	int index = tern_interface_of_group(sk, obj->version, obj->to);
	struct net *net = sock_net(sk);
	struct net_device *dev;

	if (index)
		return index;
	rcu_read_lock();
	if (obj->version == 6)
		dev = ipv6_dev_find(net, (const struct in6_addr *)obj->to, NULL);
	else
		dev = __ip_dev_find(net, get_unaligned((const __be32 *)obj->to), false);
	index = dev ? dev->ifindex : LOOPBACK_IFINDEX;
	rcu_read_unlock();
	return index;
}

static void put_ip(struct sk_buff *skb, const struct tern_obj_datagram *obj, int interface)
{
	struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->protocol = IPPROTO_UDP;
	ip->ttl = obj->ttl;
	ip->tos = obj->tos;
	memcpy(&ip->saddr, obj->from, sizeof(ip->saddr));
	memcpy(&ip->daddr, obj->to, sizeof(ip->daddr));
	skb->protocol = htons(ETH_P_IP);
	/* for IP_PKTINFO */
	*PKTINFO_SKB_CB(skb) = (struct in_pktinfo) {
		.ipi_ifindex = interface, .ipi_spec_dst.s_addr = ip->daddr,
	};
}

static void put_ipv6(struct sk_buff *skb, const struct tern_obj_datagram *obj, int interface)
{
	struct ipv6hdr *ip = skb_put_zero(skb, sizeof(*ip));

	ip6_flow_hdr(ip, obj->tos, 0);
	ip->hop_limit = obj->ttl;
	ip->nexthdr = IPPROTO_UDP;
	memcpy(&ip->saddr, obj->from, sizeof(ip->saddr));
	memcpy(&ip->daddr, obj->to, sizeof(ip->daddr));
	skb->protocol = htons(ETH_P_IPV6);
	IP6CB(skb)->iif = interface;
}

/* As it is when its headers have been looked at, and passed. */
static struct sk_buff *make_skb(struct sock *sk, const struct tern_obj_datagram *obj)
{
	/* pages are counted as a whole, however little is in them */
	size_t paged = obj->len > LINEAR ? obj->len : 0;
	size_t ip = obj->version == 6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	size_t head = ip + sizeof(struct udphdr);
	struct sk_buff *skb;
	struct udphdr *udp;
	int err = 0;

	skb = alloc_skb_with_frags(head + obj->len - paged, paged, PAGE_ALLOC_COSTLY_ORDER, &err,
				   GFP_KERNEL);
	if (!skb)
		return NULL;
	skb_reset_network_header(skb);
	if (obj->version == 6)
		put_ipv6(skb, obj, interface_of(sk, obj));
	else
		put_ip(skb, obj, interface_of(sk, obj));
	skb_set_transport_header(skb, ip);
	udp = skb_put_zero(skb, sizeof(*udp));
	udp->source = htons(obj->port);
	udp->dest = htons(obj->own_port);
	udp->len = htons(sizeof(*udp) + obj->len);
	skb_put(skb, obj->len - paged);
	skb->data_len = paged;
	skb->len += paged;
	skb_store_bits(skb, head, obj + 1, obj->len);
	__skb_pull(skb, head);
	/* looked at on the other host */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (obj->segment) {
		skb_shinfo(skb)->gso_size = obj->segment;
		skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(obj->len, obj->segment);
		skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
	}
	return skb;
}

/* What had room there has room here, however the pieces of memory are cut. */
static int enqueue(struct sock *sk, struct sk_buff *skb)
{
	int err, rcvbuf = READ_ONCE(sk->sk_rcvbuf);

	WRITE_ONCE(sk->sk_rcvbuf, INT_MAX / 2);
	local_bh_disable();
	err = __udp_enqueue_schedule_skb(sk, skb);
	local_bh_enable();
	WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
	return err;
}

/**
 * tern_datagram_load() - put a datagram into the queue of a socket that a shell has
 * @leader: the shell, whose threads wait
 * @obj: accepted by tern_datagram_valid()
 *
 * -ENOTSOCK: its descriptor is no such socket; -ENOMEM.
 */
int tern_datagram_load(struct task_struct *leader, const struct tern_obj_datagram *obj)
{
	struct file *file = tern_table_file(leader, obj->fd);
	struct socket *sock = file ? sock_from_file(file) : NULL;
	struct sock *sk = sock ? sock->sk : NULL;
	struct sk_buff *skb;
	int err = -ENOTSOCK;

	/* of IPv6 such as come by IPv4, too; the other way round nobody could read it */
	if (sk && is_inet(sk) && is_udp(sk) &&
	    (obj->version == 4 || sk->sk_family == AF_INET6)) {
		skb = make_skb(sk, obj);
		err = skb ? enqueue(sk, skb) : -ENOMEM;
		if (err)
			kfree_skb(skb);
	}
	if (file)
		fput(file);
	return err;
}
