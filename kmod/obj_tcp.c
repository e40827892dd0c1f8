// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections: TCP and STREAM. They are taken over as they stand, so that the peer sees
 * the same sequence numbers, windows, options and timestamps as before, and no packet that
 * it would not have seen; TCP_REPAIR (tcp(7)) is the door by which that is done.
 *
 * The peer must not be heard while its connection is captured, or what it sends between would
 * be acknowledged and lost: a pod has a network namespace of its own, of which the door is
 * closed first. For the same reason what is restored says nothing before everything that
 * could answer is there.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "connection.h"
#include "desc.h"
#include "table.h"

#define WINDOW_MAX	(1U << 30)	/* of RFC 7323 */
#define BOUND		(SOCK_BINDADDR_LOCK | SOCK_BINDPORT_LOCK)
#define HAS_RECEIVED_FIN (TCPF_CLOSE_WAIT | TCPF_LAST_ACK | TCPF_CLOSING)
#define HAS_SENT_FIN	(TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_LAST_ACK | TCPF_CLOSING)
#define MOVES		(TCPF_ESTABLISHED | HAS_RECEIVED_FIN | HAS_SENT_FIN)

/**
 * struct connection - a connection, while it is in two places
 * @node: of a migration, by its lock
 * @sk: held
 * @file: destination: of it, held: whoever has it open may be killed at any moment. NULL at
 *	the source, where files are counted
 * @obj: destination: as captured
 * @sent: destination: all that is in flight is in its queue
 */
struct connection {
	struct list_head node;
	struct sock *sk;
	struct file *file;
	struct tern_obj_tcp obj;
	bool sent;
};

static bool has(const struct tern_obj_tcp *obj, u32 states)
{
	return 1U << obj->state & states;
}

static struct connection *add(struct list_head *connections, struct sock *sk)
{
	struct connection *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	sock_hold(sk);
	c->sk = sk;
	list_add_tail(&c->node, connections);
	return c;
}

/** tern_connections_forget() - of all of them only the sockets are left */
void tern_connections_forget(struct list_head *connections)
{
	struct connection *c, *next;

	list_for_each_entry_safe(c, next, connections, node) {
		list_del(&c->node);
		if (c->file)
			fput(c->file);
		sock_put(c->sk);
		kfree(c);
	}
}

/* ---- check ------------------------------------------------------------------- */

/** tern_connection_refused() - what stands against a connection; NULL: nothing */
const char *tern_connection_refused(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!(1U << READ_ONCE(sk->sk_state) & MOVES))
		return "a TCP socket that is being connected, or closed";
	if (sk_is_mptcp(sk))
		return "a connection of MPTCP";
	if (READ_ONCE(tp->urg_data) || before(READ_ONCE(tp->snd_una), READ_ONCE(tp->snd_up)))
		return "a TCP connection with urgent data";
	if (tp->repair)
		return "a TCP connection that another program is moving (TCP_REPAIR)";
	return NULL;
}

/* ---- save -------------------------------------------------------------------- */

static void describe_addresses(const struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct inet_sock *inet = inet_sk(sk);

	obj->port = inet->inet_num;
	obj->peer_port = ntohs(inet->inet_dport);
	if (sk->sk_family == AF_INET6) {
		memcpy(obj->local, &sk->sk_v6_rcv_saddr, sizeof(obj->local));
		memcpy(obj->peer, &sk->sk_v6_daddr, sizeof(obj->peer));
	} else {
		memcpy(obj->local, &inet->inet_rcv_saddr, sizeof(inet->inet_rcv_saddr));
		memcpy(obj->peer, &inet->inet_daddr, sizeof(inet->inet_daddr));
	}
	obj->bound = sk->sk_userlocks & BOUND;
}

static void describe_options(const struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_options_received *opt = &tp->rx_opt;

	obj->flags = (opt->sack_ok ? TERN_TCP_SACK : 0) |
		     (opt->wscale_ok ? TERN_TCP_WSCALE : 0) |
		     (opt->tstamp_ok ? TERN_TCP_TIMESTAMPS : 0) |
		     (inet_csk_in_pingpong_mode((struct sock *)sk) ? TERN_TCP_INTERACTIVE : 0);
	obj->mss_clamp = opt->mss_clamp;
	obj->snd_wscale = opt->snd_wscale;
	obj->rcv_wscale = opt->rcv_wscale;
	obj->ts_now = compat_tcp_clock(tp) + tp->tsoffset;
	if (opt->ts_recent_stamp) {
		obj->ts_recent = opt->ts_recent;
		obj->ts_age = ktime_get_seconds() - opt->ts_recent_stamp;
	}
}

static void describe_measured(const struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	obj->srtt_us = tp->srtt_us;
	obj->mdev_us = tp->mdev_us;
	obj->mdev_max_us = tp->mdev_max_us;
	obj->rttvar_us = tp->rttvar_us;
	obj->rto_us = jiffies_to_usecs(inet_csk(sk)->icsk_rto);
	obj->snd_cwnd = tcp_snd_cwnd(tp);
	obj->snd_ssthresh = tp->snd_ssthresh;
	obj->reordering = tp->reordering;
	obj->rcv_ssthresh = tp->rcv_ssthresh;
	obj->window_clamp = tp->window_clamp;
	obj->rcvbuf = sk->sk_rcvbuf;
	obj->sndbuf = sk->sk_sndbuf;
}

static void describe(const struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	obj->state = sk->sk_state;
	obj->shutdown = sk->sk_shutdown;
	obj->copied_seq = tp->copied_seq;
	obj->rcv_nxt = tp->rcv_nxt;
	obj->rcv_wup = tp->rcv_wup;
	obj->rcv_wnd = tp->rcv_wnd;
	obj->snd_una = tp->snd_una;
	obj->snd_nxt = tp->snd_nxt;
	obj->write_seq = tp->write_seq;
	obj->snd_wnd = tp->snd_wnd;
	obj->snd_wl1 = tp->snd_wl1;
	obj->max_window = tp->max_window;
	describe_addresses(sk, obj);
	describe_options(sk, obj);
	describe_measured(sk, obj);
}

/**
 * struct writer - bytes on their way from packets into STREAM
 * @image: where to
 * @obj: what is being filled
 * @data: TERN_STREAM_MAX bytes, of which @obj->len are used
 */
struct writer {
	struct tern_image *image;
	struct tern_obj_stream obj;
	u8 *data;
};

static void flush(struct writer *w)
{
	if (w->obj.len)
		tern_image_put(w->image, TERN_OBJ_STREAM, &w->obj, sizeof(w->obj), w->data,
			       w->obj.len);
	w->obj.len = 0;
}

/* Bytes from @from on, up to but without @to. */
static int write_skb(struct writer *w, const struct sk_buff *skb, u32 from, u32 to)
{
	u32 offset = from - TCP_SKB_CB(skb)->seq;

	while (from != to) {
		u32 len = min_t(u32, to - from, TERN_STREAM_MAX - w->obj.len);
		int err = skb_copy_bits(skb, offset, w->data + w->obj.len, len);

		if (err)
			return err;
		w->obj.len += len;
		offset += len;
		from += len;
		if (w->obj.len == TERN_STREAM_MAX)
			flush(w);
	}
	return 0;
}

/* What of a packet is at @at or behind it; a SYN or FIN is no byte. */
static int write_from(struct writer *w, const struct sk_buff *skb, u32 *at)
{
	u32 end = TCP_SKB_CB(skb)->seq + skb->len;
	int err;

	if (!after(end, *at))
		return 0;
	/* there are no holes in these queues */
	if (WARN_ON_ONCE(after(TCP_SKB_CB(skb)->seq, *at)))
		return -EIO;
	err = write_skb(w, skb, *at, end);
	*at = end;
	return err;
}

static int write_received(struct writer *w, const struct sock *sk)
{
	const struct sk_buff *skb;
	u32 at = tcp_sk(sk)->copied_seq;
	int err = 0;

	w->obj.queue = TERN_QUEUE_RECEIVED;
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		err = write_from(w, skb, &at);
		if (err)
			break;
	}
	flush(w);
	return err;
}

static int write_sent(struct writer *w, const struct sock *sk)
{
	const struct rb_node *node;
	u32 at = tcp_sk(sk)->snd_una;
	int err = 0;

	w->obj.queue = TERN_QUEUE_SENT;
	for (node = rb_first(&sk->tcp_rtx_queue); node && !err; node = rb_next(node))
		err = write_from(w, rb_to_skb(node), &at);
	flush(w);
	return err;
}

static int write_unsent(struct writer *w, const struct sock *sk)
{
	const struct sk_buff *skb;
	u32 at = tcp_sk(sk)->snd_nxt;
	int err = 0;

	w->obj.queue = TERN_QUEUE_UNSENT;
	skb_queue_walk(&sk->sk_write_queue, skb) {
		err = write_from(w, skb, &at);
		if (err)
			break;
	}
	flush(w);
	return err;
}

static int save_locked(struct tern_saver *saver, int fd, struct sock *sk, struct writer *w)
{
	struct tern_obj_tcp obj = { .fd = fd };
	int err;

	describe(sk, &obj);
	tern_image_put(saver->image, TERN_OBJ_TCP, &obj, sizeof(obj), NULL, 0);
	err = write_received(w, sk);
	if (!err)
		err = write_sent(w, sk);
	return err ?: write_unsent(w, sk);
}

/**
 * tern_connection_save() - TCP, and STREAM for what is in its queues
 * @saver: where to
 * @fd: a descriptor of it
 * @sk: accepted by tern_connection_refused(), of a process that stands
 *
 * What has come out of order is not taken: the peer sends it once more.
 *
 * Return: 0, -ENOMEM, -EAGAIN: the connection has come to an end just now.
 */
int tern_connection_save(struct tern_saver *saver, int fd, struct sock *sk)
{
	struct writer w = { .image = saver->image };
	int err;

	if (!add(saver->table->connections, sk))
		return -ENOMEM;
	w.data = kvmalloc(TERN_STREAM_MAX, GFP_KERNEL);
	if (!w.data)
		return -ENOMEM;
	lock_sock(sk);
	err = tern_connection_refused(sk) ? -EAGAIN : save_locked(saver, fd, sk, &w);
	release_sock(sk);
	kvfree(w.data);
	return err;
}

/* ---- load -------------------------------------------------------------------- */

static bool windows_valid(const struct tern_obj_tcp *obj)
{
	return obj->rcv_wnd <= WINDOW_MAX && obj->snd_wnd <= WINDOW_MAX &&
	       obj->max_window <= WINDOW_MAX && obj->max_window >= obj->snd_wnd &&
	       obj->window_clamp <= WINDOW_MAX && obj->rcv_ssthresh <= WINDOW_MAX &&
	       obj->snd_wscale <= TCP_MAX_WSCALE && obj->rcv_wscale <= TCP_MAX_WSCALE &&
	       !after(obj->rcv_wup, obj->rcv_nxt) &&
	       !after(obj->snd_wl1, obj->rcv_nxt + obj->rcv_wnd);
}

/* No more in a queue than could be, and a FIN where there must be one. */
static bool queues_valid(const struct tern_obj_tcp *obj)
{
	u32 received = obj->rcv_nxt - obj->copied_seq, sent = obj->snd_nxt - obj->snd_una;
	u32 unsent = obj->write_seq - obj->snd_nxt;

	if (received > WINDOW_MAX || sent > WINDOW_MAX || unsent > WINDOW_MAX)
		return false;
	if (has(obj, TCPF_FIN_WAIT2))
		return !sent && !unsent;
	return !has(obj, HAS_SENT_FIN) || sent || unsent;
}

static bool measured_valid(const struct tern_obj_tcp *obj)
{
	return obj->mss_clamp >= TCP_MIN_MSS && obj->mss_clamp <= U16_MAX &&
	       obj->srtt_us <= INT_MAX && obj->mdev_us <= INT_MAX &&
	       obj->mdev_max_us <= INT_MAX && obj->rttvar_us <= INT_MAX &&
	       obj->snd_cwnd && obj->snd_cwnd <= INT_MAX && obj->reordering <= U16_MAX &&
	       obj->rcvbuf <= INT_MAX / 2 && obj->sndbuf <= INT_MAX / 2;
}

/** tern_connection_valid() - may LOAD take @obj? */
bool tern_connection_valid(const struct tern_obj *head, const struct tern_obj_tcp *obj)
{
	return head->len == sizeof(*head) + sizeof(*obj) && obj->fd >= 0 &&
	       obj->state < TCP_MAX_STATES && has(obj, MOVES) &&
	       !(obj->flags & ~TERN_TCP_FLAGS_ALL) && obj->shutdown <= SHUTDOWN_MASK &&
	       obj->port && obj->port <= U16_MAX && obj->peer_port && obj->peer_port <= U16_MAX &&
	       !(obj->bound & ~BOUND) && !obj->reserved && windows_valid(obj) &&
	       queues_valid(obj) && measured_valid(obj);
}

/** tern_stream_valid() - may LOAD take @obj? */
bool tern_stream_valid(const struct tern_obj *head, const struct tern_obj_stream *obj)
{
	return head->len >= sizeof(*head) + sizeof(*obj) && obj->queue < TERN_NR_QUEUES &&
	       obj->len && obj->len <= TERN_STREAM_MAX &&
	       head->len == sizeof(*head) + sizeof(*obj) + obj->len;
}

static int make_address(const struct sock *sk, const u8 addr[16], u32 port,
			struct sockaddr_storage *to)
{
	struct sockaddr_in6 *in6 = (void *)to;
	struct sockaddr_in *in = (void *)to;

	memset(to, 0, sizeof(*to));
	if (sk->sk_family == AF_INET6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, addr, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, addr, sizeof(in->sin_addr));
	return sizeof(*in);
}

static int set_int(struct socket *sock, int name, int value)
{
	return sock->ops->setsockopt(sock, SOL_TCP, name, KERNEL_SOCKPTR(&value), sizeof(value));
}

/* What has been agreed upon when the connection was made. */
static int set_options(struct socket *sock, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sock->sk);
	struct tcp_repair_opt opt[4];
	unsigned int nr = 0;

	tp->tcp_header_len = sizeof(struct tcphdr) +
		(obj->flags & TERN_TCP_TIMESTAMPS ? TCPOLEN_TSTAMP_ALIGNED : 0);
	tp->rx_opt.rcv_wscale = 0;
	/* the size of segments is to be found anew when one is sent */
	inet_csk(sock->sk)->icsk_pmtu_cookie = 0;

	opt[nr++] = (struct tcp_repair_opt) { TCPOPT_MSS, obj->mss_clamp };
	if (obj->flags & TERN_TCP_WSCALE)
		opt[nr++] = (struct tcp_repair_opt) {
			TCPOPT_WINDOW, obj->snd_wscale | obj->rcv_wscale << 16,
		};
	if (obj->flags & TERN_TCP_SACK)
		opt[nr++] = (struct tcp_repair_opt) { TCPOPT_SACK_PERM, 0 };
	if (obj->flags & TERN_TCP_TIMESTAMPS)
		opt[nr++] = (struct tcp_repair_opt) { TCPOPT_TIMESTAMP, 0 };
	return sock->ops->setsockopt(sock, SOL_TCP, TCP_REPAIR_OPTIONS, KERNEL_SOCKPTR(opt),
				     nr * sizeof(*opt));
}

/* Both ends of the numbers that count bytes, before there is a connection. */
static int set_start(struct socket *sock, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sock->sk);
	bool eof = has(obj, HAS_RECEIVED_FIN) && obj->copied_seq == obj->rcv_nxt;
	int err = set_int(sock, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);

	if (!err)
		err = set_int(sock, TCP_QUEUE_SEQ, obj->snd_una);
	if (!err)
		err = set_int(sock, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	/* a FIN that has been read comes behind */
	if (!err)
		err = set_int(sock, TCP_QUEUE_SEQ, obj->copied_seq - eof);
	tp->tsoffset = obj->ts_now - compat_tcp_clock(tp);
	return err;
}

static int connect(struct socket *sock, const struct tern_obj_tcp *obj)
{
	struct sockaddr_storage addr;
	int len = make_address(sock->sk, obj->local, obj->port, &addr);
	int err = kernel_bind(sock, (struct sockaddr *)&addr, len);

	if (err)
		return err;
	len = make_address(sock->sk, obj->peer, obj->peer_port, &addr);
	/* no packet leaves for that */
	err = kernel_connect(sock, (struct sockaddr *)&addr, len, 0);
	return err ?: set_options(sock, obj);
}

static bool is_fresh(const struct sock *sk)
{
	return (sk->sk_family == AF_INET || sk->sk_family == AF_INET6) &&
	       sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP &&
	       sk->sk_state == TCP_CLOSE && !inet_sk(sk)->inet_num;
}

static int revive(struct socket *sock, const struct tern_obj_tcp *obj)
{
	unsigned int reuse = sock->sk->sk_reuse;
	int err = set_int(sock, TCP_REPAIR, TCP_REPAIR_ON);

	if (!err)
		err = set_start(sock, obj);
	if (!err)
		err = connect(sock, obj);
	/* which the repair has used for itself */
	sock->sk->sk_reuse = reuse;
	return err;
}

/**
 * tern_connection_load() - let a socket that a shell has have a connection
 * @connections: receives it, by their migration's lock
 * @leader: the shell, whose threads wait
 * @obj: accepted by tern_connection_valid()
 *
 * -ENOTSOCK: its descriptor is no such socket; -ENOMEM; or why it has no such address here.
 */
int tern_connection_load(struct list_head *connections, struct task_struct *leader,
			 const struct tern_obj_tcp *obj)
{
	struct file *file = tern_table_file(leader, obj->fd);
	struct socket *sock = file ? sock_from_file(file) : NULL;
	struct connection *c;

	if (!sock || !sock->sk || !is_fresh(sock->sk)) {
		if (file)
			fput(file);
		return -ENOTSOCK;
	}
	c = add(connections, sock->sk);
	if (!c) {
		fput(file);
		return -ENOMEM;
	}
	c->file = file;
	c->obj = *obj;
	return revive(sock, obj);
}

/* However much it is: the other host had room for it. */
static int send_all(struct socket *sock, const u8 *data, size_t len)
{
	struct sock *sk = sock->sk;
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf), sndbuf = READ_ONCE(sk->sk_sndbuf), ret = 0;
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };

	WRITE_ONCE(sk->sk_rcvbuf, INT_MAX / 2);
	WRITE_ONCE(sk->sk_sndbuf, INT_MAX / 2);
	while (len && ret >= 0) {
		struct kvec vec = { .iov_base = (void *)data, .iov_len = len };

		ret = kernel_sendmsg(sock, &msg, &vec, 1, len);
		if (ret > 0) {
			data += ret;
			len -= ret;
		} else if (!ret) {
			ret = -EIO;
		}
	}
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
	return ret < 0 ? ret : 0;
}

/* All that is in flight is there; what follows waits, for the peer seems to have no room. */
static int end_sent(struct connection *c)
{
	const struct tern_obj_tcp *obj = &c->obj;
	struct sock *sk = c->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	int err = 0;

	if (c->sent)
		return 0;
	c->sent = true;
	if (has(obj, HAS_SENT_FIN & ~TCPF_FIN_WAIT2) && obj->snd_nxt == obj->write_seq) {
		err = set_int(sock_from_file(c->file), TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
		lock_sock(sk);
		if (!err)
			sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
		release_sock(sk);
	}
	lock_sock(sk);
	tp->repair_queue = TCP_NO_QUEUE;
	tp->repair = 0;
	tp->snd_wnd = 0;
	release_sock(sk);
	return err;
}

/**
 * tern_stream_load() - put bytes into a queue of the last connection
 * @connections: of their migration, by its lock
 * @obj: accepted by tern_stream_valid()
 *
 * -EBADMSG: there is none, or such bytes come before these; -ENOMEM.
 */
int tern_stream_load(struct list_head *connections, const struct tern_obj_stream *obj)
{
	struct connection *c;
	struct socket *sock;
	int err = 0;

	if (list_empty(connections))
		return -EBADMSG;
	c = list_last_entry(connections, struct connection, node);
	sock = sock_from_file(c->file);
	if (c->sent && obj->queue != TERN_QUEUE_UNSENT)
		return -EBADMSG;
	if (obj->queue == TERN_QUEUE_RECEIVED)
		err = set_int(sock, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	else if (obj->queue == TERN_QUEUE_SENT)
		err = set_int(sock, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	else
		err = end_sent(c);
	return err ?: send_all(sock, (const u8 *)(obj + 1), obj->len);
}

/* A FIN has been received, and is counted. */
static void receive_fin(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->rcv_nxt++;
	if (obj->copied_seq == obj->rcv_nxt)
		WRITE_ONCE(tp->copied_seq, tp->rcv_nxt);
	sk->sk_shutdown |= RCV_SHUTDOWN;
	sock_set_flag(sk, SOCK_DONE);
	if (sk->sk_state == TCP_ESTABLISHED)
		tcp_set_state(sk, TCP_CLOSE_WAIT);
	else if (sk->sk_state == TCP_FIN_WAIT1)
		tcp_set_state(sk, TCP_CLOSING);
}

static void set_measured(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (obj->srtt_us) {
		tp->srtt_us = obj->srtt_us;
		tp->mdev_us = obj->mdev_us;
		tp->mdev_max_us = obj->mdev_max_us;
		tp->rttvar_us = obj->rttvar_us;
		inet_csk(sk)->icsk_rto = clamp_t(unsigned long, usecs_to_jiffies(obj->rto_us),
						 TCP_RTO_MIN, TCP_RTO_MAX);
	}
	tcp_snd_cwnd_set(tp, min(obj->snd_cwnd, tp->snd_cwnd_clamp));
	tp->snd_ssthresh = max(obj->snd_ssthresh, 2U);
	tp->reordering = clamp_t(u32, obj->reordering, tp->reordering,
				 READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_max_reordering));
	inet_csk(sk)->icsk_ack.pingpong =
		obj->flags & TERN_TCP_INTERACTIVE ? compat_tcp_pingpong(sk) : 0;
}

/* As they have grown, up to what this host lets them. */
static void set_buffers(struct sock *sk, const struct tern_obj_tcp *obj)
{
	const struct netns_ipv4 *ipv4 = &sock_net(sk)->ipv4;

	if (!(sk->sk_userlocks & SOCK_RCVBUF_LOCK))
		WRITE_ONCE(sk->sk_rcvbuf, max_t(int, sk->sk_rcvbuf,
						min_t(int, obj->rcvbuf, ipv4->sysctl_tcp_rmem[2])));
	if (!(sk->sk_userlocks & SOCK_SNDBUF_LOCK))
		WRITE_ONCE(sk->sk_sndbuf, max_t(int, sk->sk_sndbuf,
						min_t(int, obj->sndbuf, ipv4->sysctl_tcp_wmem[2])));
}

static void set_state(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (obj->ts_recent) {
		tp->rx_opt.ts_recent = obj->ts_recent;
		tp->rx_opt.ts_recent_stamp = ktime_get_seconds() - obj->ts_age;
	}
	if (has(obj, TCPF_FIN_WAIT2))
		tcp_set_state(sk, TCP_FIN_WAIT2);
	if (has(obj, HAS_RECEIVED_FIN))
		receive_fin(sk, obj);
	sk->sk_shutdown |= obj->shutdown;
	tp->snd_wl1 = obj->snd_wl1;
	tp->max_window = obj->max_window;
	tp->rcv_wnd = obj->rcv_wnd;
	tp->rcv_wup = obj->rcv_wup;
	tp->window_clamp = obj->window_clamp;
	tp->rcv_ssthresh = obj->rcv_ssthresh;
	sk->sk_userlocks = (sk->sk_userlocks & ~BOUND) | obj->bound;
	set_buffers(sk, obj);
	set_measured(sk, obj);
}

static bool is_whole(struct sock *sk, const struct tern_obj_tcp *obj)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return sk->sk_state == obj->state && tp->rcv_nxt == obj->rcv_nxt &&
	       tp->copied_seq == obj->copied_seq && tp->snd_una == obj->snd_una &&
	       tp->snd_nxt == obj->snd_nxt && tp->write_seq == obj->write_seq;
}

/* Nothing is to leave before everybody is there. */
static void stop_timers(struct sock *sk)
{
	inet_csk_clear_xmit_timer(sk, ICSK_TIME_RETRANS);
	inet_csk_clear_xmit_timer(sk, ICSK_TIME_DACK);
}

static int finish(struct connection *c)
{
	struct sock *sk = c->sk;
	const struct tern_obj_tcp *obj = &c->obj;
	int err = end_sent(c);

	if (err)
		return err;
	lock_sock(sk);
	if (has(obj, HAS_SENT_FIN & ~TCPF_FIN_WAIT2) && !(sk->sk_shutdown & SEND_SHUTDOWN))
		sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
	set_state(sk, obj);
	err = is_whole(sk, obj) ? 0 : -EBADMSG;
	stop_timers(sk);
	/* if it does not come to life here it ends without a word */
	tcp_sk(sk)->repair = 1;
	release_sock(sk);
	return err;
}

/**
 * tern_connections_finish() - all that belongs to them has been loaded
 * @connections: of a migration, by its lock
 *
 * -EBADMSG: there are more bytes, or fewer, than there should be.
 */
int tern_connections_finish(struct list_head *connections)
{
	struct connection *c;
	int err = 0;

	list_for_each_entry(c, connections, node)
		err = err ?: finish(c);
	return err;
}

/* What is in flight may have been lost, and what waits may leave if there is room. */
static void go(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 nonagle;

	lock_sock(sk);
	tp->repair = 0;
	tp->snd_wnd = obj->snd_wnd;
	if (tp->packets_out)
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, inet_csk(sk)->icsk_rto,
					  TCP_RTO_MAX);
	/* somebody may wait for that */
	if (tp->rcv_nxt != tp->rcv_wup)
		compat_tcp_send_ack(sk);
	nonagle = tp->nonagle;
	release_sock(sk);
	if (tp->write_seq == tp->snd_nxt)
		return;
	tcp_sock_set_nodelay(sk);
	tp->nonagle = nonagle;
}

/** tern_connections_go() - at the destination: all of them may be heard; forgets them */
void tern_connections_go(struct list_head *connections)
{
	struct connection *c;

	list_for_each_entry(c, connections, node)
		go(c->sk, &c->obj);
	tern_connections_forget(connections);
}

/**
 * tern_connections_silence() - at the source: they are elsewhere; forgets them
 *
 * Closed in repair, they end without a word.
 */
void tern_connections_silence(struct list_head *connections)
{
	struct connection *c;

	list_for_each_entry(c, connections, node) {
		lock_sock(c->sk);
		tcp_sk(c->sk)->repair = 1;
		tcp_sk(c->sk)->repair_queue = TCP_NO_QUEUE;
		stop_timers(c->sk);
		inet_csk_delete_keepalive_timer(c->sk);
		release_sock(c->sk);
	}
	tern_connections_forget(connections);
}
