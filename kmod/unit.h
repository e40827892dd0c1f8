/* SPDX-License-Identifier: GPL-2.0 */
/* Migrations of the processes of a tree, which happen together or not at all. */
#ifndef TERN_UNIT_H
#define TERN_UNIT_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct tern_late;
struct tern_migration;

/**
 * enum tern_unit_state - destination: do the processes of the unit run?
 * @TERN_UNIT_OPEN: not all of them are ready
 * @TERN_UNIT_GOES: they do, or will without fail
 * @TERN_UNIT_FAILED: they do not and never will
 */
enum tern_unit_state {
	TERN_UNIT_OPEN,
	TERN_UNIT_GOES,
	TERN_UNIT_FAILED,
};

/**
 * struct tern_unit - migrations that happen together
 * @ref: each of them holds one
 * @id: of the migration of the tree's root
 * @root: source: the root; NULL at the destination
 * @lock: guards what follows; inside any migration's lock
 * @nr: destination: how many there will be
 * @members: struct tern_migration by its unit_node
 * @nr_joined: how many are, or have been until they ended, but for those that have left
 * @nr_ready: destination: how many are to run, and wait for the others
 * @late: destination: their sockets that come later; NULL: there are none
 * @state: destination: enum tern_unit_state
 * @wait: for another @state
 */
struct tern_unit {
	struct kref ref;
	u64 id;
	struct pid *root;
	spinlock_t lock;	/* all that follows */
	unsigned int nr;
	struct list_head members;
	unsigned int nr_joined;
	unsigned int nr_ready;
	struct tern_late *late;
	enum tern_unit_state state;
	wait_queue_head_t wait;
};

struct tern_unit *tern_unit_create(u64 id, struct pid *root, unsigned int nr);
void tern_unit_put(struct tern_unit *unit);
void tern_unit_add(struct tern_unit *unit, struct tern_migration *m);
void tern_unit_remove(struct tern_migration *m);
bool tern_unit_has(struct tern_unit *unit, const struct pid *pid);
struct pid *tern_unit_pid(struct tern_migration *m, int nr, enum pid_type type);
bool tern_unit_has_child(struct tern_unit *unit, const struct tern_migration *m);
bool tern_unit_is_full(struct tern_unit *unit);
int tern_unit_expect(struct tern_unit *unit, unsigned int nr);
bool tern_unit_is_open(struct tern_unit *unit);
int tern_unit_go(struct tern_unit *unit);
bool tern_unit_fail(struct tern_unit *unit);
bool tern_unit_leave(struct tern_unit *unit);

#endif /* TERN_UNIT_H */
