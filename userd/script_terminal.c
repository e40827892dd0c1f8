// SPDX-License-Identifier: GPL-2.0
/*
 * Pseudo-terminals. Here they are made, each with its number; what they are is set by LOAD,
 * when all processes are there that belong to one.
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "script_fds.h"

static int master_open(struct tern_script *s, const struct script_fds *fds,
		       const struct tern_obj *obj, struct tern_why *why)
{
	static const int unlocked;
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	struct shell_op *op;

	(void)why;
	op = SCRIPT(s, "a terminal of the same number could not be had", SHELL_OP_TERMINAL,
		    tern_script_data(s, "/dev/ptmx", 10), d->ino);
	op->out = SLOT_LOW;
	/* for those who open it here; LOAD locks it again, if it was */
	SCRIPT(s, "a terminal could not be unlocked", SYS_ioctl, SLOT_LOW, TIOCSPTLCK,
	       tern_script_data(s, &unlocked, sizeof(unlocked)))->slots = 1 << 0;
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

static int slave_open(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	char path[64];

	(void)why;
	snprintf(path, sizeof(path), "/dev/pts/%llu", (unsigned long long)d->ino);
	script_open(s, path, d->flags, SLOT_LOW);
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

const struct script_kind script_master = { .open = master_open };
const struct script_kind script_slave = { .open = slave_open };
