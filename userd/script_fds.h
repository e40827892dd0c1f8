/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the writers of descriptors share. Each description is made once, at a
 * number above all of the migrant's, duplicated to where the migrant has it, and
 * closed there; so no step ever stands on a number that a later one needs.
 */
#ifndef TERN_SCRIPT_FDS_H
#define TERN_SCRIPT_FDS_H

#include <fcntl.h>

#include "script.h"

#define SLOT_LOW	SHELL_SLOT_FREE
#define SLOT_LOW2	(SHELL_SLOT_FREE + 1)
#define SLOT_HIGH	(SHELL_SLOT_FREE + 2)
#define SLOT_HIGH2	(SHELL_SLOT_FREE + 3)
#define SETFL_FLAGS	(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/**
 * struct script_fds - descriptors and descriptions of the image
 * @dress: what they are of
 * @fd: FD objects in the order of what they name, those of @spare among them
 * @nr: entries
 * @first: by description's id: index of its first one in @fd
 * @desc: DESC objects by id
 * @extra: by id: the object that a description has beside DESC, NULL: none
 * @nr_descs: how many; ids are 1 to that
 * @option: by id: the first of its OPTION objects, NULL: none
 * @interface: likewise, of its INTERFACE objects
 * @end: DESC objects of pipes by pipe and id
 * @nr_ends: how many
 * @socket: SOCKET objects by pair and description
 * @nr_sockets: how many
 * @spare: descriptors of the ends of sockets that are for other processes of the tree, and
 *	of what is under way in sockets; the image has none, for the migrant has none
 * @nr_spares: how many
 * @stays: by id: the DESC object that an open description was made from which is left where
 *	it is, NULL: it is made anew; NULL: all are
 * @above: numbers from here on are not the migrant's
 * @high: numbers from here on are free for the shell's own use
 */
struct script_fds {
	const struct tern_dress *dress;
	const struct tern_obj_fd **fd;
	unsigned int nr;
	unsigned int *first;
	const struct tern_obj **desc;
	const struct tern_obj **extra;
	unsigned int nr_descs;
	const struct tern_obj **option;
	const struct tern_obj **interface;
	const struct tern_obj **end;
	unsigned int nr_ends;
	const struct tern_obj **socket;
	unsigned int nr_sockets;
	struct tern_obj_fd *spare;
	unsigned int nr_spares;
	const struct tern_obj **stays;
	unsigned int above;
	unsigned int high;
};

/**
 * struct script_kind - how descriptions of one kind are made
 * @open: write the steps that make it, and put it in place
 * @alter: from what it was to what it is, in place; both are the same but for where
 *	they stand. Of @was there is @dress, @extra and @nr_descs, and nothing else. 1: done;
 *	0: it cannot be done like this, and what is written is harmless. NULL: nothing is to
 *	be done. Common flags are set afterwards.
 */
struct script_kind {
	int (*open)(struct tern_script *s, const struct script_fds *fds,
		    const struct tern_obj *obj, struct tern_why *why);
	int (*alter)(struct tern_script *s, const struct script_fds *was,
		     const struct script_fds *fds, const struct tern_obj *old,
		     const struct tern_obj *new);
};

/* script_files.c: steps that every kind needs */
void script_close(struct tern_script *s, unsigned int slot);
void script_lift(struct tern_script *s, const struct script_fds *fds, unsigned int low,
		 unsigned int high);
void script_spread(struct tern_script *s, const struct script_fds *fds, __u32 id,
		   unsigned int high);
void script_set_flags(struct tern_script *s, unsigned int slot, __u32 flags);
void script_place(struct tern_script *s, const struct script_fds *fds,
		  const struct tern_obj_desc *d, unsigned int slot);
int script_fd_of(const struct script_fds *fds, __u32 id);
const void *script_extra(const struct script_fds *fds, __u32 id);

/* script_path.c */
extern const struct script_kind script_file;
extern const struct script_kind script_device;
extern const struct script_kind script_null;
extern const struct script_kind script_named;
extern const struct script_kind script_carried;
void script_open(struct tern_script *s, const char *path, __u32 flags, unsigned int slot);

/* script_taken.c */
extern const struct script_kind script_taken;
extern const struct script_kind script_reopened;
extern const struct script_kind script_mated;

/* script_event.c */
extern const struct script_kind script_eventfd;
extern const struct script_kind script_signalfd;
extern const struct script_kind script_timerfd;

/* script_pipe.c: all ends of a pipe at once */
int script_pipe(struct tern_script *s, const struct script_fds *fds, const struct tern_obj *obj,
		struct tern_why *why);
bool script_pipe_same(const struct tern_obj *x, const struct tern_obj *y);
int script_pipe_alter(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *old, const struct tern_obj *new);

/* script_lock.c */
void script_lock(struct tern_script *s, const struct script_fds *fds,
		 const struct tern_obj_lock *l);

/* script_socket.c */
const struct tern_obj_socket *script_mate(const struct script_fds *fds,
					  const struct tern_obj_socket *k);
extern const struct script_kind script_socket;
void script_sockets_with_rights(struct tern_script *s, const struct script_fds *fds);

void script_option(struct tern_script *s, const char *what, unsigned int slot, int level,
		   int name, const void *value, size_t len);
void script_buffers(struct tern_script *s, const char *what, unsigned int slot, __u32 sndbuf,
		    __u32 rcvbuf);

/* script_inet.c */
extern const struct script_kind script_inet;
extern const struct script_kind script_netlink;
void script_inet_end(struct tern_script *s, const struct script_fds *fds);

/* script_terminal.c */
extern const struct script_kind script_master;
extern const struct script_kind script_slave;

/* script_inotify.c */
extern const struct script_kind script_inotify;
void script_watches(struct tern_script *s, const struct script_fds *fds);

/* script_epoll.c */
extern const struct script_kind script_epoll;
void script_epoll_add(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj_epoll *e);
int script_epoll_alter(struct tern_script *s, const struct script_fds *fds,
		       const struct tern_image *old, const struct tern_image *new);

#endif
