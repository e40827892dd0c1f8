// SPDX-License-Identifier: GPL-2.0
/*
 * The latency period, as the destination has it, behind the image: first pages
 * are put in place while the shell still works, the kernel loads the threads,
 * and the migrant runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "dest.h"
#include "net.h"

#define BODY_MS		10000
#define DRESS_MS	60000
#define PAGES_MAX	(64UL << 20)
#define TRIES		1000

/* ---- first pages --------------------------------------------------------------------- */

static int place_message(struct tern_dest *d, const void *pages, size_t len)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	struct tern_place place;
	unsigned int tries;
	int ret;

	ret = tern_place_init(&place, pages, len);
	if (ret)
		return tern_why_set(&d->why, ret, "the source's pages are malformed");
	place.soon = true;
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
		err = place_message(d, pages->data, pages->len);
	d->memo->report.pages_first = d->memo->report.pages_moved;
	return err;
}

static int put_aside(struct tern_dest *d, const void *pages, size_t len)
{
	int err = tern_stage_put(&d->stage, pages, len);

	return err ? tern_why_set(&d->why, err, "pages sent ahead cannot be kept on %s: %s",
				  d->job->host->name, strerror(-err)) : 0;
}

/* For when the script has been run, which changes mappings. */
static int keep_message(struct tern_dest *d, size_t len)
{
	struct tern_dest_pages *pages = malloc(sizeof(*pages) + len);

	if (!pages)
		return -ENOMEM;
	pages->next = NULL;
	pages->len = len;
	*d->pages_last = pages;
	d->pages_last = &pages->next;
	d->pages_len += len;
	return tern_link_recv_body(&d->link, pages->data, len, BODY_MS);
}

/**
 * tern_dest_pages() - receive PAGES
 * @d: the attempt
 * @len: bytes of the message
 *
 * Before the image they are put aside, for the migrant still runs and may change
 * them. Behind it a shell that is dressed and does not change its mappings any more
 * takes them at once, for others they are kept.
 */
int tern_dest_pages(struct tern_dest *d, size_t len)
{
	void *pages;
	int err;

	if (!d->prepare || d->pages_len + len > PAGES_MAX)
		return tern_why_set(&d->why, -EPROTO, "pages where none belong, or too many");
	if (d->dressing && !d->settled)
		return keep_message(d, len);
	pages = tern_dest_room(d, len);
	if (!pages)
		return -ENOMEM;
	err = tern_link_recv_body(&d->link, pages, len, BODY_MS);
	if (err)
		return err;
	return d->dressing ? place_message(d, pages, len) : put_aside(d, pages, len);
}

/* ---- threads --------------------------------------------------------------------------- */

/*
 * How children have ended, terminals, ends of sockets, what waits in some, those whose
 * connections come later, files that are written later, threads, signals that wait for one of
 * them, which only the kernel can queue, all that has to do with time, and what of the process no
 * call can set.
 */
static bool is_loaded(const struct tern_obj *obj)
{
	const struct tern_obj_signal *signal = tern_obj_payload(obj);

	return obj->type == TERN_OBJ_TASK || obj->type == TERN_OBJ_THREAD ||
	       obj->type == TERN_OBJ_TIMES || obj->type == TERN_OBJ_ENDED ||
	       obj->type == TERN_OBJ_TERMINAL || obj->type == TERN_OBJ_PEER ||
	       obj->type == TERN_OBJ_DATAGRAM || obj->type == TERN_OBJ_LATE ||
	       obj->type == TERN_OBJ_BARRIER || obj->type == TERN_OBJ_TIMER ||
	       (obj->type == TERN_OBJ_SIGNAL && signal->tid);
}

static int load(struct tern_dest *d)
{
	const struct tern_obj *obj = NULL;
	char *buf = tern_dest_room(d, d->image.len);
	size_t len = 0;

	if (!buf)
		return -ENOMEM;
	while ((obj = tern_image_next(&d->image, obj))) {
		size_t padded = (obj->len + 7) & ~(size_t)7;

		if (!is_loaded(obj))
			continue;
		memcpy(buf + len, obj, padded);
		len += padded;
	}
	return tern_dev_load(d->dev, buf, len, &d->why);
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
	/* as far as it can be told here; the source's figure is the better one */
	r->phase_ns[TERN_PHASE_TOTAL] = resume->capture_ns + d->prepare->oneway_ns +
					at[3] - d->first_ns;
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
	resumed.phase_ns[TERN_PHASE_TOTAL] = at[3] - d->first_ns;
	resumed.since_ns = tern_dev_went(d->dev);
	return tern_link_send(&d->link, TERN_MSG_RESUMED, &resumed, sizeof(resumed));
}

/*
 * Before it runs, for what it sends at once would be lost; the source has left already. What
 * was there when it was prepared, perhaps for long, may not be any more.
 */
static int join_segment(struct tern_dest *d)
{
	const struct tern_host *host = d->job->host;
	int rc = d->net ? tern_net_bridge(host->bridge, host->name, &d->why) : 0;

	if (rc < 0 || !d->net)
		return rc < 0 ? rc : 0;
	return tern_net_attach(d->job->pid, host->bridge, host->name, &d->why);
}

/*
 * It does not run here: before the source hears of it, which lets the pod speak again. What
 * still comes here is held, and goes back (inject.c).
 */
static void leave_segment(struct tern_dest *d)
{
	struct tern_why why = { "" };

	if (d->net && tern_net_mute(d->job->pid, &why))
		tern_log(LOG_ERR, "migration %016" PRIx64 ": %s", (uint64_t)d->job->id, why.text);
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
	err = join_segment(d);
	if (!err)
		err = tern_dev_resume(d->dev);
	if (err)
		leave_segment(d);
	if (err == -ECANCELED)
		return tern_why_set(&d->why, err,
				    "a process that moves with it could not be let go on %s", host);
	if (err)
		return tern_why_set(&d->why, err, "the process could not be let go on %s: %s", host,
				    strerror(-err));
	tern_inject_go(d->inject);
	return 0;
}

/* When it runs already: nobody waits for this. */
static void warn_unbound(const struct tern_dest *d)
{
	__u64 cpus[TERN_CPUS_WORDS];
	unsigned int i, n = 0;

	for (i = 0; i < d->dress.nr_threads; i++)
		n += !tern_cpus_left(&d->dress, d->dress.thread[i], cpus);
	if (n)
		tern_log(LOG_WARNING,
			 "migration %016" PRIx64 ": %u of %u threads were bound to processors that are not here, and may run on any",
			 (uint64_t)d->job->id, n, d->dress.nr_threads);
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
	if (!d->dressing)
		return tern_why_set(&d->why, -EPROTO, "told to resume what has no image");
	at[0] = tern_dest_now(CLOCK_MONOTONIC);
	if (!d->ready)
		err = tern_shell_wait(&d->shell, DRESS_MS, &d->why);
	at[1] = tern_dest_now(CLOCK_MONOTONIC);
	if (!err)
		err = tern_stash_finish(&d->stash, &d->image, d->job->host->name, &d->why);
	if (!err)
		err = tern_sockfiles_finish(&d->sockfiles, &d->image, d->job->id,
					    d->job->host->name, &d->why);
	if (!err)
		err = let_go(d, &at[2]);
	if (err)
		return err;
	/* with one processor we are late */
	at[3] = tern_dest_now(CLOCK_MONOTONIC) - tern_dev_went(d->dev);
	figures(d, &resume, at);
	tern_stash_leave(&d->stash);
	tern_sockfiles_leave(&d->sockfiles);
	tern_copies_leave(d->copies);
	/* a link that breaks here leaves the source in doubt: it will ask */
	send_resumed(d, at);
	warn_unbound(d);
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
	tern_dest_dress_fini(d);
	tern_stage_fini(&d->stage);
}
