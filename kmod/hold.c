// SPDX-License-Identifier: GPL-2.0
/*
 * A hold on a network namespace, so that no frame is lost when a pod moves. Each device has
 * a receive handler, which lets everything pass until the migrant stands. From then on
 * ("cut") frames are queued, and what the sockets have stays what it is. Only the connections
 * of TCP go on, for the kernel acknowledges what comes and keeps it: until they are handed over
 * ("shut"). If the migrant runs on here, frames go on into the stack, in their order; if it
 * runs elsewhere, the daemon reads them and sends them after it.
 *
 * At the destination frames are queued from the beginning, until the migrant runs, and those of
 * TCP until its connections are there, too; if it will never run, the daemon sends them back.
 *
 * No netfilter hooks: registering the first one patches code, and that takes a while.
 *
 * A hold belongs to its migration, and to each descriptor that a daemon has of it. It keeps
 * the namespace, so that what is addressed to the pod arrives here as long as there may be
 * any such thing.
 *
 * Locks: m->hold under m->lock; of a hold all that changes under queue.lock, which is taken
 * within softirqs, too. Handlers come and go under rtnl, which is never taken with m->lock
 * held: whoever drops the last reference leaves that to a work item.
 */
#include <linux/anon_inodes.h>
#include <linux/etherdevice.h>
#include <linux/file.h>
#include <linux/if_vlan.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "frame.h"
#include "hold.h"
#include "host.h"
#include "migration.h"
#include "pod.h"

#define HOLD_MAX	(64UL << 20)	/* bytes of memory that frames take */
#define RELEASE_MAX	(1U << 17)	/* frames, if they come quicker than they are let go */
#define FRAME_MAX	(ETH_HLEN + 65535U)
#define PATIENCE	(5 * HZ)	/* with a hold of the last move */

/* What struct virtio_net_hdr can say of a frame that stands for many. */
#define GSO_KNOWN	(SKB_GSO_TCPV4 | SKB_GSO_TCPV6 | SKB_GSO_TCP_ECN | \
			 SKB_GSO_TCP_FIXEDID | SKB_GSO_DODGY)

/**
 * enum mode - what becomes of a frame
 * @MODE_PASS: what would without us
 * @MODE_SERVE: one for a TCP connection that is there passes, any other is queued
 * @MODE_HOLD: it is queued
 * @MODE_TCP: one of TCP is queued, any other passes
 * @MODE_FORWARD: it is queued, and the daemon reads it
 * @MODE_OVER: as with MODE_PASS, for ever
 */
enum mode {
	MODE_PASS,
	MODE_SERVE,
	MODE_HOLD,
	MODE_TCP,
	MODE_FORWARD,
	MODE_OVER,
};

/**
 * struct tern_hold - a hold
 * @node: of all of them
 * @ref: the migration has one, and each open file
 * @net: the namespace, referenced
 * @nb: hears of its devices
 * @busy: name of one that has a receive handler already; under rtnl
 * @wait: those who read
 * @work: the end of it
 * @ahead: it is the destination's: the source has got what is for all the segment
 * @queue: frames, as their handler got them; its lock guards what follows
 * @mode: enum mode
 * @left: the grace period in which the mode before was left (get_state_synchronize_rcu())
 * @bytes: memory that frames take
 * @held: how many have been queued
 * @dropped: how many have not, or could not be read
 * @passing: the one that is being let go
 * @past: the last of those, from the first on, that wait in MODE_TCP; NULL: not known
 */
struct tern_hold {
	struct list_head node;
	struct kref ref;
	struct net *net;
	struct notifier_block nb;
	char busy[IFNAMSIZ];
	wait_queue_head_t wait;
	struct work_struct work;
	bool ahead;
	struct sk_buff_head queue;
	enum mode mode;
	unsigned long left;
	size_t bytes;
	u64 held;
	u64 dropped;
	struct sk_buff *passing;
	struct sk_buff *past;
};

static struct workqueue_struct *ends;
static LIST_HEAD(holds);
static DEFINE_SPINLOCK(holds_lock);	/* of the list */
static DECLARE_WAIT_QUEUE_HEAD(gone);	/* who waits for one to be in it no more */

/* ---- frames that come ------------------------------------------------------------------- */

/* With softirqs off, under RCU. */
static bool passes(const struct tern_hold *hold, enum mode mode, const struct sk_buff *skb)
{
	switch (mode) {
	case MODE_PASS:
	case MODE_OVER:		return true;
	case MODE_SERVE:	return tern_frame_has_connection(skb, hold->net);
	case MODE_TCP:		return !tern_frame_is_tcp(skb);
	default:		return false;
	}
}

/*
 * Once the migrant runs elsewhere: what it said to itself was said here, and goes with the
 * sockets. What is for all the segment has reached it there, for it joined before it ran; and
 * before it did the source got that.
 */
static bool is_void(const struct tern_hold *hold, const struct sk_buff *skb)
{
	if (hold->mode == MODE_FORWARD && skb->dev->flags & IFF_LOOPBACK)
		return true;
	return (hold->mode == MODE_FORWARD || hold->ahead) && skb->pkt_type != PACKET_HOST;
}

/* The stack would not look at it, either. */
static bool is_not_ours(const struct sk_buff *skb)
{
	return skb->pkt_type == PACKET_OTHERHOST ||
	       (skb_vlan_tag_present(skb) && skb_vlan_tag_get_id(skb));
}

/* The pod's own, from the other host, where it did not come to live after all. */
static bool is_own(const struct sk_buff *skb)
{
	return !(skb->dev->flags & IFF_LOOPBACK) &&
	       ether_addr_equal(eth_hdr(skb)->h_source, skb->dev->dev_addr);
}

/* Under queue.lock. */
static void add(struct tern_hold *hold, struct sk_buff *skb)
{
	__skb_queue_tail(&hold->queue, skb);
	hold->bytes += skb->truesize;
}

/* Likewise. NULL: there is none. */
static struct sk_buff *take(struct tern_hold *hold)
{
	struct sk_buff *skb = __skb_dequeue(&hold->queue);

	hold->past = NULL;
	if (skb)
		hold->bytes -= skb->truesize;
	return skb;
}

/* Likewise: the oldest that does not wait in @mode. */
static struct sk_buff *take_for(struct tern_hold *hold, enum mode mode)
{
	struct sk_buff *skb;

	if (mode != MODE_TCP)
		return take(hold);
	skb = hold->past ? hold->past->next : hold->queue.next;
	skb_queue_walk_from(&hold->queue, skb) {
		if (!passes(hold, mode, skb)) {
			hold->past = skb;
			continue;
		}
		__skb_unlink(skb, &hold->queue);
		hold->bytes -= skb->truesize;
		return skb;
	}
	return NULL;
}

/* Return: it has been seen to. */
static bool keep(struct tern_hold *hold, struct sk_buff *skb)
{
	bool wake = false, kept = true, full = false;

	spin_lock_bh(&hold->queue.lock);
	if (passes(hold, hold->mode, skb)) {
		kept = false;
	} else if (is_void(hold, skb)) {
		full = true;
	} else if (hold->bytes + skb->truesize > HOLD_MAX) {
		hold->dropped++;
		full = true;
	} else {
		add(hold, skb);
		hold->held++;
		wake = hold->mode == MODE_FORWARD;
	}
	spin_unlock_bh(&hold->queue.lock);
	if (full)
		kfree_skb(skb);
	if (wake)
		wake_up_interruptible(&hold->wait);
	return kept;
}

static void count_dropped(struct tern_hold *hold)
{
	spin_lock_bh(&hold->queue.lock);
	hold->dropped++;
	spin_unlock_bh(&hold->queue.lock);
}

static rx_handler_result_t hold_frame(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct tern_hold *hold = rcu_dereference(skb->dev->rx_handler_data);

	if (passes(hold, READ_ONCE(hold->mode), skb) || skb == READ_ONCE(hold->passing) ||
	    is_not_ours(skb))
		return RX_HANDLER_PASS;
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb) {
		count_dropped(hold);
		return RX_HANDLER_CONSUMED;
	}
	*pskb = skb;
	if (is_own(skb)) {
		kfree_skb(skb);
		return RX_HANDLER_CONSUMED;
	}
	/* it may stay for long: whoever has sent it, on this host, is not to wait for it */
	skb_orphan(skb);
	skb_dst_force(skb);
	return keep(hold, skb) ? RX_HANDLER_CONSUMED : RX_HANDLER_PASS;
}

/* ---- devices ----------------------------------------------------------------------------- */

/* A device goes: what came to it cannot go on. */
static void forget_device(struct tern_hold *hold, const struct net_device *dev)
{
	struct sk_buff *skb, *tmp;

	spin_lock_bh(&hold->queue.lock);
	hold->past = NULL;
	skb_queue_walk_safe(&hold->queue, skb, tmp) {
		if (skb->dev != dev)
			continue;
		__skb_unlink(skb, &hold->queue);
		hold->bytes -= skb->truesize;
		kfree_skb(skb);
	}
	spin_unlock_bh(&hold->queue.lock);
}

/* Also for all devices that there are, when it is registered, and when it is not any more. */
static int on_device(struct notifier_block *nb, unsigned long event, void *info)
{
	struct tern_hold *hold = container_of(nb, struct tern_hold, nb);
	struct net_device *dev = netdev_notifier_info_to_dev(info);
	int err = 0;

	if (event == NETDEV_REGISTER) {
		err = netdev_rx_handler_register(dev, hold_frame, hold);
		if (err)
			strscpy(hold->busy, dev->name, sizeof(hold->busy));
	} else if (event == NETDEV_UNREGISTER &&
		   rtnl_dereference(dev->rx_handler_data) == hold) {
		netdev_rx_handler_unregister(dev);
		forget_device(hold, dev);
	} else if (event == NETDEV_CHANGEADDR && hold->ahead) {
		/* it is announced on its new segment (userd/net_link.c), and so are its groups */
		call_netdevice_notifiers(NETDEV_RESEND_IGMP, dev);
	}
	return notifier_from_errno(err);
}

/* ---- its life ------------------------------------------------------------------------------ */

static struct net *net_of(struct pid *pid)
{
	struct task_struct *task = get_pid_task(pid, PIDTYPE_TGID);
	struct net *net = task ? tern_net_of(task) : NULL;

	if (task)
		put_task_struct(task);
	return net;
}

static void free_hold(struct tern_hold *hold)
{
	spin_lock(&holds_lock);
	list_del_init(&hold->node);
	spin_unlock(&holds_lock);
	wake_up(&gone);
	skb_queue_purge(&hold->queue);
	put_net(hold->net);
	kfree(hold);
}

static void end_work(struct work_struct *work)
{
	struct tern_hold *hold = container_of(work, struct tern_hold, work);

	unregister_netdevice_notifier_net(hold->net, &hold->nb);
	free_hold(hold);
}

static void last_put(struct kref *ref)
{
	struct tern_hold *hold = container_of(ref, struct tern_hold, ref);

	queue_work(ends, &hold->work);
}

static void put(struct tern_hold *hold)
{
	kref_put(&hold->ref, last_put);
}

static bool is_held(const struct net *net)
{
	const struct tern_hold *hold;
	bool held = false;

	spin_lock(&holds_lock);
	list_for_each_entry(hold, &holds, node)
		held |= hold->net == net;
	spin_unlock(&holds_lock);
	return held;
}

/* A daemon looks for a while whether any frame comes behind a move that is over. */
static int wait_for_last(const struct net *net, struct tern_why *why)
{
	long left = wait_event_interruptible_timeout(gone, !is_held(net), PATIENCE);

	if (left < 0)
		return left;
	return left ? 0 : tern_why(why, -EBUSY,
				   "frames of its last move are still on their way: try again");
}

static struct tern_hold *make(const struct tern_migration *m, struct tern_why *why)
{
	struct tern_hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	int err;

	if (!hold)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&hold->node);
	kref_init(&hold->ref);
	init_waitqueue_head(&hold->wait);
	INIT_WORK(&hold->work, end_work);
	skb_queue_head_init(&hold->queue);
	hold->nb.notifier_call = on_device;
	hold->ahead = m->side == TERN_DESTINATION;
	hold->mode = hold->ahead ? MODE_HOLD : MODE_PASS;
	hold->net = net_of(m->pid);
	if (!hold->net) {
		kfree(hold);
		return ERR_PTR(tern_why(why, -ESRCH, "the process has ended"));
	}
	if (hold->net == m->host->net)
		err = tern_why(why, -EINVAL, "it has no network namespace of its own");
	else
		err = wait_for_last(hold->net, why) ?:
		      register_netdevice_notifier_net(hold->net, &hold->nb);
	if (!err) {
		spin_lock(&holds_lock);
		list_add(&hold->node, &holds);
		spin_unlock(&holds_lock);
		return hold;
	}
	if (hold->busy[0])
		tern_why(why, err,
			 "its interface %s belongs to a bridge, or has others on top of it: take them away",
			 hold->busy);
	free_hold(hold);
	return ERR_PTR(err);
}

static bool may_begin(const struct tern_migration *m)
{
	return m->side == TERN_SOURCE ?
	       m->state == TERN_REQUESTED || m->state == TERN_PREPARED ||
	       m->state == TERN_PARKED :
	       m->state == TERN_SHELL && m->pid;
}

/* Who was on the way past the handler in mode @from has arrived when this returns. */
static void leave_mode(struct tern_hold *hold, enum mode from, enum mode to)
{
	unsigned long left;

	spin_lock_bh(&hold->queue.lock);
	if (hold->mode == from) {
		WRITE_ONCE(hold->mode, to);
		hold->left = get_state_synchronize_rcu();
	}
	left = hold->left;
	spin_unlock_bh(&hold->queue.lock);
	/* each process of a pod comes here, and most find that somebody has waited already */
	cond_synchronize_rcu_expedited(left);
}

/**
 * tern_hold_cut() - the migrant stands: nothing reaches its sockets but its connections
 * @m: with its lock held, as for all that follow; it need not have a hold
 */
void tern_hold_cut(struct tern_migration *m)
{
	lockdep_assert_held(&m->lock);
	if (m->hold)
		leave_mode(m->hold, MODE_PASS, MODE_SERVE);
}

/* That of the pod that leaves. */
static struct tern_hold *find(const struct net *net)
{
	struct tern_hold *hold;

	spin_lock(&holds_lock);
	list_for_each_entry(hold, &holds, node) {
		if (hold->net == net && !hold->ahead && kref_get_unless_zero(&hold->ref)) {
			spin_unlock(&holds_lock);
			return hold;
		}
	}
	spin_unlock(&holds_lock);
	return NULL;
}

/**
 * tern_hold_shut() - its connections are about to be handed over: nothing reaches them, either
 * @net: where they are; it need not have a hold
 */
void tern_hold_shut(const struct net *net)
{
	struct tern_hold *hold = find(net);

	if (!hold)
		return;
	leave_mode(hold, MODE_SERVE, MODE_HOLD);
	put(hold);
}

/* That of @m, which gets @new if it has none. With a reference; NULL: it may have one. */
static struct tern_hold *hold_of(struct tern_migration *m, struct tern_hold *new)
{
	struct tern_hold *hold;

	mutex_lock(&m->lock);
	if (!m->hold && new && may_begin(m)) {
		kref_get(&new->ref);
		m->hold = new;
		/* it is prepared while it stands */
		if (m->state == TERN_PARKED)
			tern_hold_cut(m);
	}
	hold = m->hold;
	if (hold)
		kref_get(&hold->ref);
	else if (!may_begin(m))
		hold = ERR_PTR(-EBADFD);
	mutex_unlock(&m->lock);
	return hold;
}

static struct tern_hold *get(struct tern_migration *m, struct tern_why *why)
{
	struct tern_hold *hold = hold_of(m, NULL), *new;

	if (hold)
		return hold;
	new = make(m, why);
	if (IS_ERR(new))
		return new;
	hold = hold_of(m, new);
	put(new);
	return hold ?: ERR_PTR(-EBADFD);
}

/* The oldest goes on into the stack. Return: false: there is none, and others pass. */
static bool let_go(struct tern_hold *hold, enum mode mode)
{
	struct sk_buff *skb;

	/* its device stays for so long */
	rcu_read_lock();
	spin_lock_bh(&hold->queue.lock);
	skb = take_for(hold, mode);
	if (!skb)
		WRITE_ONCE(hold->mode, mode);
	WRITE_ONCE(hold->passing, skb);
	spin_unlock_bh(&hold->queue.lock);
	if (skb) {
		local_bh_disable();
		netif_receive_skb_core(skb);
		local_bh_enable();
	}
	WRITE_ONCE(hold->passing, NULL);
	rcu_read_unlock();
	return skb;
}

static void let_all_go(struct tern_hold *hold, enum mode mode)
{
	unsigned int i;

	for (i = 0; i < RELEASE_MAX; i++) {
		if (!let_go(hold, mode))
			return;
		cond_resched();
	}
	/* so many that their order is of no more use than an end of this */
	WRITE_ONCE(hold->mode, mode);
	while (let_go(hold, mode))
		cond_resched();
}

/** tern_hold_release() - the migrant runs on here, and finds all that has come */
void tern_hold_release(struct tern_migration *m)
{
	lockdep_assert_held(&m->lock);
	if (m->hold)
		let_all_go(m->hold, MODE_PASS);
}

/** tern_hold_forward() - it runs elsewhere, and not here: the daemon may read */
void tern_hold_forward(struct tern_migration *m)
{
	struct tern_hold *hold = m->hold;
	struct sk_buff *skb, *tmp;

	lockdep_assert_held(&m->lock);
	if (!hold)
		return;
	spin_lock_bh(&hold->queue.lock);
	skb_queue_walk_safe(&hold->queue, skb, tmp) {
		if (!(skb->dev->flags & IFF_LOOPBACK) && skb->pkt_type != PACKET_LOOPBACK)
			continue;
		hold->past = NULL;
		__skb_unlink(skb, &hold->queue);
		hold->bytes -= skb->truesize;
		kfree_skb(skb);
	}
	WRITE_ONCE(hold->mode, MODE_FORWARD);
	spin_unlock_bh(&hold->queue.lock);
	wake_up_interruptible(&hold->wait);
}

/**
 * tern_hold_end() - the migration ends
 * @m: its reference goes; whoever has a descriptor reads on
 * @stays: the migrant is here: there is nothing to be read
 */
void tern_hold_end(struct tern_migration *m, bool stays)
{
	struct tern_hold *hold = m->hold;

	lockdep_assert_held(&m->lock);
	if (!hold)
		return;
	m->hold = NULL;
	if (stays)
		tern_hold_over(hold);
	else
		put(hold);
}

/**
 * tern_hold_part() - the migrant runs on here, and what comes for it passes, but for TCP
 * @m: its reference goes to the caller
 *
 * Return: NULL: it has none; else to be given to tern_hold_over().
 */
struct tern_hold *tern_hold_part(struct tern_migration *m)
{
	struct tern_hold *hold = m->hold;

	lockdep_assert_held(&m->lock);
	m->hold = NULL;
	if (hold)
		let_all_go(hold, MODE_TCP);
	return hold;
}

/** tern_hold_over() - its connections are there; NULL: nothing */
void tern_hold_over(struct tern_hold *hold)
{
	if (!hold)
		return;
	let_all_go(hold, MODE_OVER);
	wake_up_interruptible(&hold->wait);
	put(hold);
}

/* ---- its file ------------------------------------------------------------------------------ */

static bool readable(struct tern_hold *hold)
{
	enum mode mode = READ_ONCE(hold->mode);

	return mode == MODE_OVER ||
	       (mode == MODE_FORWARD && !skb_queue_empty_lockless(&hold->queue));
}

static bool must_split(const struct sk_buff *skb)
{
	unsigned int type = skb_shinfo(skb)->gso_type;

	return skb_is_gso(skb) && (type & ~GSO_KNOWN || skb->len > FRAME_MAX ||
				   !(type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)));
}

/* Those that @skb stands for take its place. Under RCU, for its device, which may be going. */
static void split(struct tern_hold *hold, struct sk_buff *skb)
{
	struct sk_buff *seg = __skb_gso_segment(skb, 0, false), *next;
	struct sk_buff_head list;
	size_t bytes = 0;

	__skb_queue_head_init(&list);
	if (IS_ERR_OR_NULL(seg))
		seg = NULL;
	for (; seg; seg = next) {
		next = seg->next;
		skb_mark_not_on_list(seg);
		bytes += seg->truesize;
		__skb_queue_tail(&list, seg);
	}
	spin_lock_bh(&hold->queue.lock);
	if (skb->dev->reg_state == NETREG_REGISTERED && !skb_queue_empty(&list)) {
		hold->bytes += bytes;
		hold->past = NULL;
		skb_queue_splice_init(&list, &hold->queue);
	} else {
		hold->dropped++;
	}
	spin_unlock_bh(&hold->queue.lock);
	__skb_queue_purge(&list);
	consume_skb(skb);
}

/* The next one, from its Ethernet header on, as it can be told. NULL: there is none. */
static struct sk_buff *next_frame(struct tern_hold *hold)
{
	struct sk_buff *skb;

	rcu_read_lock();
	for (;;) {
		spin_lock_bh(&hold->queue.lock);
		skb = hold->mode == MODE_FORWARD ? take(hold) : NULL;
		spin_unlock_bh(&hold->queue.lock);
		if (!skb)
			break;
		skb_push(skb, skb->data - skb_mac_header(skb));
		if (!must_split(skb))
			break;
		split(hold, skb);
	}
	rcu_read_unlock();
	return skb;
}

static ssize_t give(struct tern_hold *hold, struct sk_buff *skb, struct iov_iter *to)
{
	struct virtio_net_hdr hdr;
	ssize_t len = sizeof(hdr) + skb->len;

	if (iov_iter_count(to) < len)
		return -EMSGSIZE;
	/* cannot fail: what it cannot tell has been split */
	if (virtio_net_hdr_from_skb(skb, &hdr, true, false, 0))
		return -EINVAL;
	if (copy_to_iter(&hdr, sizeof(hdr), to) != sizeof(hdr) ||
	    skb_copy_datagram_iter(skb, 0, to, skb->len))
		return -EFAULT;
	return len;
}

static ssize_t hold_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct tern_hold *hold = iocb->ki_filp->private_data;
	struct sk_buff *skb;
	ssize_t ret;

	while (!(skb = next_frame(hold))) {
		if (READ_ONCE(hold->mode) == MODE_OVER)
			return 0;
		if (iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT)
			return -EAGAIN;
		ret = wait_event_interruptible(hold->wait, readable(hold));
		if (ret)
			return ret;
	}
	ret = give(hold, skb, to);
	/* whoever has no room for it will not get it */
	if (ret < 0)
		count_dropped(hold);
	consume_skb(skb);
	return ret;
}

static __poll_t hold_poll(struct file *file, poll_table *wait)
{
	struct tern_hold *hold = file->private_data;

	poll_wait(file, &hold->wait, wait);
	if (READ_ONCE(hold->mode) == MODE_OVER)
		return EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	return readable(hold) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void hold_show(struct seq_file *seq, struct file *file)
{
	static const char * const names[] = { "pass", "serve", "hold", "tcp", "forward", "over" };
	struct tern_hold *hold = file->private_data;

	spin_lock_bh(&hold->queue.lock);
	seq_printf(seq, "mode:\t%s\nframes:\t%u\nbytes:\t%zu\nheld:\t%llu\ndropped:\t%llu\n",
		   names[hold->mode], skb_queue_len(&hold->queue), hold->bytes, hold->held,
		   hold->dropped);
	spin_unlock_bh(&hold->queue.lock);
}

static int hold_close(struct inode *inode, struct file *file)
{
	put(file->private_data);
	return 0;
}

static const struct file_operations hold_fops = {
	.owner = THIS_MODULE,
	.read_iter = hold_read,
	.poll = hold_poll,
	.show_fdinfo = hold_show,
	.release = hold_close,
	.llseek = noop_llseek,
};

/**
 * tern_hold() - arm a hold, or get at it again (TERN_IOC_HOLD)
 * @m: unlocked
 * @arg: its descriptor
 * @why: sentence
 */
int tern_hold(struct tern_migration *m, struct tern_hold_io *arg, struct tern_why *why)
{
	struct tern_hold *hold = get(m, why);
	int fd;

	if (IS_ERR(hold))
		return PTR_ERR(hold);
	fd = anon_inode_getfd("[tern-hold]", &hold_fops, hold, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		put(hold);
		return fd;
	}
	arg->fd = fd;
	return 0;
}

/** tern_hold_init() - the module is loaded */
int __init tern_hold_init(void)
{
	ends = alloc_workqueue("tern", WQ_UNBOUND, 0);
	return ends ? 0 : -ENOMEM;
}

/** tern_hold_exit() - and goes: no hold is left when this returns */
void tern_hold_exit(void)
{
	destroy_workqueue(ends);
}
