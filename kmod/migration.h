/* SPDX-License-Identifier: GPL-2.0 */
/* One half of a migration: lifetime, references, states. */
#ifndef TERN_MIGRATION_H
#define TERN_MIGRATION_H

#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/tern.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "image.h"
#include "reasons.h"

struct tern_host;
struct tern_handle;
struct tern_hold;
struct tern_late;
struct tern_unit;

/**
 * struct tern_migration - this host's half of a migration
 * @ref: handles, the host's list, and every thread that waits hold one
 * @node: in the host's list
 * @host: where it is
 * @id: what both sides call it
 * @side: enum tern_side
 * @flags: of the request
 * @peer: name of the other host
 * @born: when it was made
 * @unit: those that it happens with, referenced; NULL: it is alone. Set once; of a
 *	root, when the first of the others is made
 * @unit_node: in it, until it has ended
 * @lock: guards everything below; inside the host's lock
 * @state: enum tern_state; see the table in migration.c
 * @pid: the migrant's leader (source), the shell's (destination, once there)
 * @comm: its name
 * @handle: the daemon's handle that stands for it, or NULL
 * @shell: the shell's handle, or NULL
 * @threads: struct tern_thread: parked here, or waiting to become
 * @by_task: the same by their tasks
 * @nr_asked: source: how many have been asked to stop and have not come to stand;
 *	fewer while some of an earlier try still come
 * @nr_threads: destination: how many will become
 * @nr_here: destination: how many wait in BECOME
 * @shed: destination: the shell's memory is gone, all of them only wait
 * @goes: destination: RESUME has been called
 * @leaves: destination: the others of its unit move without it
 * @nr_went: destination: how many have left it as the migrant's
 * @went: when the last of them did
 * @wait: threads wait here for their verdict, a shell's leader for the others
 * @news: the daemon waits here for threads
 * @mm: source: the migrant's address space, from PARKING on (mm_users held)
 * @image: source: memory for the capture, made before anybody stands
 * @image_size: bytes of it
 * @image_len: bytes that the last capture took
 * @nr_signals: source: signals that CAPTURE has seen, per signal number
 * @alarm_travels: source: ITIMER_REAL was armed at CAPTURE, and expires elsewhere
 * @connections: source: of TCP, and sockets that listen, in a pod
 * @hands_over: source: there is something that CAPTURE leaves for later
 * @has_orphans: source: among it connections that no process has
 * @net: source: where these are, from TERN_DOUBT on
 * @sockets: source: all of it, when it has been dumped
 * @unwritten: source: files with data that is not with their server yet
 * @writer: source: brings it there
 * @writes: source: that has begun
 * @write_err: source: negative errno of what could not be written
 * @late: destination: where its sockets wait for that; NULL: it has none such
 * @came: destination: and all that is for it has come
 * @nr_late: destination: sockets that are not there yet
 * @nr_reset: destination: connections that could not be handed over
 * @barriers: destination: before some of its files there is one
 * @is_written: what was there to be written has been; destination: as the source says
 * @hold: on its network namespace, or NULL
 * @kept: files by key (struct tern_keep)
 * @nr_spaces: address spaces known: the migrant's and those it forked
 * @log: layout events
 * @nr_log: how many
 * @max_log: how many fit
 * @report: figures
 * @err: positive errno of a failure
 * @why: its sentence
 * @ended: when a final state was reached
 *
 * A live migration holds a reference on the module and on the network
 * namespace, so that neither goes while a process depends on it.
 */
struct tern_migration {
	struct kref ref;
	struct list_head node;
	struct tern_host *host;
	u64 id;
	enum tern_side side;
	u32 flags;
	char peer[TERN_HOST_LEN];
	ktime_t born;
	struct tern_unit *unit;
	struct list_head unit_node;

	struct mutex lock;	/* all that follows */
	enum tern_state state;
	struct pid *pid;
	char comm[16];
	struct tern_handle *handle;
	struct tern_handle *shell;
	struct list_head threads;
	DECLARE_HASHTABLE(by_task, 8);
	atomic_t nr_asked;
	unsigned int nr_threads;
	unsigned int nr_here;
	bool shed;
	bool goes;
	bool leaves;
	atomic_t nr_went;
	ktime_t went;
	wait_queue_head_t wait;
	wait_queue_head_t news;
	struct mm_struct *mm;
	void *image;
	size_t image_size;
	size_t image_len;
	u32 nr_signals[64];
	bool alarm_travels;
	struct list_head connections;
	bool hands_over;
	bool has_orphans;
	struct net *net;
	struct tern_image sockets;
	struct list_head unwritten;
	struct delayed_work writer;
	bool writes;
	int write_err;
	struct tern_late *late;
	bool came;
	u32 nr_late;
	u32 nr_reset;
	bool barriers;
	bool is_written;
	struct tern_hold *hold;
	struct xarray kept;
	u32 nr_spaces;
	struct tern_uffd_event *log;
	u32 nr_log;
	u32 max_log;
	struct tern_report report;
	u32 err;
	struct tern_why why;
	ktime_t ended;
};

struct tern_migration *tern_migration_create(struct tern_host *host,
					     enum tern_side side, u64 id,
					     const char *peer, struct pid *pid);
struct tern_migration *tern_migration_find(struct tern_host *host, u64 id,
					   enum tern_side side);
struct tern_migration *tern_migration_get(struct tern_migration *m);
void tern_migration_put(struct tern_migration *m);

int tern_migration_join(struct tern_migration *m, u64 id, unsigned int nr);
struct tern_migration *tern_migration_member(struct tern_host *host, u64 unit, pid_t nr);
int tern_migration_ask(struct tern_host *host, struct tern_ask *ask,
		       struct tern_why *why);
int tern_migration_set(struct tern_migration *m, enum tern_state to);
bool tern_state_may(enum tern_side side, enum tern_state from, enum tern_state to);
bool tern_state_final(enum tern_state state);
const char *tern_state_name(enum tern_state state);

int tern_migration_prepared(struct tern_migration *m);
int tern_migration_fail(struct tern_migration *m, u32 flags, int err,
			const char *why);
int tern_migration_release(struct tern_migration *m);
void tern_migration_orphan(struct tern_migration *m, struct tern_handle *handle);

#endif /* TERN_MIGRATION_H */
