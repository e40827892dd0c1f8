/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The check of images, between its files: image_check.c is the check as a whole, of
 * process, memory, threads and timers; image_files.c is of descriptors, image_inet.c
 * of TCP, UDP and netlink sockets, and image_carried.c of files that move.
 */
#ifndef TERN_IMAGE_CHECK_H
#define TERN_IMAGE_CHECK_H

#include <stdbool.h>

#include "dev.h"
#include "image.h"

#define PAGE		4096ULL
#define FD_MAX		1048576
#define TIME_MAX	LOW_BITS(62)
#define LOW_BITS(n)	((1ULL << (n)) - 1)

/**
 * struct image_kind - a type of objects
 * @name: for sentences
 * @fixed: bytes of its payload, without what follows it
 * @most: objects of it in one image
 */
struct image_kind {
	const char *name;
	size_t fixed;
	unsigned int most;
};

extern const struct image_kind image_kinds[__TERN_OBJ_MAX];

static inline size_t pad8(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

/**
 * struct image_check - what one run of the check has seen so far
 * @why: sentence
 * @index: of the object that is looked at
 * @count: objects by type, but for those that are skipped
 * @task: the TASK object
 * @vma_end: end of the last mapping
 * @pkeys: bit per protection key of MM
 * @pkeys_used: likewise, of mappings
 * @descs: DESC objects by id - 1
 * @nr_descs: how many
 * @room: for how many; ids go no further
 * @memories: which ids of MEMORY objects there are, by id - 1
 * @room_memories: ids go no further
 * @vdso: the VDSO object
 * @vdso_size: bytes of its code
 * @vdso_map: the last mapping of a vDSO
 * @nr_vdso_maps: how many there are
 * @skip: bit per type: sound already
 * @fds: bit per descriptor number
 * @nr_fds: numbers from here on are not there
 * @tids: of the THREAD objects
 * @timers: ids of the TIMER objects
 * @pipes: pipe numbers of the PIPE objects
 * @ended: the last child that has ended
 * @watch: the last WATCH object
 * @option: the last OPTION object
 * @before: the last object of all
 * @stream: the last TCP or STREAM object
 * @has_options: by description's id - 1: there are some of it
 * @carried: CARRIED objects by id - 1
 * @is_used: of each file that moves: a description or a mapping of it is there
 * @data: the last DATA object
 * @data_bytes: in all of them
 * @sockets: SOCKET objects
 * @extra: by description's id - 1: objects that it has beside DESC
 * @carries: likewise: there are descriptors under way to this socket, or to its other end
 */
struct image_check {
	struct tern_why *why;
	unsigned int index;
	unsigned int count[__TERN_OBJ_MAX];
	const struct tern_obj_task *task;
	__u64 vma_end;
	__u32 pkeys;
	__u32 pkeys_used;
	const struct tern_obj_desc **descs;
	unsigned int nr_descs;
	unsigned int room;
	bool *memories;
	unsigned int room_memories;
	const struct tern_obj_vdso *vdso;
	size_t vdso_size;
	const struct tern_obj_vma *vdso_map;
	unsigned int nr_vdso_maps;
	__u64 skip;
	__u8 *fds;
	__u32 nr_fds;
	__s32 *tids;
	__s32 *timers;
	__u32 *pipes;
	const struct tern_obj_ended *ended;
	const struct tern_obj_watch *watch;
	const struct tern_obj_option *option;
	const struct tern_obj *before;
	const struct tern_obj *stream;
	bool *has_options;
	const struct tern_obj_carried **carried;
	bool *is_used;
	const struct tern_obj_data *data;
	size_t data_bytes;
	const struct tern_obj_socket **sockets;
	__u8 *extra;
	bool *carries;
};

/** check_bad() - the check ends here: @what is wrong with @obj (NULL: with all of it) */
int check_bad(struct image_check *c, const struct tern_obj *obj, const char *what);
/** check_is_zero() - nothing but zeros */
bool check_is_zero(const void *buf, size_t len);
/** check_is_path() - a whole path: absolute, ended by the only NUL, filling its place */
bool check_is_path(const char *path, size_t len);
/** check_is_name() - a name as memfd_create(2) takes it, likewise */
bool check_is_name(const char *name, size_t len);
/** check_is_thread() - is there such a thread? When all THREAD objects are known. */
bool check_is_thread(const struct image_check *c, __s32 tid);
/** check_compare_s32(), check_compare_u32() - for qsort(3) and bsearch(3) */
int check_compare_s32(const void *a, const void *b);
int check_compare_u32(const void *a, const void *b);

/* image_files.c: one object each */
int check_desc(struct image_check *c, const struct tern_obj *obj);
int check_fd(struct image_check *c, const struct tern_obj *obj);
int check_pipe(struct image_check *c, const struct tern_obj *obj);
int check_epoll(struct image_check *c, const struct tern_obj *obj);
int check_event(struct image_check *c, const struct tern_obj *obj);
int check_terminal(struct image_check *c, const struct tern_obj *obj);
int check_timerfd(struct image_check *c, const struct tern_obj *obj);
int check_socket(struct image_check *c, const struct tern_obj *obj);
int check_peer(struct image_check *c, const struct tern_obj *obj);
int check_lock(struct image_check *c, const struct tern_obj *obj);
int check_watch(struct image_check *c, const struct tern_obj *obj);
/** check_extra() - belongs to a description, as each of them that may has exactly one */
int check_extra(struct image_check *c, const struct tern_obj *obj, __u32 desc);
/* image_inet.c: likewise */
int check_inet(struct image_check *c, const struct tern_obj *obj);
int check_interface(struct image_check *c, const struct tern_obj *obj);
int check_option(struct image_check *c, const struct tern_obj *obj);
int check_datagram(struct image_check *c, const struct tern_obj *obj);
int check_barrier(struct image_check *c, const struct tern_obj *obj);
int check_late(struct image_check *c, const struct tern_obj *obj);
int check_tcp(struct image_check *c, const struct tern_obj *obj);
int check_stream(struct image_check *c, const struct tern_obj *obj);
int check_netlink(struct image_check *c, const struct tern_obj *obj);
int relate_option(struct image_check *c, const struct tern_obj *obj);
/* image_carried.c: likewise */
int check_carried(struct image_check *c, const struct tern_obj *obj);
int check_data(struct image_check *c, const struct tern_obj *obj);
int relate_segment(struct image_check *c, const struct tern_obj *obj);
int relate_carried(struct image_check *c);
/* and what one says about another, when all are known */
int relate_descs(struct image_check *c);
int relate_extra(struct image_check *c);
int relate_sockets(struct image_check *c);
int relate_pipes(struct image_check *c);
int relate_owner(struct image_check *c, const struct tern_obj *obj);

#endif
