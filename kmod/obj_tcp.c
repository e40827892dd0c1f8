// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections: TCP and STREAM. They are taken over as they stand, so that the peer sees
 * the same sequence numbers, windows, options and timestamps as before, and no packet that
 * it would not have seen; TCP_REPAIR (tcp(7)) is the door by which that is done.
 *
 * While the process stands they go on: what comes is acknowledged, and waits in their queues.
 * From the moment when one is saved nothing may reach it any more, or what comes would be
 * acknowledged and lost: a pod has a network namespace of its own, of which the door is closed
 * first (hold.c). For the same reason what is restored says nothing before everything that
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

#define SEGMENT		16384		/* bytes in one that is made anew */
#define ECN		(TCP_ECN_OK | TCP_ECN_QUEUE_CWR | TCP_ECN_DEMAND_CWR)
#define CALLS		(TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)
#define MOVES		(TCPF_ESTABLISHED | CONNECTION_HEARD_FIN | CONNECTION_SAID_FIN)

/* ---- check ------------------------------------------------------------------- */

/** tern_connection_refused() - what stands against a connection; NULL: nothing */
const char *tern_connection_refused(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (tern_ended_is(sk))
		return NULL;
	if (!(1U << READ_ONCE(sk->sk_state) & (MOVES | TCPF_SYN_SENT)))
		return "a TCP socket that both ends connect at the same time";
	if (sk_is_mptcp(sk))
		return "a connection of MPTCP";
	if (READ_ONCE(tp->urg_data) || before(READ_ONCE(tp->snd_una), READ_ONCE(tp->snd_up)))
		return "a TCP connection with urgent data";
	if (tp->repair)
		return "a TCP connection that another program is moving (TCP_REPAIR)";
	return READ_ONCE(sk->sk_state) == TCP_SYN_SENT ? tern_connecting_refused(sk) : NULL;
}

/* ---- save -------------------------------------------------------------------- */

static void describe_addresses(const struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct inet_sock *inet = inet_sk(sk);

	obj->family = sk->sk_family;
	obj->port = inet->inet_num;
	obj->peer_port = ntohs(inet->inet_dport);
	if (sk->sk_family == AF_INET6) {
		memcpy(obj->local, &sk->sk_v6_rcv_saddr, sizeof(obj->local));
		memcpy(obj->peer, &sk->sk_v6_daddr, sizeof(obj->peer));
	} else {
		memcpy(obj->local, &inet->inet_rcv_saddr, sizeof(inet->inet_rcv_saddr));
		memcpy(obj->peer, &inet->inet_daddr, sizeof(inet->inet_daddr));
	}
	obj->bound = sk->sk_userlocks & CONNECTION_BOUND;
}

static void describe_options(const struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_options_received *opt = &tp->rx_opt;

	obj->flags = (opt->sack_ok ? TERN_TCP_SACK : 0) |
		     (opt->wscale_ok ? TERN_TCP_WSCALE : 0) |
		     (opt->tstamp_ok ? TERN_TCP_TIMESTAMPS : 0) |
		     (inet_csk_in_pingpong_mode((struct sock *)sk) ? TERN_TCP_INTERACTIVE : 0) |
		     tern_connecting_flag(sk);
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
	obj->ecn = tp->ecn_flags & ECN;
	/* whatever somebody may have asked for */
	obj->rcv_ssthresh = min(tp->rcv_ssthresh, CONNECTION_WINDOW_MAX);
	obj->window_clamp = min(tp->window_clamp, CONNECTION_WINDOW_MAX);
	obj->rcvbuf = min(sk->sk_rcvbuf, INT_MAX / 2);
	obj->sndbuf = min(sk->sk_sndbuf, INT_MAX / 2);
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
	if (sk->sk_state == TCP_SYN_SENT)
		tern_connecting_describe(sk, obj);
}

/**
 * struct writer - bytes on their way from packets into STREAM
 * @image: where to
 * @obj: what is being filled; its seq is the next one's
 * @data: TERN_STREAM_MAX bytes, of which @obj->len are used
 * @max: so many in one object
 */
struct writer {
	struct tern_image *image;
	struct tern_obj_stream obj;
	u8 *data;
	u32 max;
};

static void flush(struct writer *w)
{
	if (w->obj.len)
		tern_image_put(w->image, TERN_OBJ_STREAM, &w->obj, sizeof(w->obj), w->data,
			       w->obj.len);
	w->obj.seq += w->obj.len;
	w->obj.len = 0;
}

/* Bytes from @from on, up to but without @to. */
static int write_skb(struct writer *w, const struct sk_buff *skb, u32 from, u32 to)
{
	u32 offset = from - TCP_SKB_CB(skb)->seq;

	while (from != to) {
		u32 len = min_t(u32, to - from, w->max - w->obj.len);
		int err = skb_copy_bits(skb, offset, w->data + w->obj.len, len);

		if (err)
			return err;
		w->obj.len += len;
		offset += len;
		from += len;
		if (w->obj.len == w->max)
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

static void begin(struct writer *w, enum tern_queue queue, u32 seq)
{
	w->obj = (struct tern_obj_stream) { .queue = queue, .seq = seq };
	w->max = queue == TERN_QUEUE_APART ? SEGMENT : TERN_STREAM_MAX;
}

/* Bytes from @at on, of packets in a list. */
static int write_list(struct writer *w, enum tern_queue queue, const struct sk_buff_head *list,
		      u32 at)
{
	const struct sk_buff *skb;
	int err = 0;

	begin(w, queue, at);
	skb_queue_walk(list, skb) {
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

	begin(w, TERN_QUEUE_SENT, at);
	for (node = rb_first(&sk->tcp_rtx_queue); node && !err; node = rb_next(node))
		err = write_from(w, rb_to_skb(node), &at);
	flush(w);
	return err;
}

/* What has come out of order: pieces with holes between them. */
static int write_apart(struct writer *w, const struct sock *sk)
{
	const struct rb_node *node;
	int err = 0;

	for (node = rb_first(&tcp_sk(sk)->out_of_order_queue); node && !err; node = rb_next(node)) {
		const struct sk_buff *skb = rb_to_skb(node);
		u32 seq = TCP_SKB_CB(skb)->seq;

		begin(w, TERN_QUEUE_APART, seq);
		err = write_skb(w, skb, seq, seq + skb->len);
		flush(w);
	}
	return err;
}

static int save_ended(struct tern_saver *saver, const struct tern_connection *c,
		      struct writer *w)
{
	struct tern_obj_tcp obj = { .fd = c->fd };

	tern_ended_describe(c->sk, &obj);
	tern_image_put(saver->image, TERN_OBJ_TCP, &obj, sizeof(obj), NULL, 0);
	return write_list(w, TERN_QUEUE_RECEIVED, &c->sk->sk_receive_queue, obj.copied_seq);
}

static int save_locked(struct tern_saver *saver, const struct tern_connection *c, u32 flags,
		       struct writer *w)
{
	struct tern_obj_tcp obj = { .fd = c->fd };
	struct sock *sk = c->sk;
	int err;

	if (c->closes || tern_ended_is(sk))
		return save_ended(saver, c, w);
	describe(sk, &obj);
	obj.flags |= flags;
	tern_image_put(saver->image, TERN_OBJ_TCP, &obj, sizeof(obj), NULL, 0);
	err = write_list(w, TERN_QUEUE_RECEIVED, &sk->sk_receive_queue, tcp_sk(sk)->copied_seq);
	if (!err)
		err = write_sent(w, sk);
	if (!err)
		err = write_list(w, TERN_QUEUE_UNSENT, &sk->sk_write_queue, tcp_sk(sk)->snd_nxt);
	return err ?: write_apart(w, sk);
}

/* What it would send now were later than what goes on elsewhere. */
static void stop(struct tern_connection *c)
{
	tern_connection_stop(c->sk);
	c->stopped = true;
}

/**
 * tern_connection_note() - a connection that will be saved when its process runs elsewhere
 * @connections: of a migration, by its lock
 * @fd: a descriptor of it
 * @sk: accepted by tern_inet_refused(), of a process that stands; or it listens
 * @closes: it will be saved as one that has been reset, and then be
 *
 * Return: 0, -ENOMEM, -EAGAIN: the connection has become one that cannot move.
 */
int tern_connection_note(struct list_head *connections, int fd, struct sock *sk, bool closes)
{
	struct tern_connection *c = tern_connection_add(connections, fd, sk);
	int err = 0;

	if (!c)
		return -ENOMEM;
	c->listens = sk->sk_state == TCP_LISTEN;
	c->closes = closes && !tern_ended_is(sk);
	if (c->listens || c->closes)
		return 0;
	lock_sock(sk);
	if (tern_connection_refused(sk))
		err = -EAGAIN;
	release_sock(sk);
	return err;
}

/* What no process has must not have ended since it was found. */
static bool may_save(const struct tern_connection *c, u32 flags)
{
	return c->closes || !(tern_connection_refused(c->sk) || (flags && tern_ended_is(c->sk)));
}

/**
 * tern_connection_save() - TCP, and STREAM for what is in its queues
 * @saver: where to
 * @c: of a process that stands, or of none
 * @flags: TERN_TCP_CALLER, TERN_TCP_ORPHAN
 *
 * Of one that cannot move any more nothing is saved. Return: 0, -ENOMEM.
 */
int tern_connection_save(struct tern_saver *saver, struct tern_connection *c, u32 flags)
{
	struct writer w = { .image = saver->image };
	const size_t before = saver->image->len;
	int err = 0;

	w.data = kvmalloc(TERN_STREAM_MAX, GFP_KERNEL);
	if (!w.data)
		return -ENOMEM;
	lock_sock(c->sk);
	if (may_save(c, flags)) {
		if (!c->closes)
			stop(c);
		err = save_locked(saver, c, flags, &w);
	}
	release_sock(c->sk);
	/* of all of them this one is left behind: it has grown since they were measured */
	if (saver->image->len > TERN_IMAGE_MAX)
		saver->image->len = before;
	kvfree(w.data);
	return err;
}

/**
 * tern_connection_save_new() - likewise, of one that no process has
 * @saver: where to; its table remembers it
 * @fd: a descriptor of the socket that it has called; -1: there is none
 * @sk: the connection
 * @flags: TERN_TCP_CALLER or TERN_TCP_ORPHAN
 */
int tern_connection_save_new(struct tern_saver *saver, int fd, struct sock *sk, u32 flags)
{
	struct tern_connection *c = tern_connection_add(saver->table->connections, fd, sk);

	if (!c)
		return -ENOMEM;
	c->orphan = flags & TERN_TCP_ORPHAN;
	return tern_connection_save(saver, c, flags);
}

/* ---- what a peer sends ----------------------------------------------------------- */

static bool windows_valid(const struct tern_obj_tcp *obj)
{
	return obj->rcv_wnd <= CONNECTION_WINDOW_MAX && obj->snd_wnd <= CONNECTION_WINDOW_MAX &&
	       obj->max_window <= CONNECTION_WINDOW_MAX && obj->max_window >= obj->snd_wnd &&
	       obj->window_clamp <= CONNECTION_WINDOW_MAX &&
	       obj->rcv_ssthresh <= CONNECTION_WINDOW_MAX &&
	       obj->snd_wscale <= TCP_MAX_WSCALE && obj->rcv_wscale <= TCP_MAX_WSCALE &&
	       !after(obj->rcv_wup, obj->rcv_nxt) &&
	       !after(obj->snd_wl1, obj->rcv_nxt + obj->rcv_wnd);
}

/* No more in a queue than could be, and a FIN where there must be one. */
static bool queues_valid(const struct tern_obj_tcp *obj)
{
	u32 received = obj->rcv_nxt - obj->copied_seq, sent = obj->snd_nxt - obj->snd_una;
	u32 unsent = obj->write_seq - obj->snd_nxt;

	if (max3(received, sent, unsent) > CONNECTION_WINDOW_MAX)
		return false;
	if (connection_is(obj, TCPF_FIN_WAIT2) || obj->flags & TERN_TCP_CALLER)
		return !sent && !unsent;
	return !connection_is(obj, CONNECTION_SAID_FIN) || sent || unsent;
}

static bool measured_valid(const struct tern_obj_tcp *obj)
{
	return obj->mss_clamp && obj->mss_clamp <= U16_MAX &&
	       obj->srtt_us <= INT_MAX && obj->mdev_us <= INT_MAX &&
	       obj->mdev_max_us <= INT_MAX && obj->rttvar_us <= INT_MAX &&
	       obj->snd_cwnd && obj->snd_cwnd <= INT_MAX && obj->reordering <= U16_MAX &&
	       obj->rcvbuf <= INT_MAX / 2 && obj->sndbuf <= INT_MAX / 2;
}

static u32 states_of(const struct tern_obj_tcp *obj)
{
	switch (obj->flags & (TERN_TCP_CALLER | TERN_TCP_ORPHAN | TERN_TCP_CONNECTING)) {
	case 0:
	case TERN_TCP_CONNECTING:
		return MOVES | TCPF_SYN_SENT | TCPF_CLOSE;
	case TERN_TCP_CALLER:	return CALLS;
	case TERN_TCP_ORPHAN:	return CONNECTION_SAID_FIN;
	default:		return 0;
	}
}

static bool goes_on_valid(const struct tern_obj_tcp *obj)
{
	return !(obj->flags & TERN_TCP_HEARD_FIN) && !obj->err && !(obj->ecn & ~ECN) &&
	       windows_valid(obj) && queues_valid(obj) && measured_valid(obj);
}

static bool state_valid(const struct tern_obj_tcp *obj)
{
	if (connection_is(obj, TCPF_CLOSE))
		return tern_ended_valid(obj);
	return obj->port && obj->port <= U16_MAX && obj->peer_port && obj->peer_port <= U16_MAX &&
	       !(obj->bound & ~CONNECTION_BOUND) &&
	       (connection_is(obj, TCPF_SYN_SENT) ? tern_connecting_valid(obj) :
						    goes_on_valid(obj));
}

/** tern_connection_valid() - may SOCKETS take @obj? */
bool tern_connection_valid(const struct tern_obj *head, const struct tern_obj_tcp *obj)
{
	return head->len == sizeof(*head) + sizeof(*obj) &&
	       (obj->flags & TERN_TCP_ORPHAN ? obj->fd == -1 : obj->fd >= 0) &&
	       (obj->family == AF_INET || obj->family == AF_INET6) &&
	       obj->state < TCP_MAX_STATES && connection_is(obj, states_of(obj)) &&
	       !(obj->flags & ~TERN_TCP_FLAGS_ALL) && obj->shutdown <= SHUTDOWN_MASK &&
	       state_valid(obj);
}

/** tern_stream_valid() - may SOCKETS take @obj? */
bool tern_stream_valid(const struct tern_obj *head, const struct tern_obj_stream *obj)
{
	u32 max = obj->queue == TERN_QUEUE_APART ? SEGMENT : TERN_STREAM_MAX;

	return head->len >= sizeof(*head) + sizeof(*obj) && obj->queue < TERN_NR_QUEUES &&
	       obj->len && obj->len <= max &&
	       head->len == sizeof(*head) + sizeof(*obj) + obj->len;
}
