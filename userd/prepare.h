/* SPDX-License-Identifier: GPL-2.0 */
/* What the destination must know before the migrant is parked. */
#ifndef TERN_PREPARE_H
#define TERN_PREPARE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <tern/wire.h>

#include "dev.h"
#include "image.h"
#include "link.h"

struct tern_why;

#define TERN_HOLES_MAX	8

/**
 * struct tern_prepared_file - a file of the migrant
 * @wire: as the destination is told, but for the path's length
 * @path: absolute
 * @was: how it was before it was read
 * @here: enum tern_wire_here, as the destination has said
 */
struct tern_prepared_file {
	struct tern_wire_file wire;
	char *path;
	struct stat was;
	unsigned char here;
};

/**
 * struct tern_lineage - where a process stands in the tree that it moves with; numbers are
 * those of its own pid namespace
 * @unit: migration of the root, 0: it moves alone
 * @nr: processes of the tree
 * @member: which of them it is
 * @root: pid of the root
 * @parent: of its parent, 0: it is the root
 * @group: of its process group, 0: the root's
 * @session: of its session, 0: the root's
 * @maker: whose shell makes its shell, as in struct tern_wire_prepare
 * @led: likewise
 * @attempt: counts how often the tree has been looked at
 */
struct tern_lineage {
	__u64 unit;
	unsigned int nr;
	unsigned int member;
	int root;
	int parent;
	int group;
	int session;
	int maker;
	unsigned int led;
	unsigned int attempt;
};

/**
 * struct tern_prepared - what was found when the migrant still ran
 * @pid: the migrant
 * @comm: its name
 * @tids: its threads, the leader first, the others ascending
 * @nr_tids: how many
 * @own_tids: the same, by their numbers in its own pid namespace
 * @pod: of the first process of a pod: as tern_pod_look() has it, from malloc; else NULL
 * @net: its interface, from malloc; NULL: none
 * @net_watch: descriptor that is readable when @net may not be what it was; -1: closed
 * @holes: free address space, ascending
 * @nr_holes: how many
 * @files: ascending by path, each once
 * @nr_files: how many
 * @nr_maps: mappings seen, for a guess at the image's size
 * @nr_fds: descriptors seen, likewise
 * @clocks: its clocks, once PREPARE has been sent
 * @dirty: descriptors of ours, of regular files that the migrant has open for writing
 * @nr_dirty: how many
 * @room: pages that may be sent ahead
 * @null_stdio: bit per standard descriptor that becomes /dev/null
 * @carried: it has a file whose contents move with it
 * @lineage: its tree; set by the caller, behind tern_prepare()
 */
struct tern_prepared {
	int pid;
	char comm[16];
	__s32 *tids;
	unsigned int nr_tids;
	__s32 *own_tids;
	char *pod;
	struct tern_wire_net *net;
	int net_watch;
	struct tern_wire_range holes[TERN_HOLES_MAX];
	unsigned int nr_holes;
	struct tern_prepared_file *files;
	unsigned int nr_files;
	unsigned int nr_maps;
	unsigned int nr_fds;
	struct tern_clocks clocks;
	int *dirty;
	unsigned int nr_dirty;
	unsigned int room;
	unsigned int null_stdio;
	bool carried;
	struct tern_lineage lineage;
};

int tern_prepare(struct tern_prepared *p, int pid, unsigned int flags, struct tern_why *why);
void tern_prepared_fini(struct tern_prepared *p);

int tern_prepared_send(struct tern_prepared *p, struct tern_link *link, int dev,
		       __u64 oneway_ns);
int tern_prepared_ready(struct tern_prepared *p, struct tern_link *link,
			struct tern_why *why);
int tern_prepared_copy(struct tern_prepared *p, struct tern_link *link,
		       struct tern_why *why);
void tern_prepared_unwatch(struct tern_prepared *p);
bool tern_prepared_same(const struct tern_prepared *p, const char *path,
			const struct tern_obj_vma *vma);
int tern_prepared_write_back(const struct tern_prepared *p, struct tern_why *why);
int tern_prepared_covers(const struct tern_prepared *p, const struct tern_image *image,
			 struct tern_why *why);
void tern_prepared_apply(const struct tern_prepared *p, struct tern_image *image);

/* proc.c: what /proc tells about the migrant */

/**
 * struct tern_proc_map - a line of /proc/PID/maps
 * @start: page-aligned
 * @end: page-aligned
 * @offset: in the file
 * @ino: inode number, 0: no file
 * @write: may be written
 * @shared: what is written there goes to the file
 * @special: its name starts with "["
 * @path: what is behind it, NUL-terminated; valid during the callback
 */
struct tern_proc_map {
	__u64 start;
	__u64 end;
	__u64 offset;
	__u64 ino;
	bool write;
	bool shared;
	bool special;
	const char *path;
};

/**
 * struct tern_proc_mount - a line of /proc/PID/mountinfo; valid during the callback
 * @major: of the file system
 * @minor: likewise
 * @root: the directory of it that is mounted
 * @place: where
 * @type: of the file system
 */
struct tern_proc_mount {
	unsigned int major;
	unsigned int minor;
	const char *root;
	const char *place;
	const char *type;
};

int tern_proc_mounts(int pid, int (*each)(void *arg, const struct tern_proc_mount *mount),
		     void *arg);
int tern_proc_maps(int pid, int (*each)(void *arg, const struct tern_proc_map *map), void *arg);
#define PROC_MAPPED_MAX	96
void tern_proc_mapped(int pid, __u64 start, __u64 end, char name[PROC_MAPPED_MAX]);
int tern_proc_numbers(int pid, const char *dir, __s32 **list, unsigned int *nr);
int tern_proc_link(int pid, const char *name, char *path, size_t size);
int tern_proc_pagemap(int pid);
bool tern_proc_ended(int pid);
int tern_proc_lineage(int pid, struct tern_lineage *lineage);
int tern_proc_own(int pid, int tid, const char *key, unsigned int *depth);
int tern_proc_own_tids(int pid, const __s32 *tids, unsigned int nr, __s32 *own);
int tern_proc_fd_flags(int pid, int fd, unsigned int *flags);

/* holes.c */
struct tern_holes {
	__u64 end;
	struct tern_wire_range found[64];
	unsigned int nr;
};

void tern_holes_add(struct tern_holes *holes, __u64 start, __u64 end, bool grows);
unsigned int tern_holes_pick(struct tern_holes *holes, struct tern_wire_range *picked,
			     unsigned int max);

#endif
