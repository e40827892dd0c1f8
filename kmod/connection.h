/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TCP connections that move.
 *
 * obj_tcp.c	what of them is in the image
 * connection.c	how they come to life, and end
 * caller.c	those that have not been accepted
 * orphan.c	those that have been closed
 * connecting.c	those that are being made
 * ended.c	those that are over
 * ehash.c	where those are found that no process has
 */
#ifndef TERN_CONNECTION_H
#define TERN_CONNECTION_H

#include <linux/list.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include <tern/image.h>

struct file;
struct net;
struct tern_saver;
struct tern_socks;

#define CONNECTION_WINDOW_MAX	(1U << 30)	/* of RFC 7323 */

/* What bind(2) has asked for; sets of states (include/net/tcp_states.h). */
#define CONNECTION_BOUND	(SOCK_BINDADDR_LOCK | SOCK_BINDPORT_LOCK)
#define CONNECTION_HEARD_FIN	(TCPF_CLOSE_WAIT | TCPF_LAST_ACK | TCPF_CLOSING)
#define CONNECTION_SAID_FIN	(TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_LAST_ACK | TCPF_CLOSING)

/**
 * struct tern_connection - a connection, while it is in two places
 * @node: of a migration, by its lock
 * @sk: held
 * @file: destination: of it, or of the socket that it has called, held: whoever has it open may
 *	close it at any moment. Source: likewise, from TERN_DOUBT on; before, files are counted
 * @fd: a descriptor of it, or of the socket that it has called; -1: it is an orphan
 * @listens: source: it is no connection, but its callers are
 * @sock: destination: of an orphan, to be released
 * @orphan: source: no process has it
 * @closes: source: it does not move, and is reset when its process has
 * @stopped: source: it says nothing more than what has been captured
 * @obj: destination: as captured
 * @apart: destination: segments that have come out of order
 * @reuse: destination: sk_reuse as it will be
 * @mute: destination: it must not say anything, not even that it ends
 * @sent: destination: all that is in flight is in its queue
 */
struct tern_connection {
	struct list_head node;
	struct sock *sk;
	struct file *file;
	int fd;
	bool listens;
	struct socket *sock;
	bool orphan;
	bool closes;
	bool stopped;
	struct tern_obj_tcp obj;
	struct sk_buff_head apart;
	unsigned int reuse;
	bool mute;
	bool sent;
};

static inline bool connection_is(const struct tern_obj_tcp *obj, u32 states)
{
	return 1U << obj->state & states;
}

/* By a link-local address, which is nothing without the number of an interface. */
static inline bool tern_connection_is_local(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 &&
	       (ipv6_addr_type(&sk->sk_v6_rcv_saddr) | ipv6_addr_type(&sk->sk_v6_daddr)) &
	       IPV6_ADDR_LINKLOCAL;
}

/* obj_tcp.c */
const char *tern_connection_refused(const struct sock *sk);
int tern_connection_note(struct list_head *connections, int fd, struct sock *sk, bool closes);
int tern_connection_save(struct tern_saver *saver, struct tern_connection *c, u32 flags);
int tern_connection_save_new(struct tern_saver *saver, int fd, struct sock *sk, u32 flags);
bool tern_connection_valid(const struct tern_obj *head, const struct tern_obj_tcp *obj);
bool tern_stream_valid(const struct tern_obj *head, const struct tern_obj_stream *obj);

/* connection.c */
void tern_connection_stop(struct sock *sk);
struct tern_connection *tern_connection_add(struct list_head *connections, int fd,
					    struct sock *sk);
bool tern_connection_is_fresh(const struct sock *sk);
int tern_connection_load(struct list_head *connections, struct file *file, struct net *net,
			 const struct tern_obj_tcp *obj);
int tern_stream_load(struct list_head *connections, const struct tern_obj_stream *obj);
int tern_connection_finish(struct tern_connection *c);
void tern_connection_reset(struct sock *sk);
void tern_connection_fail(struct tern_connection *c);
void tern_connections_go(struct list_head *connections);
void tern_connections_silence(struct list_head *connections);
void tern_connections_forget(struct list_head *connections);

/* caller.c */
int tern_callers_save(struct tern_saver *saver, int fd, struct sock *listener);
struct sock *tern_caller_make(struct sock *listener, const struct tern_obj_tcp *obj);

/* orphan.c */
int tern_orphans_find(struct tern_socks *orphans, const struct net *net);
int tern_orphans_save(struct tern_saver *saver, const struct tern_socks *orphans);
struct socket *tern_orphan_make(struct net *net, int family);

/* connecting.c */
const char *tern_connecting_refused(const struct sock *sk);
void tern_connecting_describe(const struct sock *sk, struct tern_obj_tcp *obj);
bool tern_connecting_valid(const struct tern_obj_tcp *obj);
void tern_connecting_begin(struct sock *sk);
bool tern_connecting_finish(struct sock *sk, const struct tern_obj_tcp *obj);
u32 tern_connecting_flag(const struct sock *sk);
void tern_connecting_set(struct sock *sk, const struct tern_obj_tcp *obj);
int tern_connecting_go(struct sock *sk, const struct tern_obj_tcp *obj);

/* ended.c */
bool tern_ended_is(const struct sock *sk);
void tern_ended_describe(struct sock *sk, struct tern_obj_tcp *obj);
bool tern_ended_valid(const struct tern_obj_tcp *obj);
void tern_ended_begin(struct sock *sk);
void tern_ended_finish(struct sock *sk, const struct tern_obj_tcp *obj);

#endif /* TERN_CONNECTION_H */
