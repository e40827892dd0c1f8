// SPDX-License-Identifier: GPL-2.0
/*
 * Program text, for looking ahead: the next instructions of a thread stand in
 * files that were never modified, and to read a file is much quicker than to
 * read the memory of a parked process. What is read is a hint and nothing more,
 * so a file that changes meanwhile does no harm; it is read and not mapped, for
 * one that is cut off would kill who has it mapped.
 *
 * Owns the open files; no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "texts.h"

#define PAGE	4096ULL

static const struct tern_text *find(const struct tern_texts *texts,
				    const struct tern_obj_vma *vma)
{
	unsigned int i;

	for (i = 0; i < texts->nr; i++)
		if (texts->text[i].ino == vma->ino && texts->text[i].size == vma->size)
			return &texts->text[i];
	return NULL;
}

static void open_one(struct tern_texts *texts, const struct tern_obj_vma *vma, const char *path)
{
	struct tern_text *text = &texts->text[texts->nr];
	struct stat st;

	text->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (text->fd < 0)
		return;
	if (fstat(text->fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != vma->ino ||
	    (__u64)st.st_size != vma->size) {
		close(text->fd);
		return;
	}
	text->ino = vma->ino;
	text->size = vma->size;
	texts->nr++;
}

/**
 * tern_texts_open() - open the files that a migrant executes
 * @texts: zeroed, or opened before: then only what is new is opened
 * @image: a draft
 */
void tern_texts_open(struct tern_texts *texts, const struct tern_image *image)
{
	const struct tern_obj *obj = NULL;
	size_t len;

	while ((obj = tern_image_find(image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *vma = tern_obj_payload(obj);

		if (vma->kind == TERN_VMA_FILE && vma->prot & PROT_EXEC &&
		    texts->nr < TERN_TEXTS_MAX && !find(texts, vma))
			open_one(texts, vma, tern_obj_tail(obj, &len));
	}
}

/** tern_texts_close() - close them all */
void tern_texts_close(struct tern_texts *texts)
{
	while (texts->nr)
		close(texts->text[--texts->nr].fd);
}

/**
 * tern_texts_read() - read text
 * @texts: opened
 * @vma: a file mapping
 * @addr: in it
 * @to: receives it
 * @len: bytes wanted
 *
 * Return: how many there were, -ENOENT when the file is not one of these, or
 * another negative errno.
 */
int tern_texts_read(const struct tern_texts *texts, const struct tern_obj_vma *vma, __u64 addr,
		    void *to, unsigned int len)
{
	const struct tern_text *text = find(texts, vma);
	off_t at = vma->pgoff * PAGE + (addr - vma->start);
	ssize_t n;

	if (!text)
		return -ENOENT;
	if (len > vma->end - addr)
		len = vma->end - addr;
	n = pread(text->fd, to, len, at);
	return n < 0 ? -errno : n;
}
