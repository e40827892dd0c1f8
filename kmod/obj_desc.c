// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors and open file descriptions: the walk over the table, for the check
 * and for DESC and FD objects. What kinds there are is a matter of families
 * (desc.h).
 */
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/tern.h>

#include "compat.h"
#include "desc.h"
#include "pod.h"
#include "rights.h"
#include "terminal.h"
#include "tree.h"

static const struct tern_desc_family *family_of(const struct file *file)
{
	if (file->f_mode & FMODE_PATH)
		return &tern_desc_path;
	switch (file_inode(file)->i_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
		return &tern_desc_file;
	case S_IFCHR:
		return tern_is_terminal(file) ? &tern_desc_terminal : &tern_desc_device;
	case S_IFIFO:
		return &tern_desc_pipe;
	case S_IFSOCK:
		return &tern_desc_socket;
	case 0:
		return &tern_desc_anon;
	default:
		return NULL;
	}
}

/*
 * Who gets signals of @file, as in struct tern_obj_desc. An error: somebody that does
 * not move with it.
 */
static int get_owner(const struct tern_table *table, struct file *file, u64 *owner)
{
	struct fown_struct *fown = compat_file_owner(file);
	struct task_struct *task = NULL;
	int err = 0;

	*owner = 0;
	if (!fown)
		return 0;
	read_lock_irq(&fown->lock);
	*owner = TERN_OWNER(0, 0, fown->signum);
	if (fown->pid) {
		/* of one that has ended the number may be somebody else's soon */
		task = pid_task(fown->pid, PIDTYPE_PID);
		*owner = TERN_OWNER(tern_nr(fown->pid),
				    fown->pid_type == PIDTYPE_PID ? F_OWNER_TID : F_OWNER_PID,
				    fown->signum);
		if (!task || !same_thread_group(task, table->leader) ||
		    (fown->pid_type != PIDTYPE_PID && fown->pid_type != PIDTYPE_TGID) ||
		    (fown->pid_type == PIDTYPE_TGID && task != table->leader))
			err = -EOPNOTSUPP;
	}
	read_unlock_irq(&fown->lock);
	return err;
}

/* Made by a process of the tree that comes before this one, of which it has the rest. */
static bool is_taken(const struct tern_table *table, const struct tern_entry *entry)
{
	return !tern_table_is_own(table, entry->same);
}

static bool is_regular(const struct tern_entry *entry)
{
	return S_ISREG(file_inode(entry->file)->i_mode) && !(entry->file->f_mode & FMODE_PATH);
}

/* All there is to it is looked at where it is made; but for what each process has of its own. */
static u32 taken_kind(const struct tern_table *table, const struct tern_entry *entry,
		      const char **what)
{
	if (tern_entry_is_mapping(entry->same))
		*what = "a file that another of its tree has mapped and closed: close it here, too";
	else if (is_regular(entry))
		*what = tern_lock_refused(table, entry,
					  tern_is_network(file_inode(entry->file)->i_sb));
	return *what ? 0 : TERN_DESC_TAKEN;
}

/* enum tern_desc_kind of @entry, or 0 and what it is instead. */
static u32 classify(const struct tern_table *table, const struct tern_entry *entry,
		    const char **what)
{
	const struct tern_desc_family *family = family_of(entry->file);
	u64 owner;

	*what = NULL;
	if (is_taken(table, entry))
		return taken_kind(table, entry, what);
	if (get_owner(table, entry->file, &owner)) {
		*what = "set up for signals to others (F_SETOWN)";
		return 0;
	}
	*what = "of an unknown kind";
	return family ? family->kind(table, entry, what) : 0;
}

/* A standard descriptor, or another number for the same description. */
static bool is_stdio(const struct tern_table *table, const struct file *file)
{
	unsigned int i;

	for (i = 0; i < table->nr && table->entries[i].fd <= 2; i++)
		if (table->entries[i].file == file)
			return true;
	return false;
}

static u32 kind_of(const struct tern_table *table, const struct tern_entry *entry,
		   const char **what)
{
	u32 kind = classify(table, entry, what);

	if (kind && entry->carrier) {
		*what = tern_rights_refused(table, entry, kind);
		return *what ? 0 : kind;
	}
	if (!kind && table->flags & TERN_STDIO_NULL && is_stdio(table, entry->file))
		kind = TERN_DESC_NULL;
	return kind;
}

/* What is under way has no number of its own. */
#define UNDER_WAY "what is under way in fd %d is %s; try again when it has been received"

static void object(struct tern_reasons *reasons, const struct tern_table *table,
		   const struct tern_entry *entry, const char *what)
{
	const char *hint = is_stdio(table, entry->file) ?
		" (redirect it, or move with --stdio=null)" : "";

	if (entry->carrier)
		tern_reasons_add(reasons, UNDER_WAY, entry->carrier->fd, what);
	/* what has no path has a name for its kind at most, and we said that */
	else if (d_is_reg(entry->file->f_path.dentry) || d_is_dir(entry->file->f_path.dentry))
		tern_reasons_add(reasons, "fd %d is %s: %pD2%s", entry->fd, what,
				 entry->file, hint);
	else
		tern_reasons_add(reasons, "fd %d is %s%s", entry->fd, what, hint);
}

/**
 * tern_obj_desc_check() - name every descriptor that cannot move
 * @table: of the process, after tern_obj_vma_check()
 * @reasons: where to
 */
void tern_obj_desc_check(const struct tern_table *table, struct tern_reasons *reasons)
{
	const char *what;
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		const struct tern_entry *entry = &table->entries[i];

		if (kind_of(table, entry, &what))
			continue;
		object(reasons, table, entry, what);
		cond_resched();
	}
	for (i = 0; i < table->nr_rights; i++)
		if (tern_rights_are_own(table, &table->rights[i]) &&
		    !kind_of(table, &table->rights[i], &what)) {
			object(reasons, table, &table->rights[i], what);
			cond_resched();
		}
	tern_carried_check(table, reasons);
}

/* ---- save -------------------------------------------------------------------- */

/**
 * tern_desc_save_from() - say where a description, or another one of its inode, is
 * @saver: its table
 * @from: the first entry of it, of another process
 * @obj: receives it
 */
void tern_desc_save_from(const struct tern_saver *saver, const struct tern_entry *from,
			 struct tern_obj_desc *obj)
{
	obj->dev = tern_pid_of(saver->table->tree->task[from->member]);
	obj->ino = from->fd;
}

static void save_taken(struct tern_saver *saver, struct tern_entry *entry,
		       struct tern_obj_desc *obj)
{
	tern_desc_save_from(saver, entry->same, obj);
	/* its own by fcntl(2); the others are the description's, and taken twice in vain */
	if (is_regular(entry))
		tern_lock_save(saver, entry, obj->id);
}

/**
 * tern_desc_describe() - what all descriptions have
 * @entry: of it
 * @kind: enum tern_desc_kind
 * @obj: filled
 */
void tern_desc_describe(const struct tern_entry *entry, u32 kind, struct tern_obj_desc *obj)
{
	const struct inode *inode = file_inode(entry->file);

	*obj = (struct tern_obj_desc) {
		.id = entry->same->desc,
		.kind = kind,
		.flags = entry->file->f_flags,
		.mode = inode->i_mode,
		.dev = new_encode_dev(inode->i_sb->s_dev),
		.ino = inode->i_ino,
		.magic = inode->i_sb->s_magic,
	};
}

static int save_desc(struct tern_saver *saver, struct tern_entry *entry, u32 kind)
{
	const struct tern_desc_family *family = family_of(entry->file);
	struct tern_obj_desc obj;
	int err = 0;

	tern_desc_describe(entry, kind, &obj);
	if (kind == TERN_DESC_TAKEN)
		save_taken(saver, entry, &obj);
	else if (kind != TERN_DESC_NULL)
		err = get_owner(saver->table, entry->file, &obj.owner);
	if (!err && kind != TERN_DESC_NULL && kind != TERN_DESC_TAKEN && family->save)
		err = family->save(saver, entry, &obj);
	if (!err)
		tern_image_put(saver->image, TERN_OBJ_DESC, &obj, sizeof(obj),
			       saver->name.text, obj.path);
	return err;
}

static int save_new(struct tern_saver *saver, struct tern_entry *entry, struct tern_why *why)
{
	const char *what;
	u32 kind = kind_of(saver->table, entry, &what);
	int err;

	if (!kind && entry->carrier)
		return tern_why(why, -EOPNOTSUPP, UNDER_WAY, entry->carrier->fd, what);
	if (!kind)
		return tern_why(why, -EOPNOTSUPP, "fd %d is %s", entry->fd, what);
	/* what is under way has one before */
	if (!entry->same->desc)
		entry->same->desc = ++saver->descs;
	entry->same->is_saved = true;
	err = save_desc(saver, entry, kind);
	return err ? tern_why(why, err, "fd %d cannot be saved (error %d)",
			      entry->fd, err) : 0;
}

static int save_entry(struct tern_saver *saver, struct tern_entry *entry, struct tern_why *why)
{
	struct tern_obj_fd obj = { .fd = entry->fd, .cloexec = entry->cloexec };
	int err = entry->same->is_saved ? 0 : save_new(saver, entry, why);

	if (err || entry->carrier)
		return err;
	obj.desc = entry->same->desc;
	tern_image_put(saver->image, TERN_OBJ_FD, &obj, sizeof(obj), NULL, 0);
	return 0;
}

/* Numbers, for the sockets that they are under way in. */
static void number_rights(struct tern_saver *saver)
{
	struct tern_table *table = saver->table;
	unsigned int i;

	for (i = 0; i < table->nr_rights; i++)
		if (tern_rights_are_own(table, &table->rights[i]) && !table->rights[i].same->desc)
			table->rights[i].same->desc = ++saver->descs;
}

static int save_rights(struct tern_saver *saver, struct tern_why *why)
{
	struct tern_table *table = saver->table;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < table->nr_rights; i++)
		if (tern_rights_are_own(table, &table->rights[i]))
			err = save_entry(saver, &table->rights[i], why);
	return err;
}

/**
 * tern_obj_desc_save() - DESC and FD objects, and what belongs to descriptions
 * @table: of the process, after tern_obj_vma_save()
 * @image: where to
 * @why: sentence
 */
int tern_obj_desc_save(struct tern_table *table, struct tern_image *image,
		       struct tern_why *why)
{
	struct tern_saver saver = {
		.table = table, .image = image, .name.page = image->page,
	};
	unsigned int i;
	int err = 0;

	number_rights(&saver);
	for (i = 0; !err && i < table->nr; i++)
		err = save_entry(&saver, &table->entries[i], why);
	if (!err)
		err = save_rights(&saver, why);
	return err;
}
