// SPDX-License-Identifier: GPL-2.0
/*
 * What must outlive the daemon: files that it leaves with the migration, the
 * userfaultfds above all, and a log of every event that changed the layout of
 * an address space which still misses pages.
 *
 * A userfaultfd that is closed makes the kernel fill missing pages with zeros,
 * silently. So the event of a fork, which brings the child's userfaultfd, is
 * read here on the daemon's behalf: the new file is kept and the event logged
 * before the daemon can see it, or die.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/tern.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd.h>
#include <linux/xarray.h>

#include "compat.h"
#include "fault.h"
#include "keep.h"
#include "migration.h"
#include "punch.h"
#include "trace.h"

#define LOG_MIN		64
#define READ_MAX	64	/* events in one read */

/** tern_keep_is_uffd() - is @file a userfaultfd? */
bool tern_keep_is_uffd(struct file *file)
{
	return !strcmp(file->f_path.dentry->d_name.name, "[userfaultfd]");
}

/**
 * tern_keep_file() - keep a file
 * @m: with its lock held
 * @key: a taken one is replaced
 * @file: the reference is taken over on success
 */
int tern_keep_file(struct tern_migration *m, u32 key, struct file *file)
{
	struct file *old;

	lockdep_assert_held(&m->lock);
	if (tern_fault(TERN_FAULT_KEEP))
		return -ENOMEM;
	old = xa_store(&m->kept, key, file, GFP_KERNEL);
	if (xa_is_err(old))
		return xa_err(old);
	if (old)
		fput(old);
	return 0;
}

/** tern_keep() - TERN_IOC_KEEP */
int tern_keep(struct tern_migration *m, struct tern_keep *arg)
{
	struct file *file;
	int err;

	if (arg->key >= TERN_KEEP_UFFD)
		return -EINVAL;
	file = fget(arg->fd);
	if (!file)
		return -EBADF;
	/* nothing that could refer back to us: it would keep itself alive */
	if (!S_ISREG(file_inode(file)->i_mode)) {
		fput(file);
		return -EINVAL;
	}
	mutex_lock(&m->lock);
	err = tern_state_final(m->state) ? -EBADFD :
	      tern_keep_file(m, arg->key, file);
	mutex_unlock(&m->lock);
	if (err)
		fput(file);
	return err;
}

static struct file *get_kept(struct tern_migration *m, u32 key)
{
	struct file *file;

	mutex_lock(&m->lock);
	file = xa_load(&m->kept, key);
	if (file)
		get_file(file);
	mutex_unlock(&m->lock);
	return file;
}

/** tern_kept() - TERN_IOC_KEPT */
int tern_kept(struct tern_migration *m, struct tern_keep *arg)
{
	struct file *file = get_kept(m, arg->key);
	int fd;

	if (!file)
		return -ENOENT;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(file);
		return fd;
	}
	fd_install(fd, file);
	arg->fd = fd;
	return 0;
}

/** tern_keep_drop() - let everything go; m->lock is held, or nobody else is left */
void tern_keep_drop(struct tern_migration *m)
{
	struct file *file;
	unsigned long key;

	xa_for_each(&m->kept, key, file) {
		xa_erase(&m->kept, key);
		fput(file);
	}
}

static int reserve_log(struct tern_migration *m, u32 more)
{
	struct tern_uffd_event *log;
	u32 max = max_t(u32, LOG_MIN, m->max_log);

	while (max - m->nr_log < more) {
		if (max > U32_MAX / 2)
			return -ENOMEM;
		max *= 2;
	}
	if (max == m->max_log)
		return 0;
	log = kvmalloc_array(max, sizeof(*log), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!log)
		return -ENOMEM;
	memcpy(log, m->log, m->nr_log * sizeof(*log));
	kvfree(m->log);
	m->log = log;
	m->max_log = max;
	return 0;
}

/* Keep the child's userfaultfd and put its space number where its fd was. */
static int take_child(struct tern_migration *m, struct uffd_msg *msg)
{
	int fd = msg->arg.fork.ufd, err;
	struct file *file = fget(fd);

	if (!file)
		return -EBADF;
	err = -EINVAL;
	if (tern_keep_is_uffd(file))
		err = tern_keep_file(m, TERN_KEEP_UFFD + m->nr_spaces, file);
	if (err) {
		fput(file);
		return err;
	}
	close_fd(fd);
	msg->arg.fork.ufd = m->nr_spaces++;
	return 0;
}

static int note(struct tern_migration *m, u32 space, struct uffd_msg *msg,
		const struct tern_punches *punches)
{
	struct tern_uffd_event *event = &m->log[m->nr_log];
	int err = 0;

	*event = (struct tern_uffd_event) { .space = space, .event = msg->event };
	switch (msg->event) {
	case UFFD_EVENT_PAGEFAULT:
		trace_tern_fault(m->id, space, msg->arg.pagefault.address);
		return 0;
	case UFFD_EVENT_FORK:
		err = take_child(m, msg);
		event->arg[0] = msg->arg.fork.ufd;
		break;
	case UFFD_EVENT_REMAP:
		event->arg[0] = msg->arg.remap.from;
		event->arg[1] = msg->arg.remap.to;
		event->arg[2] = msg->arg.remap.len;
		break;
	case UFFD_EVENT_REMOVE:
		/* for good, or merely from a view? */
		msg->reserved3 = punches && tern_punches_has(m, punches, msg->arg.remove.start,
							     msg->arg.remove.end);
		event->arg[2] = msg->reserved3;
		fallthrough;
	case UFFD_EVENT_UNMAP:
		event->arg[0] = msg->arg.remove.start;
		event->arg[1] = msg->arg.remove.end;
		break;
	default:
		return 0;
	}
	/* a program that gives the same memory back again and again */
	if (!err && m->nr_log && msg->event == UFFD_EVENT_REMOVE &&
	    !memcmp(event, event - 1, sizeof(*event)))
		return 0;
	if (!err) {
		m->nr_log++;
		trace_tern_layout(m->id, space, msg->event, event->arg[0],
				  event->arg[1]);
	}
	return err;
}

/*
 * One event: all that can fail is done before it is taken out of the
 * userfaultfd, from which nothing can be put back.
 */
static int read_one(struct tern_migration *m, struct file *file, u32 space, bool shared,
		    struct uffd_msg __user *to)
{
	struct tern_punches punches;
	struct uffd_msg msg;
	ssize_t got;
	int err;

	err = reserve_log(m, 1);
	if (!err)
		err = xa_reserve(&m->kept, TERN_KEEP_UFFD + m->nr_spaces, GFP_KERNEL);
	if (err)
		return err;
	if (shared)
		tern_punches_look(m, &punches);
	got = compat_file_read(file, (char __user *)to, sizeof(msg));
	if (got <= 0)
		return got == -EAGAIN ? 0 : got;
	if (got != sizeof(msg) || copy_from_user(&msg, to, sizeof(msg)))
		return -EFAULT;
	err = note(m, space, &msg, shared ? &punches : NULL);
	if (!err && copy_to_user(to, &msg, sizeof(msg)))
		err = -EFAULT;
	return err ?: 1;
}

static int read_locked(struct tern_migration *m, struct file *file,
		       struct tern_uffd_read *arg)
{
	struct uffd_msg __user *to = u64_to_user_ptr(arg->buf);
	unsigned int i, max = min_t(u64, arg->len / sizeof(*to), READ_MAX);
	int ret = 1;

	for (i = 0; i < max && ret > 0; i += ret > 0)
		ret = read_one(m, file, arg->space, arg->shared, &to[i]);
	arg->len = i * sizeof(*to);
	arg->logged = m->nr_log;
	/* what was read must be seen; an error will come again */
	return i ? 0 : min(ret, 0);
}

/** tern_keep_uffd_read() - TERN_IOC_UFFD_READ */
int tern_keep_uffd_read(struct tern_migration *m, struct tern_uffd_read *arg)
{
	struct file *file;
	int err;

	if (arg->space > U32_MAX - TERN_KEEP_UFFD || arg->len < sizeof(struct uffd_msg))
		return -EINVAL;
	file = get_kept(m, TERN_KEEP_UFFD + arg->space);
	if (!file)
		return -ENOENT;
	mutex_lock(&m->lock);
	/* a read that could block would block the migration */
	err = file->f_flags & O_NONBLOCK ? read_locked(m, file, arg) : -EINVAL;
	mutex_unlock(&m->lock);
	fput(file);
	return err;
}

/** tern_keep_replay() - TERN_IOC_UFFD_READ with replay: the log from number @from on */
int tern_keep_replay(struct tern_migration *m, struct tern_uffd_read *arg)
{
	u64 nr = arg->len / sizeof(struct tern_uffd_event);
	int err = 0;

	mutex_lock(&m->lock);
	nr = arg->from < m->nr_log ? min_t(u64, nr, m->nr_log - arg->from) : 0;
	if (nr && copy_to_user(u64_to_user_ptr(arg->buf), m->log + arg->from,
			       nr * sizeof(struct tern_uffd_event)))
		err = -EFAULT;
	arg->len = nr * sizeof(struct tern_uffd_event);
	arg->logged = m->nr_log;
	mutex_unlock(&m->lock);
	return err;
}
