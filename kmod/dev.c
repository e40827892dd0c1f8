// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/tern: copies arguments in and out, checks privilege and role, and calls
 * the function that does the work. Nothing else happens here.
 *
 * Anybody may open the device, to check a process of their own. What changes
 * anything needs CAP_SYS_ADMIN in the initial namespace, once, when a handle
 * takes its role.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "accessed.h"
#include "barrier.h"
#include "become.h"
#include "capture.h"
#include "dev.h"
#include "fault.h"
#include "hold.h"
#include "host.h"
#include "keep.h"
#include "late.h"
#include "memory.h"
#include "migration.h"
#include "netlink.h"
#include "next_pages.h"
#include "obj.h"
#include "park.h"
#include "restart.h"
#include "unit.h"
#include "unwritten.h"

atomic_t tern_fault_armed = ATOMIC_INIT(TERN_FAULT_NONE);

#define CHECK_BUF_MAX	(64U << 10)

/*
 * Extensible structs: their first member is the size that the caller knows.
 * On the way out no more than that is written.
 */
static int get_arg(void *arg, size_t size, void __user *uarg)
{
	u32 usize;
	int err;

	if (get_user(usize, (u32 __user *)uarg))
		return -EFAULT;
	if (usize < sizeof(usize))
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(arg, size, uarg, usize);
	return err;
}

static int put_arg(const void *arg, size_t size, void __user *uarg)
{
	u32 usize = *(const u32 *)arg;

	return copy_to_user(uarg, arg, min_t(size_t, size, usize)) ? -EFAULT : 0;
}

/* The sentence goes out whatever becomes of the call. */
static void put_why(const struct tern_why *why, u64 buf, u32 len)
{
	size_t n = min_t(size_t, len, strlen(why->text) + 1);
	char cut = '\0';

	if (!buf || !n)
		return;
	if (copy_to_user(u64_to_user_ptr(buf), why->text, n - 1) ||
	    copy_to_user(u64_to_user_ptr(buf + n - 1), &cut, 1))
		pr_debug("tern: sentence buffer is not writable\n");
}

static enum tern_role role_of(const struct tern_handle *handle)
{
	/* pairs with take_role(): the migration is there when the role is */
	return smp_load_acquire(&handle->role);
}

static void take_role(struct tern_handle *handle, enum tern_role role)
{
	lockdep_assert_held(&handle->lock);
	/* pairs with role_of() */
	smp_store_release(&handle->role, role);
}

static struct tern_migration *job_of(struct tern_handle *handle)
{
	return role_of(handle) == TERN_ROLE_JOB ? handle->migration : NULL;
}

/* ---- anybody ---------------------------------------------------------- */

static long ioc_info(struct tern_handle *handle, void __user *uarg)
{
	struct tern_info arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.fault) {
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		if (arg.fault >= __TERN_FAULT_MAX)
			return -EINVAL;
		atomic_set(&tern_fault_armed, arg.fault);
	}
	arg.abi = TERN_ABI_VERSION;
	err = tern_capture_info(&arg);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_check(struct tern_handle *handle, void __user *uarg)
{
	struct tern_reasons reasons = {};
	struct tern_check arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.reserved || arg.flags & ~TERN_FLAGS_ALL)
		return -EINVAL;
	reasons.size = min(arg.buf_len, CHECK_BUF_MAX);
	if (reasons.size) {
		reasons.buf = kvzalloc(reasons.size, GFP_KERNEL);
		if (!reasons.buf)
			return -ENOMEM;
	}
	err = tern_check_pid(arg.pid, arg.flags, &reasons);
	if (!err && reasons.size &&
	    copy_to_user(u64_to_user_ptr(arg.buf), reasons.buf, reasons.len + 1))
		err = -EFAULT;
	kvfree(reasons.buf);
	arg.nr_reasons = reasons.nr;
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_ask(struct tern_handle *handle, void __user *uarg)
{
	struct tern_why why = {};
	struct tern_ask arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.reserved)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		err = tern_why(&why, -EPERM,
			       "this needs CAP_SYS_ADMIN: run it as root");
	else
		err = tern_migration_ask(handle->host, &arg, &why);
	if (err)
		put_why(&why, arg.why, arg.why_len);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

/* ---- the daemon ------------------------------------------------------- */

static long ioc_serve(struct tern_handle *handle, void __user *uarg)
{
	struct tern_serve arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&handle->lock);
	err = -EBUSY;
	if (handle->role == TERN_ROLE_NONE) {
		err = tern_host_serve(handle->host, handle, &arg);
		if (!err)
			take_role(handle, TERN_ROLE_SERVER);
	}
	mutex_unlock(&handle->lock);
	return err;
}

/* The source of a descendant; the daemon says nothing but whose. */
static struct tern_migration *create_member(struct tern_handle *handle,
					    const struct tern_attach *arg)
{
	if (arg->id || arg->pid < 1 || arg->nr_threads || !arg->unit || arg->nr_members ||
	    arg->host[0])
		return ERR_PTR(-EINVAL);
	return tern_migration_member(handle->host, arg->unit, arg->pid);
}

static struct tern_migration *create(struct tern_handle *handle,
				     const struct tern_attach *arg)
{
	struct tern_migration *m;
	int err = 0;

	if (arg->flags == TERN_ATTACH_CREATE && arg->side == TERN_SOURCE)
		return create_member(handle, arg);
	if (arg->flags != TERN_ATTACH_CREATE || !arg->id ||
	    arg->nr_members > TERN_PROCESSES_MAX || !arg->unit != !arg->nr_members ||
	    arg->side != TERN_DESTINATION || arg->pid < 1 ||
	    !arg->nr_threads || arg->nr_threads > TERN_THREADS_MAX ||
	    strnlen(arg->host, TERN_HOST_LEN) == TERN_HOST_LEN)
		return ERR_PTR(-EINVAL);
	mutex_lock(&handle->host->lock);
	m = tern_migration_create(handle->host, arg->side, arg->id, arg->host, NULL);
	if (!IS_ERR(m)) {
		m->nr_threads = arg->nr_threads;
		if (arg->unit)
			err = tern_migration_join(m, arg->unit, arg->nr_members);
	}
	mutex_unlock(&handle->host->lock);
	if (!err)
		return m;
	tern_migration_fail(m, 0, -err, "");
	tern_migration_put(m);
	return ERR_PTR(err);
}

static int attach(struct tern_handle *handle, struct tern_attach *arg)
{
	struct tern_migration *m;
	int err = 0;

	if (handle->role != TERN_ROLE_NONE)
		return -EBUSY;
	if (arg->reserved)
		return -EINVAL;
	if (arg->flags) {
		m = create(handle, arg);
	} else {
		m = tern_migration_find(handle->host, arg->id, arg->side);
		m = m ?: ERR_PTR(-ENOENT);
	}
	if (IS_ERR(m))
		return PTR_ERR(m);
	mutex_lock(&m->lock);
	if (m->handle)
		err = -EBUSY;
	else if (tern_state_final(m->state))
		err = -ENOENT;
	else
		m->handle = handle;
	arg->side = m->side;
	arg->id = m->id;
	arg->unit = m->unit ? m->unit->id : 0;
	if (!(arg->flags & TERN_ATTACH_CREATE))
		arg->pid = pid_vnr(m->pid);
	arg->state = m->state;
	arg->flags = m->flags;
	arg->nr_threads = m->nr_threads;
	strscpy_pad(arg->host, m->peer, sizeof(arg->host));
	mutex_unlock(&m->lock);
	if (err) {
		tern_migration_put(m);
		return err;
	}
	handle->migration = m;
	take_role(handle, TERN_ROLE_JOB);
	return 0;
}

static long ioc_attach(struct tern_handle *handle, void __user *uarg)
{
	struct tern_attach arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&handle->lock);
	err = attach(handle, &arg);
	mutex_unlock(&handle->lock);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_park(struct tern_migration *m, void __user *uarg)
{
	struct tern_why why = {};
	struct tern_park arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.reserved || arg.reserved2)
		return -EINVAL;
	err = tern_park(m, &arg, &why);
	if (err)
		put_why(&why, arg.why, arg.why_len);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_tree(struct tern_migration *m, void __user *uarg)
{
	struct tern_tree_io arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (!err)
		err = tern_capture_tree(m, &arg);
	if (!err || err == -ENOSPC)
		err = put_arg(&arg, sizeof(arg), uarg) ?: err;
	return err;
}

static long ioc_hold(struct tern_migration *m, void __user *uarg)
{
	struct tern_why why = {};
	struct tern_hold_io arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.reserved)
		return -EINVAL;
	err = tern_hold(m, &arg, &why);
	if (err)
		put_why(&why, arg.why, arg.why_len);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

typedef int (*image_fn)(struct tern_migration *m, struct tern_image_io *io,
			struct tern_why *why);

static long image_call(struct tern_migration *m, void __user *uarg, image_fn fn)
{
	struct tern_why why = {};
	struct tern_image_io arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.reserved || (arg.flags && fn != tern_capture))
		return -EINVAL;
	err = fn(m, &arg, &why);
	if (err)
		put_why(&why, arg.why, arg.why_len);
	if (!err || err == -ENOSPC)
		err = put_arg(&arg, sizeof(arg), uarg) ?: err;
	return err;
}

static long ioc_fail(struct tern_migration *m, void __user *uarg)
{
	struct tern_fail arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.reserved || !arg.err || arg.err > MAX_ERRNO ||
	    arg.flags & ~(TERN_FAIL_NOT_THERE | TERN_FAIL_LOST | TERN_FAIL_LEAVES) ||
	    strnlen(arg.why, sizeof(arg.why)) == sizeof(arg.why))
		return -EINVAL;
	return tern_migration_fail(m, arg.flags, arg.err, arg.why);
}

static long ioc_read_pages(struct tern_migration *m, void __user *uarg)
{
	struct tern_read_pages arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	err = tern_memory_read(m, &arg);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_accessed(struct tern_migration *m, void __user *uarg)
{
	struct tern_accessed arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	err = tern_accessed(m, &arg);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_next_pages(struct tern_migration *m, void __user *uarg)
{
	struct tern_next_pages arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	err = tern_next_pages(m, &arg);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_report(struct tern_migration *m, void __user *uarg)
{
	struct tern_report_io arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.flags)
		return -EINVAL;
	mutex_lock(&m->lock);
	m->report = arg.report;
	tern_netlink_event(m);
	mutex_unlock(&m->lock);
	return 0;
}

static long keep_call(struct tern_migration *m, void __user *uarg,
		      int (*fn)(struct tern_migration *m, struct tern_keep *arg))
{
	struct tern_keep arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.reserved)
		return -EINVAL;
	err = fn(m, &arg);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_uffd_read(struct tern_migration *m, void __user *uarg)
{
	struct tern_uffd_read arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (arg.shared > 1 || arg.replay > 1)
		return -EINVAL;
	err = arg.replay ? tern_keep_replay(m, &arg) : tern_keep_uffd_read(m, &arg);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_went(struct tern_migration *m, void __user *uarg)
{
	struct tern_went arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	err = tern_become_went(m, &arg);
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long ioc_expect(struct tern_migration *m, void __user *uarg)
{
	struct tern_expect arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (!arg.nr_members || arg.nr_members > TERN_PROCESSES_MAX)
		return -EINVAL;
	if (m->side != TERN_DESTINATION || !m->unit)
		return -EBADFD;
	return tern_unit_expect(m->unit, arg.nr_members);
}

static long ioc_written(struct tern_migration *m, void __user *uarg)
{
	struct tern_written arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	return arg.err > MAX_ERRNO ? -EINVAL : tern_barrier_written(m, -(int)arg.err);
}

static long job_ioctl(struct tern_migration *m, unsigned int cmd,
		      void __user *uarg)
{
	switch (cmd) {
	case TERN_IOC_TREE:
		return ioc_tree(m, uarg);
	case TERN_IOC_PARK:
		return ioc_park(m, uarg);
	case TERN_IOC_CAPTURE:
		return image_call(m, uarg, tern_capture);
	case TERN_IOC_SENT:
		return tern_park_sent(m);
	case TERN_IOC_COMMIT:
		return image_call(m, uarg, tern_park_commit);
	case TERN_IOC_THAW:
		return tern_park_thaw(m);
	case TERN_IOC_PREPARED:
		return tern_migration_prepared(m);
	case TERN_IOC_FAIL:
		return ioc_fail(m, uarg);
	case TERN_IOC_READ_PAGES:
		return ioc_read_pages(m, uarg);
	case TERN_IOC_ACCESSED:
		return ioc_accessed(m, uarg);
	case TERN_IOC_NEXT_PAGES:
		return ioc_next_pages(m, uarg);
	case TERN_IOC_RELEASE:
		return tern_migration_release(m);
	case TERN_IOC_REPORT:
		return ioc_report(m, uarg);
	case TERN_IOC_KEEP:
		return keep_call(m, uarg, tern_keep);
	case TERN_IOC_KEPT:
		return keep_call(m, uarg, tern_kept);
	case TERN_IOC_LOAD:
		return image_call(m, uarg, tern_become_load);
	case TERN_IOC_RESUME:
		return tern_become_resume(m);
	case TERN_IOC_SOCKETS:
		return image_call(m, uarg, tern_late_take);
	case TERN_IOC_WENT:
		return ioc_went(m, uarg);
	case TERN_IOC_UFFD_READ:
		return ioc_uffd_read(m, uarg);
	case TERN_IOC_HOLD:
		return ioc_hold(m, uarg);
	case TERN_IOC_EXPECT:
		return ioc_expect(m, uarg);
	case TERN_IOC_WRITE_BACK:
		return tern_unwritten_write(m);
	case TERN_IOC_WRITTEN:
		return ioc_written(m, uarg);
	default:
		return -ENOTTY;
	}
}

/* ---- the shell -------------------------------------------------------- */

static long ioc_shell(struct tern_handle *handle, void __user *uarg)
{
	struct tern_shell arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&handle->lock);
	err = handle->role == TERN_ROLE_NONE ? tern_become_join(handle, &arg) : -EBUSY;
	if (!err)
		take_role(handle, TERN_ROLE_SHELL);
	mutex_unlock(&handle->lock);
	return err;
}

static long ioc_become(struct tern_handle *handle, void __user *uarg)
{
	struct tern_become arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (role_of(handle) != TERN_ROLE_SHELL)
		return -EBADFD;
	return tern_become(handle, &arg);
}

static long ioc_timer(struct tern_handle *handle, void __user *uarg)
{
	struct tern_timer_id arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	if (role_of(handle) != TERN_ROLE_SHELL)
		return -EBADFD;
	return task_tgid(current) == handle->migration->pid ? tern_timer_next_id(arg.id) : -EPERM;
}

static long ioc_learn(struct tern_handle *handle, void __user *uarg)
{
	struct tern_learn arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	return capable(CAP_SYS_ADMIN) ? tern_restart_learn(arg.tid) : -EPERM;
}

static long ioc_next_data(void __user *uarg)
{
	struct tern_next_data arg;
	int err = get_arg(&arg, sizeof(arg), uarg);

	if (err)
		return err;
	err = capable(CAP_SYS_ADMIN) ? tern_carried_next(&arg) : -EPERM;
	return err ?: put_arg(&arg, sizeof(arg), uarg);
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct tern_handle *handle = file->private_data;
	void __user *uarg = (void __user *)arg;
	struct tern_migration *m;

	switch (cmd) {
	case TERN_IOC_INFO:
		return ioc_info(handle, uarg);
	case TERN_IOC_CHECK:
		return ioc_check(handle, uarg);
	case TERN_IOC_ASK:
		return ioc_ask(handle, uarg);
	case TERN_IOC_SERVE:
		return ioc_serve(handle, uarg);
	case TERN_IOC_ATTACH:
		return ioc_attach(handle, uarg);
	case TERN_IOC_SHELL:
		return ioc_shell(handle, uarg);
	case TERN_IOC_BECOME:
		return ioc_become(handle, uarg);
	case TERN_IOC_TIMER:
		return ioc_timer(handle, uarg);
	case TERN_IOC_LEARN:
		return ioc_learn(handle, uarg);
	case TERN_IOC_NEXT_DATA:
		return ioc_next_data(uarg);
	default:
		m = job_of(handle);
		return m ? job_ioctl(m, cmd, uarg) : -EBADFD;
	}
}

static ssize_t dev_read(struct file *file, char __user *buf, size_t len,
			loff_t *pos)
{
	struct tern_handle *handle = file->private_data;

	if (role_of(handle) != TERN_ROLE_SERVER)
		return -EBADFD;
	return tern_host_read(handle->host, buf, len,
			      !(file->f_flags & O_NONBLOCK));
}

static ssize_t dev_splice_read(struct file *file, loff_t *pos,
			       struct pipe_inode_info *pipe, size_t len,
			       unsigned int flags)
{
	struct tern_migration *m = job_of(file->private_data);

	return m ? tern_memory_splice(m, pos, pipe, len) : -EBADFD;
}

static __poll_t dev_poll(struct file *file, poll_table *wait)
{
	struct tern_handle *handle = file->private_data;

	if (role_of(handle) != TERN_ROLE_SERVER)
		return EPOLLERR;
	poll_wait(file, &handle->host->wait, wait);
	return tern_host_readable(handle->host) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int dev_open(struct inode *inode, struct file *file)
{
	struct tern_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);

	if (!handle)
		return -ENOMEM;
	mutex_init(&handle->lock);
	handle->host = tern_host_of(get_net(current->nsproxy->net_ns));
	handle->file = file;
	file->private_data = handle;
	return 0;
}

static int dev_release(struct inode *inode, struct file *file)
{
	struct tern_handle *handle = file->private_data;

	tern_host_unserve(handle->host, handle);
	if (handle->migration) {
		tern_migration_orphan(handle->migration, handle);
		tern_migration_put(handle->migration);
	}
	put_net(handle->host->net);
	mutex_destroy(&handle->lock);
	kfree(handle);
	return 0;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.read = dev_read,
	.splice_read = dev_splice_read,
	.poll = dev_poll,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tern",
	.fops = &dev_fops,
	.mode = 0666,
};

/** tern_dev_init() - /dev/tern appears */
int __init tern_dev_init(void)
{
	return misc_register(&dev);
}

/** tern_dev_exit() - and goes */
void tern_dev_exit(void)
{
	misc_deregister(&dev);
}
