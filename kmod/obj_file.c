// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors: open file descriptions by path, devices, pipes that nobody else
 * has open, epoll. The table is copied first, with a reference on each file;
 * everything else happens without a lock.
 */
#include <linux/bitmap.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/tern.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "compat.h"
#include "name.h"
#include "obj.h"

#define MQUEUE_MAGIC	0x19800202	/* private to ipc/mqueue.c */

/**
 * struct entry - one descriptor
 * @file: referenced
 * @fd: its number
 * @cloexec: closed on exec
 * @desc: id of the description, once known
 * @pipe: for a pipe its number, once known
 * @is_ours: a pipe that nobody outside the table has open
 * @same: the first entry of the same description; itself, if it is the first
 * @same_pipe: for a pipe the first entry of it
 */
struct entry {
	struct file *file;
	int fd;
	bool cloexec;
	u32 desc;
	u32 pipe;
	bool is_ours;
	struct entry *same;
	struct entry *same_pipe;
};

/**
 * struct table - the descriptor table of a process
 * @entries: in ascending order
 * @nr: how many there are
 * @max: how many there is room for
 */
struct table {
	struct entry *entries;
	unsigned int nr;
	unsigned int max;
};

/* Of a table that may be far larger than what is open, so by its bits. */
static unsigned int table_count(struct files_struct *files)
{
	struct fdtable *fdt;
	unsigned int nr;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	nr = bitmap_weight(fdt->open_fds, fdt->max_fds);
	spin_unlock(&files->file_lock);
	return nr;
}

static int table_fill(struct files_struct *files, struct table *table)
{
	struct fdtable *fdt;
	unsigned int fd;
	int err = 0;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	for_each_set_bit(fd, fdt->open_fds, fdt->max_fds) {
		struct file *file = rcu_dereference_check_fdtable(files, fdt->fd[fd]);
		struct entry *entry = &table->entries[table->nr];

		/* a number that is taken already for what is being opened */
		if (!file)
			continue;
		if (table->nr == table->max) {
			err = -EAGAIN;
			break;
		}
		entry->file = get_file(file);
		entry->fd = fd;
		entry->cloexec = compat_close_on_exec(fd, files);
		table->nr++;
	}
	spin_unlock(&files->file_lock);
	return err;
}

static void table_free(struct table *table)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++)
		fput(table->entries[i].file);
	kvfree(table->entries);
}

static int table_copy(struct task_struct *task, struct table *table)
{
	unsigned int nr;
	int err;

	do {
		*table = (struct table) {};
		task_lock(task);
		nr = task->files ? table_count(task->files) : 0;
		task_unlock(task);
		table->max = nr + 16;
		table->entries = kvcalloc(table->max, sizeof(struct entry),
					  GFP_KERNEL);
		if (!table->entries)
			return -ENOMEM;
		task_lock(task);
		err = task->files ? table_fill(task->files, table) : 0;
		task_unlock(task);
		if (err)
			table_free(table);
	} while (err == -EAGAIN);
	return err;
}

/* ---- what is it? ------------------------------------------------------------ */

static int by_inode_and_file(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry **)a;
	const struct entry *y = *(const struct entry **)b;

	if (file_inode(x->file) != file_inode(y->file))
		return file_inode(x->file) < file_inode(y->file) ? -1 : 1;
	return x->file < y->file ? -1 : x->file > y->file;
}

/* Of @nr entries, those of one description follow each other: who is the first? */
static void link_same(struct entry **order, unsigned int nr)
{
	struct entry *first = order[0];
	unsigned int i;

	for (i = 1; i < nr; i++)
		first = min(first, order[i]);
	for (i = 0; i < nr; i++)
		order[i]->same = first;
}

/*
 * Mark the pipes that nobody else has open, of @nr entries sorted by inode and
 * file. Nobody has a description open when it is referenced no more often than
 * the table says; each entry holds two references, its own and ours. While the
 * process runs, each of its threads may hold another one for a call. And no
 * description but those in the table may be of the pipe.
 */
static void mark_ours(struct entry **order, unsigned int nr, unsigned int threads)
{
	unsigned int i, j, k;

	for (i = 0; i < nr; i = j) {
		struct inode *inode = file_inode(order[i]->file);
		struct entry *first = order[i];
		unsigned int files = 0;
		bool ours = true;

		for (j = i; j < nr && file_inode(order[j]->file) == inode; j = k) {
			for (k = j; k < nr && order[k]->file == order[j]->file; k++)
				;
			ours &= file_count(order[j]->file) <= 2 * (k - j) + threads;
			files++;
			link_same(order + j, k - j);
			first = min(first, order[j]->same);
		}
		ours = ours && S_ISFIFO(inode->i_mode) && inode->i_pipe &&
		       READ_ONCE(inode->i_pipe->files) == files;
		for (k = i; k < j; k++) {
			order[k]->is_ours = ours;
			order[k]->same_pipe = first;
		}
		cond_resched();
	}
}

/*
 * Which entries are of one description, and which pipes are the process's own.
 * What is referenced by its one entry and by us alone is neither shared nor, if
 * it is no pipe, of any interest here; and that is most of what there is.
 */
static int find_ours(struct table *table, unsigned int threads)
{
	struct entry **order;
	unsigned int i, nr = 0;

	order = kvmalloc_array(table->nr + 1, sizeof(*order), GFP_KERNEL);
	if (!order)
		return -ENOMEM;
	for (i = 0; i < table->nr; i++) {
		struct entry *entry = &table->entries[i];

		entry->same = entry;
		entry->same_pipe = entry;
		if (file_count(entry->file) > 2 ||
		    S_ISFIFO(file_inode(entry->file)->i_mode))
			order[nr++] = entry;
	}
	sort(order, nr, sizeof(*order), by_inode_and_file, NULL);
	mark_ours(order, nr, threads);
	kvfree(order);
	return 0;
}

/**
 * tern_path_has_name() - could another host find it by its path?
 * @path: of a file or directory
 *
 * Not when it has been deleted, nor if it never had a link (memfd, O_TMPFILE,
 * System V segments). NFS gives a file that is deleted while open another name
 * until it is closed.
 */
bool tern_path_has_name(const struct path *path)
{
	return d_inode(path->dentry)->i_nlink && !d_unlinked(path->dentry) &&
	       !(path->dentry->d_flags & DCACHE_NFSFS_RENAMED);
}

static bool is_locked(struct inode *inode)
{
	/* pairs with the cmpxchg() in locks_get_lock_context() */
	struct file_lock_context *ctx = smp_load_acquire(&inode->i_flctx);

	return ctx && (!list_empty_careful(&ctx->flc_flock) ||
		       !list_empty_careful(&ctx->flc_posix) ||
		       !list_empty_careful(&ctx->flc_lease));
}

static const char *socket_name(struct inode *inode)
{
	struct sock *sk = SOCKET_I(inode)->sk;

	if (!sk)
		return "a socket";
	switch (sk->sk_family) {
	case AF_UNIX:
		return "a unix socket";
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

static u32 device_kind(struct inode *inode, const char **what)
{
	if (imajor(inode) == MEM_MAJOR) {
		switch (iminor(inode)) {
		case 3: /* null */
		case 5: /* zero */
		case 7: /* full */
		case 8: /* random */
		case 9: /* urandom */
			return TERN_DESC_DEVICE;
		}
	}
	*what = imajor(inode) == TTY_MAJOR || imajor(inode) == TTYAUX_MAJOR ||
		(imajor(inode) >= UNIX98_PTY_SLAVE_MAJOR &&
		 imajor(inode) < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT) ?
		"a terminal" : "a device";
	return 0;
}

static u32 anon_kind(struct file *file, const char **what)
{
	const char *name = file->f_path.dentry->d_name.name;

	*what = name;
	if (!strcmp(name, "[eventpoll]"))
		return TERN_DESC_EPOLL;
	if (!strcmp(name, "[io_uring]"))
		*what = "an io_uring";
	return 0;
}

static u32 file_kind(struct file *file, const char **what)
{
	struct inode *inode = file_inode(file);
	unsigned long magic = inode->i_sb->s_magic;

	if (!tern_path_has_name(&file->f_path))
		*what = "a file without a name (deleted, O_TMPFILE or memfd)";
	else if (magic == PROC_SUPER_MAGIC || magic == SYSFS_MAGIC ||
		 magic == DEBUGFS_MAGIC || magic == TRACEFS_MAGIC ||
		 magic == CGROUP_SUPER_MAGIC || magic == CGROUP2_SUPER_MAGIC ||
		 magic == SECURITYFS_MAGIC || magic == BPF_FS_MAGIC ||
		 magic == NSFS_MAGIC || magic == MQUEUE_MAGIC ||
		 magic == HUGETLBFS_MAGIC || inode->i_sb->s_flags & SB_NOUSER)
		*what = "a file of the kernel";
	else if (is_locked(inode))
		*what = "a locked file (flock or fcntl)";
	else if (S_ISDIR(inode->i_mode) && file->f_pos)
		*what = "a directory that is being read";
	else
		return TERN_DESC_FILE;
	return 0;
}

/* enum tern_desc_kind of @entry, or 0 and what it is instead. */
static u32 classify(const struct entry *entry, const char **what)
{
	struct file *file = entry->file;
	struct inode *inode = file_inode(file);

	if (file->f_mode & FMODE_PATH) {
		*what = "open with O_PATH";
		return 0;
	}
	if (compat_file_has_owner(file) || file->f_flags & FASYNC) {
		*what = "set up for signals (F_SETOWN or O_ASYNC)";
		return 0;
	}
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
		return file_kind(file, what);
	case S_IFCHR:
		return device_kind(inode, what);
	case S_IFIFO:
		if (inode->i_sb->s_magic != PIPEFS_MAGIC)
			*what = "a named pipe";
		else if ((file->f_mode & FMODE_READ) && (file->f_mode & FMODE_WRITE))
			*what = "a pipe that is open for both reading and writing";
		else if (!entry->is_ours)
			*what = "a pipe to another process";
		else
			return TERN_DESC_PIPE;
		return 0;
	case S_IFSOCK:
		*what = socket_name(inode);
		return 0;
	case 0:
		return anon_kind(file, what);
	default:
		*what = "of an unknown kind";
		return 0;
	}
}

/* A standard descriptor, or another number for the same description. */
static bool is_stdio(const struct table *table, const struct file *file)
{
	unsigned int i;

	for (i = 0; i < table->nr && table->entries[i].fd <= 2; i++)
		if (table->entries[i].file == file)
			return true;
	return false;
}

static u32 kind_of(const struct table *table, const struct entry *entry,
		   u32 flags, const char **what)
{
	u32 kind = classify(entry, what);

	if (!kind && flags & TERN_STDIO_NULL && is_stdio(table, entry->file))
		kind = TERN_DESC_NULL;
	return kind;
}

static void object(struct tern_reasons *reasons, const struct table *table,
		   const struct entry *entry, const char *what)
{
	const char *hint = is_stdio(table, entry->file) ?
		" (redirect it, or move with --stdio=null)" : "";

	/* what has no path has a name for its kind at most, and we said that */
	if (d_is_reg(entry->file->f_path.dentry) || d_is_dir(entry->file->f_path.dentry))
		tern_reasons_add(reasons, "fd %d is %s: %pD2%s", entry->fd, what,
				 entry->file, hint);
	else
		tern_reasons_add(reasons, "fd %d is %s%s", entry->fd, what, hint);
}

/**
 * tern_obj_file_check() - name every descriptor that cannot move
 * @leader: the process
 * @flags: TERN_STDIO_NULL
 * @reasons: where to
 */
int tern_obj_file_check(struct task_struct *leader, u32 flags,
			struct tern_reasons *reasons)
{
	unsigned int i, threads = get_nr_threads(leader) + 1;
	struct table table;
	const char *what;
	int err;

	err = table_copy(leader, &table);
	if (err)
		return err;
	err = find_ours(&table, threads);
	for (i = 0; !err && i < table.nr; i++) {
		struct entry *entry = &table.entries[i];

		if (kind_of(&table, entry, flags, &what))
			continue;
		object(reasons, &table, entry, what);
		cond_resched();
	}
	table_free(&table);
	return err;
}

/* ---- save -------------------------------------------------------------------- */

/*
 * Data that the migrant has written must be where the destination can read it.
 * The daemon has written back most of it before the freeze.
 */
static int write_back(struct file *file)
{
	struct address_space *mapping = file->f_mapping;

	if (!(file->f_mode & FMODE_WRITE) || !S_ISREG(file_inode(file)->i_mode))
		return 0;
	if (!mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) &&
	    !mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
		return 0;
	return vfs_fsync(file, 1);
}

static int save_desc(const struct entry *entry, u32 kind, bool draft,
		     struct tern_image *image, struct tern_name *name)
{
	struct file *file = entry->file;
	struct inode *inode = file_inode(file);
	struct tern_obj_desc obj = {
		.id = entry->desc,
		.kind = kind,
		.flags = file->f_flags,
		.mode = inode->i_mode,
		.pos = file->f_pos,
		.size = i_size_read(inode),
		.dev = new_encode_dev(kind == TERN_DESC_DEVICE ? inode->i_rdev :
				      inode->i_sb->s_dev),
		.ino = inode->i_ino,
		.magic = inode->i_sb->s_magic,
		.pipe = entry->pipe,
	};
	char *path = NULL;

	if (kind == TERN_DESC_FILE || kind == TERN_DESC_DEVICE) {
		int err = draft ? 0 : write_back(file);

		if (err)
			return err;
		path = tern_name_of(name, &file->f_path);
		if (IS_ERR(path))
			return PTR_ERR(path);
		obj.path = strlen(path) + 1;
	} else {
		obj.pos = 0;
		obj.size = 0;
	}
	tern_image_put(image, TERN_OBJ_DESC, &obj, sizeof(obj), path, obj.path);
	return 0;
}

/* What is in a pipe that nobody else can touch; its lock keeps it still all the same. */
static int save_pipe(struct entry *entry, struct tern_image *image)
{
	struct pipe_inode_info *pipe = file_inode(entry->file)->i_pipe;
	struct tern_obj_pipe obj = { .pipe = entry->pipe };
	unsigned int at, mask;
	void *data = NULL;
	int err = 0;

	mutex_lock(&pipe->mutex);
	mask = pipe->ring_size - 1;
	obj.capacity = pipe->max_usage * PAGE_SIZE;
	for (at = pipe->tail; at != pipe->head; at++)
		obj.data += pipe->bufs[at & mask].len;
	data = kvmalloc(obj.data + 1, GFP_KERNEL);
	if (!data)
		err = -ENOMEM;
	obj.data = 0;
	for (at = pipe->tail; !err && at != pipe->head; at++) {
		struct pipe_buffer *buf = &pipe->bufs[at & mask];

		err = buf->flags & PIPE_BUF_FLAG_PACKET ? -EOPNOTSUPP :
		      pipe_buf_confirm(pipe, buf);
		if (err)
			break;
		memcpy_from_page(data + obj.data, buf->page, buf->offset, buf->len);
		obj.data += buf->len;
	}
	mutex_unlock(&pipe->mutex);
	if (!err)
		tern_image_put(image, TERN_OBJ_PIPE, &obj, sizeof(obj), data, obj.data);
	kvfree(data);
	return err;
}

/**
 * struct saver - where saving stands
 * @table: the table
 * @flags: TERN_STDIO_NULL
 * @draft: the process runs
 * @image: where to
 * @name: path of the last description
 * @descs: how many there are
 * @pipes: how many there are
 */
struct saver {
	const struct table *table;
	u32 flags;
	bool draft;
	struct tern_image *image;
	struct tern_name name;
	u32 descs;
	u32 pipes;
};

static int save_new(struct saver *saver, struct entry *entry, struct tern_why *why)
{
	const char *what;
	u32 kind = kind_of(saver->table, entry, saver->flags, &what);
	int err = 0;

	if (!kind)
		return tern_why(why, -EOPNOTSUPP, "fd %d is %s", entry->fd, what);
	entry->desc = ++saver->descs;
	if (kind == TERN_DESC_PIPE) {
		struct entry *first = entry->same_pipe;

		entry->pipe = first->pipe;
		if (!entry->pipe) {
			entry->pipe = ++saver->pipes;
			first->pipe = entry->pipe;
			err = save_pipe(entry, saver->image);
		}
	}
	if (!err)
		err = save_desc(entry, kind, saver->draft, saver->image, &saver->name);
	return err ? tern_why(why, err, "fd %d cannot be saved (error %d)",
			      entry->fd, err) : 0;
}

static int save_entry(struct saver *saver, struct entry *entry, struct tern_why *why)
{
	struct tern_obj_fd obj = { .fd = entry->fd, .cloexec = entry->cloexec };
	int err = entry->same->desc ? 0 : save_new(saver, entry->same, why);

	if (err)
		return err;
	obj.desc = entry->same->desc;
	tern_image_put(saver->image, TERN_OBJ_FD, &obj, sizeof(obj), NULL, 0);
	return 0;
}

/**
 * tern_obj_file_save() - DESC, PIPE and FD objects
 * @leader: the process
 * @flags: TERN_STDIO_NULL
 * @draft: it runs, and what it writes to files is of no interest yet
 * @image: where to
 * @why: sentence
 */
int tern_obj_file_save(struct task_struct *leader, u32 flags, bool draft,
		       struct tern_image *image, struct tern_why *why)
{
	struct table table;
	struct saver saver = {
		.table = &table, .flags = flags, .draft = draft, .image = image,
	};
	unsigned int i;
	int err;

	err = tern_name_init(&saver.name);
	if (err)
		return err;
	err = table_copy(leader, &table);
	if (err)
		goto out;
	err = find_ours(&table, draft ? get_nr_threads(leader) + 1 : 0);
	for (i = 0; !err && i < table.nr; i++)
		err = save_entry(&saver, &table.entries[i], why);
	table_free(&table);
out:
	tern_name_fini(&saver.name);
	return err;
}
