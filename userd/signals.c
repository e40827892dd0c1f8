// SPDX-License-Identifier: GPL-2.0
/*
 * Late signals: sent to the migrant while it was parked, after its state had
 * been captured. They come as objects of an image, and are sent on here. The
 * kernel lets nobody pretend to be kill(2) or the kernel itself, so what was
 * sent so arrives as if by sigqueue(3), with its sender as it was.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <tern/image.h>
#include <unistd.h>

#include "prepare.h"
#include "signals.h"

/* Of a thread in a pod: ours for the number that it has there; 0: it has ended. */
static int find_thread(int pid, int own)
{
	unsigned int i, nr, depth;
	__s32 *tids;
	int tid = 0;

	if (tern_proc_own(pid, pid, "NSpid:", &depth) < 0)
		return 0;
	if (!depth)
		return own;
	if (tern_proc_numbers(pid, "task", &tids, &nr))
		nr = 0;
	for (i = 0; i < nr && !tid; i++)
		if (tern_proc_own(pid, tids[i], "NSpid:", NULL) == own)
			tid = tids[i];
	free(tids);
	return tid;
}

static void send_one(int pid, const struct tern_obj_signal *sig)
{
	siginfo_t info;
	int tid;

	_Static_assert(sizeof(info) == sizeof(sig->info), "siginfo_t");
	memcpy(&info, sig->info, sizeof(info));
	if (info.si_code >= 0 || info.si_code == SI_TKILL)
		info.si_code = SI_QUEUE;
	/* who has ended meanwhile needs no signal */
	if (!sig->tid)
		syscall(SYS_rt_sigqueueinfo, pid, sig->signo, &info);
	else if ((tid = find_thread(pid, sig->tid)) > 0)
		syscall(SYS_rt_tgsigqueueinfo, pid, tid, sig->signo, &info);
}

/**
 * tern_signals_deliver() - send them on
 * @pid: the migrant
 * @buf: TERN_OBJ_SIGNAL objects, from a peer
 * @len: bytes of them
 *
 * Return: 0, or -EPROTO with nothing sent.
 */
int tern_signals_deliver(int pid, const void *buf, size_t len)
{
	const size_t each = sizeof(struct tern_obj) + sizeof(struct tern_obj_signal);
	const char *at = buf;
	size_t i;

	_Static_assert((sizeof(struct tern_obj) + sizeof(struct tern_obj_signal)) % 8 == 0,
		       "no padding");
	if (len % each || pid <= 1)
		return -EPROTO;
	for (i = 0; i < len; i += each) {
		const struct tern_obj *obj = (const void *)(at + i);
		const struct tern_obj_signal *sig = (const void *)(obj + 1);

		if (obj->type != TERN_OBJ_SIGNAL || obj->version != TERN_OBJ_VERSION ||
		    obj->len != each || obj->flags || obj->reserved)
			return -EPROTO;
		if (!sig->signo || sig->signo > 64 || sig->tid < 0)
			return -EPROTO;
	}
	for (i = 0; i < len; i += each)
		send_one(pid, (const void *)(at + i + sizeof(struct tern_obj)));
	return 0;
}
