// SPDX-License-Identifier: GPL-2.0
/*
 * What belongs to the process, and to each of its threads: limits, signals,
 * names, priorities, and credentials, which are a thread's own business in
 * Linux and come last, for everything before them needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "script.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE	65	/* from Linux 6.3 on */
#endif

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

static bool hinders(unsigned int which)
{
	unsigned int i;

	for (i = 0; i < sizeof(hindering) / sizeof(hindering[0]); i++)
		if (hindering[i] == which)
			return true;
	return which == RLIMIT_NOFILE;
}

/*
 * Those that hinder come last (@final); of the others only what is not as it
 * was in @worn, NULL: all.
 */
static void limits(struct tern_script *s, const struct tern_dress *dress,
		   const struct tern_obj_task *worn, bool final)
{
	const struct tern_obj_task *task = dress->task;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		__u64 cur = task->rlim_cur[i], max = task->rlim_max[i];

		if (hinders(i) ? !final :
		    worn && worn->rlim_cur[i] == cur && worn->rlim_max[i] == max)
			continue;
		/* hosts may differ in the most that they allow to anybody */
		if (i == RLIMIT_NOFILE) {
			cur = cur < dress->nr_open ? cur : dress->nr_open;
			max = max < dress->nr_open ? max : dress->nr_open;
		}
		set_limit(s, i, cur, max);
	}
}

/* Where they differ from @worn, which is all default in a new shell. */
static void actions(struct tern_script *s, const struct tern_obj_sigactions *all,
		    const struct tern_obj_sigactions *worn)
{
	static const struct tern_obj_sigactions none;
	unsigned int i;

	if (!worn)
		worn = &none;
	for (i = 0; i < 64; i++) {
		const void *action = &all->action[i];

		/* two can be nothing but default */
		if (i + 1 == 9 || i + 1 == 19 ||
		    !memcmp(action, &worn->action[i], sizeof(worn->action[i])))
			continue;
		SCRIPT(s, "a signal's action could not be set", SYS_rt_sigaction, i + 1,
		       tern_script_data(s, action, sizeof(worn->action[i])), 0, 8);
	}
}

/*
 * Signals that wait for the process. Those for one thread could be queued by
 * nobody but itself, which is not there any more to do it: LOAD does.
 */
static void pending(struct tern_script *s, const struct tern_dress *dress)
{
	unsigned int i;

	for (i = 0; i < dress->nr_signals && !dress->signal[i]->tid; i++)
		SCRIPT(s, "a waiting signal could not be queued", SYS_rt_sigqueueinfo,
		       dress->task->pid, dress->signal[i]->signo,
		       tern_script_data(s, dress->signal[i]->info,
					sizeof(dress->signal[i]->info)));
}

static const void *payload_of(const struct tern_image *image, unsigned int type)
{
	return tern_obj_payload(tern_image_find(image, type, NULL));
}

static void directory(struct tern_script *s, const struct tern_dress *worn,
		      const struct tern_dress *dress)
{
	const struct tern_obj *fs = tern_image_find(dress->image, TERN_OBJ_FS, NULL), *old;
	const char *cwd;
	size_t len;

	old = worn ? tern_image_find(worn->image, TERN_OBJ_FS, NULL) : NULL;
	if (old && old->len == fs->len && !memcmp(old, fs, fs->len))
		return;
	cwd = tern_obj_tail(fs, &len);
	SCRIPT(s, "the working directory could not be entered:", SYS_chdir,
	       tern_script_data(s, cwd, len));
}

/*
 * Of a process that moves with its tree; who leads a group has led it since it was born. One
 * without a leader comes in the end (tern_script_group()).
 */
static void group(struct tern_script *s, const struct tern_dress *dress)
{
	const struct tern_obj_task *task = dress->task;

	if (task->parent && task->session != task->pid && !(task->flags & TERN_TASK_LEADERLESS))
		SCRIPT(s, "its process group could not be entered", SYS_setpgid, 0,
		       task->group ? task->group : dress->root);
}

/* Each has its own call; a registration lasts for as long as the memory does. */
static void membarriers(struct tern_script *s, __u32 commands)
{
	__u32 command;

	for (command = 1; command && command <= commands; command <<= 1)
		if (commands & command)
			SCRIPT(s, "the process could not register for membarrier", SYS_membarrier,
			       command, 0, 0);
}

/* Of a pod, which has a namespace for them. */
static void names(struct tern_script *s, const struct tern_dress *worn,
		  const struct tern_dress *dress)
{
	const struct tern_obj *obj = tern_image_find(dress->image, TERN_OBJ_NAMES, NULL);
	const struct tern_obj_names *new;

	if (!obj || (worn && !(dress->types & TERN_TYPE(NAMES))))
		return;
	new = tern_obj_payload(obj);
	SCRIPT(s, "the name of the pod could not be set", SYS_sethostname,
	       tern_script_data(s, new->node, sizeof(new->node)), strlen(new->node));
	SCRIPT(s, "the domain of the pod could not be set", SYS_setdomainname,
	       tern_script_data(s, new->domain, sizeof(new->domain)), strlen(new->domain));
}

/* Of the address space; a new shell has them from the daemon. */
static void memory_attrs(struct tern_script *s, const struct tern_obj_task *old,
			 const struct tern_obj_task *task)
{
	char filter[16];

	if (!old || old->thp_disable != task->thp_disable)
		SCRIPT(s, "huge pages could not be turned off or on", SYS_prctl,
		       PR_SET_THP_DISABLE, task->thp_disable, 0, 0, 0);
	if (!old || old->coredump_filter != task->coredump_filter) {
		snprintf(filter, sizeof(filter), "%#x", task->coredump_filter);
		tern_script_write(s, "/proc/self/coredump_filter", filter, strlen(filter));
	}
	membarriers(s, task->membarrier & ~(old ? old->membarrier : 0));
}

/**
 * tern_script_process() - what the process has as a whole
 * @s: the writer
 * @worn: how the shell looks already, NULL: a new one
 * @dress: the rest
 */
void tern_script_process(struct tern_script *s, const struct tern_dress *worn,
			 const struct tern_dress *dress)
{
	const struct tern_obj_task *task = dress->task, *old = worn ? worn->task : NULL;

	if (!old || old->group != task->group)
		group(s, dress);
	directory(s, worn, dress);
	names(s, worn, dress);
	if (!old || old->umask != task->umask)
		SCRIPT(s, NULL, SYS_umask, task->umask);
	if ((old ? old->child_subreaper : 0) != task->child_subreaper)
		SCRIPT(s, "the process could not become a subreaper", SYS_prctl,
		       PR_SET_CHILD_SUBREAPER, task->child_subreaper, 0, 0, 0);
	memory_attrs(s, old, task);
	actions(s, payload_of(dress->image, TERN_OBJ_SIGACTIONS),
		worn ? payload_of(worn->image, TERN_OBJ_SIGACTIONS) : NULL);
	limits(s, dress, old, false);
}

/**
 * tern_script_process_end() - what would hinder the script, at its very end
 * @s: the writer
 * @dress: the rest
 */
void tern_script_process_end(struct tern_script *s, const struct tern_dress *dress)
{
	pending(s, dress);
	if (dress->task->mdwe)
		SCRIPT(s, "memory could not be kept from becoming executable", SYS_prctl,
		       PR_SET_MDWE, dress->task->mdwe, 0, 0, 0);
	limits(s, dress, dress->task, true);
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

/* Does the shell have these credentials already? Daemon and migrant are often root. */
static bool is_ours(const struct tern_dress *dress)
{
	size_t len;
	const struct tern_obj_creds *c = tern_obj_payload(dress->creds);
	const __u32 *groups = tern_obj_tail(dress->creds, &len);

	return !memcmp(c, &dress->own, sizeof(*c)) &&
	       !memcmp(groups, dress->own_groups, c->nr_groups * sizeof(*groups));
}

/**
 * tern_script_name() - a thread's name, which it sets for itself
 * @s: the writer
 * @t: its THREAD object
 */
void tern_script_name(struct tern_script *s, const struct tern_obj_thread *t)
{
	SCRIPT(s, "a thread could not be named", SYS_prctl, PR_SET_NAME,
	       tern_script_data(s, t->comm, sizeof(t->comm)), 0, 0, 0);
}

/**
 * tern_script_identity() - who each thread is; nothing that needs root can follow
 * @s: the writer
 * @dress: the rest
 * @why: sentence
 */
int tern_script_identity(struct tern_script *s, const struct tern_dress *dress,
			 struct tern_why *why)
{
	int err = 0;

	/* behind the mappings: it would change how they are made */
	SCRIPT(s, "the personality could not be set", SYS_personality,
	       dress->task->personality);
	if (!is_ours(dress))
		err = credentials(s, dress, why);
	if (err)
		return err;
	if (dress->task->no_new_privs)
		SCRIPT(s, "no_new_privs could not be set", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1,
		       0, 0, 0);
	return 0;
}
