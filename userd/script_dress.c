// SPDX-License-Identifier: GPL-2.0
/*
 * The second script, from the image: the order of everything, which is
 *
 *   memory     nothing of the shell's own is left but the area
 *   files      its descriptors above the migrant's
 *   process    limits, signals, directory, timers, …
 *   register   userfaultfd, now that nothing maps any more
 *   threads    each its identity, credentials last, then BECOME
 *   leader     the same, when all others are done; then it says that all is
 *              well, closes what it had, and waits in BECOME
 *
 * From a draft of the image all of this is done but the leader's part, which
 * then goes on from image to image by what differs, and keeps root's power to
 * follow until the last one.
 */
#include <errno.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "changes.h"
#include "script.h"

/* ---- an index, for images may be large ----------------------------------------- */

static int compare_thread(const void *a, const void *b)
{
	const struct tern_obj_thread *x = *(const struct tern_obj_thread *const *)a;
	const struct tern_obj_thread *y = *(const struct tern_obj_thread *const *)b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int compare_timer(const void *a, const void *b)
{
	const struct tern_obj_timer *x = *(const struct tern_obj_timer *const *)a;
	const struct tern_obj_timer *y = *(const struct tern_obj_timer *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Those of one thread stay in the order of the image. */
static int compare_signal(const void *a, const void *b)
{
	const struct tern_obj_signal *x = *(const struct tern_obj_signal *const *)a;
	const struct tern_obj_signal *y = *(const struct tern_obj_signal *const *)b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return (x > y) - (x < y);
}

static int count(struct tern_dress *dress)
{
	const struct tern_obj *obj = NULL;
	unsigned int threads = 0, timers = 0, signals = 0;

	while ((obj = tern_image_next(dress->image, obj))) {
		threads += obj->type == TERN_OBJ_THREAD;
		timers += obj->type == TERN_OBJ_TIMER;
		signals += obj->type == TERN_OBJ_SIGNAL;
	}
	dress->thread = calloc(threads + 1, sizeof(*dress->thread));
	dress->timer = calloc(timers + 1, sizeof(*dress->timer));
	dress->signal = calloc(signals + 1, sizeof(*dress->signal));
	return dress->thread && dress->timer && dress->signal ? 0 : -ENOMEM;
}

static int find_stash(struct tern_dress *dress)
{
	unsigned int i, nr = dress->stash ? dress->stash->nr : 0;

	dress->stash_path = calloc(nr + 1, sizeof(*dress->stash_path));
	if (!dress->stash_path)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		tern_stash_path(dress->stash, i, dress->stash_path[i]);
	return 0;
}

static int make_index(struct tern_dress *dress)
{
	const struct tern_obj *obj = NULL;
	int err;

	dress->vdso = NULL;
	dress->nr_threads = 0;
	dress->nr_timers = 0;
	dress->nr_signals = 0;
	err = count(dress);
	if (!err)
		err = find_stash(dress);
	while (!err && (obj = tern_image_next(dress->image, obj))) {
		switch (obj->type) {
		case TERN_OBJ_TASK:
			dress->task = tern_obj_payload(obj);
			break;
		case TERN_OBJ_MM:
			dress->mm = obj;
			break;
		case TERN_OBJ_VDSO:
			dress->vdso = obj;
			break;
		case TERN_OBJ_CREDS:
			dress->creds = obj;
			break;
		case TERN_OBJ_THREAD:
			dress->thread[dress->nr_threads++] = tern_obj_payload(obj);
			break;
		case TERN_OBJ_TIMER:
			dress->timer[dress->nr_timers++] = tern_obj_payload(obj);
			break;
		case TERN_OBJ_SIGNAL:
			dress->signal[dress->nr_signals++] = tern_obj_payload(obj);
			break;
		}
	}
	if (err)
		return err;
	qsort(dress->thread, dress->nr_threads, sizeof(*dress->thread), compare_thread);
	qsort(dress->timer, dress->nr_timers, sizeof(*dress->timer), compare_timer);
	qsort(dress->signal, dress->nr_signals, sizeof(*dress->signal), compare_signal);
	return 0;
}

/**
 * tern_dress_fini() - free what the scripts' writers have made
 * @dress: zeroed, or dressed
 */
void tern_dress_fini(struct tern_dress *dress)
{
	free(dress->thread);
	free(dress->timer);
	free(dress->signal);
	free(dress->areas.area);
	free(dress->seeds.seed);
	free(dress->stash_path);
	free(dress->taken_file);
	free(dress->spare);
	free(dress->mate);
	dress->spare = NULL;
	dress->mate = NULL;
	dress->stash_path = NULL;
	dress->taken_file = NULL;
	dress->thread = NULL;
	dress->timer = NULL;
	dress->signal = NULL;
	memset(&dress->areas, 0, sizeof(dress->areas));
	memset(&dress->seeds, 0, sizeof(dress->seeds));
}

static const struct tern_obj_thread *find_thread(const struct tern_dress *dress, __s32 tid)
{
	struct tern_obj_thread key = { .tid = tid };
	const struct tern_obj_thread *want = &key, **found;

	found = bsearch(&want, dress->thread, dress->nr_threads, sizeof(*found), compare_thread);
	return found ? *found : NULL;
}

/* ---- threads ------------------------------------------------------------------------ */

static void become(struct tern_script *s, const struct tern_dress *dress, bool leader)
{
	const struct tern_obj_mm *mm = tern_obj_payload(dress->mm);
	struct tern_become arg = {
		.size = sizeof(arg), .mmap_base = mm->mmap_base, .own_fds = dress->end_fds,
	};
	struct shell_op *op;

	if (!dress->become)
		return;
	if (leader) {
		arg.unmap_start = s->base;
		arg.unmap_end = s->base + s->size + (dress->vdso ? 0 : SHELL_SCRATCH);
	}
	op = SCRIPT(s, "the shell could not become the process", SYS_ioctl, SHELL_SLOT_DEV,
		    TERN_IOC_BECOME, tern_script_data(s, &arg, sizeof(arg)));
	op->slots = 1 << 0;
	op->flags = SHELL_DIE;
}

static int dress_thread(struct tern_script *s, const struct tern_dress *dress, unsigned int n,
			struct tern_why *why)
{
	struct shell_thread *thread = tern_script_thread(s, n);
	const struct tern_obj_thread *obj = find_thread(dress, thread->tid);
	struct shell_run run;
	int err;

	if (!obj)
		return tern_why_set(why, -EAGAIN,
				    "thread %d ended while the migration was prepared; try again",
				    thread->tid);
	tern_script_begin(s);
	tern_script_name(s, obj);
	tern_script_sched(s, dress, 0, NULL, obj);
	err = tern_script_identity(s, dress, why);
	if (err)
		return err;
	SCRIPT(s, NULL, SHELL_OP_ARRIVE, 0);
	become(s, dress, false);
	err = tern_script_end(s, &run, why);
	thread->ops = run.ops;
	thread->nr = run.nr;
	return err;
}

/* Nobody but the leader is left to speak to ternd, and it does so here. */
static void say_done(struct tern_script *s)
{
	struct shell_reply reply = { 0 };
	struct shell_op *op;

	op = SCRIPT(s, NULL, SYS_write, SHELL_SLOT_SOCKET,
		    tern_script_data(s, &reply, sizeof(reply)), sizeof(reply), 0, 0,
		    sizeof(reply));
	op->slots = 1 << 0;
	op->flags = SHELL_EXPECT;
}

/* The leader's last steps, behind which there is nothing but the migrant. */
static int finish(struct tern_script *s, struct tern_dress *dress, struct tern_why *why)
{
	int err;

	err = tern_script_files_end(s, dress);
	if (!err)
		err = tern_script_group(s, dress, why);
	if (!err)
		err = tern_script_ended(s, dress, why);
	if (err)
		return err;
	tern_script_memory_end(s, dress);
	tern_script_timers_end(s, dress);
	tern_script_process_end(s, dress);
	tern_script_sched_end(s, dress, find_thread(dress, dress->task->pid));
	err = tern_script_identity(s, dress, why);
	if (err)
		return err;
	/*
	 * Behind all changes of credentials, which reset it. What set-uid
	 * programs have (2) cannot be asked for, and 0 is as strict.
	 */
	SCRIPT(s, "dumpable could not be set", SYS_prctl, PR_SET_DUMPABLE,
	       dress->task->dumpable == 1, 0, 0, 0);
	if (!dress->become)
		return 0;
	say_done(s);
	SCRIPT(s, NULL, SYS_close, SHELL_SLOT_FDS)->slots = 1 << 0;
	SCRIPT(s, NULL, SYS_close, SHELL_SLOT_TERND)->slots = 1 << 0;
	SCRIPT(s, NULL, SYS_close, SHELL_SLOT_UFFD)->slots = 1 << 0;
	SCRIPT(s, NULL, SYS_close, SHELL_SLOT_SOCKET)->slots = 1 << 0;
	become(s, dress, true);
	return 0;
}

static int write_all(struct tern_script *s, struct tern_dress *dress, bool draft,
		     struct tern_why *why)
{
	unsigned int i;
	int err = 0;

	if (dress->nr_threads != s->nr_threads)
		return tern_why_set(why, -EAGAIN,
				    "the process has %u threads, it had %u when the migration was prepared; try again",
				    dress->nr_threads, s->nr_threads);
	for (i = 1; i < s->nr_threads && !err; i++)
		err = dress_thread(s, dress, i, why);
	if (err)
		return err;
	tern_script_begin(s);
	err = tern_script_memory(s, dress, why);
	if (!err)
		err = tern_script_files(s, dress, why);
	if (err)
		return err;
	tern_script_process(s, NULL, dress);
	tern_script_timers(s, NULL, dress);
	tern_script_name(s, find_thread(dress, dress->task->pid));
	tern_script_sched_plain(s, dress);
	SCRIPT(s, NULL, SHELL_OP_GO, 0);
	SCRIPT(s, "a thread could not be dressed", SHELL_OP_GATHER, s->nr_threads - 1);
	return draft ? 0 : finish(s, dress, why);
}

/**
 * tern_script_dress() - the script that makes the shell look like the migrant
 * @s: the writer, after tern_script_join() has been run
 * @dress: image and all that is known; the rest is filled in; to be put away by
 *	tern_dress_fini() in any case
 * @draft: the leader is to go on with tern_script_alter(), and not to become
 * @run: filled
 * @why: sentence
 *
 * Return: 0, -EAGAIN when the migrant has changed since PREPARE, or another
 * negative errno with a sentence.
 */
int tern_script_dress(struct tern_script *s, struct tern_dress *dress, bool draft,
		      struct shell_run *run, struct tern_why *why)
{
	int err = make_index(dress);

	if (!err)
		err = write_all(s, dress, draft, why);
	return err ? err : tern_script_end(s, run, why);
}

/* ---- from one image to the next -------------------------------------------------- */

/* Another thread's name can be written where it can be read. */
static void rename_thread(struct tern_script *s, const struct tern_obj_thread *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", t->tid);
	tern_script_write(s, path, t->comm, strnlen(t->comm, sizeof(t->comm)));
}

static void alter_thread(struct tern_script *s, const struct tern_dress *dress,
			 const struct tern_obj_thread *old, const struct tern_obj_thread *new)
{
	bool name = memcmp(old->comm, new->comm, sizeof(old->comm));

	if (new->tid == dress->task->pid) {
		if (name)
			tern_script_name(s, new);
		return;
	}
	tern_script_sched(s, dress, new->tid, old, new);
	if (name)
		rename_thread(s, new);
}

static int alter_all(struct tern_script *s, const struct tern_dress *worn,
		     struct tern_dress *dress, struct tern_why *why)
{
	unsigned int i;
	int err, moved;

	err = tern_image_follows(worn->image, dress->image, why);
	if (err)
		return err;
	moved = tern_script_alter_memory(s, worn, dress, why);
	if (moved < 0)
		return moved;
	err = tern_script_alter_files(s, worn, dress, why);
	if (err)
		return err;
	tern_script_process(s, worn, dress);
	tern_script_timers(s, worn, dress);
	for (i = 0; i < dress->nr_threads; i++)
		alter_thread(s, dress, worn->thread[i], dress->thread[i]);
	return moved;
}

/**
 * tern_script_alter() - the script that changes a dressed shell where it must
 * @s: the writer
 * @worn: how it looks: what tern_script_dress() or the last call here was given
 * @dress: how it is to look; as for tern_script_dress()
 * @draft: the leader is not to become yet
 * @run: filled; @run->nr may be 0: there is nothing to do
 * @why: sentence
 *
 * Return: 1 when mappings change, and with them @dress->seeds; 0 when only
 * other things do; -EAGAIN when the shell cannot follow any more, or another
 * negative errno with a sentence.
 */
int tern_script_alter(struct tern_script *s, const struct tern_dress *worn,
		      struct tern_dress *dress, bool draft, struct shell_run *run,
		      struct tern_why *why)
{
	int err = make_index(dress), moved;

	if (err)
		return err;
	tern_script_begin(s);
	moved = alter_all(s, worn, dress, why);
	if (moved < 0)
		return moved;
	err = draft ? 0 : finish(s, dress, why);
	if (!err)
		err = tern_script_end(s, run, why);
	return err ? err : moved;
}
