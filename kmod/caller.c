// SPDX-License-Identifier: GPL-2.0
/*
 * Those who have called a socket that listens, and have not been accepted: the handshake is
 * over, or it lacks the last of its three segments, in which case it is done without: that
 * segment comes, or has come to be held, and finds a connection.
 *
 * At the destination each is made as a SYN cookie is turned into a connection
 * (net/ipv4/syncookies.c): so it inherits from the socket that listens whatever it would have.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/inet_connection_sock.h>
#include <net/request_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "connection.h"
#include "desc.h"
#include "ehash.h"
#include "segment.h"
#include "table.h"

/* ---- save -------------------------------------------------------------------- */

/* In the order in which they will be accepted. */
static int find_waiting(struct tern_socks *callers, struct sock *listener)
{
	struct request_sock_queue *queue = &inet_csk(listener)->icsk_accept_queue;
	struct request_sock *req;
	int err = 0;

	spin_lock_bh(&queue->rskq_lock);
	for (req = queue->rskq_accept_head; req && !err; req = req->dl_next) {
		sock_hold(req->sk);
		err = tern_socks_add(callers, req->sk);
		if (err)
			sock_put(req->sk);
	}
	spin_unlock_bh(&queue->rskq_lock);
	return err;
}

/* The peer that has not heard our answer asks again, and begins anew at the destination. */
static bool is_half_open(struct sock *sk, const void *listener)
{
	return sk->sk_state == TCP_NEW_SYN_RECV && inet_reqsk(sk)->rsk_listener == listener &&
	       !inet_reqsk(sk)->num_timeout;
}

static int find(struct tern_socks *callers, struct sock *listener)
{
	struct request_sock_queue *queue = &inet_csk(listener)->icsk_accept_queue;
	int err;

	do {
		err = tern_socks_init(callers, READ_ONCE(listener->sk_ack_backlog) + 16 +
					       reqsk_queue_len(queue));
		if (err)
			return err;
		err = find_waiting(callers, listener);
		if (!err && reqsk_queue_len(queue))
			err = tern_ehash_find(callers, sock_net(listener), is_half_open, listener);
		if (err)
			tern_socks_fini(callers);
	} while (err == -ENOSPC);
	return err;
}

/* The connection that there will be. It can send when the peer has said for how much it has room. */
static void save_half_open(struct tern_saver *saver, int fd, const struct sock *listener,
			   const struct request_sock *req)
{
	const struct tcp_request_sock *treq = tcp_rsk(req);
	const struct inet_request_sock *ireq = inet_rsk(req);
	struct tern_obj_tcp obj = {
		.fd = fd, .family = listener->sk_family, .state = TCP_ESTABLISHED,
		.flags = TERN_TCP_CALLER | (ireq->sack_ok ? TERN_TCP_SACK : 0) |
			 (ireq->wscale_ok ? TERN_TCP_WSCALE : 0) |
			 (ireq->tstamp_ok ? TERN_TCP_TIMESTAMPS : 0),
		.copied_seq = treq->rcv_isn + 1, .rcv_nxt = treq->rcv_isn + 1,
		.rcv_wup = treq->rcv_isn + 1, .rcv_wnd = req->rsk_rcv_wnd,
		.snd_una = treq->snt_isn + 1, .snd_nxt = treq->snt_isn + 1,
		.write_seq = treq->snt_isn + 1, .snd_wl1 = treq->rcv_isn,
		.mss_clamp = req->mss, .snd_wscale = ireq->snd_wscale,
		.rcv_wscale = ireq->rcv_wscale, .ts_recent = READ_ONCE(req->ts_recent),
		.ts_now = compat_tcp_clock(tcp_sk(listener)) + treq->ts_off,
		.rcv_ssthresh = req->rsk_rcv_wnd,
		.window_clamp = min_t(u32, req->rsk_window_clamp, 1U << 30),
		.rcvbuf = min(listener->sk_rcvbuf, INT_MAX / 2),
		.sndbuf = min(listener->sk_sndbuf, INT_MAX / 2),
		.snd_cwnd = TCP_INIT_CWND, .snd_ssthresh = TCP_INFINITE_SSTHRESH,
		.reordering = tcp_sk(listener)->reordering,
		.ecn = ireq->ecn_ok ? TCP_ECN_OK : 0,
		.port = ireq->ir_num, .peer_port = ntohs(ireq->ir_rmt_port),
		.bound = listener->sk_userlocks & CONNECTION_BOUND,
	};

	if (ireq->ireq_family == AF_INET6) {
		memcpy(obj.local, &ireq->ir_v6_loc_addr, sizeof(obj.local));
		memcpy(obj.peer, &ireq->ir_v6_rmt_addr, sizeof(obj.peer));
	} else if (listener->sk_family == AF_INET6) {
		ipv6_addr_set_v4mapped(ireq->ir_loc_addr, (struct in6_addr *)obj.local);
		ipv6_addr_set_v4mapped(ireq->ir_rmt_addr, (struct in6_addr *)obj.peer);
	} else {
		memcpy(obj.local, &ireq->ir_loc_addr, sizeof(ireq->ir_loc_addr));
		memcpy(obj.peer, &ireq->ir_rmt_addr, sizeof(ireq->ir_rmt_addr));
	}
	tern_image_put(saver->image, TERN_OBJ_TCP, &obj, sizeof(obj), NULL, 0);
}

static bool is_local(const struct request_sock *req)
{
	return inet_rsk(req)->ireq_family == AF_INET6 &&
	       ipv6_addr_type(&inet_rsk(req)->ir_v6_rmt_addr) & IPV6_ADDR_LINKLOCAL;
}

static int save(struct tern_saver *saver, int fd, const struct sock *listener, struct sock *sk)
{
	if (sk->sk_state == TCP_NEW_SYN_RECV) {
		if (!is_local(inet_reqsk(sk)))
			save_half_open(saver, fd, listener, inet_reqsk(sk));
		return 0;
	}
	/*
	 * That one has ended is told to whoever accepts it, and there is nobody to tell; and one
	 * that cannot move is no reason to stay, for nobody has spoken with it yet.
	 */
	if (tern_ended_is(sk) || tern_connection_refused(sk) || tern_connection_is_local(sk))
		return 0;
	return tern_connection_save_new(saver, fd, sk, TERN_TCP_CALLER);
}

/**
 * tern_callers_save() - TCP, and STREAM, for all who wait to be accepted
 * @saver: where to
 * @fd: a descriptor of the socket that they have called
 * @listener: that, of a process that stands, or has gone
 */
int tern_callers_save(struct tern_saver *saver, int fd, struct sock *listener)
{
	struct tern_socks callers;
	unsigned int i;
	int err = find(&callers, listener);

	if (err)
		return err;
	for (i = 0; i < callers.nr && !err; i++)
		err = save(saver, fd, listener, callers.sk[i]);
	tern_socks_fini(&callers);
	return err;
}

/* ---- load -------------------------------------------------------------------- */

#ifdef CONFIG_TCP_MD5SIG
static struct tcp_md5sig_key *no_key(const struct sock *sk, const struct sock *addr_sk)
{
	return NULL;
}
#endif

static const struct tcp_request_sock_ops request_ops = {
#ifdef CONFIG_TCP_MD5SIG
	.req_md5_lookup = no_key,
#endif
};

static struct request_sock *make_request(struct sock *listener, const struct tern_obj_tcp *obj)
{
	bool mapped = tern_segment_is_mapped(obj);
	struct request_sock *req;
	struct tcp_request_sock *treq;
	struct inet_request_sock *ireq;

	req = inet_reqsk_alloc(mapped ? tcp_prot.rsk_prot : listener->sk_prot->rsk_prot, listener,
			       false);
	if (!req)
		return NULL;
	treq = tcp_rsk(req);
	ireq = inet_rsk(req);
	memset((u8 *)treq + offsetof(typeof(*treq), af_specific), 0,
	       sizeof(*treq) - offsetof(typeof(*treq), af_specific));
	treq->af_specific = &request_ops;
	treq->rcv_isn = obj->copied_seq - 1;
	treq->rcv_nxt = obj->copied_seq;
	treq->snt_isn = obj->snd_una - 1;
	treq->ts_off = obj->ts_now - compat_tcp_clock(tcp_sk(listener));
	treq->txhash = net_tx_rndhash();
	req->mss = obj->mss_clamp;
	req->ts_recent = obj->ts_recent;
	/* what the buffer is measured by; the windows that there are come later */
	req->rsk_rcv_wnd = U16_MAX;
	req->rsk_window_clamp = U16_MAX;
	req->syncookie = 0;
	req->secid = 0;
	req->peer_secid = 0;
	ireq->snd_wscale = obj->snd_wscale;
	ireq->rcv_wscale = obj->rcv_wscale;
	ireq->tstamp_ok = !!(obj->flags & TERN_TCP_TIMESTAMPS);
	ireq->sack_ok = !!(obj->flags & TERN_TCP_SACK);
	ireq->wscale_ok = !!(obj->flags & TERN_TCP_WSCALE);
	ireq->ecn_ok = 0;
	ireq->acked = 0;
	ireq->no_srccheck = 0;
	ireq->smc_ok = 0;
	ireq->ir_mark = listener->sk_mark;
	ireq->ir_iif = listener->sk_bound_dev_if;
	ireq->ir_num = obj->port;
	ireq->ir_rmt_port = htons(obj->peer_port);
	if (listener->sk_family == AF_INET6 && !mapped) {
		memcpy(&ireq->ir_v6_loc_addr, obj->local, sizeof(obj->local));
		memcpy(&ireq->ir_v6_rmt_addr, obj->peer, sizeof(obj->peer));
	} else {
		ireq->ireq_family = AF_INET;
		ireq->ir_loc_addr = tern_segment_in4(obj->local, mapped);
		ireq->ir_rmt_addr = tern_segment_in4(obj->peer, mapped);
	}
	return req;
}

/*
 * With softirqs off. Takes @ack, unless it returns NULL: there is no way to the peer, or
 * @listener does not listen any more.
 */
static struct sock *make_child(struct sock *listener, struct request_sock *req,
			       struct sk_buff *ack)
{
	const struct inet_connection_sock_af_ops *ops = inet_csk(listener)->icsk_af_ops;
	u32 backlog = READ_ONCE(listener->sk_max_ack_backlog);
	struct sock *sk;
	bool own;

	/* those without the last segment do not count, until they have it */
	WRITE_ONCE(listener->sk_max_ack_backlog, U32_MAX / 2);
	sk = ops->syn_recv_sock(listener, ack, req, NULL, NULL, &own, NULL);
	WRITE_ONCE(listener->sk_max_ack_backlog, backlog);
	if (!sk)
		return NULL;
	/* it comes so, and this is for sparse */
	__acquire(&sk->sk_lock.slock);
	refcount_set(&req->rsk_refcnt, 1);
	/* one reference is the queue's, and one ours */
	if (!inet_csk_reqsk_queue_add(listener, req, sk)) {
		bh_unlock_sock(sk);
		sock_put(sk);
		return NULL;
	}
	sk->sk_backlog_rcv(sk, ack);
	bh_unlock_sock(sk);
	return sk;
}

/**
 * tern_caller_make() - let somebody have called a socket that listens
 * @listener: of a shell, whose threads wait
 * @obj: accepted by tern_connection_valid(), with TERN_TCP_CALLER
 *
 * Return: the connection, held; ERR_PTR: -ENOMEM, -EADDRNOTAVAIL.
 */
struct sock *tern_caller_make(struct sock *listener, const struct tern_obj_tcp *obj)
{
	struct request_sock *req = make_request(listener, obj);
	struct sk_buff *ack = tern_segment_make(obj, obj->copied_seq, NULL, 0);
	struct sock *sk;

	if (!req || !ack) {
		if (req)
			__reqsk_free(req);
		kfree_skb(ack);
		return ERR_PTR(-ENOMEM);
	}
	rcu_read_lock();
	local_bh_disable();
	sk = make_child(listener, req, ack);
	local_bh_enable();
	rcu_read_unlock();
	if (!sk) {
		kfree_skb(ack);
		if (!refcount_read(&req->rsk_refcnt))
			__reqsk_free(req);
		else
			reqsk_put(req);
		return ERR_PTR(-EADDRNOTAVAIL);
	}
	return sk;
}
