// SPDX-License-Identifier: GPL-2.0
/*
 * The second script, from the image: the order of everything, which is
 *
 *   memory     nothing of the shell's own is left but the area
 *   files      its descriptors above the migrant's
 *   process    limits, signals, directory, …
 *   register   userfaultfd, now that nothing maps any more
 *   threads    each its identity, credentials last, then BECOME
 *   leader     the same, when all others are done; then it says that all is
 *              well, closes what it had, and waits in BECOME
 */
#include <errno.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "script.h"

/* ---- an index, for images may be large ----------------------------------------- */

static int compare_thread(const void *a, const void *b)
{
	const struct tern_obj_thread *x = *(const struct tern_obj_thread *const *)a;
	const struct tern_obj_thread *y = *(const struct tern_obj_thread *const *)b;

	return (x->tid > y->tid) - (x->tid < y->tid);
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
	unsigned int threads = 0, signals = 0;

	while ((obj = tern_image_next(dress->image, obj))) {
		threads += obj->type == TERN_OBJ_THREAD;
		signals += obj->type == TERN_OBJ_SIGNAL;
	}
	dress->thread = calloc(threads + 1, sizeof(*dress->thread));
	dress->signal = calloc(signals + 1, sizeof(*dress->signal));
	return dress->thread && dress->signal ? 0 : -ENOMEM;
}

static int make_index(struct tern_dress *dress)
{
	const struct tern_obj *obj = NULL;
	int err;

	dress->nr_threads = 0;
	dress->nr_signals = 0;
	err = count(dress);
	while (!err && (obj = tern_image_next(dress->image, obj))) {
		switch (obj->type) {
		case TERN_OBJ_TASK:
			dress->task = tern_obj_payload(obj);
			break;
		case TERN_OBJ_MM:
			dress->mm = obj;
			break;
		case TERN_OBJ_CREDS:
			dress->creds = obj;
			break;
		case TERN_OBJ_THREAD:
			dress->thread[dress->nr_threads++] = tern_obj_payload(obj);
			break;
		case TERN_OBJ_SIGNAL:
			dress->signal[dress->nr_signals++] = tern_obj_payload(obj);
			break;
		}
	}
	if (err)
		return err;
	qsort(dress->thread, dress->nr_threads, sizeof(*dress->thread), compare_thread);
	qsort(dress->signal, dress->nr_signals, sizeof(*dress->signal), compare_signal);
	return 0;
}

static void drop_index(struct tern_dress *dress)
{
	free(dress->thread);
	free(dress->signal);
	dress->thread = NULL;
	dress->signal = NULL;
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
	struct tern_become arg = { .size = sizeof(arg), .mmap_base = mm->mmap_base };
	struct shell_op *op;

	if (!dress->become)
		return;
	if (leader) {
		arg.unmap_start = s->base;
		arg.unmap_end = s->base + s->size + SHELL_SCRATCH;
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
	err = tern_script_identity(s, dress, obj, why);
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

static int lead(struct tern_script *s, const struct tern_dress *dress, struct tern_why *why)
{
	const struct tern_obj_task *task = dress->task;
	int err;

	SCRIPT(s, NULL, SHELL_OP_GO, 0);
	SCRIPT(s, "a thread could not be dressed", SHELL_OP_GATHER, s->nr_threads - 1);
	err = tern_script_identity(s, dress, find_thread(dress, task->pid), why);
	if (err)
		return err;
	/*
	 * Behind all changes of credentials, which reset it. What set-uid
	 * programs have (2) cannot be asked for, and 0 is as strict.
	 */
	SCRIPT(s, "dumpable could not be set", SYS_prctl, PR_SET_DUMPABLE, task->dumpable == 1,
	       0, 0, 0);
	if (!dress->become)
		return 0;
	say_done(s);
	SCRIPT(s, NULL, SYS_close, SHELL_SLOT_UFFD)->slots = 1 << 0;
	SCRIPT(s, NULL, SYS_close, SHELL_SLOT_SOCKET)->slots = 1 << 0;
	become(s, dress, true);
	return 0;
}

static int write_all(struct tern_script *s, struct tern_dress *dress, struct shell_run *run,
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
	tern_script_process(s, dress);
	tern_script_register(s, dress);
	err = lead(s, dress, why);
	return err ? err : tern_script_end(s, run, why);
}

/**
 * tern_script_dress() - the script that makes the shell look like the migrant
 * @s: the writer, after tern_script_join() has been run
 * @dress: image and all that is known; its seeds are filled in
 * @run: filled
 * @why: sentence
 *
 * Return: 0, -EAGAIN when the migrant has changed since PREPARE, or another
 * negative errno with a sentence.
 */
int tern_script_dress(struct tern_script *s, struct tern_dress *dress,
		      struct shell_run *run, struct tern_why *why)
{
	int err = make_index(dress);

	if (!err)
		err = write_all(s, dress, run, why);
	drop_index(dress);
	return err;
}
