// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets. Those of AF_UNIX whose other end the process has, too, or nobody any more,
 * move with what is in their queues: SOCKET. All others cannot move.
 */
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/tern.h>
#include <net/af_unix.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "desc.h"
#include "pod.h"
#include "tree.h"

static const char *socket_name(const struct sock *sk)
{
	switch (sk->sk_family) {
	case AF_NETLINK:
		return "a netlink socket";
	case AF_PACKET:
		return "a packet socket";
	case AF_INET:
	case AF_INET6:
		break;
	default:
		return "a socket";
	}
	if (sk->sk_protocol == IPPROTO_UDP)
		return "a UDP socket";
	if (sk->sk_protocol != IPPROTO_TCP)
		return "a raw socket";
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_ESTABLISHED:
		return "an established TCP connection";
	case TCP_LISTEN:
		return "a listening TCP socket";
	default:
		return "a TCP socket";
	}
}

/* ---- AF_UNIX ---------------------------------------------------------------- */

/**
 * struct link - the other end of a unix socket
 * @there: there is one, alive
 * @line: it is the daemon's, where pods dial (TERN_LINES)
 * @back: and its other end is this one
 * @inode: of its description, for comparison only
 * @file: its description, likewise; NULL: it waits to be accepted
 */
struct link {
	bool there;
	bool line;
	bool back;
	const struct inode *inode;
	const struct file *file;
};

/* It stays for good once there is one. */
static const struct unix_address *name_of(struct sock *sk)
{
	/* pairs with the smp_store_release() in unix_bind() */
	return smp_load_acquire(&unix_sk(sk)->addr);
}

static bool is_line(struct sock *peer)
{
	const struct unix_address *addr = name_of(peer);

	return addr && !strcmp(addr->name->sun_path, TERN_LINES);
}

static struct link other_end(struct sock *sk)
{
	struct link link = {};
	struct sock *peer;

	unix_state_lock(sk);
	peer = unix_peer(sk);
	if (peer)
		sock_hold(peer);
	unix_state_unlock(sk);
	if (!peer)
		return link;
	unix_state_lock(peer);
	link.there = !sock_flag(peer, SOCK_DEAD);
	link.back = unix_peer(peer) == sk;
	link.line = is_line(peer);
	unix_state_unlock(peer);
	read_lock_bh(&peer->sk_callback_lock);
	if (peer->sk_socket) {
		link.inode = SOCK_INODE(peer->sk_socket);
		link.file = peer->sk_socket->file;
	}
	read_unlock_bh(&peer->sk_callback_lock);
	sock_put(peer);
	return link;
}

/* What of its queue cannot be saved; NULL: nothing. */
static const char *queue_refused(const struct tern_table *table, struct sock *sk, bool paired)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	const char *what = NULL;
	struct sk_buff *skb;

	spin_lock(&queue->lock);
	skb_queue_walk(queue, skb) {
		if (sk->sk_state == TCP_LISTEN)
			what = "a unix socket with connections that have not been accepted";
		else if (!paired)
			what = "a unix socket with messages that have not been read";
		else if (UNIXCB(skb).fp)
			what = "a unix socket with descriptors under way";
		else if (UNIXCB(skb).pid && UNIXCB(skb).pid != task_tgid(table->leader))
			what = "a unix socket with a message from another process";
		if (what)
			break;
	}
#if IS_ENABLED(CONFIG_AF_UNIX_OOB)
	if (unix_sk(sk)->oob_skb)
		what = "a unix socket with out-of-band data";
#endif
	spin_unlock(&queue->lock);
	return what;
}

static bool has_options(struct sock *sk)
{
	return rcu_access_pointer(sk->sk_filter) || sock_flag(sk, SOCK_RCVTSTAMP) ||
	       sock_flag(sk, SOCK_LINGER) || READ_ONCE(sk->sk_err) ||
	       READ_ONCE(sk->sk_rcvlowat) > 1 || READ_ONCE(sk->sk_tsflags);
}

/*
 * A name in the file system is a file there, which stays; and who has connected to a
 * datagram socket cannot be seen.
 */
static const char *name_refused(struct sock *sk)
{
	const struct unix_address *addr = name_of(sk);

	if (!addr)
		return NULL;
	if (addr->name->sun_path[0])
		return "a unix socket with a name in the file system";
	if (sk->sk_type == SOCK_DGRAM)
		return "a unix datagram socket with a name";
	return sk->sk_state == TCP_ESTABLISHED ? "a connected unix socket with a name" : NULL;
}

/* What stands against it; NULL: nothing. */
static const char *unix_refused(const struct tern_table *table,
				const struct tern_entry *entry, struct sock *sk)
{
	struct link link = other_end(sk);
	const struct tern_entry *peer;
	const char *what;

	if (!entry->same->is_ours)
		return "a unix socket that another process has open, too";
	peer = link.file ? tern_table_find(table, link.inode, link.file) : NULL;
	/* cut when it moves, and made anew from there (TERN_LINES) */
	if (link.there && !peer && link.line && tern_is_pod(table->tree) &&
	    table->leader == table->tree->task[0])
		link.there = false;
	if (link.there && !peer)
		return "a unix socket to another process";
	if (link.there && !tern_table_is_own(table, peer))
		return "a unix socket to a process of its tree";
	if (link.there && !link.back)
		return "a unix socket that is connected to one that serves many";
	what = name_refused(sk);
	if (what)
		return what;
	if (has_options(sk))
		return "a unix socket with an error or unusual options";
	return queue_refused(table, sk, link.there || sk->sk_state == TCP_ESTABLISHED);
}

static u32 socket_kind(const struct tern_table *table, const struct tern_entry *entry,
		       const char **what)
{
	struct sock *sk = SOCKET_I(file_inode(entry->file))->sk;

	if (!sk)
		*what = "a socket";
	else if (sk->sk_family != AF_UNIX)
		*what = socket_name(sk);
	else
		*what = unix_refused(table, entry, sk);
	return *what ? 0 : TERN_DESC_SOCKET;
}

/**
 * struct queue - what is in the queue of a socket
 * @head: of each message
 * @nr: messages
 * @data: all bytes
 * @len: how many
 */
struct queue {
	struct tern_message *head;
	u32 nr;
	void *data;
	size_t len;
};

/* Under the queue's lock. -ENOSPC: it has grown. */
static int queue_copy(struct sock *sk, struct queue *q, u32 max_nr, size_t max_len)
{
	bool stream = sk->sk_type == SOCK_STREAM;
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb) {
		/* of a draft somebody may read meanwhile */
		u32 consumed = READ_ONCE(UNIXCB(skb).consumed);
		struct tern_message head = { .len = skb->len - consumed };

		if (q->nr == max_nr || q->len + head.len > max_len)
			return -ENOSPC;
		if (stream && !head.len)
			continue;
		if (UNIXCB(skb).pid) {
			head.pid = tern_nr(UNIXCB(skb).pid);
			head.uid = from_kuid(current_user_ns(), UNIXCB(skb).uid);
			head.gid = from_kgid(current_user_ns(), UNIXCB(skb).gid);
		}
		if (skb_copy_bits(skb, consumed, q->data + q->len, head.len))
			return -EFAULT;
		q->head[q->nr++] = head;
		q->len += head.len;
	}
	return 0;
}

static int queue_read(struct sock *sk, struct queue *q)
{
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	struct sk_buff *skb;
	size_t len;
	u32 nr;
	int err;

	do {
		len = 0;
		nr = 0;
		spin_lock(&queue->lock);
		skb_queue_walk(queue, skb) {
			len += skb->len;
			nr++;
		}
		spin_unlock(&queue->lock);
		*q = (struct queue) {
			.head = kvmalloc_array(nr + 1, sizeof(*q->head), GFP_KERNEL),
			.data = kvmalloc(len + 1, GFP_KERNEL),
		};
		err = -ENOMEM;
		if (q->head && q->data) {
			spin_lock(&queue->lock);
			err = queue_copy(sk, q, nr, len);
			spin_unlock(&queue->lock);
		}
		if (err) {
			kvfree(q->head);
			kvfree(q->data);
		}
	} while (err == -ENOSPC);
	return err;
}

static u64 timeout_ns(long timeo)
{
	return timeo == MAX_SCHEDULE_TIMEOUT ? 0 : jiffies_to_nsecs(timeo);
}

static void describe(const struct tern_table *table, const struct tern_entry *entry,
		     struct sock *sk, struct tern_obj_socket *obj)
{
	struct link link = other_end(sk);
	struct socket *sock = sk->sk_socket;
	struct tern_entry *peer = link.there ? tern_table_find(table, link.inode, link.file) : NULL;

	obj->type = sk->sk_type;
	obj->flags = (test_bit(SOCK_PASSCRED, &sock->flags) ? TERN_SOCKET_PASSCRED : 0) |
		     (test_bit(SOCK_PASSSEC, &sock->flags) ? TERN_SOCKET_PASSSEC : 0);
	if (sk->sk_state == TCP_LISTEN) {
		obj->flags |= TERN_SOCKET_LISTENS;
		obj->backlog = READ_ONCE(sk->sk_max_ack_backlog);
	} else if (peer) {
		obj->flags |= TERN_SOCKET_PAIR;
	} else if (sk->sk_state == TCP_ESTABLISHED) {
		obj->flags |= TERN_SOCKET_BEREFT;
	}
	/* a number that both ends have, and nobody else */
	obj->pair = peer ? min(peer->fd, entry->same->fd) + 1 : 0;
	obj->shutdown = READ_ONCE(sk->sk_shutdown);
	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK)
		obj->sndbuf = READ_ONCE(sk->sk_sndbuf);
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		obj->rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	obj->peek_off = READ_ONCE(sk->sk_peek_off);
	obj->rcvtimeo = timeout_ns(READ_ONCE(sk->sk_rcvtimeo));
	obj->sndtimeo = timeout_ns(READ_ONCE(sk->sk_sndtimeo));
}

static int socket_save(struct tern_saver *saver, struct tern_entry *entry,
		       struct tern_obj_desc *desc)
{
	struct sock *sk = SOCKET_I(file_inode(entry->file))->sk;
	const struct unix_address *addr = name_of(sk);
	struct tern_obj_socket obj = { .desc = desc->id };
	size_t heads;
	struct queue q;
	void *tail;
	int err;

	describe(saver->table, entry, sk, &obj);
	obj.name = addr ? addr->len - offsetof(struct sockaddr_un, sun_path) : 0;
	err = queue_read(sk, &q);
	if (err)
		return err;
	/* more than the kernel lets anybody put there by default, many times over */
	if (q.len > TERN_SOCKET_DATA_MAX) {
		kvfree(q.head);
		kvfree(q.data);
		return -E2BIG;
	}
	heads = q.nr * sizeof(*q.head);
	tail = kvmalloc(heads + q.len + obj.name + 1, GFP_KERNEL);
	if (tail) {
		memcpy(tail, q.head, heads);
		memcpy(tail + heads, q.data, q.len);
		if (addr)
			memcpy(tail + heads + q.len, addr->name->sun_path, obj.name);
		obj.messages = q.nr;
		obj.data = q.len;
		tern_image_put(saver->image, TERN_OBJ_SOCKET, &obj, sizeof(obj), tail,
			       heads + q.len + obj.name);
	}
	kvfree(tail);
	kvfree(q.head);
	kvfree(q.data);
	return tail ? 0 : -ENOMEM;
}

const struct tern_desc_family tern_desc_socket = {
	.kind = socket_kind,
	.save = socket_save,
};
