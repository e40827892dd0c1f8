/* SPDX-License-Identifier: GPL-2.0 */
/* Paths as text, for objects: neighbours are mostly of one file. */
#ifndef TERN_NAME_H
#define TERN_NAME_H

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/path.h>
#include <tern/image.h>

/**
 * struct tern_name - text of the last path
 * @of: the path; whoever asks holds a reference, or a lock, while it is compared
 * @text: its text, in @page; NULL: none
 * @page: TERN_PATH_MAX bytes, of the image that the objects are for
 */
struct tern_name {
	struct path of;
	char *text;
	char *page;
};

/** tern_name_of() - @path as text, as d_path() has it; valid until the next call */
static inline char *tern_name_of(struct tern_name *name, const struct path *path)
{
	char *text;

	if (name->text && path_equal(&name->of, path))
		return name->text;
	text = d_path(path, name->page, TERN_PATH_MAX);
	name->of = *path;
	name->text = IS_ERR(text) ? NULL : text;
	return text;
}

#endif /* TERN_NAME_H */
