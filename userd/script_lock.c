// SPDX-License-Identifier: GPL-2.0
/*
 * File locks, which are taken last: none of the steps behind them closes a descriptor of
 * the migrant, and with it what the process has locked. Somebody may have one that is in
 * the way; then the process stays where it is, and keeps its own.
 */
#include <sys/file.h>
#include <sys/syscall.h>

#include "script_fds.h"

#define LOCK_SENTENCE	"a file that the process has locked could not be locked"

/**
 * script_lock() - a lock
 * @s: the writer
 * @fds: descriptors, all in place
 * @l: the lock
 */
void script_lock(struct tern_script *s, const struct script_fds *fds,
		 const struct tern_obj_lock *l)
{
	struct flock range = {
		.l_type = l->write ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET,
		.l_start = l->start, .l_len = l->len,
	};
	int fd = script_fd_of(fds, l->desc);

	if (fd < 0)
		return;
	if (l->kind == TERN_LOCK_FLOCK)
		SCRIPT(s, LOCK_SENTENCE, SYS_flock, fd, (l->write ? LOCK_EX : LOCK_SH) | LOCK_NB);
	else
		SCRIPT(s, LOCK_SENTENCE, SYS_fcntl, fd,
		       l->kind == TERN_LOCK_OFD ? F_OFD_SETLK : F_SETLK,
		       tern_script_data(s, &range, sizeof(range)));
}
