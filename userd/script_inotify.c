// SPDX-License-Identifier: GPL-2.0
/*
 * Instances of inotify(7). Watches get ascending numbers: those that the migrant has no
 * more are made and removed. What that leaves in the queue is read.
 */
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>

#include "script_fds.h"

#define UNLIKELY	"/dev/full"	/* that somebody watches it */
#define FLAGS_SENTENCE	"the flags of an inotify instance could not be set"
#define QUEUE		((TERN_WATCH_MAX + 1) * sizeof(struct inotify_event))

static void watch(struct tern_script *s, const char *path, __u32 mask, __u32 wd)
{
	struct shell_op *op;

	op = SCRIPT(s, "a file could not be watched (inotify):", SYS_inotify_add_watch, SLOT_HIGH,
		    tern_script_data(s, path, strlen(path) + 1), mask | IN_DONT_FOLLOW, 0, 0, wd);
	op->slots = 1 << 0;
	op->flags = SHELL_EXPECT;
}

static int inotify_open(struct tern_script *s, const struct script_fds *fds,
			const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	(void)why;
	SCRIPT(s, "no inotify instance could be made", SYS_inotify_init1, IN_CLOEXEC)->out =
		SLOT_LOW;
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

const struct script_kind script_inotify = { .open = inotify_open };

/* All watches of one instance; @obj is the first, and the one behind them is returned. */
static const struct tern_obj *add_all(struct tern_script *s, const struct script_fds *fds,
				      const struct tern_obj *obj)
{
	const struct tern_obj_watch *w = tern_obj_payload(obj);
	const struct tern_obj_desc *d = tern_obj_payload(fds->desc[w->desc]);
	__u32 desc = w->desc, wd = 1;
	struct shell_op *op;
	size_t len;

	SCRIPT(s, "no free descriptor", SYS_fcntl, script_fd_of(fds, desc), F_DUPFD_CLOEXEC,
	       fds->high)->out = SLOT_HIGH;
	while (obj && w->desc == desc) {
		for (; wd < w->wd; wd++) {
			watch(s, UNLIKELY, IN_DELETE_SELF, wd);
			SCRIPT(s, NULL, SYS_inotify_rm_watch, SLOT_HIGH, wd)->slots = 1 << 0;
		}
		watch(s, tern_obj_tail(obj, &len), w->mask, wd++);
		obj = tern_image_find(fds->dress->image, TERN_OBJ_WATCH, obj);
		w = obj ? tern_obj_payload(obj) : NULL;
	}
	SCRIPT(s, FLAGS_SENTENCE, SYS_fcntl, SLOT_HIGH, F_SETFL, O_NONBLOCK)->slots = 1 << 0;
	op = SCRIPT(s, NULL, SYS_read, SLOT_HIGH, tern_script_data(s, NULL, QUEUE), QUEUE);
	op->slots = 1 << 0;
	op->flags = SHELL_MAY_FAIL;
	SCRIPT(s, FLAGS_SENTENCE, SYS_fcntl, SLOT_HIGH, F_SETFL,
	       d->flags & SETFL_FLAGS)->slots = 1 << 0;
	script_close(s, SLOT_HIGH);
	return obj;
}

/**
 * script_watches() - all watches of all instances
 * @s: the writer
 * @fds: descriptions, all of them open: what opens no more causes no more events
 */
void script_watches(struct tern_script *s, const struct script_fds *fds)
{
	const struct tern_obj *obj = tern_image_find(fds->dress->image, TERN_OBJ_WATCH, NULL);

	while (obj)
		obj = add_all(s, fds, obj);
}
