// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptions that another shell has made: the processes of a tree share them, or have
 * ends of one pipe. That shell has been dressed before, so its descriptors stand where its
 * process will have them; and it does not become before all of them are dressed.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "script_fds.h"

/* Descriptor @fd of the shell of a process. */
static void take(struct tern_script *s, const struct script_fds *fds,
		 const struct tern_obj_desc *d, int fd)
{
	struct shell_op *op;

	SCRIPT(s, "a process of its tree could not be found", SYS_pidfd_open, d->dev, 0)->out =
		SLOT_LOW;
	op = SCRIPT(s, "a descriptor of another process of its tree could not be had",
		    SYS_pidfd_getfd, SLOT_LOW, fd, 0);
	op->slots = 1 << 0;
	op->out = SLOT_LOW2;
	script_close(s, SLOT_LOW);
	script_lift(s, fds, SLOT_LOW2, SLOT_HIGH);
	script_spread(s, fds, d->id, SLOT_HIGH);
}

static int taken_open(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	(void)why;
	take(s, fds, d, d->ino);
	return 0;
}

const struct script_kind script_taken = {
	.open = taken_open,
};

/* Nobody is waited for: the other end of a pipe without a name need not be open. */
static int reopened_open(struct tern_script *s, const struct script_fds *fds,
			 const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	char path[64];

	(void)why;
	snprintf(path, sizeof(path), "/proc/%llu/fd/%llu", (unsigned long long)d->dev,
		 (unsigned long long)d->ino);
	script_open(s, path, d->flags & ~O_DIRECT, SLOT_LOW);
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	if (d->flags & O_DIRECT)
		script_set_flags(s, SLOT_HIGH, d->flags);
	script_spread(s, fds, d->id, SLOT_HIGH);
	return 0;
}

const struct script_kind script_reopened = {
	.open = reopened_open,
};

/* The maker has it for nobody but us, beside the descriptors of its process. */
static int mated_open(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_dress *dress = fds->dress;
	unsigned int i;

	for (i = 0; i < dress->nr_mates; i++) {
		const struct tern_spare *mate = &dress->mate[i];

		if ((__u64)mate->pid == d->dev && (__u64)mate->fd == d->ino) {
			take(s, fds, d, mate->number);
			return 0;
		}
	}
	return tern_why_set(why, -EAGAIN, TERN_SCRIPT_CHANGED);
}

const struct script_kind script_mated = {
	.open = mated_open,
};
