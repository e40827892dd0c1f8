/* SPDX-License-Identifier: GPL-2.0 */
/* Differences between kernel versions: the only home of LINUX_VERSION_CODE. */
#ifndef TERN_COMPAT_H
#define TERN_COMPAT_H

#include <linux/eventfd.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/posix-timers.h>
#include <linux/prctl.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <net/tcp.h>

#include "gate.h"

/* 6.5 moved the splitting of frames out of netdevice.h. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include <net/gso.h>
#endif

/* 6.3 maps the ids of a mount and not those of a user namespace. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
typedef struct mnt_idmap compat_idmap;
#else
typedef struct user_namespace compat_idmap;
#endif

/* 6.3 moved file locks out of fs.h. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

/* 6.7 looks at the pointer itself, again and again. Under rcu_read_lock(). */
static inline struct file *compat_get_file_rcu(struct file __rcu **slot)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return get_file_rcu(slot);
#else
	struct file *file = rcu_dereference(*slot);

	return file && get_file_rcu(file) ? file : NULL;
#endif
}

/* 6.10 takes the table of descriptors and not its innermost part. */
static inline bool compat_close_on_exec(unsigned int fd,
					struct files_struct *files)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	return close_on_exec(fd, files);
#else
	return close_on_exec(fd, files_fdtable(files));
#endif
}

/*
 * 6.7 counts pages of hugetlbfs in its page cache as it does all others. With an index that
 * is no multiple of a huge page's, what is asked for is found just as well.
 */
static inline unsigned int compat_hugetlb_index_shift(struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return PAGE_SHIFT;
#else
	return huge_page_shift(hstate_inode(inode));
#endif
}

/* 6.5 dropped the vmas argument. */
static inline long compat_get_user_pages_remote(struct mm_struct *mm,
						unsigned long addr, long nr,
						unsigned int flags,
						struct page **pages)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, addr, nr, flags, pages, NULL);
#else
	return get_user_pages_remote(mm, addr, nr, flags, pages, NULL, NULL);
#endif
}

/* 6.3 made the length of the rseq area variable; it was 32 bytes before. */
static inline u32 compat_rseq_len(const struct task_struct *task)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return task->rseq_len;
#else
	return sizeof(struct rseq);
#endif
}

static inline void compat_rseq_set_len(struct task_struct *task, u32 len)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	task->rseq_len = len;
#endif
}

static inline bool compat_rseq_len_valid(u32 len)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return len >= 32 && len <= PAGE_SIZE;
#else
	return len == sizeof(struct rseq);
#endif
}

/* 6.9 gave all kinds of file locks a common core. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define compat_lock(lock, field)	((lock)->c.flc_##field)
#define compat_lock_list		c.flc_list
#else
#define compat_lock(lock, field)	((lock)->fl_##field)
#define compat_lock_list		fl_list
#endif

/* 6.12 turned the list of POSIX timers into an hlist. */
static inline struct k_itimer *compat_first_timer(struct signal_struct *sig)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return hlist_entry_safe(sig->posix_timers.first, struct k_itimer, list);
#else
	return list_first_entry_or_null(&sig->posix_timers, struct k_itimer, list);
#endif
}

static inline struct k_itimer *compat_next_timer(struct signal_struct *sig,
						 struct k_itimer *timer)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return hlist_entry_safe(timer->list.next, struct k_itimer, list);
#else
	return list_is_last(&timer->list, &sig->posix_timers) ? NULL :
	       list_next_entry(timer, list);
#endif
}

/* 6.3 has PR_SET_MDWE, 6.6 PR_MDWE_NO_INHERIT. */
static inline u32 compat_mdwe(const struct mm_struct *mm)
{
	u32 mdwe = 0;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	if (test_bit(MMF_HAS_MDWE, &mm->flags))
		mdwe |= PR_MDWE_REFUSE_EXEC_GAIN;
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	if (test_bit(MMF_HAS_MDWE_NO_INHERIT, &mm->flags))
		mdwe |= PR_MDWE_NO_INHERIT;
#endif
	return mdwe;
}

/* 6.12 allocates the owner of a file's signals on demand. NULL: it has none. */
static inline struct fown_struct *compat_file_owner(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return READ_ONCE(file->f_owner);
#else
	return &file->f_owner;
#endif
}

/* Only where the kernel has them has a pipe a place for it. */
static inline bool compat_pipe_is_watch_queue(const struct pipe_inode_info *pipe)
{
#ifdef CONFIG_WATCH_QUEUE
	return pipe->watch_queue;
#else
	return false;
#endif
}

/*
 * Is an eventfd one with EFD_SEMAPHORE? 6.5 says so where it shows its state: @shown.
 * Before, nothing says so; but how these kernels keep it will not change any more.
 */
static inline int compat_eventfd_semaphore(struct file *file, const char *shown)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return shown ? *shown == '1' : -EOPNOTSUPP;
#else
	struct eventfd {
		struct kref kref;
		wait_queue_head_t wqh;
		u64 count;
		unsigned int flags;
	} *ctx = file->private_data;

	return ctx->flags & EFD_SEMAPHORE;
#endif
}

/*
 * Read from @file, whose read may install descriptors in current's table
 * (userfaultfd). 6.10 moved userfaultfd from ->read to ->read_iter.
 */
static inline ssize_t compat_file_read(struct file *file, char __user *buf,
				       size_t len)
{
	loff_t pos = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	struct iov_iter iter;
	struct kiocb kiocb;
	int err;

	err = import_ubuf(ITER_DEST, buf, len, &iter);
	if (err)
		return err;
	if (!file->f_op->read_iter)
		return -EINVAL;
	init_sync_kiocb(&kiocb, file);
	kiocb.ki_pos = pos;
	return file->f_op->read_iter(&kiocb, &iter);
#else
	if (!file->f_op->read)
		return -EINVAL;
	return file->f_op->read(file, buf, len, &pos);
#endif
}

/* 6.3 can format the extended ack's message; before, it must be constant. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define compat_genl_err(info, text)	GENL_SET_ERR_MSG_FMT(info, "%s", text)
#else
#define compat_genl_err(info, text) \
	GENL_SET_ERR_MSG(info, "refused; the ioctl interface says why")
#endif

/* 6.10 dropped the second argument of __assign_str(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define tern_assign_str(dst, src)	__assign_str(dst)
#else
#define tern_assign_str(dst, src)	__assign_str(dst, src)
#endif

/* 6.7 lets timestamps count microseconds. */
static inline u32 compat_tcp_clock(const struct tcp_sock *tp)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return tcp_clock_ts(tp->tcp_usec_ts);
#else
	return tcp_time_stamp_raw();
#endif
}

/* 6.7 made the threshold settable. */
static inline u8 compat_tcp_pingpong(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_pingpong_thresh);
#else
	return TCP_PINGPONG_THRESH;
#endif
}

/* 6.12 can set flags of the header. */
static inline void compat_tcp_send_ack(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	__tcp_send_ack(sk, tcp_sk(sk)->rcv_nxt, 0);
#else
	__tcp_send_ack(sk, tcp_sk(sk)->rcv_nxt);
#endif
}

/* TCP_FASTOPEN_CONNECT: the SYN is sent with the first data. In 6.6 it became an atomic flag. */
static inline bool compat_connect_is_deferred(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return inet_test_bit(DEFER_CONNECT, sk);
#else
	return inet_sk(sk)->defer_connect;
#endif
}

/* By how often a SYN has been sent the next time-out is found; 6.7 counts what doubles it apart. */
static inline void compat_tcp_set_tries(struct sock *sk, u8 tries)
{
	inet_csk(sk)->icsk_backoff = tries;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	tcp_sk(sk)->total_rto = tries;
#endif
}

/* 6.10 gives accept what it is told, and what it tells, in a struct. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define compat_gate_accept	tern_gate_accept

static inline int compat_accept(const struct proto_ops *ops, struct socket *sock,
				struct socket *new, struct proto_accept_arg *arg)
{
	return ops->accept(sock, new, arg);
}
#else
struct proto_accept_arg {
	int flags;
	bool kern;
};

static inline int compat_gate_accept(struct socket *sock, struct socket *new, int flags, bool kern)
{
	struct proto_accept_arg arg = { .flags = flags, .kern = kern };

	return tern_gate_accept(sock, new, &arg);
}

static inline int compat_accept(const struct proto_ops *ops, struct socket *sock,
				struct socket *new, const struct proto_accept_arg *arg)
{
	return ops->accept(sock, new, arg->flags, arg->kern);
}
#endif

/* 6.5 sends pages by sendmsg alone; before, this does the same. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define compat_no_sendpage(ops)	((void)(ops))
#else
#define compat_no_sendpage(ops)	((ops)->sendpage = sock_no_sendpage)
#endif

#endif /* TERN_COMPAT_H */
