// SPDX-License-Identifier: GPL-2.0
/*
 * A barrier before a file of a file server that the migrant has open. It runs, and some of what
 * it has written may be in the memory of the source still (unwritten.c); and what this host
 * remembers of the file may be older than what the process has seen. So whoever looks at
 * the file waits, here and for this file alone, until the source says that the server has all
 * of it, and this host's kernel has asked the server anew.
 *
 * It is before the inode: as long as the barrier is up the inode has other operations, those of
 * its file system behind a wait, and so have the files that the migrant has open. Who opens the
 * file meanwhile gets these, too, and gives them back when he uses it next.
 *
 * A mapping cannot wait: who makes one while the barrier is up may see what this host remembers
 * until it falls. Files that the migrant has mapped are written by the capture.
 *
 * Nobody waits longer than until the migration ends. If the data is lost by then fsync(2) and
 * close(2), which wait, too, say so (EIO), as they do of all data that cannot be written. Who ends
 * does not wait. Locks do not either: they are no look at the file.
 *
 * The module stays as long as a barrier is up, a file has operations of it, or a call that has
 * begun here has not ended.
 *
 * Locks: m->lock, then lock; list_lock within.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/workqueue.h>

#include "barrier.h"
#include "compat.h"
#include "migration.h"
#include "obj.h"
#include "table.h"
#include "trace.h"
#include "unwritten.h"

#define KINDS	16	/* file systems with operations of their own, at once */

/**
 * struct kind - operations of regular files of one file system
 * @fop: the file system's; NULL: free
 * @iop: likewise, of the inode
 * @gated_fop: those behind a barrier; never change once they are made
 * @gated_iop: likewise
 */
struct kind {
	const struct file_operations *fop;
	const struct inode_operations *iop;
	struct file_operations gated_fop;
	struct inode_operations gated_iop;
};

/**
 * struct barrier - before one inode, or about to be
 * @node: in @barriers, by inode
 * @ref: the list's, and that of each that waits
 * @inode: held
 * @kind: what its operations were
 * @gates: struct gate; it lives as long as there is one
 * @nr_shut: of these, those that keep it up
 * @changes: how often that has changed
 * @opener: the task that asks the server, which need not wait
 * @is_up: others must, and its operations are those of @kind; from RESUME on
 * @wait: here
 * @work: takes it down
 */
struct barrier {
	struct hlist_node node;
	struct kref ref;
	struct inode *inode;
	struct kind *kind;
	struct list_head gates;
	unsigned int nr_shut;
	unsigned int changes;
	struct task_struct *opener;
	bool is_up;
	wait_queue_head_t wait;
	struct work_struct work;
};

enum gate_state {
	GATE_LOADED,	/* its process does not run yet */
	GATE_SHUT,
	GATE_OPEN,
};

/**
 * struct gate - a file for which there is a barrier
 * @node: of the barrier
 * @m: whose it is; compared only
 * @file: held
 * @unwritten: the source has data of it that it will write
 * @state: see there
 */
struct gate {
	struct list_head node;
	const struct tern_migration *m;
	struct file *file;
	bool unwritten;
	enum gate_state state;
};

static struct kind kinds[KINDS];
static DEFINE_HASHTABLE(barriers, 8);
static DEFINE_SPINLOCK(list_lock);	/* of barriers */
static DEFINE_MUTEX(lock);		/* kinds, and all of a barrier but its node */

/* ---- who looks at the file ------------------------------------------------------------ */

static void barrier_free(struct kref *ref)
{
	kfree(container_of(ref, struct barrier, ref));
}

static struct barrier *find_locked(const struct inode *inode)
{
	struct barrier *b;

	hash_for_each_possible(barriers, b, node, (unsigned long)inode)
		if (b->inode == inode)
			return b;
	return NULL;
}

static struct barrier *barrier_of(const struct inode *inode)
{
	struct barrier *b;

	spin_lock(&list_lock);
	b = find_locked(inode);
	if (b)
		kref_get(&b->ref);
	spin_unlock(&list_lock);
	return b;
}

enum how {
	WAIT,
	TRY,		/* -EAGAIN if it would have to wait */
};

static int wait_for(struct barrier *b, enum how how)
{
	if (!READ_ONCE(b->is_up) || READ_ONCE(b->opener) == current)
		return 0;
	trace_tern_barrier(b->inode->i_ino, how == TRY ? "again" : "waits");
	if (how == TRY)
		return -EAGAIN;
	return wait_event_killable(b->wait, !READ_ONCE(b->is_up)) ? -EINTR : 0;
}

/* Return: 0: go on, and leave() afterwards. */
static int enter(const struct inode *inode, enum how how)
{
	struct barrier *b = barrier_of(inode);
	int err;

	__module_get(THIS_MODULE);
	if (!b)
		return 0;
	err = wait_for(b, how);
	kref_put(&b->ref, barrier_free);
	if (err)
		module_put(THIS_MODULE);
	return err;
}

static ssize_t leave(ssize_t ret)
{
	module_put(THIS_MODULE);
	return ret;
}

/* Whose operations of a file, or of an inode, are these? NULL: they are nobody's behind a barrier. */
static struct kind *kind_of_gated(const void *ops)
{
	unsigned int i;

	for (i = 0; i < KINDS; i++)
		if (ops == &kinds[i].gated_fop || ops == &kinds[i].gated_iop)
			return &kinds[i];
	return NULL;
}

/* The file system's operations of an open file, whether it has those or ours. */
static const struct file_operations *real_fop(const struct file *file)
{
	const struct file_operations *fop = READ_ONCE(file->f_op);
	const struct kind *kind = kind_of_gated(fop);

	return kind ? kind->fop : fop;
}

/* A file has the module of its operations, as open(2) has got it. */
static void set_fop(struct file *file, const struct file_operations *from,
		    const struct file_operations *to)
{
	__module_get(to->owner);
	module_put(cmpxchg(&file->f_op, from, to) == from ? from->owner : to->owner);
}

/* Give the file system's operations back. */
static void mend(struct file *file)
{
	const struct file_operations *fop = READ_ONCE(file->f_op);
	const struct kind *kind = kind_of_gated(fop);

	if (kind)
		set_fop(file, fop, kind->fop);
}

static int enter_file(struct file *file, enum how how)
{
	int err = enter(file_inode(file), how);

	/* no barrier is up any more, or it is the one who takes it down */
	if (!err)
		mend(file);
	return err;
}

static enum how how_for(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ? TRY : WAIT;
}

static ssize_t gated_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	int err = enter_file(iocb->ki_filp, how_for(iocb));

	return err ?: leave(real_fop(iocb->ki_filp)->read_iter(iocb, to));
}

static ssize_t gated_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	int err = enter_file(iocb->ki_filp, how_for(iocb));

	return err ?: leave(real_fop(iocb->ki_filp)->write_iter(iocb, from));
}

static ssize_t gated_splice_read(struct file *in, loff_t *pos, struct pipe_inode_info *pipe,
				 size_t len, unsigned int flags)
{
	return enter_file(in, WAIT) ?:
	       leave(real_fop(in)->splice_read(in, pos, pipe, len, flags));
}

static ssize_t gated_splice_write(struct pipe_inode_info *pipe, struct file *out, loff_t *pos,
				  size_t len, unsigned int flags)
{
	return enter_file(out, WAIT) ?:
	       leave(real_fop(out)->splice_write(pipe, out, pos, len, flags));
}

/* Where one is, and where one goes from there, does not depend on what is in the file. */
static loff_t gated_llseek(struct file *file, loff_t pos, int whence)
{
	int err;

	if (whence == SEEK_SET || whence == SEEK_CUR)
		return real_fop(file)->llseek(file, pos, whence);
	err = enter_file(file, WAIT);
	return err ?: leave(real_fop(file)->llseek(file, pos, whence));
}

static long gated_fallocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	return enter_file(file, WAIT) ?: leave(real_fop(file)->fallocate(file, mode, pos, len));
}

/* The one may have a barrier and the other none. Return: as enter(). */
static int enter_both(struct file *in, struct file *out)
{
	int err = enter_file(in, WAIT);

	if (err)
		return err;
	err = enter_file(out, WAIT);
	module_put(THIS_MODULE);
	return err;
}

static ssize_t gated_copy_file_range(struct file *in, loff_t in_pos, struct file *out,
				     loff_t out_pos, size_t len, unsigned int flags)
{
	int err = enter_both(in, out);

	if (err)
		return err;
	/* the kernel has found them to have the same, ours, which two file systems may have */
	if (real_fop(in)->copy_file_range != real_fop(out)->copy_file_range)
		return leave(-EXDEV);
	return leave(real_fop(out)->copy_file_range(in, in_pos, out, out_pos, len, flags));
}

static loff_t gated_remap_file_range(struct file *in, loff_t in_pos, struct file *out,
				     loff_t out_pos, loff_t len, unsigned int flags)
{
	int err = enter_both(in, out);

	return err ?: leave(real_fop(in)->remap_file_range(in, in_pos, out, out_pos, len, flags));
}

/* There is nothing to write here, but whoever asks wants to know that all is where it belongs. */
static int gated_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	int err = enter_file(file, WAIT);

	return err ?: leave(real_fop(file)->fsync(file, start, end, datasync));
}

/* As close(2) of such a file does; but who ends cannot be woken up by a signal any more. */
static int gated_flush(struct file *file, fl_owner_t owner)
{
	if (current->flags & PF_EXITING)
		return real_fop(file)->flush(file, owner);
	return enter_file(file, WAIT) ?: leave(real_fop(file)->flush(file, owner));
}

/* To cut the file off has to wait, for else what is still written comes behind that. */
static int gated_open(struct inode *inode, struct file *file)
{
	const struct file_operations *ours = READ_ONCE(file->f_op), *now;
	int err = 0;

	if (file->f_flags & O_TRUNC)
		err = enter(inode, WAIT);
	else
		__module_get(THIS_MODULE);
	if (err)
		return err;
	err = real_fop(file)->open(inode, file);
	now = READ_ONCE(file->f_op);
	/* its file system has others for what is opened in this way, without a barrier */
	if (now != ours && !kind_of_gated(now) && kind_of_gated(ours)) {
		__module_get(now->owner);
		module_put(ours->owner);
	}
	return leave(err);
}

static int gated_release(struct inode *inode, struct file *file)
{
	int err;

	__module_get(THIS_MODULE);
	mend(file);
	err = real_fop(file)->release(inode, file);
	return leave(err);
}

static const struct inode_operations *real_iop(const struct inode *inode)
{
	const struct inode_operations *iop = READ_ONCE(inode->i_op);
	const struct kind *kind = kind_of_gated(iop);

	return kind ? kind->iop : iop;
}

static int gated_getattr(compat_idmap *idmap, const struct path *path, struct kstat *stat,
			 u32 mask, unsigned int flags)
{
	const struct inode *inode = d_inode(path->dentry);

	/* who is content with what is known here */
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_DONT_SYNC)
		return real_iop(inode)->getattr(idmap, path, stat, mask, flags);
	return enter(inode, WAIT) ?:
	       leave(real_iop(inode)->getattr(idmap, path, stat, mask, flags));
}

static int gated_setattr(compat_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	/* others may want to remove it (unlink(2)), and have its directory locked for that */
	inode_unlock(inode);
	err = enter(inode, WAIT);
	inode_lock(inode);
	return err ?: leave(real_iop(inode)->setattr(idmap, dentry, attr));
}

static void fill(struct kind *kind, const struct inode *inode)
{
	struct file_operations *fop = &kind->gated_fop;
	struct inode_operations *iop = &kind->gated_iop;

	*fop = *inode->i_fop;
	fop->owner = THIS_MODULE;
	/* what a file system does not have the kernel does in its stead, or refuses */
#define GATE(op, gated) ((op) = (op) ? (gated) : NULL)
	GATE(fop->read_iter, gated_read_iter);
	GATE(fop->write_iter, gated_write_iter);
	GATE(fop->splice_read, gated_splice_read);
	GATE(fop->splice_write, gated_splice_write);
	GATE(fop->llseek, gated_llseek);
	GATE(fop->fallocate, gated_fallocate);
	GATE(fop->copy_file_range, gated_copy_file_range);
	GATE(fop->remap_file_range, gated_remap_file_range);
	GATE(fop->fsync, gated_fsync);
	GATE(fop->flush, gated_flush);
	GATE(fop->open, gated_open);
	GATE(fop->release, gated_release);
	*iop = *inode->i_op;
	GATE(iop->getattr, gated_getattr);
	GATE(iop->setattr, gated_setattr);
#undef GATE
	kind->iop = inode->i_op;
	kind->fop = inode->i_fop;
}

/* NULL: it is one too many, or lacks what a barrier needs. */
static struct kind *kind_of(const struct inode *inode)
{
	unsigned int i;

	lockdep_assert_held(&lock);
	if (!inode->i_fop->release || !inode->i_fop->read_iter)
		return NULL;
	for (i = 0; i < KINDS; i++) {
		if (!kinds[i].fop)
			fill(&kinds[i], inode);
		if (kinds[i].fop == inode->i_fop && kinds[i].iop == inode->i_op)
			return &kinds[i];
	}
	return NULL;
}

/* ---- up and down ---------------------------------------------------------------------- */

/*
 * What this host remembers of the file is as old as its last look. An answer to another look is
 * not enough: while a client has the file open for writing, as the shell has, NFS takes what
 * others have changed for its own doing, and keeps its pages (Linux 6.1, fs/nfs/inode.c:
 * nfs_update_inode()). What of them cannot go has been written to here since.
 */
static void ask_server(struct barrier *b, const struct file *file)
{
	/* some file systems serve nobody but their user */
	const struct cred *cred = override_creds(file->f_cred);
	struct kstat stat;

	WRITE_ONCE(b->opener, current);
	vfs_getattr(&file->f_path, &stat, STATX_BASIC_STATS, AT_STATX_FORCE_SYNC);
	WRITE_ONCE(b->opener, NULL);
	revert_creds(cred);
	invalidate_inode_pages2(b->inode->i_mapping);
}

static void gate_drop(struct gate *g)
{
	list_del(&g->node);
	mend(g->file);
	fput(g->file);
	kfree(g);
}

static void put_up(struct barrier *b)
{
	if (b->is_up)
		return;
	trace_tern_barrier(b->inode->i_ino, "up");
	WRITE_ONCE(b->is_up, true);
	WRITE_ONCE(b->inode->i_op, &b->kind->gated_iop);
	WRITE_ONCE(b->inode->i_fop, &b->kind->gated_fop);
}

static void take_down(struct barrier *b)
{
	if (!b->is_up)
		return;
	trace_tern_barrier(b->inode->i_ino, "down");
	WRITE_ONCE(b->inode->i_fop, b->kind->fop);
	WRITE_ONCE(b->inode->i_op, b->kind->iop);
	WRITE_ONCE(b->is_up, false);
	wake_up_all(&b->wait);
}

static void barrier_end(struct barrier *b)
{
	spin_lock(&list_lock);
	hash_del(&b->node);
	spin_unlock(&list_lock);
	iput(b->inode);
	kref_put(&b->ref, barrier_free);
}

/* Any that is open, held. */
static struct file *open_file(struct barrier *b)
{
	struct gate *g;

	list_for_each_entry(g, &b->gates, node)
		if (g->state == GATE_OPEN)
			return get_file(g->file);
	return NULL;
}

static void fall(struct barrier *b)
{
	struct gate *g, *next;

	take_down(b);
	list_for_each_entry_safe(g, next, &b->gates, node)
		if (g->state == GATE_OPEN)
			gate_drop(g);
	if (list_empty(&b->gates))
		barrier_end(b);
}

static void open_work(struct work_struct *work)
{
	struct barrier *b = container_of(work, typeof(*b), work);
	struct file *file = NULL;
	unsigned int changes;

	mutex_lock(&lock);
	changes = b->changes;
	if (!b->nr_shut)
		file = open_file(b);
	mutex_unlock(&lock);
	if (file) {
		ask_server(b, file);
		fput(file);
	}
	mutex_lock(&lock);
	/* in between there may be another one, for whose sake it will be asked again */
	if (file && changes == b->changes)
		fall(b);
	mutex_unlock(&lock);
	kref_put(&b->ref, barrier_free);
	module_put(THIS_MODULE);
}

/* Somebody who needed it needs it no more. */
static void may_fall(struct barrier *b)
{
	if (b->nr_shut)
		return;
	/* the work item's own */
	kref_get(&b->ref);
	__module_get(THIS_MODULE);
	if (queue_work(system_unbound_wq, &b->work))
		return;
	kref_put(&b->ref, barrier_free);
	module_put(THIS_MODULE);
}

static struct barrier *barrier_create(struct inode *inode)
{
	struct kind *kind = kind_of(inode);
	struct barrier *b = kind ? kzalloc(sizeof(*b), GFP_KERNEL) : NULL;

	if (!b)
		return ERR_PTR(kind ? -ENOMEM : -EOPNOTSUPP);
	kref_init(&b->ref);
	INIT_LIST_HEAD(&b->gates);
	init_waitqueue_head(&b->wait);
	INIT_WORK(&b->work, open_work);
	ihold(inode);
	b->inode = inode;
	b->kind = kind;
	spin_lock(&list_lock);
	hash_add(barriers, &b->node, (unsigned long)inode);
	spin_unlock(&list_lock);
	return b;
}

/* ---- for a migration ------------------------------------------------------------------ */

/** tern_barrier_valid() - may LOAD take @obj? */
bool tern_barrier_valid(const struct tern_obj *head, const struct tern_obj_barrier *obj)
{
	return head->len == sizeof(*head) + sizeof(*obj) && obj->fd >= 0 &&
	       !(obj->flags & ~TERN_BARRIER_UNWRITTEN);
}

static int add(struct tern_migration *m, struct file *file, bool unwritten)
{
	struct barrier *b;
	struct gate *g;

	/* by whoever reads it nothing can have been written */
	if (unwritten && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	g = kzalloc(sizeof(*g), GFP_KERNEL);
	if (!g)
		return -ENOMEM;
	b = find_locked(file_inode(file)) ?: barrier_create(file_inode(file));
	if (IS_ERR(b)) {
		kfree(g);
		return PTR_ERR(b);
	}
	g->m = m;
	g->file = get_file(file);
	g->unwritten = unwritten;
	list_add_tail(&g->node, &b->gates);
	return 0;
}

/**
 * tern_barrier_load() - there will be a barrier before a file that a shell has
 * @m: its migration, with its lock held
 * @leader: the shell, whose threads wait
 * @obj: accepted by tern_barrier_valid()
 *
 * -EBADF: its descriptor is no regular file of a file server; -EOPNOTSUPP: one that is like no
 * other; -ENOMEM.
 */
int tern_barrier_load(struct tern_migration *m, struct task_struct *leader,
		      const struct tern_obj_barrier *obj)
{
	struct file *file = tern_table_file(leader, obj->fd);
	int err = -EBADF;

	if (!file)
		return err;
	if (S_ISREG(file_inode(file)->i_mode) && tern_is_network(file_inode(file)->i_sb)) {
		mutex_lock(&lock);
		err = add(m, file, obj->flags & TERN_BARRIER_UNWRITTEN);
		mutex_unlock(&lock);
		m->barriers |= !err;
	}
	fput(file);
	return err;
}

/* All gates of @m, or just of what is written already; @err: the others never will be. */
static void open_gates(struct tern_migration *m, bool all, int err)
{
	struct barrier *b;
	struct gate *g;
	int i;

	mutex_lock(&lock);
	hash_for_each(barriers, i, b, node) {
		bool any = false;

		list_for_each_entry(g, &b->gates, node) {
			if (g->m != m || g->state == GATE_OPEN || (!all && g->unwritten))
				continue;
			if (err && g->unwritten)
				mapping_set_error(b->inode->i_mapping, tern_unwritten_error(err));
			b->nr_shut -= g->state == GATE_SHUT;
			b->changes++;
			g->state = GATE_OPEN;
			any = true;
		}
		if (any)
			may_fall(b);
	}
	mutex_unlock(&lock);
}

/**
 * tern_barrier_up() - the process is about to run
 * @m: with its lock held; all that move with it are loaded
 *
 * Not before: others who move with it are still being built, and may have the same files.
 */
void tern_barrier_up(struct tern_migration *m)
{
	struct barrier *b;
	struct gate *g;
	int i;

	lockdep_assert_held(&m->lock);
	if (!m->barriers)
		return;
	mutex_lock(&lock);
	hash_for_each(barriers, i, b, node) {
		list_for_each_entry(g, &b->gates, node) {
			if (g->m != m || g->state != GATE_LOADED)
				continue;
			g->state = GATE_SHUT;
			b->nr_shut++;
			b->changes++;
			put_up(b);
			if (READ_ONCE(g->file->f_op) == b->kind->fop)
				set_fop(g->file, b->kind->fop, &b->kind->gated_fop);
		}
	}
	mutex_unlock(&lock);
}

/** tern_barrier_resume() - the process runs: what is with the server can be looked at */
void tern_barrier_resume(struct tern_migration *m)
{
	lockdep_assert_held(&m->lock);
	if (m->barriers)
		open_gates(m, false, 0);
}

/**
 * tern_barrier_written() - the source has written its data (TERN_IOC_WRITTEN)
 * @m: in TERN_PAGING
 * @err: negative errno: not all of it could be
 */
int tern_barrier_written(struct tern_migration *m, int err)
{
	int ret = 0;

	mutex_lock(&m->lock);
	if (m->side != TERN_DESTINATION || m->state != TERN_PAGING)
		ret = -EBADFD;
	else if (m->is_written)
		ret = -EALREADY;
	else
		m->is_written = true;
	if (!ret && m->barriers)
		open_gates(m, true, err);
	mutex_unlock(&m->lock);
	return ret;
}

/** tern_barrier_end() - a migration ends: nobody waits for its source; with its lock held */
void tern_barrier_end(struct tern_migration *m)
{
	lockdep_assert_held(&m->lock);
	if (!m->barriers)
		return;
	m->barriers = false;
	if (m->state == TERN_FAILED)
		open_gates(m, true, 0);
	else if (!m->is_written)
		open_gates(m, true, -EIO);
}
