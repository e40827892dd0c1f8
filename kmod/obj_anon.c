// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptions that have no inode of their own: the kernel knows them by a name, and
 * shows their state as text.
 */
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "compat.h"
#include "desc.h"

#define SHOWN	1024	/* bytes of text; there are less than 200 */

static const struct {
	const char *name;
	u32 kind;
	const char *what;	/* where others have it, too; NULL: that does not matter */
} kinds[] = {
	{ "[eventpoll]", TERN_DESC_EPOLL, NULL },
	{ "[eventfd]", TERN_DESC_EVENTFD, "an eventfd that another process has open, too" },
	{ "[signalfd]", TERN_DESC_SIGNALFD, "a signalfd that another process has open, too" },
	{ "inotify", TERN_DESC_INOTIFY, "an inotify instance that another process has open, too" },
	{ "[timerfd]", TERN_DESC_TIMERFD, "a timerfd that another process has open, too" },
};

static u32 anon_kind(const struct tern_table *table, const struct tern_entry *entry,
		     const char **what)
{
	const char *name = entry->file->f_path.dentry->d_name.name;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(name, kinds[i].name))
			continue;
		if (entry->same->is_ours || !kinds[i].what)
			return kinds[i].kind;
		*what = kinds[i].what;
		return 0;
	}
	*what = !strcmp(name, "[io_uring]") ? "an io_uring" :
		!strcmp(name, "[fanotify]") ? "a fanotify instance" : name;
	return 0;
}

/* As /proc/PID/fdinfo shows it; the state itself is private to the kernel. */
static int show(struct file *file, char *text, size_t size)
{
	struct seq_file m = { .buf = text, .size = size - 1, .file = file };

	if (!file->f_op->show_fdinfo)
		return -EOPNOTSUPP;
	file->f_op->show_fdinfo(&m, file);
	if (seq_has_overflowed(&m))
		return -EOVERFLOW;
	text[m.count] = '\0';
	return 0;
}

static const char *find(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? skip_spaces(at + strlen(name)) : NULL;
}

static int find_hex(const char *text, const char *name, u64 *value)
{
	const char *at = find(text, name);
	int len;

	return at && sscanf(at, "%llx%n", value, &len) == 1 ? 0 : -EOPNOTSUPP;
}

static int save_eventfd(struct file *file, const char *text, struct tern_obj_event *obj)
{
	int semaphore = compat_eventfd_semaphore(file, find(text, "eventfd-semaphore:"));

	if (semaphore < 0)
		return semaphore;
	obj->flags = semaphore ? TERN_EVENT_SEMAPHORE : 0;
	return find_hex(text, "eventfd-count:", &obj->value);
}

static int anon_save(struct tern_saver *saver, struct tern_entry *entry,
		     struct tern_obj_desc *desc)
{
	struct tern_obj_event obj = { .desc = desc->id };
	char *text;
	int err;

	if (desc->kind != TERN_DESC_EVENTFD && desc->kind != TERN_DESC_SIGNALFD)
		return 0;
	text = kmalloc(SHOWN, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	err = show(entry->file, text, SHOWN);
	if (!err)
		err = desc->kind == TERN_DESC_EVENTFD ? save_eventfd(entry->file, text, &obj) :
		      find_hex(text, "sigmask:", &obj.value);
	kfree(text);
	if (!err)
		tern_image_put(saver->image, TERN_OBJ_EVENT, &obj, sizeof(obj), NULL, 0);
	return err;
}

const struct tern_desc_family tern_desc_anon = {
	.kind = anon_kind,
	.save = anon_save,
};
