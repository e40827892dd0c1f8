// SPDX-License-Identifier: GPL-2.0
/*
 * The latency period, as the destination has it: the image becomes a script and
 * the shell runs it, while first pages still arrive; then these are put in
 * place, the kernel loads the threads, and the migrant runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dest.h"

#define BODY_MS		10000
#define DRESS_MS	60000
#define PAGES_MAX	(64UL << 20)
#define TRIES		1000

/* ---- the image --------------------------------------------------------------------- */

static int fits(struct tern_dest *d)
{
	const struct tern_obj_task *task =
		tern_obj_payload(tern_image_find(&d->image, TERN_OBJ_TASK, NULL));

	if (task->pid == d->prepare->pid)
		return 0;
	return tern_why_set(&d->why, -EPROTO, "the image is of process %d, prepared was %d",
			    task->pid, d->prepare->pid);
}

static int receive_image(struct tern_dest *d, size_t len)
{
	int err;

	if (!d->prepare || d->image.data || !len || len > TERN_IMAGE_MAX)
		return tern_why_set(&d->why, -EPROTO, "an image where none belongs");
	d->image.data = malloc(len);
	if (!d->image.data)
		return -ENOMEM;
	d->image.len = len;
	d->image.size = len;
	err = tern_link_recv_body(&d->link, d->image.data, len, BODY_MS);
	if (!err)
		err = tern_image_check(&d->image, &d->why);
	return err ? err : fits(d);
}

/**
 * tern_dest_image() - receive IMAGE and set the shell to work
 * @d: the attempt
 * @len: bytes of the message
 *
 * What else is needed is made while the shell works.
 */
int tern_dest_image(struct tern_dest *d, size_t len)
{
	struct shell_run run;
	int err;

	d->first_ns = tern_dest_now(CLOCK_MONOTONIC);
	d->pages_last = &d->pages;
	err = receive_image(d, len);
	if (err)
		return err;
	d->dress.image = &d->image;
	d->dress.known = d->known;
	d->dress.nr_known = d->prepare->nr_files;
	d->dress.become = true;
	d->dress_ns = tern_dest_now(CLOCK_MONOTONIC);
	err = tern_script_dress(&d->shell.script, &d->dress, &run, &d->why);
	if (!err)
		err = tern_shell_run(&d->shell, &run);
	if (err)
		return err;
	d->dressing = true;
	d->memo = tern_memo_create(d->dev, &d->dress.seeds, &err);
	if (d->memo) {
		err = tern_pager_init(&d->pager, d->job, d->dev, d->memo);
		d->paging = !err;
	}
	return err ? tern_why_set(&d->why, err, "no pager can be made on %s: %s",
				  d->job->host->name, strerror(-err)) : 0;
}

/* ---- first pages --------------------------------------------------------------------- */

/**
 * tern_dest_pages() - receive PAGES, and keep them until the shell is dressed
 * @d: the attempt
 * @len: bytes of the message
 */
int tern_dest_pages(struct tern_dest *d, size_t len)
{
	struct tern_dest_pages *pages;

	if (!d->paging || d->pages_len + len > PAGES_MAX)
		return tern_why_set(&d->why, -EPROTO, "pages where none belong, or too many");
	pages = malloc(sizeof(*pages) + len);
	if (!pages)
		return -ENOMEM;
	pages->next = NULL;
	pages->len = len;
	*d->pages_last = pages;
	d->pages_last = &pages->next;
	d->pages_len += len;
	return tern_link_recv_body(&d->link, pages->data, len, BODY_MS);
}

static int place_message(struct tern_dest *d, const struct tern_dest_pages *pages)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	struct tern_place place;
	unsigned int tries;
	int ret;

	ret = tern_place_init(&place, pages->data, pages->len);
	if (ret)
		return tern_why_set(&d->why, ret, "the source's pages are malformed");
	for (tries = 0; tries < TRIES; tries++) {
		ret = tern_place_step(&d->pager, &place, TERN_WIRE_PAGES_MAX);
		if (ret == 1)
			return 0;
		if (ret == -EAGAIN)
			nanosleep(&pause, NULL);
		else if (ret)
			break;
	}
	return ret < 0 ? ret : -EAGAIN;
}

static int place_all(struct tern_dest *d)
{
	const struct tern_dest_pages *pages;
	int err = 0;

	for (pages = d->pages; pages && !err; pages = pages->next)
		err = place_message(d, pages);
	d->memo->report.pages_first = d->memo->report.pages_moved;
	return err;
}

/* ---- threads --------------------------------------------------------------------------- */

static int load(struct tern_dest *d)
{
	const struct tern_obj *obj = NULL;
	char *buf = malloc(d->image.len);
	size_t len = 0;
	int err;

	if (!buf)
		return -ENOMEM;
	while ((obj = tern_image_find(&d->image, TERN_OBJ_THREAD, obj))) {
		size_t padded = (obj->len + 7) & ~(size_t)7;

		memcpy(buf + len, obj, padded);
		len += padded;
	}
	err = tern_dev_load(d->dev, buf, len, &d->why);
	free(buf);
	return err;
}

/* Figures that only this side knows; the rest is the source's to tell. */
static void figures(struct tern_dest *d, const struct tern_wire_resume *resume, const __u64 at[4])
{
	struct tern_report *r = &d->memo->report;

	r->phase_ns[TERN_PHASE_PARK] = resume->park_ns;
	r->phase_ns[TERN_PHASE_CAPTURE] = resume->capture_ns;
	r->phase_ns[TERN_PHASE_SEND] = resume->send_ns;
	r->phase_ns[TERN_PHASE_RECEIVE] = at[0] - d->first_ns;
	r->phase_ns[TERN_PHASE_REBUILD] = at[1] - d->dress_ns;
	r->phase_ns[TERN_PHASE_FIRST_PAGES] = at[2] - at[1];
	r->phase_ns[TERN_PHASE_RESUME] = at[3] - at[2];
	r->phase_ns[TERN_PHASE_TOTAL] = resume->park_ns + resume->capture_ns + resume->send_ns +
					d->prepare->oneway_ns + at[3] - at[0];
	r->oneway_ns = d->prepare->oneway_ns;
	r->blast_bytes = resume->blast_bytes;
	d->memo->resumed_ns = at[3];
}

static int send_resumed(struct tern_dest *d, const __u64 at[4])
{
	const __u64 *ours = d->memo->report.phase_ns;
	struct tern_wire_resumed resumed = { 0 };

	resumed.phase_ns[TERN_PHASE_RECEIVE] = ours[TERN_PHASE_RECEIVE];
	resumed.phase_ns[TERN_PHASE_REBUILD] = ours[TERN_PHASE_REBUILD];
	resumed.phase_ns[TERN_PHASE_FIRST_PAGES] = ours[TERN_PHASE_FIRST_PAGES];
	resumed.phase_ns[TERN_PHASE_RESUME] = ours[TERN_PHASE_RESUME];
	resumed.phase_ns[TERN_PHASE_TOTAL] = at[3] - at[0];
	return tern_link_send(&d->link, TERN_MSG_RESUMED, &resumed, sizeof(resumed));
}

/* The last steps are the kernel's: where it gives no sentence, here is one. */
static int let_go(struct tern_dest *d, __u64 *loaded)
{
	const char *host = d->job->host->name;
	int err;

	err = place_all(d);
	*loaded = tern_dest_now(CLOCK_MONOTONIC);
	if (err)
		return tern_why_set(&d->why, err, "the first pages could not be put in place on %s: %s",
				    host, strerror(-err));
	err = load(d);
	if (err == -EBADFD || err == -ETIMEDOUT)
		return tern_why_set(&d->why, err,
				    "the shell on %s ended before it could become the process: was it killed, or out of memory?",
				    host);
	if (err)
		return tern_why_set(&d->why, err, "the threads could not be loaded on %s: %s", host,
				    strerror(-err));
	err = tern_dev_resume(d->dev);
	if (err)
		return tern_why_set(&d->why, err, "the process could not be let go on %s: %s", host,
				    strerror(-err));
	return 0;
}

/**
 * tern_dest_resume() - receive RESUME and let the migrant go
 * @d: the attempt
 *
 * Return: 0: it runs, whatever becomes of the link; negative errno: it does not.
 */
int tern_dest_resume(struct tern_dest *d)
{
	struct tern_wire_resume resume;
	__u64 at[4];
	int err;

	err = tern_link_recv_body(&d->link, &resume, sizeof(resume), BODY_MS);
	if (err)
		return err;
	if (!d->paging)
		return tern_why_set(&d->why, -EPROTO, "told to resume what has no image");
	at[0] = tern_dest_now(CLOCK_MONOTONIC);
	err = tern_shell_wait(&d->shell, DRESS_MS, &d->why);
	at[1] = tern_dest_now(CLOCK_MONOTONIC);
	if (!err)
		err = let_go(d, &at[2]);
	if (err)
		return err;
	at[3] = tern_dest_now(CLOCK_MONOTONIC);
	figures(d, &resume, at);
	/* a link that breaks here leaves the source in doubt: it will ask */
	send_resumed(d, at);
	return 0;
}

/** tern_dest_build_fini() - give all of it back */
void tern_dest_build_fini(struct tern_dest *d)
{
	while (d->pages) {
		struct tern_dest_pages *next = d->pages->next;

		free(d->pages);
		d->pages = next;
	}
	if (d->paging)
		tern_pager_fini(&d->pager);
	d->paging = false;
	tern_memo_put(d->memo);
	d->memo = NULL;
	free(d->dress.seeds.seed);
	memset(&d->dress, 0, sizeof(d->dress));
	tern_image_free(&d->image);
}
