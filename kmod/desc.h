/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kinds of open file descriptions, a file for each family: which kind is it, and
 * what is there to save beyond what all descriptions have?
 */
#ifndef TERN_DESC_H
#define TERN_DESC_H

#include "name.h"
#include "obj.h"
#include "table.h"

/**
 * struct tern_saver - where saving stands
 * @table: the table
 * @image: where to
 * @name: path of the last description
 * @descs: how many there are
 * @pipes: how many there are
 */
struct tern_saver {
	struct tern_table *table;
	struct tern_image *image;
	struct tern_name name;
	u32 descs;
	u32 pipes;
};

/**
 * struct tern_desc_family - descriptions that have much in common
 * @kind: enum tern_desc_kind of an entry; 0: it cannot move, and @what says what it
 *	is ("fd 3 is …")
 * @save: add to @obj and to the image what is beyond the common; NULL: nothing. The
 *	path, if @obj says that it has one, is in @saver->name.
 */
struct tern_desc_family {
	u32 (*kind)(const struct tern_table *table, const struct tern_entry *entry,
		    const char **what);
	int (*save)(struct tern_saver *saver, struct tern_entry *entry,
		    struct tern_obj_desc *obj);
};

extern const struct tern_desc_family tern_desc_file;
extern const struct tern_desc_family tern_desc_device;
extern const struct tern_desc_family tern_desc_pipe;
extern const struct tern_desc_family tern_desc_socket;
extern const struct tern_desc_family tern_desc_terminal;
extern const struct tern_desc_family tern_desc_anon;
extern const struct tern_desc_family tern_desc_path;

/* obj_desc.c */
void tern_desc_describe(const struct tern_entry *entry, u32 kind, struct tern_obj_desc *obj);
void tern_desc_save_from(const struct tern_saver *saver, const struct tern_entry *from,
			 struct tern_obj_desc *obj);

/* obj_lock.c */
u32 tern_lock_of_mapping(const struct tern_table *table, const struct tern_entry *entry);
const char *tern_lock_refused(const struct tern_table *table, const struct tern_entry *entry,
			      bool network);
void tern_lock_save(struct tern_saver *saver, const struct tern_entry *entry, u32 desc);

/* obj_carried.c */
u32 tern_carried_named(const struct tern_table *table, const struct tern_entry *entry,
		       const char **what);
u32 tern_carried_kind(const struct tern_table *table, const struct tern_entry *entry,
		      const char **what);
void tern_carried_check(const struct tern_table *table, struct tern_reasons *reasons);
int tern_carried_save(struct tern_table *table, struct tern_entry *first,
		      struct tern_name *name, struct tern_image *image);

/* obj_file.c */
bool tern_inode_is_kernels(const struct inode *inode);
int tern_desc_save_path(struct tern_saver *saver, struct tern_entry *entry,
			struct tern_obj_desc *obj);

#endif /* TERN_DESC_H */
