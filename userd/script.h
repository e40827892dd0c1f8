/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scripts for the shell: an image turned into system calls. Nothing here makes
 * a system call for the migrant; it only writes steps into the area.
 */
#ifndef TERN_SCRIPT_H
#define TERN_SCRIPT_H

#include <sys/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <tern/wire.h>

#include "dev.h"
#include "image.h"
#include "shell.h"
#include "stash.h"

#define SCRIPT_SPECIAL_MAX	8
#define SCRIPT_GROUPS_MAX	64	/* of the daemon; with more nothing is compared */

/**
 * struct tern_script - writer of the area
 * @mem: the area as ternd has it mapped
 * @base: its address in the shell
 * @size: bytes of it
 * @nr_threads: threads of the shell, leader included
 * @ops: offset of the next step
 * @ops_end: where steps must end
 * @data: offset of the next piece of data
 * @begin: offset of the first step of the script being written
 * @full: something did not fit
 * @again: descriptors are made anew, of which others may have the ones before
 * @spill: takes what does not fit
 */
struct tern_script {
	char *mem;
	__u64 base;
	__u64 size;
	unsigned int nr_threads;
	size_t ops;
	size_t ops_end;
	size_t data;
	size_t begin;
	bool full;
	bool again;
	struct shell_op spill;
};

/**
 * struct tern_special - one of the kernel's own mappings in the shell
 * @start: page-aligned
 * @end: not included
 * @kind: TERN_VMA_VDSO or TERN_VMA_VVAR
 */
struct tern_special {
	__u64 start;
	__u64 end;
	unsigned int kind;
};

/**
 * struct tern_seed - address range whose pages come from the source
 * @start: page-aligned; lies within one mapping
 * @end: not included
 * @flags: TERN_SEED_*
 * @reserved: 0
 */
struct tern_seed {
	__u64 start;
	__u64 end;
	__u32 flags;
	__u32 reserved;
};

#define TERN_SEED_DONTFORK	(1U << 0)
#define TERN_SEED_WIPEONFORK	(1U << 1)
#define TERN_SEED_SPAN		(1U << 2)	/* at most a hole is before it */
#define TERN_SEED_SHARED	(1U << 3)	/* shared memory */
#define TERN_SEED_HUGE		(1U << 4)	/* to be of huge pages (madvise(2), MADV_HUGEPAGE) */

/**
 * struct tern_seeds - all of them, ascending
 * @seed: array, from malloc
 * @nr: entries
 */
struct tern_seeds {
	struct tern_seed *seed;
	unsigned int nr;
};

/**
 * struct tern_area - a mapping to be made: one or several adjacent equal ones
 * @start: page-aligned
 * @end: not included
 * @v: the first of them, in the image
 * @path: of the local file, NULL: memory
 * @memory: MEMORY object, NULL: private memory, or a file
 * @barrier: a special mapping stands before it
 */
struct tern_area {
	__u64 start;
	__u64 end;
	const struct tern_obj_vma *v;
	const char *path;
	const struct tern_obj *memory;
	bool barrier;
};

/**
 * struct tern_areas - all of them, ascending
 * @area: array, from malloc
 * @nr: entries
 * @room: for how many there is room
 */
struct tern_areas {
	struct tern_area *area;
	unsigned int nr;
	size_t room;
};

/**
 * struct tern_known - a file that PREPARE named
 * @path: NUL-terminated
 * @file: what the source says about it
 * @same: it is the same here; the source has been told so
 * @was: how it was when that was found
 * @wanted: it is not here, and the source is to send it
 */
struct tern_known {
	const char *path;
	struct tern_wire_file file;
	bool same;
	bool wanted;
	struct stat was;
};

/**
 * struct tern_given - what a shell is given: descriptors of ours
 * @sock: its end of the socket
 * @area: memfd of its area
 * @dev: /dev/tern, -1: none, in tests
 * @fds: our /proc/PID/fd
 * @ternd: pidfd of ours
 */
struct tern_given {
	int sock;
	int area;
	int dev;
	int fds;
	int ternd;
};

/* What several processes of a tree have, and not of one moment. */
#define TERN_SCRIPT_CHANGED \
	"the descriptors that processes of its tree have in common keep changing: try again when it is quieter"

/**
 * struct tern_spawn - a shell that is to be the child of another one
 * @pid: its pid
 * @session: it leads a session
 * @sibling: it is to be a sibling of who makes it, and not a child
 * @stray: who makes it is no relative: it is to lose its parent, and to come to another one
 * @led: it is in a session whose leader, of that number, has ended; 0: in that of who makes it
 * @group: it leads a process group
 * @given: what it is given
 * @path: of tern-shell
 */
struct tern_spawn {
	int pid;
	bool session;
	bool sibling;
	bool stray;
	int led;
	bool group;
	const struct tern_given *given;
	const char *path;
};

/**
 * struct tern_taken - a file that moves with another process of the tree
 * @pid: of that process
 * @fs: as in its CARRIED object
 * @ino: likewise
 * @path: how the shell opens it
 */
struct tern_taken {
	int pid;
	__u32 fs;
	__u64 ino;
	char path[NEWFILE_PATH_MAX];
};

/**
 * struct tern_spare - an end of a unix socket that a shell makes for a process of the tree
 * @pid: of the process whose shell makes it
 * @fd: that process' descriptor of the other end
 * @number: the shell's descriptor of this one, until it becomes
 */
struct tern_spare {
	int pid;
	int fd;
	int number;
};

/**
 * struct tern_dress - what the shell is dressed with, and what is known of it
 * @image: checked
 * @known: files of PREPARE, sorted by path
 * @nr_known: how many
 * @stash: the files that move with it; NULL: none
 * @stash_path: of each of them, by its id - 1: how the shell opens it
 * @special: the shell's own special mappings, ascending
 * @nr_special: how many
 * @own: credentials of the shell
 * @own_groups: its groups
 * @caps: capabilities that the shell has
 * @cap_last: last capability of this kernel
 * @cpus: bit per processor that the shell may run on
 * @nr_open: most descriptors that a process may have here
 * @nofile: most descriptors that the shell may have now
 * @own_fds: out: the shell's own descriptors are at this number and the next ones
 * @end_fds: out: above the migrant's highest descriptor; from here on all are closed at last
 * @types: of an image that follows another: bit per type that differs from it
 * @taken_file: those of other processes that it maps, from malloc
 * @nr_taken_files: how many
 * @spare: out, if @anew: what it has made for others, from malloc
 * @nr_spares: how many
 * @mate: what others have made for it, from malloc
 * @nr_mates: how many
 * @taken: changes when descriptors have been made anew that it may take
 * @anew: out: its own were made anew
 * @id: of the migration
 * @root: pid of the root of the tree that it belongs to, 0: none
 * @pid: of the shell, in whose network namespace the interfaces are
 * @become: false only in tests: leave out all that needs /dev/tern
 * @host: name of this host, for sentences
 * @areas: out: mappings
 * @seeds: out: ranges to be paged
 * @task: filled by tern_script_dress(), as are the following
 * @mm: of the image
 * @vdso: VDSO object: the migrant was started with another one; or NULL
 * @creds: of the image
 * @thread: THREAD objects by thread id
 * @nr_threads: how many
 * @timer: TIMER objects by id
 * @nr_timers: how many
 * @signal: SIGNAL objects by thread id, and in their order
 * @nr_signals: how many
 */
struct tern_dress {
	const struct tern_image *image;
	const struct tern_known *known;
	unsigned int nr_known;
	const struct tern_stash *stash;
	char (*stash_path)[NEWFILE_PATH_MAX];
	struct tern_special special[SCRIPT_SPECIAL_MAX];
	unsigned int nr_special;
	struct tern_obj_creds own;
	__u32 own_groups[SCRIPT_GROUPS_MAX];
	__u64 caps;
	unsigned int cap_last;
	__u64 cpus[TERN_CPUS_WORDS];
	unsigned int nr_open;
	__u64 nofile;
	unsigned int own_fds;
	unsigned int end_fds;
	__u64 types;
	struct tern_taken *taken_file;
	unsigned int nr_taken_files;
	struct tern_spare *spare;
	unsigned int nr_spares;
	struct tern_spare *mate;
	unsigned int nr_mates;
	unsigned int taken;
	bool anew;
	__u64 id;
	int root;
	int pid;
	bool become;
	const char *host;
	struct tern_areas areas;
	struct tern_seeds seeds;
	const struct tern_obj_task *task;
	const struct tern_obj *mm;
	const struct tern_obj *vdso;
	const struct tern_obj *creds;
	const struct tern_obj_thread **thread;
	unsigned int nr_threads;
	const struct tern_obj_timer **timer;
	unsigned int nr_timers;
	const struct tern_obj_signal **signal;
	unsigned int nr_signals;
};

/* script.c: the writer */
void tern_script_init(struct tern_script *s, void *mem, __u64 base, __u64 size,
		      unsigned int nr_threads);
struct shell_op *tern_script_op(struct tern_script *s, const char *what,
				unsigned int nr, const __u64 args[6]);
__u64 tern_script_data(struct tern_script *s, const void *data, size_t len);
void tern_script_write(struct tern_script *s, const char *path, const void *data, size_t len);
__u64 tern_script_slot(const struct tern_script *s, unsigned int slot);
__s32 tern_script_value(const struct tern_script *s, unsigned int slot);
struct shell_thread *tern_script_thread(const struct tern_script *s, unsigned int n);
void tern_script_begin(struct tern_script *s);
void tern_script_trim(struct tern_script *s);
int tern_script_end(struct tern_script *s, struct shell_run *run, struct tern_why *why);
int tern_script_explain(const struct tern_script *s, const struct shell_reply *reply,
			const char *host, struct tern_why *why);

/* @what: what could not be done, when it could not be done */
#define SCRIPT(s, what, nr, ...) \
	tern_script_op(s, what, nr, (const __u64[6]){ __VA_ARGS__ })

/* script_join.c: the first script */
int tern_script_join(struct tern_script *s, __u64 id, const __s32 *tids, bool join,
		     struct shell_run *run, struct tern_why *why);

/* script_spawn.c: a child, which will be another shell */
int tern_script_spawn(struct tern_script *s, const struct tern_spawn *spawn,
		      const struct tern_image *worn, struct shell_run *run,
		      struct tern_why *why);
int tern_script_reap(struct tern_script *s, int pid, const struct tern_image *worn,
		     struct shell_run *run, struct tern_why *why);
int tern_script_group(struct tern_script *s, const struct tern_dress *dress,
		      struct tern_why *why);
int tern_script_ended(struct tern_script *s, const struct tern_dress *dress, struct tern_why *why);

/* the second script, whole or but a draft; script_dress.c calls the others in order */
int tern_script_dress(struct tern_script *s, struct tern_dress *dress, bool draft,
		      struct shell_run *run, struct tern_why *why);
int tern_script_alter(struct tern_script *s, const struct tern_dress *worn,
		      struct tern_dress *dress, bool draft, struct shell_run *run,
		      struct tern_why *why);
void tern_dress_fini(struct tern_dress *dress);
int tern_script_replace_own(struct tern_script *s, const struct tern_dress *dress,
			    struct tern_why *why);
int tern_script_memory(struct tern_script *s, struct tern_dress *dress, struct tern_why *why);
void tern_script_memory_end(struct tern_script *s, const struct tern_dress *dress);
int tern_script_files(struct tern_script *s, struct tern_dress *dress, struct tern_why *why);
int tern_script_files_end(struct tern_script *s, struct tern_dress *dress);
void tern_script_limits_open(struct tern_script *s, const struct tern_dress *dress,
			     unsigned int fds);
void tern_script_process(struct tern_script *s, const struct tern_dress *worn,
			 const struct tern_dress *dress);
void tern_script_process_end(struct tern_script *s, const struct tern_dress *dress);
void tern_script_name(struct tern_script *s, const struct tern_obj_thread *thread);
int tern_script_identity(struct tern_script *s, const struct tern_dress *dress,
			 struct tern_why *why);
void tern_script_timers(struct tern_script *s, const struct tern_dress *worn,
			const struct tern_dress *dress);
void tern_script_timers_end(struct tern_script *s, const struct tern_dress *dress);
bool tern_cpus_left(const struct tern_dress *dress, const struct tern_obj_thread *t,
		    __u64 cpus[TERN_CPUS_WORDS]);
void tern_script_sched(struct tern_script *s, const struct tern_dress *dress, __s32 tid,
		       const struct tern_obj_thread *old, const struct tern_obj_thread *new);
void tern_script_sched_plain(struct tern_script *s, const struct tern_dress *dress);
void tern_script_sched_end(struct tern_script *s, const struct tern_dress *dress,
			   const struct tern_obj_thread *leader);
int tern_script_alter_files(struct tern_script *s, const struct tern_dress *worn,
			    struct tern_dress *dress, struct tern_why *why);

int tern_script_alter_memory(struct tern_script *s, const struct tern_dress *worn,
			     struct tern_dress *dress, struct tern_why *why);

/* script_area.c: what is to be mapped */
int tern_areas_find(const struct tern_script *s, struct tern_dress *dress, struct tern_why *why);
int tern_seeds_find(const struct tern_script *s, struct tern_dress *dress);
bool tern_area_same(const struct tern_area *a, const struct tern_area *b);
const struct tern_known *tern_known_find(const struct tern_dress *dress, const char *path);

#endif
