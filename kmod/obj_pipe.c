// SPDX-License-Identifier: GPL-2.0
/*
 * Ends of pipes, named or not, that nobody outside the tree has open, and PIPE: what is in
 * them. It is made with all ends that the first process has that has any; others are
 * opened through that one.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/magic.h>
#include <linux/pipe_fs_i.h>
#include <linux/slab.h>

#include "compat.h"
#include "desc.h"

static u32 pipe_kind(const struct tern_table *table, const struct tern_entry *entry,
		     const char **what)
{
	struct inode *inode = file_inode(entry->file);
	bool named = inode->i_sb->s_magic != PIPEFS_MAGIC;

	if (!entry->is_whole || READ_ONCE(inode->i_pipe->files) != entry->files)
		*what = named ? "a named pipe that another process has open, too" :
			"a pipe to another process";
	else if (named && tern_table_is_split(table, entry))
		*what = "a named pipe that a process of its tree has open, too";
	else if (named && !tern_path_has_name(&entry->file->f_path))
		*what = "a named pipe that has been deleted";
	else if (compat_pipe_is_watch_queue(inode->i_pipe))
		*what = "a pipe for notifications of the kernel";
	else
		return tern_table_is_own(table, entry->same_inode) ? TERN_DESC_PIPE :
		       TERN_DESC_REOPENED;
	return 0;
}

/**
 * struct contents - what is in a pipe
 * @size: of each piece, with TERN_PIPE_PACKET
 * @nr: pieces; neighbours of a stream are one
 * @packets: one of them is a packet
 * @data: all bytes
 * @len: how many
 */
struct contents {
	u32 *size;
	u32 nr;
	bool packets;
	void *data;
	u32 len;
};

static int contents_alloc(struct contents *c, const struct pipe_inode_info *pipe)
{
	unsigned int at, mask = pipe->ring_size - 1;
	size_t len = 0;

	for (at = pipe->tail; at != pipe->head; at++)
		len += pipe->bufs[at & mask].len;
	*c = (struct contents) {
		.size = kvmalloc_array(pipe->ring_size + 1, sizeof(*c->size), GFP_KERNEL),
		.data = kvmalloc(len + 1, GFP_KERNEL),
	};
	return c->size && c->data ? 0 : -ENOMEM;
}

static int contents_add(struct contents *c, struct pipe_inode_info *pipe,
			struct pipe_buffer *buf)
{
	u32 packet = buf->flags & PIPE_BUF_FLAG_PACKET ? TERN_PIPE_PACKET : 0;
	int err = pipe_buf_confirm(pipe, buf);

	/* an empty one is what splice(2) may leave, and nobody sees it */
	if (err || !buf->len)
		return err;
	memcpy_from_page(c->data + c->len, buf->page, buf->offset, buf->len);
	c->len += buf->len;
	if (c->nr && !packet && !(c->size[c->nr - 1] & TERN_PIPE_PACKET))
		c->size[c->nr - 1] += buf->len;
	else
		c->size[c->nr++] = buf->len | packet;
	c->packets |= packet;
	return 0;
}

static int contents_put(const struct contents *c, struct tern_obj_pipe *obj,
			struct tern_image *image)
{
	size_t sizes = c->packets ? c->nr * sizeof(*c->size) : 0;
	void *tail;

	obj->data = c->len;
	obj->pieces = c->packets ? c->nr : 0;
	if (!sizes) {
		tern_image_put(image, TERN_OBJ_PIPE, obj, sizeof(*obj), c->data, c->len);
		return 0;
	}
	tail = kvmalloc(sizes + c->len, GFP_KERNEL);
	if (!tail)
		return -ENOMEM;
	memcpy(tail, c->size, sizes);
	memcpy(tail + sizes, c->data, c->len);
	tern_image_put(image, TERN_OBJ_PIPE, obj, sizeof(*obj), tail, sizes + c->len);
	kvfree(tail);
	return 0;
}

/*
 * Nobody else can touch it; its lock keeps it still all the same, for a draft. But then somebody may
 * have it, and wait for as long as he likes: splice(2) from a socket. What is in it is not missed.
 */
static int save_contents(struct tern_entry *entry, struct tern_saver *saver)
{
	struct pipe_inode_info *pipe = file_inode(entry->file)->i_pipe;
	struct tern_obj_pipe obj = { .pipe = entry->pipe };
	struct contents c;
	unsigned int at;
	int err;

	obj.capacity = READ_ONCE(pipe->max_usage) * PAGE_SIZE;
	if (!saver->table->draft) {
		mutex_lock(&pipe->mutex);
	} else if (!mutex_trylock(&pipe->mutex)) {
		tern_image_put(saver->image, TERN_OBJ_PIPE, &obj, sizeof(obj), NULL, 0);
		return 0;
	}
	err = contents_alloc(&c, pipe);
	for (at = pipe->tail; !err && at != pipe->head; at++)
		err = contents_add(&c, pipe, &pipe->bufs[at & (pipe->ring_size - 1)]);
	mutex_unlock(&pipe->mutex);
	if (!err)
		err = contents_put(&c, &obj, saver->image);
	kvfree(c.size);
	kvfree(c.data);
	return err;
}

static int pipe_save(struct tern_saver *saver, struct tern_entry *entry,
		     struct tern_obj_desc *obj)
{
	struct tern_entry *first = entry->same_inode;
	int err = 0;

	if (obj->kind == TERN_DESC_REOPENED) {
		tern_desc_save_from(saver, first, obj);
		return 0;
	}
	if (!first->pipe) {
		first->pipe = ++saver->pipes;
		err = save_contents(first, saver);
	}
	obj->pipe = first->pipe;
	if (!err && file_inode(entry->file)->i_sb->s_magic != PIPEFS_MAGIC)
		err = tern_desc_save_path(saver, entry, obj);
	return err;
}

const struct tern_desc_family tern_desc_pipe = {
	.kind = pipe_kind,
	.save = pipe_save,
};
