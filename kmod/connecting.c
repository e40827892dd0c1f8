// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections that are being made: a SYN has been sent, and nothing has come yet. At the
 * destination it is sent once more, as if its timer had expired: with the same number, by the
 * same clock, and offering the same. So it makes no difference which of the two the peer answers,
 * and whether it has answered already.
 *
 * Until then the socket is one that has been connected in repair (connection.c), for which
 * nothing is sent.
 */
#include <linux/log2.h>
#include <linux/net.h>
#include <linux/tcp.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "connection.h"

#define OFFERS	(TERN_TCP_SACK | TERN_TCP_WSCALE | TERN_TCP_TIMESTAMPS)

/** tern_connecting_refused() - what stands against it; NULL: nothing */
const char *tern_connecting_refused(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return READ_ONCE(tp->fastopen_req) || tp->syn_data || compat_connect_is_deferred(sk) ?
		"a TCP connection that is made with data (TCP_FASTOPEN; wait until it is there)" :
		NULL;
}

/* Options of its SYN (net/ipv4/tcp_output.c, tcp_syn_options()). */
static u32 offers(const struct sock *sk)
{
	const struct netns_ipv4 *ipv4 = &sock_net(sk)->ipv4;

	return (READ_ONCE(ipv4->sysctl_tcp_sack) ? TERN_TCP_SACK : 0) |
	       (READ_ONCE(ipv4->sysctl_tcp_window_scaling) ? TERN_TCP_WSCALE : 0) |
	       (READ_ONCE(ipv4->sysctl_tcp_timestamps) ? TERN_TCP_TIMESTAMPS : 0);
}

/**
 * tern_connecting_describe() - what it has asked for
 * @sk: locked
 * @obj: has what other connections have, too
 */
void tern_connecting_describe(const struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	obj->flags = offers(sk) | (obj->flags & TERN_TCP_CONNECTING);
	obj->ts_first = tp->retrans_stamp + tp->tsoffset;
	obj->tries = inet_csk(sk)->icsk_retransmits;
}

/**
 * tern_connecting_valid() - may SOCKETS take it?
 * @obj: of which the state is TCP_SYN_SENT, and the addresses are valid
 */
bool tern_connecting_valid(const struct tern_obj_tcp *obj)
{
	return !(obj->flags & ~(OFFERS | TERN_TCP_CONNECTING)) && !obj->err && !obj->shutdown &&
	       !(obj->ecn & ~TCP_ECN_OK) && !obj->copied_seq && !obj->rcv_nxt &&
	       obj->snd_nxt == obj->snd_una + 1 && obj->write_seq == obj->snd_nxt &&
	       obj->rcv_wscale <= TCP_MAX_WSCALE && obj->rcv_wnd && obj->rcv_wnd <= U16_MAX &&
	       obj->rcv_ssthresh <= CONNECTION_WINDOW_MAX &&
	       obj->window_clamp <= CONNECTION_WINDOW_MAX && obj->rcvbuf <= INT_MAX / 2 &&
	       obj->sndbuf <= INT_MAX / 2 && obj->tries <= U8_MAX;
}

/**
 * tern_connecting_begin() - it will be connected in repair
 * @sk: fresh
 *
 * With whom is not known yet: so congestion control is not to begin by that.
 */
void tern_connecting_begin(struct sock *sk)
{
	lock_sock(sk);
	inet_csk(sk)->icsk_ca_initialized = 1;
	release_sock(sk);
}

/**
 * tern_connecting_finish() - it is not connected any more, and will be
 * @sk: locked, in repair
 * @obj: as captured
 *
 * Return: it was connected, and with nothing in its queues.
 */
bool tern_connecting_finish(struct sock *sk, const struct tern_obj_tcp *obj)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_state != TCP_ESTABLISHED || tp->snd_una != obj->snd_una ||
	    tp->write_seq != obj->snd_una || tp->rcv_nxt)
		return false;
	inet_csk(sk)->icsk_ca_initialized = 0;
	tcp_set_state(sk, TCP_SYN_SENT);
	sk->sk_userlocks = (sk->sk_userlocks & ~CONNECTION_BOUND) | obj->bound;
	tern_connecting_set(sk, obj);
	return true;
}

/**
 * tern_connecting_flag() - TERN_TCP_CONNECTING, if connect(2) has something to say still
 * @sk: locked; any connection
 *
 * It may wait for that, or be asked once more: of a connection that there is it says so then, and
 * not that there was one already (EISCONN).
 */
u32 tern_connecting_flag(const struct sock *sk)
{
	return sk->sk_socket && sk->sk_socket->state == SS_CONNECTING ? TERN_TCP_CONNECTING : 0;
}

/**
 * tern_connecting_set() - let it say so here
 * @sk: locked
 * @obj: as captured
 */
void tern_connecting_set(struct sock *sk, const struct tern_obj_tcp *obj)
{
	if (sk->sk_socket)
		sk->sk_socket->state = obj->flags & TERN_TCP_CONNECTING ? SS_CONNECTING :
								     SS_CONNECTED;
}

/*
 * The window's scale is that of the largest window that could be (tcp_select_initial_window()):
 * let there be one that makes it what it was.
 */
static int send_syn(struct sock *sk, u32 wscale)
{
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf), err;

	tcp_sk(sk)->window_clamp = BIT(wscale + 16) - 1;
	WRITE_ONCE(sk->sk_rcvbuf, INT_MAX);
	err = tcp_connect(sk);
	WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
	if (!err && tcp_sk(sk)->rx_opt.rcv_wscale != wscale)
		err = -EOPNOTSUPP;
	return err;
}

/* As if it were the first one: what answers that answers this, and says nothing about its way. */
static void be_first(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	tp->rcv_wnd = obj->rcv_wnd;
	tp->window_clamp = obj->window_clamp;
	tp->rcv_ssthresh = obj->rcv_ssthresh;
	/* the answer tells if the peer has agreed */
	tp->ecn_flags |= obj->ecn;
	tp->retrans_stamp = obj->ts_first - tp->tsoffset;
	TCP_SKB_CB(tcp_rtx_queue_head(sk))->sacked |= TCPCB_EVER_RETRANS;
	icsk->icsk_retransmits = obj->tries;
	compat_tcp_set_tries(sk, obj->tries);
	icsk->icsk_rto = clamp_t(unsigned long, usecs_to_jiffies(obj->rto_us), TCP_RTO_MIN,
				 TCP_RTO_MAX);
	inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, icsk->icsk_rto, TCP_RTO_MAX);
}

/**
 * tern_connecting_go() - send the SYN once more
 * @sk: locked, and not in repair any more
 * @obj: as captured
 *
 * -EOPNOTSUPP: what it has offered this host would not; or why it cannot be sent.
 */
int tern_connecting_go(struct sock *sk, const struct tern_obj_tcp *obj)
{
	int err;

	/* it has ended meanwhile (ICMP), and says why */
	if (sk->sk_state != TCP_SYN_SENT)
		return 0;
	if (offers(sk) != (obj->flags & OFFERS))
		return -EOPNOTSUPP;
	err = send_syn(sk, obj->rcv_wscale);
	if (!err)
		be_first(sk, obj);
	return err;
}
