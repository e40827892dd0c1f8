// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets. Those of AF_UNIX whose other end is in the tree, too, or nobody's any more, move
 * with what is in their queues: SOCKET. The first process of the tree that has one of two
 * ends makes both, and its image has both. So do those of datagrams that send to a name in
 * the file system, those of TCP and UDP (obj_inet.c), and of netlink (obj_netlink.c). All
 * others cannot move.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/tern.h>
#include <net/af_unix.h>
#include <net/scm.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "desc.h"
#include "inet.h"
#include "migration.h"
#include "pod.h"
#include "rights.h"
#include "socket.h"
#include "tree.h"
#include "unit.h"

static const char *socket_name(const struct sock *sk)
{
	switch (sk->sk_family) {
	case AF_PACKET:
		return "a packet socket";
	case AF_INET:
	case AF_INET6:
		break;
	default:
		return "a socket";
	}
	return sk->sk_type == SOCK_RAW ? "a raw socket" : "a socket of neither TCP nor UDP";
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

/* To be put; NULL: there is none. */
static struct sock *get_peer(struct sock *sk)
{
	struct sock *peer;

	unix_state_lock(sk);
	peer = unix_peer(sk);
	if (peer)
		sock_hold(peer);
	unix_state_unlock(sk);
	return peer;
}

static struct link other_end(struct sock *sk)
{
	struct sock *peer = get_peer(sk);
	struct link link = {};

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

/*
 * A socket of datagrams without a name sends, and gets no answer. Whoever has the name to
 * which it is connected does not tell who sends, so on another host it is whoever has that
 * name there: /dev/log, for all that syslog(3). @place: where that is, to be put.
 */
static bool is_caller(struct sock *sk, struct path *place)
{
	struct sock *peer = sk->sk_type == SOCK_DGRAM && !name_of(sk) ? get_peer(sk) : NULL;
	bool has;

	if (!peer)
		return false;
	unix_state_lock(peer);
	*place = unix_sk(peer)->path;
	has = !sock_flag(peer, SOCK_DEAD) && place->dentry && unix_peer(peer) != sk;
	if (has)
		path_get(place);
	unix_state_unlock(peer);
	sock_put(peer);
	if (has && !tern_path_has_name(place)) {
		path_put(place);
		has = false;
	}
	return has;
}

static bool calls(struct sock *sk)
{
	struct path place;
	bool is = is_caller(sk, &place);

	if (is)
		path_put(&place);
	return is;
}

/** tern_socket_unix() - the unix socket that an open file is; NULL: it is none, O_PATH of its name */
struct sock *tern_socket_unix(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	return sock && sock->sk && sock->sk->sk_family == AF_UNIX ? sock->sk : NULL;
}

/** tern_socket_peer_file() - open file of the other end, for comparison only; NULL: none */
const struct file *tern_socket_peer_file(struct sock *sk)
{
	return other_end(sk).file;
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
		else if (UNIXCB(skb).pid && !tern_tree_has(table->tree, UNIXCB(skb).pid))
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

/* By itself: who has been called has a name by another one. */
static bool is_bound(const struct sock *sk)
{
	return !hlist_unhashed(&sk->sk_bind_node);
}

/* Has it a name in the file system, and not merely that of who was called? */
static bool has_path(struct sock *sk)
{
	const struct unix_address *addr = name_of(sk);

	return addr && addr->name->sun_path[0] && sk->sk_state != TCP_ESTABLISHED;
}

/* Who has connected to a datagram socket cannot be seen, but nobody does to one of a pair. */
static const char *name_refused(struct sock *sk, bool paired)
{
	const struct unix_address *addr = name_of(sk);

	if (!addr)
		return NULL;
	if (sk->sk_state == TCP_ESTABLISHED && addr->name->sun_path[0] && is_bound(sk))
		return "a connected unix socket with a name of its own in the file system";
	if (has_path(sk) && !tern_path_has_name(&unix_sk(sk)->path))
		return "a unix socket whose name in the file system has been deleted";
	return sk->sk_type == SOCK_DGRAM && !paired ? "a unix datagram socket with a name" : NULL;
}

/* The first entry of the other end; NULL: the tree does not have it. */
static struct tern_entry *peer_of(const struct tern_table *table, const struct link *link)
{
	return link->there && link->file ? tern_table_find(table, link->inode, link->file) : NULL;
}

/* What stands against it; NULL: nothing. */
static const char *unix_refused(const struct tern_table *table, const struct tern_entry *entry,
				struct sock *sk, struct link ends, const struct tern_entry *peer)
{
	const char *what;

	if (!entry->same->is_ours)
		return "a unix socket that another process has open, too";
	/* cut when it moves, and made anew from there (TERN_LINES) */
	if (ends.there && !peer && ends.line && tern_is_pod(table->tree) &&
	    table->leader == table->tree->task[0])
		ends.there = false;
	/* nor can anybody have sent to it */
	if (ends.there && !peer && calls(sk))
		ends.there = false;
	else if (ends.there && !peer)
		return "a unix socket to another process";
	if (ends.there && !ends.back)
		return "a unix socket that is connected to one that serves many";
	what = name_refused(sk, ends.there);
	if (what)
		return what;
	if (has_options(sk))
		return "a unix socket with an error or unusual options";
	return queue_refused(table, sk, ends.there || sk->sk_state == TCP_ESTABLISHED);
}

static struct sock *sock_of(const struct tern_entry *entry)
{
	return SOCKET_I(file_inode(entry->file))->sk;
}

/* Does a process that comes before make both ends? Entries are in the order of the tree. */
static bool is_mate(const struct tern_table *table, const struct tern_entry *entry,
		    const struct tern_entry *peer)
{
	return peer && peer < entry->same && !tern_table_is_own(table, peer);
}

static u32 unix_kind(const struct tern_table *table, const struct tern_entry *entry,
		     struct sock *sk, const char **what)
{
	struct link link = other_end(sk);
	const struct tern_entry *peer = peer_of(table, &link);

	*what = unix_refused(table, entry, sk, link, peer);
	if (*what)
		return 0;
	return is_mate(table, entry, peer) ? TERN_DESC_MATE : TERN_DESC_SOCKET;
}

static u32 socket_kind(const struct tern_table *table, const struct tern_entry *entry,
		       const char **what)
{
	struct sock *sk = sock_of(entry);

	if (sk && sk->sk_family == AF_UNIX)
		return unix_kind(table, entry, sk, what);
	if (sk && sk->sk_family == AF_NETLINK) {
		*what = tern_netlink_refused(table, entry, sk);
		return *what ? 0 : TERN_DESC_NETLINK;
	}
	if (!sk)
		*what = "a socket";
	else if (tern_inet_is(sk))
		*what = tern_inet_refused(table, entry, sk);
	else
		*what = socket_name(sk);
	return *what ? 0 : TERN_DESC_INET;
}

/**
 * struct queue - what is in the queue of a socket
 * @head: of each message
 * @nr: messages
 * @right: numbers of the descriptions that are under way with them
 * @nr_rights: how many
 * @data: all bytes
 * @len: how many
 */
struct queue {
	struct tern_message *head;
	u32 nr;
	u32 *right;
	u32 nr_rights;
	void *data;
	size_t len;
};

static void queue_free(struct queue *q)
{
	kvfree(q->head);
	kvfree(q->right);
	kvfree(q->data);
}

/* -EAGAIN: something has been sent since. */
static int copy_rights(const struct tern_table *table, const struct tern_entry *entry,
		       const struct scm_fp_list *fp, struct queue *q, u32 max)
{
	unsigned int i;

	for (i = 0; i < fp->count; i++) {
		u32 desc = tern_rights_find(table, entry->file, fp->fp[i]);

		if (!desc || q->nr_rights == max)
			return -EAGAIN;
		q->right[q->nr_rights++] = desc;
	}
	return 0;
}

/* Under the queue's lock. -ENOSPC: it has grown. */
static int queue_copy(const struct tern_table *table, const struct tern_entry *entry,
		      struct queue *q, u32 max_nr, size_t max_len)
{
	struct sock *sk = sock_of(entry);
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
		if (UNIXCB(skb).fp) {
			int err = copy_rights(table, entry, UNIXCB(skb).fp, q, table->nr_rights);

			if (err)
				return err;
			head.rights = UNIXCB(skb).fp->count;
		}
		q->head[q->nr++] = head;
		q->len += head.len;
	}
	return 0;
}

static int queue_read(const struct tern_table *table, const struct tern_entry *entry,
		      struct queue *q)
{
	struct sock *sk = sock_of(entry);
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	struct sk_buff *skb;
	size_t len;
	u32 nr;
	int err;

	/* each is looked for among all, under a lock */
	if (table->nr_rights > TERN_UNDER_WAY_MAX)
		return -EAGAIN;
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
			.right = kvmalloc_array(table->nr_rights + 1, sizeof(*q->right),
						GFP_KERNEL),
			.data = kvmalloc(len + 1, GFP_KERNEL),
		};
		err = -ENOMEM;
		if (q->head && q->right && q->data)
			err = tern_queue_keep(sk);
		if (!err) {
			spin_lock(&queue->lock);
			err = queue_copy(table, entry, q, nr, len);
			spin_unlock(&queue->lock);
			tern_queue_let(sk);
		}
		if (err)
			queue_free(q);
	} while (err == -ENOSPC);
	return err;
}

static u64 timeout_ns(long timeo)
{
	return timeo == MAX_SCHEDULE_TIMEOUT ? 0 : jiffies_to_nsecs(timeo);
}

/* A number that both ends have, and no other socket of the image: of one of ours. */
static u32 pair_of(const struct tern_table *table, const struct tern_entry *a,
		   const struct tern_entry *b)
{
	if (!tern_table_is_own(table, a))
		return b->fd + 1;
	return (tern_table_is_own(table, b) ? min(a->fd, b->fd) : a->fd) + 1;
}

static void describe(const struct tern_entry *entry, const struct tern_entry *peer, u32 pair,
		     bool calling, u8 state, struct tern_obj_socket *obj)
{
	struct sock *sk = sock_of(entry);
	struct socket *sock = sk->sk_socket;

	obj->type = sk->sk_type;
	obj->flags = (test_bit(SOCK_PASSCRED, &sock->flags) ? TERN_SOCKET_PASSCRED : 0) |
		     (test_bit(SOCK_PASSSEC, &sock->flags) ? TERN_SOCKET_PASSSEC : 0);
	if (state == TCP_LISTEN) {
		obj->flags |= TERN_SOCKET_LISTENS;
		obj->backlog = READ_ONCE(sk->sk_max_ack_backlog);
	} else if (peer) {
		obj->flags |= TERN_SOCKET_PAIR;
	} else if (calling) {
		obj->flags |= TERN_SOCKET_CALLS;
	} else if (state == TCP_ESTABLISHED) {
		obj->flags |= TERN_SOCKET_BEREFT;
	}
	obj->pair = pair;
	obj->shutdown = READ_ONCE(sk->sk_shutdown);
	/* also if it was never set: its queue is filled with another one */
	obj->sndbuf = READ_ONCE(sk->sk_sndbuf);
	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		obj->rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	obj->peek_off = READ_ONCE(sk->sk_peek_off);
	obj->rcvtimeo = timeout_ns(READ_ONCE(sk->sk_rcvtimeo));
	obj->sndtimeo = timeout_ns(READ_ONCE(sk->sk_sndtimeo));
}

/* Where its name is, and whose. */
static const char *describe_path(struct tern_saver *saver, struct sock *sk,
				 struct tern_obj_socket *obj)
{
	const struct path *path = &unix_sk(sk)->path;
	const struct inode *inode = d_inode(path->dentry);
	const char *text = tern_name_of(&saver->name, path);

	if (IS_ERR(text))
		return text;
	obj->path = strlen(text) + 1;
	obj->mode = inode->i_mode;
	obj->uid = from_kuid(&init_user_ns, inode->i_uid);
	obj->gid = from_kgid(&init_user_ns, inode->i_gid);
	obj->ino = inode->i_ino;
	return text;
}

/* Whom it calls; "": nobody. */
static const char *describe_call(struct tern_saver *saver, struct sock *sk,
				 struct tern_obj_socket *obj)
{
	const char *text = "";
	struct path place;

	if (!is_caller(sk, &place))
		return text;
	text = tern_name_of(&saver->name, &place);
	/* it is not ours: another may have its address next time */
	saver->name.text = NULL;
	path_put(&place);
	if (!IS_ERR(text))
		obj->path = strlen(text) + 1;
	return text;
}

static void *append(void *at, const void *from, size_t len)
{
	memcpy(at, from, len);
	return at + len;
}

/* SOCKET of one end, whose description has the number @id. */
static int save_end(struct tern_saver *saver, const struct tern_entry *entry, u32 id,
		    const struct tern_entry *peer, u32 pair)
{
	struct sock *sk = sock_of(entry);
	/* once, for of a draft it may change */
	u8 state = READ_ONCE(sk->sk_state);
	const struct unix_address *addr = state == TCP_ESTABLISHED ? NULL : name_of(sk);
	struct tern_obj_socket obj = { .desc = id };
	const char *path;
	void *tail, *at;
	struct queue q;
	int err;

	path = peer ? "" : describe_call(saver, sk, &obj);
	describe(entry, peer, pair, obj.path, state, &obj);
	if (addr && addr->name->sun_path[0])
		path = describe_path(saver, sk, &obj);
	if (IS_ERR(path))
		return PTR_ERR(path);
	obj.name = addr ? addr->len - offsetof(struct sockaddr_un, sun_path) : 0;
	err = queue_read(saver->table, entry, &q);
	if (err)
		return err;
	/* more than the kernel lets anybody put there by default, many times over */
	if (q.len > TERN_SOCKET_DATA_MAX) {
		queue_free(&q);
		return -E2BIG;
	}
	tail = kvmalloc(q.nr * sizeof(*q.head) + q.nr_rights * sizeof(*q.right) + q.len +
			obj.name + obj.path + 1, GFP_KERNEL);
	if (tail) {
		at = append(tail, q.head, q.nr * sizeof(*q.head));
		at = append(at, q.right, q.nr_rights * sizeof(*q.right));
		at = append(at, q.data, q.len);
		if (addr)
			at = append(at, addr->name->sun_path, obj.name);
		at = append(at, path, obj.path);
		obj.messages = q.nr;
		obj.rights = q.nr_rights;
		obj.data = q.len;
		tern_image_put(saver->image, TERN_OBJ_SOCKET, &obj, sizeof(obj), tail, at - tail);
	}
	kvfree(tail);
	queue_free(&q);
	return tail ? 0 : -ENOMEM;
}

/* The other end, which we make and do not have: without a descriptor, or an owner. */
static int save_spare(struct tern_saver *saver, const struct tern_entry *peer,
		      const struct tern_entry *entry, u32 pair)
{
	struct tern_obj_desc desc;
	int err;

	tern_desc_describe(peer, TERN_DESC_SOCKET, &desc);
	desc.id = ++saver->descs;
	desc.flags &= ~FASYNC;
	err = save_end(saver, peer, desc.id, entry, pair);
	if (!err)
		tern_image_put(saver->image, TERN_OBJ_DESC, &desc, sizeof(desc), NULL, 0);
	return err;
}

/* Whom SO_PEERCRED shows. */
static void save_credentials(struct tern_saver *saver, struct sock *sk,
			     struct tern_obj_peer *obj)
{
	spin_lock(&sk->sk_peer_lock);
	if (sk->sk_peer_pid && tern_tree_has(saver->table->tree, sk->sk_peer_pid))
		obj->pid = tern_nr(sk->sk_peer_pid);
	if (sk->sk_peer_cred) {
		obj->uid = from_kuid_munged(&init_user_ns, sk->sk_peer_cred->euid);
		obj->gid = from_kgid_munged(&init_user_ns, sk->sk_peer_cred->egid);
	}
	spin_unlock(&sk->sk_peer_lock);
}

static void save_peer(struct tern_saver *saver, const struct tern_entry *entry)
{
	struct sock *sk = sock_of(entry);
	const struct unix_address *addr = name_of(sk);
	struct tern_obj_peer obj = { .fd = entry->fd, .uid = ~0U, .gid = ~0U };

	if (sk->sk_state != TCP_ESTABLISHED && sk->sk_state != TCP_LISTEN && !has_path(sk))
		return;
	/* an abstract one it can be given by bind(2) */
	if (addr && (sk->sk_state == TCP_ESTABLISHED || has_path(sk)))
		obj.name = addr->len - offsetof(struct sockaddr_un, sun_path);
	save_credentials(saver, sk, &obj);
	tern_image_put(saver->image, TERN_OBJ_PEER, &obj, sizeof(obj),
		       obj.name ? addr->name->sun_path : NULL, obj.name);
}

static int unix_save(struct tern_saver *saver, struct tern_entry *entry,
		     struct tern_obj_desc *desc)
{
	struct link link = other_end(sock_of(entry));
	struct tern_entry *first = entry->same, *peer = peer_of(saver->table, &link);
	u32 pair;
	int err;

	save_peer(saver, first);
	if (desc->kind == TERN_DESC_MATE) {
		if (!is_mate(saver->table, entry, peer))
			return -EAGAIN;
		tern_desc_save_from(saver, peer, desc);
		return 0;
	}
	pair = peer ? pair_of(saver->table, first, peer) : 0;
	err = save_end(saver, first, desc->id, peer, pair);
	if (!err && peer && !tern_table_is_own(saver->table, peer))
		err = save_spare(saver, peer, first, pair);
	return err;
}

static int socket_save(struct tern_saver *saver, struct tern_entry *entry,
		       struct tern_obj_desc *desc)
{
	switch (desc->kind) {
	case TERN_DESC_INET:
		return tern_inet_save(saver, entry->same, sock_of(entry), desc->id);
	case TERN_DESC_NETLINK:
		return 0;
	default:
		return unix_save(saver, entry, desc);
	}
}

const struct tern_desc_family tern_desc_socket = {
	.kind = socket_kind,
	.save = socket_save,
};

/* ---- load -------------------------------------------------------------------- */

/* It has been connected by nobody in particular: SO_PEERCRED shows none. */
static bool is_nobody(const struct tern_obj_peer *obj)
{
	return obj->uid == ~0U && obj->gid == ~0U;
}

/** tern_socket_valid() - may LOAD take @obj? */
bool tern_socket_valid(const struct tern_obj *head, const struct tern_obj_peer *obj)
{
	return head->len >= sizeof(*head) + sizeof(*obj) && obj->name <= TERN_SOCKET_NAME_MAX &&
	       head->len == sizeof(*head) + sizeof(*obj) + obj->name && obj->fd >= 0 &&
	       obj->pid >= 0 && !obj->reserved &&
	       (is_nobody(obj) ? !obj->pid :
		uid_valid(make_kuid(&init_user_ns, obj->uid)) &&
		gid_valid(make_kgid(&init_user_ns, obj->gid)));
}

static struct cred *make_cred(const struct tern_obj_peer *obj)
{
	struct group_info *none = groups_alloc(0);
	struct cred *cred = none ? prepare_creds() : NULL;

	if (cred) {
		/* all that anybody asks of it */
		cred->euid = make_kuid(&init_user_ns, obj->uid);
		cred->egid = make_kgid(&init_user_ns, obj->gid);
		set_groups(cred, none);
	}
	if (none)
		put_group_info(none);
	return cred;
}

static int load_credentials(struct tern_migration *m, struct sock *sk,
			    const struct tern_obj_peer *obj)
{
	const struct cred *cred = is_nobody(obj) ? NULL : make_cred(obj);
	struct pid *pid;

	if (!cred && !is_nobody(obj))
		return -ENOMEM;
	pid = tern_unit_pid(m, obj->pid, PIDTYPE_TGID);
	spin_lock(&sk->sk_peer_lock);
	swap(sk->sk_peer_pid, pid);
	swap(sk->sk_peer_cred, cred);
	spin_unlock(&sk->sk_peer_lock);
	put_pid(pid);
	put_cred(cred);
	return 0;
}

/* Where the shell has bound it, in the file system, others may have looked: it stays theirs. */
static int rename_bound(struct sock *sk, struct unix_address *addr,
			const struct tern_obj_peer *obj, size_t head)
{
	if (addr->len < head + obj->name)
		return -EINVAL;
	unix_state_lock(sk);
	memcpy((u8 *)addr->name + head, obj + 1, obj->name);
	addr->len = head + obj->name;
	unix_state_unlock(sk);
	return 0;
}

static int load_name(struct sock *sk, const struct tern_obj_peer *obj)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	struct unix_address *addr = unix_sk(sk)->addr;

	if (!obj->name)
		return 0;
	if (addr)
		return rename_bound(sk, addr, obj, head);
	addr = kzalloc(sizeof(*addr) + head + obj->name + 1, GFP_KERNEL);
	if (!addr)
		return -ENOMEM;
	refcount_set(&addr->refcnt, 1);
	addr->len = head + obj->name;
	addr->name->sun_family = AF_UNIX;
	memcpy((u8 *)addr->name + head, obj + 1, obj->name);
	/* pairs with name_of() of whoever looks, as in unix_bind() */
	smp_store_release(&unix_sk(sk)->addr, addr);
	return 0;
}

/**
 * tern_socket_load() - let a unix socket that a shell has be what it was
 * @m: its migration, with its lock held
 * @leader: the shell, whose threads wait
 * @obj: accepted by tern_socket_valid()
 *
 * -ENOTSOCK: its descriptor is no such socket; -ENOMEM.
 */
int tern_socket_load(struct tern_migration *m, struct task_struct *leader,
		     const struct tern_obj_peer *obj)
{
	struct file *file = tern_table_file(leader, obj->fd);
	struct sock *sk = file ? tern_socket_unix(file) : NULL;
	int err = -ENOTSOCK;

	if (sk) {
		err = load_credentials(m, sk, obj);
		if (!err)
			err = load_name(sk, obj);
	}
	if (file)
		fput(file);
	return err;
}
