// SPDX-License-Identifier: GPL-2.0
/*
 * Connections of TCP at the destination, as they come to life, and what is left of them at the
 * source. One that is made from an image is in repair (TCP_REPAIR, tcp(7)) until all that come
 * with it are there: neither does it say anything, nor would anybody hear of it if it ended.
 */
#include <linux/file.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "connection.h"
#include "gate.h"
#include "inet.h"
#include "segment.h"

#define CWND_MAX	(1U << 20)	/* segments: more than any window has room for */

/**
 * tern_connection_add() - remember a socket
 * @connections: of those that belong together
 * @fd: a descriptor of it, or of the socket that it has called
 * @sk: a reference is taken
 *
 * Return: NULL: no memory.
 */
struct tern_connection *tern_connection_add(struct list_head *connections, int fd,
					    struct sock *sk)
{
	struct tern_connection *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	sock_hold(sk);
	c->fd = fd;
	c->sk = sk;
	skb_queue_head_init(&c->apart);
	list_add_tail(&c->node, connections);
	return c;
}

/* Closed in repair, it ends without a word. */
static void set_repair(struct sock *sk)
{
	lock_sock(sk);
	tcp_sk(sk)->repair = 1;
	tcp_sk(sk)->repair_queue = TCP_NO_QUEUE;
	release_sock(sk);
}

/**
 * tern_connection_stop() - let it say nothing by itself
 * @sk: locked
 */
void tern_connection_stop(struct sock *sk)
{
	tcp_clear_xmit_timers(sk);
}

/* Behind that, with it locked. Somebody may wait for what it has not acknowledged. */
static void start(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	unsigned long rto = inet_csk(sk)->icsk_rto;

	if (sk->sk_state == TCP_CLOSE)
		return;
	if (tp->packets_out)
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, rto, TCP_RTO_MAX);
	else if (tcp_send_head(sk))
		inet_csk_reset_xmit_timer(sk, ICSK_TIME_PROBE0, rto, TCP_RTO_MAX);
	if (tp->rcv_nxt != tp->rcv_wup)
		compat_tcp_send_ack(sk);
	if (sock_flag(sk, SOCK_KEEPOPEN))
		inet_csk_reset_keepalive_timer(sk, keepalive_time_when(tp));
	else if (sock_flag(sk, SOCK_DEAD) && sk->sk_state == TCP_FIN_WAIT2)
		inet_csk_reset_keepalive_timer(sk, tcp_fin_time(sk));
}

static void run_on(struct sock *sk)
{
	lock_sock(sk);
	start(sk);
	release_sock(sk);
}

/** tern_connections_forget() - of all of them only the sockets are left, and run on */
void tern_connections_forget(struct list_head *connections)
{
	struct tern_connection *c, *next;

	list_for_each_entry_safe(c, next, connections, node) {
		list_del(&c->node);
		if (c->mute)
			set_repair(c->sk);
		if (c->stopped)
			run_on(c->sk);
		skb_queue_purge(&c->apart);
		if (c->file)
			fput(c->file);
		if (c->sock)
			sock_release(c->sock);
		sock_put(c->sk);
		kfree(c);
	}
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

static int set_int(struct sock *sk, int name, int value)
{
	return sk->sk_prot->setsockopt(sk, SOL_TCP, name, KERNEL_SOCKPTR(&value), sizeof(value));
}

/* What has been agreed upon when the connection was made. */
static int set_options(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_repair_opt opt[4];
	unsigned int nr = 0;

	tp->tcp_header_len = sizeof(struct tcphdr) +
		(obj->flags & TERN_TCP_TIMESTAMPS ? TCPOLEN_TSTAMP_ALIGNED : 0);
	tp->rx_opt.rcv_wscale = 0;
	/* the size of segments is to be found anew when one is sent */
	inet_csk(sk)->icsk_pmtu_cookie = 0;

	opt[nr++] = (struct tcp_repair_opt) { TCPOPT_MSS, obj->mss_clamp };
	if (obj->flags & TERN_TCP_WSCALE)
		opt[nr++] = (struct tcp_repair_opt) {
			TCPOPT_WINDOW, obj->snd_wscale | obj->rcv_wscale << 16,
		};
	if (obj->flags & TERN_TCP_SACK)
		opt[nr++] = (struct tcp_repair_opt) { TCPOPT_SACK_PERM, 0 };
	if (obj->flags & TERN_TCP_TIMESTAMPS)
		opt[nr++] = (struct tcp_repair_opt) { TCPOPT_TIMESTAMP, 0 };
	return sk->sk_prot->setsockopt(sk, SOL_TCP, TCP_REPAIR_OPTIONS, KERNEL_SOCKPTR(opt),
				       nr * sizeof(*opt));
}

/* Both ends of the numbers that count bytes, before there is a connection. */
static int set_start(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool eof = connection_is(obj, CONNECTION_HEARD_FIN) && obj->copied_seq == obj->rcv_nxt;
	int err = set_int(sk, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);

	if (!err)
		err = set_int(sk, TCP_QUEUE_SEQ, obj->snd_una);
	if (!err)
		err = set_int(sk, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	/* a FIN that has been read comes behind */
	if (!err)
		err = set_int(sk, TCP_QUEUE_SEQ, obj->copied_seq - eof);
	tp->tsoffset = obj->ts_now - compat_tcp_clock(tp);
	return err;
}

/* No packet leaves for that, nor is there one to wait for (TCP_FASTOPEN_CONNECT). */
static int connect_now(struct socket *sock, struct sockaddr_storage *addr, int len)
{
	struct tcp_sock *tp = tcp_sk(sock->sk);
	bool defers = tp->fastopen_connect;
	int err;

	tp->fastopen_connect = 0;
	err = tern_gate_real(sock)->connect(sock, (struct sockaddr *)addr, len, 0);
	tp->fastopen_connect = defers;
	return err;
}

/* Past the gate, which is shut. */
static int connect(struct socket *sock, const struct tern_obj_tcp *obj)
{
	struct sockaddr_storage addr;
	int len = make_address(sock->sk, obj->local, obj->port, &addr);
	int err = tern_gate_real(sock)->bind(sock, (struct sockaddr *)&addr, len);

	if (err)
		return err;
	if (connection_is(obj, TCPF_SYN_SENT))
		tern_connecting_begin(sock->sk);
	len = make_address(sock->sk, obj->peer, obj->peer_port, &addr);
	err = connect_now(sock, &addr, len);
	/* nothing has been agreed upon before the peer has answered */
	if (err || connection_is(obj, TCPF_SYN_SENT))
		return err;
	return set_options(sock->sk, obj);
}

/** tern_connection_is_fresh() - of TCP, and nothing has been done with it yet */
bool tern_connection_is_fresh(const struct sock *sk)
{
	return (sk->sk_family == AF_INET || sk->sk_family == AF_INET6) &&
	       sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP &&
	       sk->sk_state == TCP_CLOSE && !inet_sk(sk)->inet_num;
}

static int revive(struct tern_connection *c, struct socket *sock)
{
	struct sock *sk = sock->sk;
	int err;

	/* until all that listen have their addresses it stays what the repair makes it */
	c->reuse = sk->sk_reuse;
	err = set_int(sk, TCP_REPAIR, TCP_REPAIR_ON);
	if (!err)
		err = set_start(sk, &c->obj);
	if (err || !connection_is(&c->obj, TCPF_CLOSE))
		return err ?: connect(sock, &c->obj);
	tern_ended_begin(sk);
	return 0;
}

static int load(struct list_head *connections, struct file *file, const struct tern_obj_tcp *obj)
{
	struct socket *sock = sock_from_file(file);
	struct tern_connection *c;

	if (!sock || !sock->sk || !tern_connection_is_fresh(sock->sk) ||
	    sock->sk->sk_family != obj->family)
		return -ENOTSOCK;
	c = tern_connection_add(connections, obj->fd, sock->sk);
	if (!c)
		return -ENOMEM;
	c->file = get_file(file);
	c->obj = *obj;
	c->mute = true;
	return revive(c, sock);
}

/* In repair, too, from here on. */
static int load_caller(struct list_head *connections, struct file *file,
		       const struct tern_obj_tcp *obj)
{
	struct socket *sock = sock_from_file(file);
	struct tern_connection *c;
	struct sock *sk;

	if (!sock || !sock->sk || !tern_inet_is(sock->sk) || sock->sk->sk_state != TCP_LISTEN ||
	    sock->sk->sk_family != obj->family)
		return -ENOTSOCK;
	sk = tern_caller_make(sock->sk, obj);
	if (IS_ERR(sk))
		return PTR_ERR(sk);
	c = tern_connection_add(connections, obj->fd, sk);
	sock_put(sk);
	if (!c)
		return -ENOMEM;
	c->file = get_file(file);
	c->obj = *obj;
	c->mute = true;
	c->reuse = sk->sk_reuse;
	sk->sk_reuse = SK_FORCE_REUSE;
	set_repair(sk);
	return 0;
}

/* One that nobody has: as soon as it may be heard it is closed once more. */
static int load_orphan(struct list_head *connections, struct net *net,
		       const struct tern_obj_tcp *obj)
{
	struct socket *sock = tern_orphan_make(net, obj->family);
	struct tern_connection *c;

	if (IS_ERR(sock))
		return PTR_ERR(sock);
	c = tern_connection_add(connections, -1, sock->sk);
	if (!c) {
		sock_release(sock);
		return -ENOMEM;
	}
	c->sock = sock;
	c->obj = *obj;
	c->mute = true;
	return revive(c, sock);
}

/**
 * tern_connection_load() - let a socket have a connection
 * @connections: receives it
 * @file: of the socket, or of the one that it has called; NULL: it is an orphan
 * @net: where those are
 * @obj: accepted by tern_connection_valid()
 *
 * -ENOTSOCK: @file is no such socket; -ENOMEM; or why it has no such address here.
 */
int tern_connection_load(struct list_head *connections, struct file *file, struct net *net,
			 const struct tern_obj_tcp *obj)
{
	if (obj->flags & TERN_TCP_ORPHAN)
		return load_orphan(connections, net, obj);
	return obj->flags & TERN_TCP_CALLER ? load_caller(connections, file, obj) :
					      load(connections, file, obj);
}

/* However much it is: the other host had room for it. */
static int send_all(struct sock *sk, const u8 *data, size_t len)
{
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf), sndbuf = READ_ONCE(sk->sk_sndbuf), ret = 0;
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };

	WRITE_ONCE(sk->sk_rcvbuf, INT_MAX / 2);
	WRITE_ONCE(sk->sk_sndbuf, INT_MAX / 2);
	while (len && ret >= 0) {
		struct kvec vec = { .iov_base = (void *)data, .iov_len = len };

		iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, len);
		ret = sk->sk_prot->sendmsg(sk, &msg, len);
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

/* One that is not acknowledged yet, and perhaps not sent. */
static bool has_fin_to_say(const struct tern_obj_tcp *obj)
{
	return connection_is(obj, CONNECTION_SAID_FIN & ~TCPF_FIN_WAIT2);
}

/* All that is in flight is there; what follows waits, for the peer seems to have no room. */
static int end_sent(struct tern_connection *c)
{
	const struct tern_obj_tcp *obj = &c->obj;
	struct sock *sk = c->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	int err = 0;

	if (c->sent)
		return 0;
	c->sent = true;
	if (has_fin_to_say(obj) && obj->snd_nxt == obj->write_seq) {
		err = set_int(sk, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
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

/* For the time when what the connection says to that may be heard. */
static int keep_apart(struct tern_connection *c, const struct tern_obj_stream *obj)
{
	struct sk_buff *skb = tern_segment_make(&c->obj, obj->seq, obj + 1, obj->len);

	if (!skb)
		return -ENOMEM;
	__skb_queue_tail(&c->apart, skb);
	return 0;
}

/**
 * tern_stream_load() - put bytes into a queue of the last connection
 * @connections: of those that come together
 * @obj: accepted by tern_stream_valid()
 *
 * -EBADMSG: there is none, or such bytes come before these; -ENOMEM.
 */
int tern_stream_load(struct list_head *connections, const struct tern_obj_stream *obj)
{
	struct tern_connection *c;
	struct sock *sk;
	int err = 0;

	if (list_empty(connections))
		return -EBADMSG;
	c = list_last_entry(connections, struct tern_connection, node);
	sk = c->sk;
	if (connection_is(&c->obj, TCPF_SYN_SENT))
		return -EBADMSG;
	if (obj->queue == TERN_QUEUE_APART)
		return keep_apart(c, obj);
	if (c->sent && obj->queue != TERN_QUEUE_UNSENT)
		return -EBADMSG;
	if (connection_is(&c->obj, TCPF_CLOSE) && obj->queue != TERN_QUEUE_RECEIVED)
		return -EBADMSG;
	/* nobody can have written to what has not been accepted */
	if (c->obj.flags & TERN_TCP_CALLER && obj->queue != TERN_QUEUE_RECEIVED)
		return -EBADMSG;
	if (obj->queue == TERN_QUEUE_RECEIVED)
		err = set_int(sk, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	else if (obj->queue == TERN_QUEUE_SENT)
		err = set_int(sk, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	else
		err = end_sent(c);
	return err ?: send_all(sk, (const u8 *)(obj + 1), obj->len);
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
	/* whichever of the two FINs was first */
	tcp_set_state(sk, obj->state);
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
	tp->ecn_flags |= obj->ecn;
	tcp_snd_cwnd_set(tp, min3(obj->snd_cwnd, tp->snd_cwnd_clamp, CWND_MAX));
	tp->snd_ssthresh = clamp_t(u32, obj->snd_ssthresh, 2, TCP_INFINITE_SSTHRESH);
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
	if (connection_is(obj, TCPF_FIN_WAIT2))
		tcp_set_state(sk, TCP_FIN_WAIT2);
	if (connection_is(obj, CONNECTION_HEARD_FIN))
		receive_fin(sk, obj);
	sk->sk_shutdown |= obj->shutdown;
	tern_connecting_set(sk, obj);
	tp->snd_wl1 = obj->snd_wl1;
	tp->max_window = obj->max_window;
	tp->rcv_wnd = obj->rcv_wnd;
	tp->rcv_wup = obj->rcv_wup;
	tp->window_clamp = obj->window_clamp;
	tp->rcv_ssthresh = obj->rcv_ssthresh;
	sk->sk_userlocks = (sk->sk_userlocks & ~CONNECTION_BOUND) | obj->bound;
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

/**
 * tern_connection_finish() - all that belongs to it has been loaded
 * @c: after that, it need not be what it should be
 *
 * -EBADMSG: there are more bytes, or fewer, than there should be.
 */
int tern_connection_finish(struct tern_connection *c)
{
	struct sock *sk = c->sk;
	const struct tern_obj_tcp *obj = &c->obj;
	int err = end_sent(c);
	bool whole;

	if (err)
		return err;
	lock_sock(sk);
	if (has_fin_to_say(obj) && !(sk->sk_shutdown & SEND_SHUTDOWN))
		sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
	if (connection_is(obj, TCPF_SYN_SENT)) {
		/* nothing is there yet, its SYN included */
		whole = tern_connecting_finish(sk, obj);
	} else {
		if (connection_is(obj, TCPF_CLOSE))
			tern_ended_finish(sk, obj);
		else
			set_state(sk, obj);
		whole = is_whole(sk, obj);
	}
	tern_connection_stop(sk);
	/* if it does not come to life here it ends without a word */
	tcp_sk(sk)->repair = 1;
	release_sock(sk);
	return whole ? 0 : -EBADMSG;
}

/**
 * tern_connection_reset() - as if the peer had reset it
 * @sk: whatever has become of it so far; nothing of it is left
 */
void tern_connection_reset(struct sock *sk)
{
	lock_sock(sk);
	/* without a word */
	tcp_sk(sk)->repair = 1;
	sk->sk_prot->disconnect(sk, 0);
	tcp_sk(sk)->repair = 0;
	WRITE_ONCE(sk->sk_err, ECONNRESET);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	/* connect(2) may wait to say so */
	if (sk->sk_socket)
		sk->sk_socket->state = SS_CONNECTING;
	sk_error_report(sk);
	release_sock(sk);
}

/** tern_connection_fail() - it could not be made: whoever has it finds it reset; forgets it */
void tern_connection_fail(struct tern_connection *c)
{
	LIST_HEAD(one);

	tern_connection_reset(c->sk);
	c->sk->sk_reuse = c->reuse;
	c->mute = false;
	list_move(&c->node, &one);
	tern_connections_forget(&one);
}

/* What is in flight may have been lost, and what waits may leave if there is room. */
static void go_on(struct tern_connection *c)
{
	const struct tern_obj_tcp *obj = &c->obj;
	struct sock *sk = c->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	u8 nonagle;

	lock_sock(sk);
	/* unless the peer has told a newer one meanwhile */
	if (!tp->snd_wnd)
		tp->snd_wnd = obj->snd_wnd;
	while ((skb = __skb_dequeue(&c->apart)))
		sk->sk_backlog_rcv(sk, skb);
	start(sk);
	nonagle = tp->nonagle;
	release_sock(sk);
	if (tp->write_seq == tp->snd_nxt)
		return;
	tcp_sock_set_nodelay(sk);
	tp->nonagle = nonagle;
}

static void connect_on(struct tern_connection *c)
{
	int err;

	lock_sock(c->sk);
	set_buffers(c->sk, &c->obj);
	err = tern_connecting_go(c->sk, &c->obj);
	release_sock(c->sk);
	if (err)
		tern_connection_reset(c->sk);
}

static void go(struct tern_connection *c)
{
	c->mute = false;
	lock_sock(c->sk);
	tcp_sk(c->sk)->repair = 0;
	c->sk->sk_reuse = c->reuse;
	release_sock(c->sk);
	if (connection_is(&c->obj, TCPF_SYN_SENT))
		connect_on(c);
	else
		go_on(c);
}

/**
 * tern_connections_go() - at the destination: all of them may be heard; forgets them
 * @connections: finished
 */
void tern_connections_go(struct list_head *connections)
{
	struct tern_connection *c;

	list_for_each_entry(c, connections, node)
		go(c);
	tern_connections_forget(connections);
}

/* Nobody closes it. */
static void end_orphan(struct sock *sk)
{
	lock_sock(sk);
	local_bh_disable();
	bh_lock_sock(sk);
	if (sk->sk_state != TCP_CLOSE)
		tcp_done(sk);
	bh_unlock_sock(sk);
	local_bh_enable();
	release_sock(sk);
}

/**
 * tern_connections_silence() - at the source: they are elsewhere; forgets them
 * @connections: of a migration, by its lock
 *
 * Closed in repair, they end without a word; those that do not move are reset.
 */
void tern_connections_silence(struct list_head *connections)
{
	struct tern_connection *c;

	list_for_each_entry(c, connections, node) {
		c->stopped = false;
		if (c->closes) {
			tcp_abort(c->sk, ECONNRESET);
			continue;
		}
		set_repair(c->sk);
		lock_sock(c->sk);
		tern_connection_stop(c->sk);
		release_sock(c->sk);
		if (c->orphan)
			end_orphan(c->sk);
	}
	tern_connections_forget(connections);
}
