// SPDX-License-Identifier: GPL-2.0
/* Ends of pipes that nobody else has open, and PIPE: what is in them. */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/magic.h>
#include <linux/pipe_fs_i.h>
#include <linux/slab.h>

#include "desc.h"

static u32 pipe_kind(const struct tern_table *table, const struct tern_entry *entry,
		     const char **what)
{
	struct inode *inode = file_inode(entry->file);
	fmode_t mode = entry->file->f_mode;

	if (inode->i_sb->s_magic != PIPEFS_MAGIC)
		*what = "a named pipe";
	else if (mode & FMODE_READ && mode & FMODE_WRITE)
		*what = "a pipe that is open for both reading and writing";
	else if (!entry->is_whole || READ_ONCE(inode->i_pipe->files) != entry->files)
		*what = "a pipe to another process";
	else
		return TERN_DESC_PIPE;
	return 0;
}

/* What is in a pipe that nobody else can touch; its lock keeps it still all the same. */
static int save_contents(struct tern_entry *entry, struct tern_image *image)
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

static int pipe_save(struct tern_saver *saver, struct tern_entry *entry,
		     struct tern_obj_desc *obj)
{
	struct tern_entry *first = entry->same_inode;
	int err = 0;

	if (!first->pipe) {
		first->pipe = ++saver->pipes;
		err = save_contents(first, saver->image);
	}
	obj->pipe = first->pipe;
	return err;
}

const struct tern_desc_family tern_desc_pipe = {
	.kind = pipe_kind,
	.save = pipe_save,
};
