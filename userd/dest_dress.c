// SPDX-License-Identifier: GPL-2.0
/*
 * From images to a shell that looks like the migrant. Drafts come while the
 * migrant still runs at the source: the shell is dressed by the first one and
 * altered by those that follow, and a pager is made. The image itself then
 * costs no more than what it differs by. Without any draft it is the first one
 * and the last.
 *
 * Owns drafts, dresses, memo and pager of the attempt. What comes is checked as
 * a whole before any of it is used.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dest.h"

#define BODY_MS		10000
#define DRESS_MS	60000
#define PER_THREAD	4096

/*
 * Nothing is taken but from processes of the same tree that come before. Of files it is
 * looked for among theirs.
 */
static int takes_from_kin(struct tern_dest *d, const struct tern_image *image)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *desc = tern_obj_payload(obj);

		if (tern_desc_is_elsewhere(desc) &&
		    !tern_kin_has(&d->kin, desc->dev))
			return tern_why_set(&d->why, -EPROTO,
					    "a descriptor of process %llu, which does not come before this one",
					    (unsigned long long)desc->dev);
	}
	return 0;
}

static int fits(struct tern_dest *d, const struct tern_image *image)
{
	const struct tern_obj_task *task =
		tern_obj_payload(tern_image_find(image, TERN_OBJ_TASK, NULL));

	if (task->pid != d->prepare->pid)
		return tern_why_set(&d->why, -EPROTO, "the image is of process %d, prepared was %d",
				    task->pid, d->prepare->pid);
	if (d->prepare->pod ? !(task->flags & TERN_TASK_POD) :
	    (tern_image_find(image, TERN_OBJ_NAMES, NULL) ||
	     (task->flags & TERN_TASK_POD && !d->prepare->parent)))
		return tern_why_set(&d->why, -EPROTO,
				    "the image is of a pod, and the preparation is not, or the other way round");
	if (task->parent != d->prepare->parent || task->session != d->prepare->session)
		return tern_why_set(&d->why, -EPROTO,
				    "the image is of a process with another parent or session");
	return 0;
}

/* @len bytes that stand for a whole image, which is then sound; and what is new in it. */
static int receive(struct tern_dest *d, size_t len, struct tern_image *image, __u64 *types)
{
	struct tern_image in = { .len = len, .size = len };
	int err;

	if (!d->prepare || d->dressing || d->spoilt || !len || len > TERN_IMAGE_MAX)
		return tern_why_set(&d->why, -EPROTO, "an image where none belongs");
	in.data = tern_dest_room(d, len);
	if (!in.data)
		return -ENOMEM;
	err = tern_link_recv_body(&d->link, in.data, len, BODY_MS);
	if (!err)
		err = tern_changes_read(&d->draft, &in, image, types, &d->why);
	if (!err)
		err = tern_image_check_changes(image, *types, &d->why);
	return err ? err : fits(d, image);
}

static void drop_pager(struct tern_dest *d)
{
	if (d->paging)
		tern_pager_fini(&d->pager);
	d->paging = false;
	tern_memo_put(d->memo);
	d->memo = NULL;
}

/* For memory laid out by @dress; the one that there was, if any, is of no more use. */
static int make_pager(struct tern_dest *d, const struct tern_dress *dress)
{
	int err;

	drop_pager(d);
	d->memo = tern_memo_create(d->dev, &dress->seeds, &err);
	if (d->memo) {
		err = tern_pager_init(&d->pager, d->job, d->dev, d->memo);
		d->paging = !err;
	}
	return err ? tern_why_set(&d->why, err, "no pager can be made on %s: %s",
				  d->job->host->name, strerror(-err)) : 0;
}

/* A leader of its group is made in the end, for a moment; in a pod its number is free. */
static int group_is_free(struct tern_dest *d, const struct tern_obj_task *task)
{
	if (!(task->flags & TERN_TASK_FOUNDS) || task->flags & TERN_TASK_POD ||
	    (kill(task->group, 0) && errno == ESRCH))
		return 0;
	return tern_why_set(&d->why, -EEXIST,
			    "process group %d, whose leader has ended, cannot be made on %s: a process has that number; end it, or move it away",
			    task->group, d->job->host->name);
}

/* Write the script, and the files that it opens. 1: mappings change by it. */
static int write_script(struct tern_dest *d, struct tern_dress *dress,
			const struct tern_image *image, __u64 types, bool draft,
			struct shell_run *run)
{
	int err;

	*dress = d->base;
	dress->image = image;
	dress->types = types;
	dress->stash = &d->stash;
	dress->known = d->known;
	dress->nr_known = d->prepare->nr_files;
	dress->become = true;
	dress->id = d->job->id;
	dress->root = d->prepare->root;
	dress->pid = d->job->pid;
	dress->taken = tern_kin_taken(&d->kin, image);
	err = tern_kin_look(&d->kin, dress);
	if (err)
		return err;
	err = tern_dest_unchanged(d);
	if (err)
		return err;
	err = group_is_free(d, tern_obj_payload(tern_image_find(image, TERN_OBJ_TASK, NULL)));
	if (err)
		return err;
	/* what is as it was has been looked at, and is so again when it gets its name */
	if (types & TERN_TYPE(SOCKET))
		err = tern_sockfiles_look(&d->sockfiles, image, d->job->id, d->job->host->name,
					  &d->why);
	if (err)
		return err;
	err = tern_stash_fill(&d->stash, &d->draft.image, image, d->job->host->name, &d->why);
	if (err)
		return err;
	if (d->dressed)
		return tern_script_alter(&d->shell.script, &d->worn, dress, draft, run, &d->why);
	err = tern_script_dress(&d->shell.script, dress, draft, run, &d->why);
	return err ? err : 1;
}

static int run(struct tern_dest *d, const struct shell_run *run)
{
	return tern_shell_do(&d->shell, run, DRESS_MS, &d->why);
}

static int trim(struct tern_dest *d)
{
	struct shell_run cmd;
	int err;

	tern_script_trim(&d->shell.script);
	err = tern_script_end(&d->shell.script, &cmd, &d->why);
	return err ? err : run(d, &cmd);
}

/* What others may have taken from the shell is not what it wears any more. */
static int tell_kin(struct tern_dest *d, struct tern_dress *dress)
{
	if (dress->anew)
		tern_kin_made(&d->kin);
	return tern_kin_publish(&d->kin, dress);
}

static int put_on(struct tern_dest *d, struct tern_image *image)
{
	struct tern_dress dress;
	struct shell_run cmd;
	int err, moved;

	/* all of it, for the next one is compared with what is found now */
	moved = write_script(d, &dress, image, TERN_TYPES_ALL, true, &cmd);
	err = moved < 0 ? moved : 0;
	if (!err && cmd.nr)
		err = run(d, &cmd);
	if (!err && d->kin.unit)
		err = tell_kin(d, &dress);
	if (!err && cmd.nr)
		err = trim(d);
	if (!err && moved)
		err = make_pager(d, &dress);
	if (!err)
		err = tern_draft_set(&d->draft, image);
	if (err) {
		tern_dress_fini(&dress);
		return err;
	}
	/* the seeds of what has not moved are still those of before */
	if (!moved) {
		dress.seeds = d->worn.seeds;
		memset(&d->worn.seeds, 0, sizeof(d->worn.seeds));
	}
	tern_dress_fini(&d->worn);
	d->worn = dress;
	d->worn.image = &d->draft.image;
	d->dressed = true;
	return 0;
}

/*
 * Memory for the image, before anybody waits for it: what a draft does not have are mostly
 * registers. If there is not enough the image itself will say so.
 */
static void make_room(struct tern_dest *d)
{
	tern_image_reserve(&d->image, d->draft.image.len +
			   d->prepare->nr_threads * (size_t)PER_THREAD);
}

/**
 * tern_dest_draft() - receive DRAFT, dress the shell, answer DRESSED
 * @d: the attempt
 * @len: bytes of the message
 */
int tern_dest_draft(struct tern_dest *d, size_t len)
{
	struct tern_image image = { 0 };
	__u64 types;
	int err;

	err = receive(d, len, &image, &types);
	if (!err)
		err = takes_from_kin(d, &image);
	if (!err)
		err = put_on(d, &image);
	tern_image_free(&image);
	if (!err)
		make_room(d);
	if (err == -EAGAIN && d->kin.unit && d->prepare->parent)
		return tern_dest_refuse_draft(d);
	return err ? err : tern_link_send(&d->link, TERN_MSG_DRESSED, NULL, 0);
}

/* Others wait for what they take from it, so nothing else comes between. */
static int dress_at_once(struct tern_dest *d, const struct shell_run *cmd)
{
	int err = run(d, cmd);

	d->ready = !err;
	if (err)
		return err;
	err = tell_kin(d, &d->dress);
	if (!err)
		tern_kin_dressed(&d->kin);
	return err;
}

/**
 * tern_dest_image() - receive IMAGE and set the shell to its last work
 * @d: the attempt
 * @len: bytes of the message
 *
 * What else is needed is made while the shell works.
 */
int tern_dest_image(struct tern_dest *d, size_t len)
{
	struct shell_run cmd;
	__u64 types;
	int err, moved;

	d->first_ns = tern_dest_now(CLOCK_MONOTONIC);
	d->pages_last = &d->pages;
	err = receive(d, len, &d->image, &types);
	if (err)
		return err;
	d->dress_ns = tern_dest_now(CLOCK_MONOTONIC);
	if (d->kin.unit)
		err = tern_kin_wait(&d->kin, d->job->cancel, &d->why);
	if (!err)
		err = takes_from_kin(d, &d->image);
	if (err)
		return err;
	moved = write_script(d, &d->dress, &d->image, types, false, &cmd);
	if (moved < 0)
		return moved;
	d->dressing = true;
	err = d->kin.unit ? dress_at_once(d, &cmd) : tern_shell_run(&d->shell, &cmd);
	if (err)
		return err;
	d->settled = !moved;
	return moved ? make_pager(d, &d->dress) : 0;
}

/** tern_dest_drop_files() - those that move with it are removed, unless they have been left */
void tern_dest_drop_files(struct tern_dest *d)
{
	tern_stash_fini(&d->stash);
	tern_sockfiles_drop(&d->sockfiles);
}

/** tern_dest_dress_fini() - give all of it back */
void tern_dest_dress_fini(struct tern_dest *d)
{
	drop_pager(d);
	tern_dest_drop_files(d);
	tern_dress_fini(&d->dress);
	tern_dress_fini(&d->worn);
	tern_draft_fini(&d->draft);
	tern_image_free(&d->image);
	d->dressed = false;
	d->dressing = false;
	d->settled = false;
	d->ready = false;
}
