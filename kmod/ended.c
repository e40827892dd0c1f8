// SPDX-License-Identifier: GPL-2.0
/*
 * TCP connections that have ended, by both ends, a reset or a time-out, while somebody has their
 * sockets: what has come and has not been read, and the error that whoever asks next is told.
 * They are TCP as others are, with the state TCP_CLOSE, but nobody is at their other end: so
 * their address need not be one of this host's.
 *
 * One that cannot move, but need not either (TERN_TCP_CLOSE), is described as if its peer had
 * reset it at that moment.
 */
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "connection.h"

#define FLAGS	(TERN_TCP_HEARD_FIN | TERN_TCP_CONNECTING)

/** tern_ended_is() - has a TCP socket been connected, and is not any more? */
bool tern_ended_is(const struct sock *sk)
{
	return READ_ONCE(sk->sk_state) == TCP_CLOSE &&
	       (READ_ONCE(sk->sk_shutdown) || READ_ONCE(sk->sk_err) || sock_flag(sk, SOCK_DONE) ||
		!skb_queue_empty_lockless(&sk->sk_receive_queue));
}

/* Behind the last byte that has come, and a FIN that follows unread bytes. */
static u32 received(struct sock *sk)
{
	const struct sk_buff *last = skb_peek_tail(&sk->sk_receive_queue);
	u32 at = tcp_sk(sk)->copied_seq, end = last ? TCP_SKB_CB(last)->seq + last->len : at;

	return after(end, at) ? end + sock_flag(sk, SOCK_DONE) : at;
}

/**
 * tern_ended_describe() - what is left of it
 * @sk: locked; any connection
 * @obj: zeros, but for its descriptor; filled
 */
void tern_ended_describe(struct sock *sk, struct tern_obj_tcp *obj)
{
	const struct inet_sock *inet = inet_sk(sk);
	const bool ended = tern_ended_is(sk);

	obj->family = sk->sk_family;
	obj->state = TCP_CLOSE;
	obj->shutdown = ended ? sk->sk_shutdown : SHUTDOWN_MASK;
	obj->err = ended ? sk->sk_err : ECONNRESET;
	if (sock_flag(sk, SOCK_DONE))
		obj->flags |= TERN_TCP_HEARD_FIN;
	obj->flags |= tern_connecting_flag(sk);
	obj->copied_seq = tcp_sk(sk)->copied_seq;
	obj->rcv_nxt = received(sk);
	obj->port = ntohs(inet->inet_sport);
	obj->peer_port = ntohs(inet->inet_dport);
	if (sk->sk_family == AF_INET6)
		memcpy(obj->local, &sk->sk_v6_rcv_saddr, sizeof(obj->local));
	else
		memcpy(obj->local, &inet->inet_rcv_saddr, sizeof(inet->inet_rcv_saddr));
}

/**
 * tern_ended_valid() - may SOCKETS take it?
 * @obj: of which the state is TCP_CLOSE
 *
 * Nobody has sent anything by it, and nobody listens.
 */
bool tern_ended_valid(const struct tern_obj_tcp *obj)
{
	return !(obj->flags & ~FLAGS) && obj->err <= TERN_ERR_MAX &&
	       obj->rcv_nxt - obj->copied_seq <= CONNECTION_WINDOW_MAX && !obj->snd_una &&
	       !obj->snd_nxt && !obj->write_seq && obj->port <= U16_MAX &&
	       obj->peer_port <= U16_MAX;
}

/**
 * tern_ended_begin() - let bytes be put into its queue
 * @sk: fresh, in repair
 */
void tern_ended_begin(struct sock *sk)
{
	lock_sock(sk);
	/* nobody finds it, for it is in no table */
	tcp_set_state(sk, TCP_ESTABLISHED);
	release_sock(sk);
}

/**
 * tern_ended_finish() - all that had come is there: it ends
 * @sk: locked
 * @obj: as captured
 */
void tern_ended_finish(struct sock *sk, const struct tern_obj_tcp *obj)
{
	struct inet_sock *inet = inet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	tcp_set_state(sk, TCP_CLOSE);
	if (obj->flags & TERN_TCP_HEARD_FIN) {
		sock_set_flag(sk, SOCK_DONE);
		if (obj->copied_seq != obj->rcv_nxt)
			tp->rcv_nxt++;
	}
	WRITE_ONCE(sk->sk_shutdown, obj->shutdown);
	WRITE_ONCE(sk->sk_err, obj->err);
	tern_connecting_set(sk, obj);
	inet->inet_sport = htons(obj->port);
	inet->inet_dport = htons(obj->peer_port);
	if (sk->sk_family == AF_INET6) {
		memcpy(&sk->sk_v6_rcv_saddr, obj->local, sizeof(sk->sk_v6_rcv_saddr));
		inet6_sk(sk)->saddr = sk->sk_v6_rcv_saddr;
	} else {
		memcpy(&inet->inet_rcv_saddr, obj->local, sizeof(inet->inet_rcv_saddr));
		inet->inet_saddr = inet->inet_rcv_saddr;
	}
}
