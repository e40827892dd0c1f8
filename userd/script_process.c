// SPDX-License-Identifier: GPL-2.0
/*
 * What belongs to the process, and to each of its threads: limits, signals,
 * names, priorities, and credentials, which are a thread's own business in
 * Linux and come last, for everything before them needs root.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "script.h"

/* What a limit must not hinder while the script runs, by RLIMIT_*. */
static const unsigned int hindering[] = {
	RLIMIT_AS, RLIMIT_DATA, RLIMIT_SIGPENDING, RLIMIT_FSIZE,
};

static struct shell_op *set_limit(struct tern_script *s, unsigned int which, __u64 cur,
				  __u64 max)
{
	__u64 limit[2] = { cur, max };

	return SCRIPT(s, "a resource limit could not be set", SYS_prlimit64, 0, which,
		      tern_script_data(s, limit, sizeof(limit)), 0);
}

/**
 * tern_script_limits_open() - limits that the script itself can live with
 * @s: the writer
 * @dress: the rest
 * @fds: descriptors that it needs
 */
void tern_script_limits_open(struct tern_script *s, const struct tern_dress *dress,
			     unsigned int fds)
{
	__u64 most = dress->nofile > fds ? dress->nofile : fds;
	unsigned int i;

	for (i = 0; i < sizeof(hindering) / sizeof(hindering[0]); i++)
		set_limit(s, hindering[i], RLIM_INFINITY, RLIM_INFINITY)->flags = SHELL_MAY_FAIL;
	set_limit(s, RLIMIT_NOFILE, fds, most);
}

static void limits(struct tern_script *s, const struct tern_dress *dress,
		   const struct tern_obj_task *task)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		__u64 cur = task->rlim_cur[i], max = task->rlim_max[i];

		/* hosts may differ in the most that they allow to anybody */
		if (i == RLIMIT_NOFILE) {
			cur = cur < dress->nr_open ? cur : dress->nr_open;
			max = max < dress->nr_open ? max : dress->nr_open;
		}
		set_limit(s, i, cur, max);
	}
}

static void actions(struct tern_script *s, const struct tern_obj_sigactions *all)
{
	unsigned int i;

	for (i = 0; i < 64; i++) {
		const void *action = &all->action[i];
		static const char none[sizeof(all->action[0])];

		/* the shell's own are all default, and two can be nothing else */
		if (i + 1 == 9 || i + 1 == 19 || !memcmp(action, none, sizeof(none)))
			continue;
		SCRIPT(s, "a signal's action could not be set", SYS_rt_sigaction, i + 1,
		       tern_script_data(s, action, sizeof(none)), 0, 8);
	}
}

/* Waiting signals of thread @tid, 0: of the process. The sender must be it itself. */
static void pending(struct tern_script *s, const struct tern_dress *dress, __s32 tid)
{
	unsigned int low = 0, high = dress->nr_signals;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (dress->signal[mid]->tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < dress->nr_signals && dress->signal[low]->tid == tid; low++) {
		const struct tern_obj_signal *sig = dress->signal[low];
		__u64 info = tern_script_data(s, sig->info, sizeof(sig->info));

		if (tid)
			SCRIPT(s, "a waiting signal could not be queued", SYS_rt_tgsigqueueinfo,
			       dress->task->pid, tid, sig->signo, info);
		else
			SCRIPT(s, "a waiting signal could not be queued", SYS_rt_sigqueueinfo,
			       dress->task->pid, sig->signo, info);
	}
}

/**
 * tern_script_process() - what is not a thread's own
 * @s: the writer
 * @dress: the rest
 */
void tern_script_process(struct tern_script *s, const struct tern_dress *dress)
{
	const struct tern_image *image = dress->image;
	const struct tern_obj_task *task = dress->task;
	const struct tern_obj *fs = tern_image_find(image, TERN_OBJ_FS, NULL);
	const char *cwd;
	size_t len;

	cwd = tern_obj_tail(fs, &len);
	SCRIPT(s, "the working directory could not be entered:", SYS_chdir,
	       tern_script_data(s, cwd, len));
	SCRIPT(s, NULL, SYS_umask, task->umask);
	if (task->child_subreaper)
		SCRIPT(s, "the process could not become a subreaper", SYS_prctl,
		       PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	actions(s, tern_obj_payload(tern_image_find(image, TERN_OBJ_SIGACTIONS, NULL)));
	pending(s, dress, 0);
	/* after the mappings: it would change how they are made */
	SCRIPT(s, "the personality could not be set", SYS_personality, task->personality);
	limits(s, dress, task);
}

/* ---- credentials ------------------------------------------------------------------ */

static void set_caps(struct tern_script *s, __u64 inheritable, __u64 permitted,
		     __u64 effective)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ effective, permitted, inheritable },
		{ effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	SCRIPT(s, "capabilities could not be set", SYS_capset,
	       tern_script_data(s, &head, sizeof(head)), tern_script_data(s, data, sizeof(data)));
}

static void expect(struct shell_op *op, __u64 value)
{
	op->flags = SHELL_EXPECT;
	op->args[5] = value;
}

/* Users and groups; setfsuid(2) tells nothing, so it is asked a second time. */
static void set_ids(struct tern_script *s, const struct tern_obj_creds *c, const __u32 *groups)
{
	SCRIPT(s, "supplementary groups could not be set", SYS_setgroups, c->nr_groups,
	       tern_script_data(s, groups, c->nr_groups * sizeof(*groups)));
	SCRIPT(s, "groups could not be set", SYS_setresgid, c->gid[0], c->gid[1], c->gid[2]);
	SCRIPT(s, "the file system group could not be set", SYS_setfsgid, c->gid[3]);
	expect(SCRIPT(s, "the file system group could not be set", SYS_setfsgid, -1ULL), c->gid[3]);
	SCRIPT(s, "users could not be set", SYS_setresuid, c->uid[0], c->uid[1], c->uid[2]);
	SCRIPT(s, "the file system user could not be set", SYS_setfsuid, c->uid[3]);
	expect(SCRIPT(s, "the file system user could not be set", SYS_setfsuid, -1ULL), c->uid[3]);
}

/*
 * The order matters: inheritable while the bounding set is whole, users while
 * no set is touched by the change of user, ambient when both its parents are
 * there, securebits while CAP_SETPCAP is, and only then down to what is left.
 */
static int credentials(struct tern_script *s, const struct tern_dress *dress,
		       struct tern_why *why)
{
	const struct tern_obj_creds *c = tern_obj_payload(dress->creds);
	__u64 known = dress->cap_last >= 63 ? ~0ULL : (2ULL << dress->cap_last) - 1;
	unsigned int cap;
	size_t len;

	if ((c->cap[0] | c->cap[1]) & known & ~dress->caps)
		return tern_why_set(why, -EPERM,
				    "the daemon on %s lacks capabilities that the process has: run it with all of them",
				    dress->host);
	SCRIPT(s, "securebits could not be set", SYS_prctl, PR_SET_SECUREBITS,
	       SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS, 0, 0, 0);
	set_caps(s, c->cap[0] & known, dress->caps, dress->caps);
	set_ids(s, c, tern_obj_tail(dress->creds, &len));
	for (cap = 0; cap <= dress->cap_last; cap++)
		if (!(c->cap[3] >> cap & 1))
			SCRIPT(s, "the bounding set could not be cut", SYS_prctl,
			       PR_CAPBSET_DROP, cap, 0, 0, 0);
	for (cap = 0; cap <= dress->cap_last; cap++)
		if (c->cap[4] >> cap & 1)
			SCRIPT(s, "an ambient capability could not be raised", SYS_prctl,
			       PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	SCRIPT(s, "securebits could not be set", SYS_prctl, PR_SET_SECUREBITS, c->securebits,
	       0, 0, 0);
	set_caps(s, c->cap[0] & known, c->cap[1] & known, c->cap[2] & known);
	return 0;
}

/**
 * tern_script_identity() - what each thread does for itself
 * @s: the writer
 * @dress: the rest
 * @t: its THREAD object
 * @why: sentence
 */
int tern_script_identity(struct tern_script *s, const struct tern_dress *dress,
			 const struct tern_obj_thread *t, struct tern_why *why)
{
	int err;

	pending(s, dress, t->tid);
	SCRIPT(s, "a thread could not be named", SYS_prctl, PR_SET_NAME,
	       tern_script_data(s, t->comm, sizeof(t->comm)), 0, 0, 0);
	SCRIPT(s, "a thread's nice value could not be set", SYS_setpriority, PRIO_PROCESS, 0,
	       (__u64)(__s64)t->nice);
	if (t->timer_slack_ns)
		SCRIPT(s, "a thread's timer slack could not be set", SYS_prctl,
		       PR_SET_TIMERSLACK, t->timer_slack_ns, 0, 0, 0);
	err = credentials(s, dress, why);
	if (err)
		return err;
	if (dress->task->no_new_privs)
		SCRIPT(s, "no_new_privs could not be set", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1,
		       0, 0, 0);
	return 0;
}
