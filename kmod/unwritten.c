// SPDX-License-Identifier: GPL-2.0
/*
 * The source's end of what the migrant has written to files of a file server, and what is in
 * this host's memory still. The capture leaves it there; it goes to the server while the
 * migrant runs at the destination, where whoever looks at such a file waits for it (barrier.c).
 *
 * The files are held from the moment on at which the process is in doubt: whatever becomes of it
 * here, its data can be written. Before, others would have been found to hold its files.
 *
 * A work item writes, and the daemon asks whether it has ended; so a daemon that takes over
 * asks in the same way.
 *
 * Locks: m->lock, but not while data is written.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "fault.h"
#include "migration.h"
#include "obj.h"
#include "table.h"
#include "unwritten.h"

#define ARMED_DELAY	(HZ / 20)	/* between two looks at the fault point */

/**
 * struct unwritten - one of them
 * @node: in the migration's list
 * @fd: a descriptor of it
 * @file: held from TERN_DOUBT on
 */
struct unwritten {
	struct list_head node;
	int fd;
	struct file *file;
};

/** tern_unwritten_is() - has it data that can be written when the process has gone? */
bool tern_unwritten_is(const struct tern_entry *entry)
{
	/* a lock has it written when it is given up, which is before another host can have it */
	return entry->fd >= 0 && entry->file->f_mode & FMODE_WRITE &&
	       tern_file_is_unwritten(entry->file) &&
	       tern_is_network(file_inode(entry->file)->i_sb) &&
	       !READ_ONCE(file_inode(entry->file)->i_flctx);
}

/**
 * tern_unwritten_add() - the capture leaves data of a file where it is
 * @list: the migration's
 * @entry: accepted by tern_unwritten_is()
 */
int tern_unwritten_add(struct list_head *list, const struct tern_entry *entry)
{
	struct unwritten *u = kzalloc(sizeof(*u), GFP_KERNEL);

	if (!u)
		return -ENOMEM;
	u->fd = entry->fd;
	list_add_tail(&u->node, list);
	return 0;
}

static void drop(struct unwritten *u)
{
	if (u->file)
		fput(u->file);
	kfree(u);
}

/** tern_unwritten_forget() - none of them is of interest any more */
void tern_unwritten_forget(struct list_head *list)
{
	struct unwritten *u, *next;

	list_for_each_entry_safe(u, next, list, node) {
		list_del(&u->node);
		drop(u);
	}
}

/**
 * tern_unwritten_note() - the process is about to be in doubt: hold its files
 * @m: with its lock held, captured
 *
 * Return: 0, or -ESRCH: it has ended.
 */
int tern_unwritten_note(struct tern_migration *m)
{
	struct task_struct *leader;
	struct unwritten *u;

	lockdep_assert_held(&m->lock);
	if (list_empty(&m->unwritten))
		return 0;
	leader = get_pid_task(m->pid, PIDTYPE_TGID);
	if (!leader)
		return -ESRCH;
	list_for_each_entry(u, &m->unwritten, node) {
		if (!u->file)
			u->file = tern_table_file(leader, u->fd);
		if (!u->file)
			break;
	}
	put_task_struct(leader);
	return list_entry_is_head(u, &m->unwritten, node) ? 0 : -ESRCH;
}

static bool may_write(const struct tern_migration *m)
{
	return m->side == TERN_SOURCE &&
	       (m->state == TERN_DOUBT || m->state == TERN_COMMITTED);
}

/**
 * tern_unwritten_error() - why data could not be written, as a file system may say it
 * @err: negative errno, from wherever
 *
 * The kernel hands on what it is told of a file (filemap_check_wb_err()), and some numbers have
 * a meaning of their own on the way.
 */
int tern_unwritten_error(int err)
{
	switch (err) {
	case 0:
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
		return err;
	default:
		return -EIO;
	}
}

/* The next one is the caller's; NULL: none is left, or none is of interest any more. */
static struct unwritten *take(struct tern_migration *m)
{
	struct unwritten *u;

	mutex_lock(&m->lock);
	u = may_write(m) ? list_first_entry_or_null(&m->unwritten, typeof(*u), node) : NULL;
	if (u)
		list_del(&u->node);
	mutex_unlock(&m->lock);
	return u;
}

static void finish(struct tern_migration *m, int err)
{
	mutex_lock(&m->lock);
	m->write_err = err;
	m->is_written = true;
	mutex_unlock(&m->lock);
	tern_migration_put(m);
	module_put(THIS_MODULE);
}

/*
 * Not in a thread of the daemon's: if the server does not answer it could not end, and its
 * descriptors with it, on which all other migrations of this host depend.
 */
static void write_work(struct work_struct *work)
{
	struct tern_migration *m = container_of(to_delayed_work(work), typeof(*m), writer);
	struct unwritten *u;
	int err = 0;

	if (atomic_read(&tern_fault_armed) == TERN_FAULT_WRITE_BACK) {
		queue_delayed_work(system_unbound_wq, &m->writer, ARMED_DELAY);
		return;
	}
	while ((u = take(m))) {
		err = err ?: tern_unwritten_error(vfs_fsync(u->file, 1));
		drop(u);
	}
	finish(m, err);
}

static void start(struct tern_migration *m)
{
	lockdep_assert_held(&m->lock);
	if (m->writes)
		return;
	m->writes = true;
	/* those of the work item */
	tern_migration_get(m);
	__module_get(THIS_MODULE);
	INIT_DELAYED_WORK(&m->writer, write_work);
	queue_delayed_work(system_unbound_wq, &m->writer, 0);
}

/**
 * tern_unwritten_write() - bring it to the server (TERN_IOC_WRITE_BACK)
 * @m: in TERN_DOUBT or TERN_COMMITTED
 *
 * Waits for nothing. Return: 0, all of it is there; -EAGAIN: not yet; -EBADFD: not in these
 * states; or what kept some of it from being written: -EIO, -ENOSPC, -EDQUOT, -EFBIG.
 */
int tern_unwritten_write(struct tern_migration *m)
{
	int err;

	mutex_lock(&m->lock);
	if (!may_write(m)) {
		err = -EBADFD;
	} else if (list_empty(&m->unwritten) && !m->writes) {
		err = 0;
	} else {
		start(m);
		err = m->is_written ? m->write_err : -EAGAIN;
	}
	mutex_unlock(&m->lock);
	return err;
}
