// SPDX-License-Identifier: GPL-2.0
/*
 * The source's end of the hand-over of TCP connections. While the process stands its
 * connections are noted, and go on as the kernel's; when all else has left nothing reaches them
 * any more (hold.c), they say nothing more by themselves, and are dumped: TCP and STREAM. If the
 * process runs on here after all they go on.
 *
 * The dump is made once, and stays with the migration until that ends: a daemon that takes
 * over, or has a new link, sends the same.
 *
 * Locks: m->lock.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/tcp.h>
#include <linux/tern.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "connection.h"
#include "desc.h"
#include "ehash.h"
#include "fault.h"
#include "hold.h"
#include "image.h"
#include "late.h"
#include "migration.h"
#include "pod.h"
#include "table.h"

#define SPARE	(64UL << 10)	/* room for callers, orphans, and what has come out of order */

/* Bytes of what is in its queues. A segment may come meanwhile, or be acknowledged. */
static size_t bytes_of(const struct tern_connection *c)
{
	const struct tcp_sock *tp = tcp_sk(c->sk);
	size_t unread = READ_ONCE(tp->rcv_nxt) - tp->copied_seq;

	if (c->listens || c->closes)
		return 0;
	/* of one that has ended nothing is sent, and its numbers may be anything */
	if (tern_ended_is(c->sk))
		return sizeof(struct tern_obj_tcp) + unread;
	return sizeof(struct tern_obj_tcp) + unread + (tp->write_seq - READ_ONCE(tp->snd_una));
}

/* What still comes, and what has come out of order, has its place in the window. */
static size_t window_of(const struct tern_connection *c)
{
	return c->listens || c->closes || tern_ended_is(c->sk) ? 0 : tcp_sk(c->sk)->rcv_wnd;
}

/**
 * tern_handover_fits() - can all that has been noted be handed over?
 * @m: with its lock held, captured
 * @why: sentence
 *
 * As long as somebody can still say no. Return: 0 or -E2BIG.
 */
int tern_handover_fits(const struct tern_migration *m, struct tern_why *why)
{
	struct tern_connection *c;
	size_t bytes = 0;

	list_for_each_entry(c, &m->connections, node)
		bytes += bytes_of(c) + window_of(c);
	return bytes <= TERN_IMAGE_MAX ? 0 :
	       tern_why(why, -E2BIG, "its connections hold more than %lu MiB",
			TERN_IMAGE_MAX >> 20);
}

static void note(struct tern_connection *c, struct task_struct *leader)
{
	struct file *file = tern_table_file(leader, c->fd);
	struct socket *sock = file ? sock_from_file(file) : NULL;

	if (sock && sock->sk == c->sk)
		c->file = file;
	else if (file)
		fput(file);
}

/**
 * tern_handover_note() - the process is about to be in doubt: from here on its sockets stay
 * @m: with its lock held; captured, and so is everything that moves with it
 *
 * Whatever becomes of the process, which may be killed where it stands. Before, others would
 * have been found to hold its files. Return: 0, or -ESRCH: it has ended.
 */
int tern_handover_note(struct tern_migration *m)
{
	struct task_struct *leader;
	struct tern_connection *c;

	lockdep_assert_held(&m->lock);
	if (!m->hands_over)
		return 0;
	leader = get_pid_task(m->pid, PIDTYPE_TGID);
	if (!leader)
		return -ESRCH;
	list_for_each_entry(c, &m->connections, node)
		note(c, leader);
	if (m->has_orphans)
		m->net = tern_net_of(leader);
	put_task_struct(leader);
	return 0;
}

static int save_one(struct tern_saver *saver, struct tern_connection *c)
{
	/* of one that has been closed the process was killed */
	if (!c->file)
		return 0;
	if (c->listens)
		return tern_callers_save(saver, c->fd, c->sk);
	return tern_connection_save(saver, c, 0);
}

/*
 * Callers and orphans are added to the list behind those that were noted, and have no file. When
 * there was not enough room they come once more, which harms nobody.
 */
static int save(struct tern_migration *m, const struct tern_socks *orphans,
		struct tern_image *image)
{
	struct tern_table table = { .connections = &m->connections };
	struct tern_saver saver = { .table = &table, .image = image };
	struct tern_connection *c;
	int err = 0;

	list_for_each_entry(c, &m->connections, node) {
		err = save_one(&saver, c);
		if (err)
			return err;
	}
	return tern_orphans_save(&saver, orphans);
}

/* The process stands: a socket stays where it was when it was noted. */
static void shut(struct tern_migration *m)
{
	struct tern_connection *c = list_first_entry_or_null(&m->connections, typeof(*c), node);

	if (m->net)
		tern_hold_shut(m->net);
	else if (c)
		tern_hold_shut(sock_net(c->sk));
}

/* Room that most dumps need. To have more than that cleared takes its time. */
static size_t usual(const struct tern_migration *m)
{
	struct tern_connection *c;
	size_t bytes = SPARE;

	list_for_each_entry(c, &m->connections, node)
		bytes += bytes_of(c);
	return min_t(size_t, bytes + bytes / 8, TERN_IMAGE_MAX);
}

static int dump_into(struct tern_migration *m, const struct tern_socks *orphans,
		     struct tern_image *image)
{
	size_t size = usual(m);
	int err;

	for (;;) {
		err = tern_image_alloc(image, size);
		if (err)
			return err;
		shut(m);
		err = save(m, orphans, image);
		if (!err && image->len <= image->size)
			return 0;
		size = image->len + image->len / 8;
		if (size > TERN_IMAGE_MAX && image->len <= TERN_IMAGE_MAX)
			size = TERN_IMAGE_MAX;
		tern_image_free(image);
		if (err)
			return err;
	}
}

/* Once they are shut their peers wait: what can be done before is. */
static int dump(struct tern_migration *m, struct tern_image *image)
{
	struct tern_socks orphans = {};
	int err = 0;

	if (m->net)
		err = tern_orphans_find(&orphans, m->net);
	if (!err)
		err = dump_into(m, &orphans, image);
	tern_socks_fini(&orphans);
	return err;
}

static bool may_save(const struct tern_migration *m)
{
	return m->side == TERN_SOURCE && m->hands_over &&
	       (m->state == TERN_DOUBT || m->state == TERN_COMMITTED);
}

/**
 * tern_handover_save() - TCP and STREAM (TERN_IOC_CAPTURE with TERN_CAPTURE_SOCKETS)
 * @m: in TERN_DOUBT, or later
 * @io: where to
 * @why: sentence
 *
 * May be called again. -EBADFD: nothing of it is to be handed over.
 */
int tern_handover_save(struct tern_migration *m, struct tern_image_io *io, struct tern_why *why)
{
	int err = 0;

	lockdep_assert_held(&m->lock);
	if (!may_save(m))
		return -EBADFD;
	if (!m->sockets.buf && !list_empty(&m->connections) && tern_fault(TERN_FAULT_SOCKETS)) {
		/* for ever: who is merely short of memory is asked again */
		m->hands_over = false;
		return tern_why(why, -EIO, "the connections could not be captured");
	}
	if (!m->sockets.buf)
		err = dump(m, &m->sockets);
	return err ?: tern_image_give(&m->sockets, io);
}

/** tern_handover_end() - the migration ends; with its lock held */
void tern_handover_end(struct tern_migration *m)
{
	tern_image_free(&m->sockets);
	if (m->net)
		put_net(m->net);
	m->net = NULL;
}
