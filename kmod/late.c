// SPDX-License-Identifier: GPL-2.0
/*
 * The destination's end of the hand-over of TCP connections. LOAD shuts a gate before each
 * socket that has one, or that listens (LATE); then the process runs. What the source has
 * dumped when it knew that comes by TERN_IOC_SOCKETS. Processes that move together may have
 * both ends of a connection between them: so the gates are opened when the sockets of all of
 * them are there, by a work item, for whoever brings the last ones has page faults to answer.
 * Until then what comes for TCP is held (hold.c).
 *
 * Nothing is refused here, for there is nobody who could go back: a connection that does not
 * come, or cannot be made, is reset (ECONNRESET).
 *
 * Locks: m->lock, then late->lock.
 */
#include <linux/atomic.h>
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/tern.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "connection.h"
#include "fault.h"
#include "gate.h"
#include "hold.h"
#include "host.h"
#include "image.h"
#include "inet.h"
#include "late.h"
#include "migration.h"
#include "pod.h"
#include "table.h"
#include "unit.h"

#define ARMED_DELAY	(HZ / 20)	/* between two looks at the fault point */

/**
 * struct late_socket - a socket with a gate
 * @node: in the list
 * @m: whose it is, referenced
 * @fd: its descriptor when it was loaded; the process may have closed it since
 * @file: held
 */
struct late_socket {
	struct list_head node;
	struct tern_migration *m;
	int fd;
	struct file *file;
};

/**
 * struct tern_late - sockets of those that move together
 * @ref: each migration holds one, and the unit, and the work item
 * @lock: guards all that follows
 * @nr: migrations whose sockets come
 * @nr_came: of these, those whose sockets are there
 * @sockets: struct late_socket
 * @connections: made, and still silent
 * @hold: what has come for them
 * @net: network namespace of the pod, until they are open
 * @work: the end of it
 */
struct tern_late {
	struct kref ref;
	struct mutex lock;	/* all that follows */
	unsigned int nr;
	unsigned int nr_came;
	struct list_head sockets;
	struct list_head connections;
	struct tern_hold *hold;
	struct net *net;
	struct delayed_work work;
};

/* ---- its life ------------------------------------------------------------------------- */

static void forget_net(struct tern_late *late)
{
	if (late->net)
		put_net(late->net);
	late->net = NULL;
}

static void late_free(struct kref *ref)
{
	struct tern_late *late = container_of(ref, typeof(*late), ref);

	WARN_ON(!list_empty(&late->sockets) || late->hold);
	forget_net(late);
	mutex_destroy(&late->lock);
	kfree(late);
}

/** tern_late_put() - one reference less; NULL: nothing */
void tern_late_put(struct tern_late *late)
{
	if (late)
		kref_put(&late->ref, late_free);
}

/* Nobody has it open any more: who has closed it does not wait for its end (SO_LINGER). */
static void no_linger(const struct file *file, struct sock *sk)
{
	if (file_count(file) == 1 && sock_flag(sk, SOCK_LINGER) && sk->sk_lingertime)
		sock_reset_flag(sk, SOCK_LINGER);
}

/* Under late->lock. */
static void drop(struct late_socket *s)
{
	list_del(&s->node);
	WRITE_ONCE(s->m->nr_late, s->m->nr_late - 1);
	no_linger(s->file, sock_from_file(s->file)->sk);
	fput(s->file);
	tern_migration_put(s->m);
	kfree(s);
}

static void open_all(struct tern_late *late)
{
	struct late_socket *s, *next;

	tern_connections_go(&late->connections);
	list_for_each_entry_safe(s, next, &late->sockets, node) {
		tern_gate_open(sock_from_file(s->file));
		drop(s);
	}
	tern_hold_over(late->hold);
	late->hold = NULL;
	/* it must not outlive the pod, as the memory of a migration does */
	forget_net(late);
}

static void open_work(struct work_struct *work)
{
	struct tern_late *late = container_of(to_delayed_work(work), typeof(*late), work);

	if (atomic_read(&tern_fault_armed) == TERN_FAULT_GATE) {
		queue_delayed_work(system_unbound_wq, &late->work, ARMED_DELAY);
		return;
	}
	mutex_lock(&late->lock);
	open_all(late);
	mutex_unlock(&late->lock);
	tern_late_put(late);
	module_put(THIS_MODULE);
}

static struct tern_late *create(void)
{
	struct tern_late *late = kzalloc(sizeof(*late), GFP_KERNEL);

	if (!late)
		return NULL;
	kref_init(&late->ref);
	mutex_init(&late->lock);
	INIT_LIST_HEAD(&late->sockets);
	INIT_LIST_HEAD(&late->connections);
	INIT_DELAYED_WORK(&late->work, open_work);
	return late;
}

/* That of @m, and of all that move with it. With m->lock held. */
static struct tern_late *late_of(struct tern_migration *m)
{
	struct tern_late *new;
	unsigned long irq;

	if (m->late)
		return m->late;
	new = create();
	if (!new)
		return NULL;
	m->late = new;
	if (m->unit) {
		spin_lock_irqsave(&m->unit->lock, irq);
		if (m->unit->late)
			m->late = m->unit->late;
		else
			m->unit->late = new;
		kref_get(&m->late->ref);
		spin_unlock_irqrestore(&m->unit->lock, irq);
		if (m->late != new)
			tern_late_put(new);
	}
	mutex_lock(&m->late->lock);
	m->late->nr++;
	mutex_unlock(&m->late->lock);
	return m->late;
}

/* ---- before the process runs ---------------------------------------------------------- */

/** tern_late_valid() - may LOAD take @obj? */
bool tern_late_valid(const struct tern_obj *head, const struct tern_obj_late *obj)
{
	return head->len == sizeof(*head) + sizeof(*obj) && obj->fd >= -1 && !obj->reserved;
}

/* It has no connection yet, or listens. */
static bool may_be_late(const struct socket *sock, const struct net *net)
{
	const struct sock *sk = sock ? sock->sk : NULL;

	return sk && tern_inet_is(sk) && sk->sk_type == SOCK_STREAM &&
	       net_eq(sock_net(sk), net) &&
	       (sk->sk_state == TCP_LISTEN || tern_connection_is_fresh(sk));
}

static int add(struct tern_late *late, struct tern_migration *m, int fd, struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct late_socket *s;
	int err;

	if (!may_be_late(sock, late->net))
		return -ENOTSOCK;
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	err = tern_gate_shut(sock);
	if (err) {
		kfree(s);
		return err;
	}
	s->m = tern_migration_get(m);
	s->fd = fd;
	s->file = get_file(file);
	list_add_tail(&s->node, &late->sockets);
	m->nr_late++;
	return 0;
}

static int load(struct tern_late *late, struct tern_migration *m, struct task_struct *leader,
		int fd)
{
	struct file *file;
	struct net *net;
	bool ours;
	int err;

	lockdep_assert_held(&late->lock);
	net = tern_net_of(leader);
	if (!net)
		return -ESRCH;
	if (!late->net)
		late->net = get_net(net);
	ours = net_eq(late->net, net);
	put_net(net);
	if (!ours)
		return -EPERM;
	if (fd < 0)
		return 0;
	file = tern_table_file(leader, fd);
	if (!file)
		return -ENOTSOCK;
	err = add(late, m, fd, file);
	fput(file);
	return err;
}

/**
 * tern_late_load() - shut the gate before a socket that a shell has
 * @m: its migration, with its lock held
 * @leader: the shell, whose threads wait
 * @obj: accepted by tern_late_valid()
 *
 * -ENOTSOCK: its descriptor is no such socket; -EPERM: it is in another network namespace than
 * those that move with it; -ENOMEM.
 */
int tern_late_load(struct tern_migration *m, struct task_struct *leader,
		   const struct tern_obj_late *obj)
{
	struct tern_late *late = late_of(m);
	int err;

	if (!late)
		return -ENOMEM;
	mutex_lock(&late->lock);
	err = load(late, m, leader, obj->fd);
	mutex_unlock(&late->lock);
	return err;
}

/**
 * tern_late_resume() - the process runs
 * @m: with its lock held
 *
 * What has come for it goes on, but for what has to wait for its connections.
 */
void tern_late_resume(struct tern_migration *m)
{
	struct tern_hold *hold;

	if (!m->late) {
		tern_hold_end(m, true);
		return;
	}
	hold = tern_hold_part(m);
	if (!hold)
		return;
	mutex_lock(&m->late->lock);
	m->late->hold = hold;
	mutex_unlock(&m->late->lock);
}

/* ---- their connections have come ------------------------------------------------------ */

static struct late_socket *find(struct tern_late *late, const struct tern_migration *m, int fd)
{
	struct late_socket *s;

	list_for_each_entry(s, &late->sockets, node)
		if (s->m == m && s->fd == fd)
			return s;
	return NULL;
}

static int load_connection(struct tern_late *late, struct tern_migration *m,
			   struct list_head *connections, const struct tern_obj_tcp *obj)
{
	struct late_socket *s = obj->flags & TERN_TCP_ORPHAN ? NULL : find(late, m, obj->fd);

	if (!s && !(obj->flags & TERN_TCP_ORPHAN))
		return -ENOTSOCK;
	/* the host's own are nobody's to make; one that has ended is none */
	if (net_eq(late->net, m->host->net) && obj->state != TCP_CLOSE)
		return -EPERM;
	return tern_connection_load(connections, s ? s->file : NULL, late->net, obj);
}

static void count_reset(struct tern_migration *m)
{
	WRITE_ONCE(m->nr_reset, m->nr_reset + 1);
}

/* The last one of @connections. */
static void fail_last(struct list_head *connections)
{
	tern_connection_fail(list_last_entry(connections, struct tern_connection, node));
}

static void load_all(struct tern_late *late, struct tern_migration *m,
		     struct list_head *connections, const void *buf, size_t len)
{
	const struct list_head *last;
	const struct tern_obj *obj;
	size_t at = 0;
	bool good = false;

	while ((obj = tern_image_next(buf, len, &at))) {
		int err = 0;

		last = connections->prev;
		if (obj->type == TERN_OBJ_TCP)
			err = load_connection(late, m, connections, (const void *)(obj + 1));
		else if (good)
			err = tern_stream_load(connections, (const void *)(obj + 1));
		if (obj->type == TERN_OBJ_TCP)
			good = true;
		if (!err)
			continue;
		/* what it has got so far goes with it, and what still comes is not for it */
		if (obj->type != TERN_OBJ_TCP || connections->prev != last)
			fail_last(connections);
		good = false;
		count_reset(m);
	}
}

static void finish(struct tern_migration *m, struct list_head *connections)
{
	struct tern_connection *c, *next;

	list_for_each_entry_safe(c, next, connections, node) {
		if (!tern_connection_finish(c))
			continue;
		tern_connection_fail(c);
		count_reset(m);
	}
}

/* Of a process that had connections none has come for this one. */
static void reset_rest(struct tern_late *late, struct tern_migration *m)
{
	struct late_socket *s;

	list_for_each_entry(s, &late->sockets, node) {
		struct sock *sk = sock_from_file(s->file)->sk;

		if (s->m != m || sk->sk_state != TCP_CLOSE || tern_ended_is(sk))
			continue;
		tern_connection_reset(sk);
		count_reset(m);
	}
}

/* All that comes for @m has come. With both locks held. */
static void came(struct tern_late *late, struct tern_migration *m)
{
	reset_rest(late, m);
	m->came = true;
	if (++late->nr_came < late->nr)
		return;
	/* the work item's own, for neither of us may live as long */
	kref_get(&late->ref);
	__module_get(THIS_MODULE);
	queue_delayed_work(system_unbound_wq, &late->work, 0);
}

static int check(const void *buf, size_t len, struct tern_why *why)
{
	const struct tern_obj *obj;
	size_t at = 0;

	while ((obj = tern_image_next(buf, len, &at))) {
		bool valid = false;

		if (IS_ERR(obj))
			return tern_why(why, PTR_ERR(obj), "an object is malformed");
		if (obj->type == TERN_OBJ_TCP)
			valid = tern_connection_valid(obj, (const void *)(obj + 1));
		else if (obj->type == TERN_OBJ_STREAM)
			valid = tern_stream_valid(obj, (const void *)(obj + 1));
		if (!valid)
			return tern_why(why, -EBADMSG, "%s is nothing that a socket can be",
					tern_obj_name(obj->type));
	}
	return 0;
}

static int take(struct tern_migration *m, const void *buf, size_t len)
{
	struct tern_late *late = m->late;
	LIST_HEAD(connections);

	lockdep_assert_held(&m->lock);
	if (m->side != TERN_DESTINATION || m->state != TERN_PAGING)
		return -EBADFD;
	if (!late || m->came)
		return -EALREADY;
	mutex_lock(&late->lock);
	load_all(late, m, &connections, buf, len);
	finish(m, &connections);
	list_splice_tail(&connections, &late->connections);
	came(late, m);
	mutex_unlock(&late->lock);
	return 0;
}

/**
 * tern_late_take() - the connections of a process that runs here (TERN_IOC_SOCKETS)
 * @m: in TERN_PAGING
 * @io: TCP and STREAM objects; none: there are none, or they are lost
 * @why: sentence
 *
 * -EALREADY: they are there; -EBADMSG: nothing has been taken.
 */
int tern_late_take(struct tern_migration *m, struct tern_image_io *io, struct tern_why *why)
{
	void *buf;
	int err;

	if (io->len > TERN_IMAGE_MAX)
		return -EINVAL;
	buf = kvmalloc(io->len + 1, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = copy_from_user(buf, u64_to_user_ptr(io->buf), io->len) ? -EFAULT :
	      check(buf, io->len, why);
	if (!err) {
		mutex_lock(&m->lock);
		err = take(m, buf, io->len);
		mutex_unlock(&m->lock);
	}
	kvfree(buf);
	return err;
}

static void forget(struct tern_late *late, const struct tern_migration *m)
{
	struct late_socket *s, *next;

	list_for_each_entry_safe(s, next, &late->sockets, node)
		if (s->m == m)
			drop(s);
	/* nothing can have come yet: nobody runs */
	if (!--late->nr)
		forget_net(late);
}

/**
 * tern_late_end() - a migration ends
 * @m: with its lock held
 *
 * If it has failed the shell is closed with its sockets. Otherwise nothing comes any more, and
 * others do not wait for it.
 */
void tern_late_end(struct tern_migration *m)
{
	struct tern_late *late = m->late;

	lockdep_assert_held(&m->lock);
	if (!late)
		return;
	mutex_lock(&late->lock);
	if (m->state == TERN_FAILED)
		forget(late, m);
	else if (!m->came)
		came(late, m);
	mutex_unlock(&late->lock);
}
