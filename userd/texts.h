/* SPDX-License-Identifier: GPL-2.0 */
/* Program text, read from the files that it is mapped from. */
#ifndef TERN_TEXTS_H
#define TERN_TEXTS_H

#include "image.h"

#define TERN_TEXTS_MAX	256

/**
 * struct tern_text - a file with code in it
 * @ino: inode number
 * @size: when it was opened
 * @fd: open for reading
 */
struct tern_text {
	__u64 ino;
	__u64 size;
	int fd;
};

/**
 * struct tern_texts - those of one migrant
 * @text: files
 * @nr: how many
 */
struct tern_texts {
	struct tern_text text[TERN_TEXTS_MAX];
	unsigned int nr;
};

void tern_texts_open(struct tern_texts *texts, const struct tern_image *image);
void tern_texts_close(struct tern_texts *texts);
int tern_texts_read(const struct tern_texts *texts, const struct tern_obj_vma *vma, __u64 addr,
		    void *to, unsigned int len);

#endif
