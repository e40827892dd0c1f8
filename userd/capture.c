// SPDX-License-Identifier: GPL-2.0
/*
 * Images at the source: what the kernel captures, completed by what only user
 * space can see, in the form in which the destination wants it. While the
 * migrant runs such an image is a draft, and the destination dresses its shell
 * by it; drafts are repeated until nothing changes any more, or for so long.
 *
 * Owns nothing beyond the migration's own images; no locks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "origin.h"
#include "source.h"

#define ROUNDS		4	/* of drafts */
#define DRESSED_MS	120000
#define IMAGE_FIRST	(64UL << 10)	/* room for an image without its mappings */
#define PER_MAPPING	256
#define PER_THREAD	12288
#define OBJECTIONS	2	/* of the kernel to a capture; then it is believed */

/*
 * A file mapping that the destination cannot map by itself is memory like any
 * other, all of which exists; unless what is written there is for others, too.
 */
static int mark_backed(struct tern_source *s, struct tern_image *image)
{
	const struct tern_obj *obj = NULL;
	size_t len;

	while ((obj = tern_image_find(image, TERN_OBJ_VMA, obj))) {
		struct tern_obj_vma *vma = (void *)tern_obj_payload(obj);

		if (vma->kind != TERN_VMA_FILE ||
		    tern_prepared_same(&s->prepared, tern_obj_tail(obj, &len), vma))
			continue;
		if (vma->flags & TERN_VMA_MAYWRITE)
			return tern_why_set(&s->why, -EAGAIN,
					    "%.160s was mapped or replaced while the migration was prepared; try again",
					    (const char *)tern_obj_tail(obj, &len));
		vma->kind = TERN_VMA_ANON;
		vma->flags |= TERN_VMA_BACKED;
		vma->flags &= ~TERN_VMA_SHARED;
	}
	return 0;
}

/*
 * What the check has let through, and the capture has not: somebody may look at the process
 * just now (lsof, a monitor), and hold for an instant what is its own. Then it runs on, and
 * all is tried again.
 */
static int believe(struct tern_source *s, int rc)
{
	return rc == -EOPNOTSUPP && s->objections++ < OBJECTIONS ? -EAGAIN : rc;
}

static int capture(struct tern_source *s, unsigned int flags, struct tern_image *image)
{
	for (;;) {
		size_t room = image->size * 2, len = image->size;
		int rc = tern_dev_capture(s->dev, flags, image->data, &len, &s->why);

		image->len = len;
		if (rc != -ENOSPC)
			return believe(s, rc);
		if (image->size >= TERN_IMAGE_MAX)
			return tern_why_set(&s->why, -E2BIG, "the process's state is larger than %lu MiB",
					    TERN_IMAGE_MAX >> 20);
		s->why.text[0] = '\0';
		image->len = 0;
		rc = tern_image_reserve(image, len > room ? len : room < TERN_IMAGE_MAX ? room :
					TERN_IMAGE_MAX);
		if (rc)
			return rc;
	}
}

/**
 * tern_source_room() - memory for an image of what was found
 * @s: prepared
 * @image: to be made as large
 *
 * Memory that is not there yet would be made page by page while everybody waits. The
 * draft tells of files that move, whose contents are in the image, too.
 */
int tern_source_room(const struct tern_source *s, struct tern_image *image)
{
	const struct tern_prepared *p = &s->prepared;

	image->len = 0;
	return tern_image_reserve(image, IMAGE_FIRST + p->nr_maps * PER_MAPPING +
				  p->nr_tids * PER_THREAD + p->nr_fds * PER_MAPPING +
				  (p->carried ? s->draft.image.len : 0));
}

/** tern_source_crosses() - does the migrant go to a kernel with another vDSO? */
bool tern_source_crosses(const struct tern_source *s)
{
	return s->lanes.hello.vdso != s->job->host->hello.vdso;
}

/*
 * Nobody comes back, out of a signal handler, to our vDSO: it may be another one there, and
 * what was read of a clock here would be added to what is read of it there. PARK has seen
 * to those that stand outside handlers. A crash must not be, where that would be one.
 */
static int outside_vdso(struct tern_source *s, const struct tern_image *image)
{
	const struct tern_obj_mm *mm = tern_obj_payload(tern_image_find(image, TERN_OBJ_MM, NULL));

	return tern_frames_outside(image, s->job->pid, mm->vdso,
				   mm->vdso + s->job->host->vdso.size,
				   tern_source_crosses(s), &s->why);
}

/**
 * tern_source_capture() - the image as the destination wants it
 * @s: the migration
 * @flags: TERN_CAPTURE_DRAFT or 0
 * @image: after tern_source_room(); grows when need be
 *
 * -EAGAIN: the migrant has changed since it was prepared. -EBUSY: it was stopped where it
 * cannot be, and will soon be elsewhere.
 */
int tern_source_capture(struct tern_source *s, unsigned int flags, struct tern_image *image)
{
	int rc;

	rc = capture(s, flags, image);
	/* before what takes longer */
	if (!rc && !(flags & TERN_CAPTURE_DRAFT))
		rc = outside_vdso(s, image);
	if (!rc)
		rc = tern_seen_add(image, s->dev, s->job->pid, &s->prepared.clocks,
				   flags & TERN_CAPTURE_DRAFT, &s->why);
	if (!rc && tern_source_crosses(s))
		rc = tern_origin_apply(image, s->job->pid, &s->job->host->vdso,
				       s->lanes.hello.vdso, &s->why);
	if (rc)
		return rc;
	s->objections = 0;
	tern_prepared_apply(&s->prepared, image);
	rc = mark_backed(s, image);
	if (!rc)
		rc = tern_prepared_covers(&s->prepared, image, &s->why);
	if (!rc && s->draft.nr)
		rc = tern_image_follows(&s->draft.image, image, &s->why);
	s->stale |= rc == -EAGAIN;
	return rc;
}

static int hear_dressed(struct tern_source *s)
{
	struct tern_link *link = &s->lanes.lane[0];
	int rc = tern_link_expect(link, TERN_MSG_DRESSED, NULL, 0, DRESSED_MS, &s->why);

	s->stale |= rc < 0;
	return rc;
}

/* One round. 1: nothing has changed since the last one. */
static int send_draft(struct tern_source *s, struct tern_image *image)
{
	struct tern_link *link = &s->lanes.lane[0];
	bool first = !s->draft.nr;
	unsigned int changed;
	int rc;

	rc = tern_source_room(s, image);
	if (!rc)
		rc = tern_source_capture(s, TERN_CAPTURE_DRAFT, image);
	if (!rc)
		tern_first_note(s->first, image);
	if (!rc)
		rc = tern_changes_write(&s->draft, image, &s->wire, &changed);
	if (rc || (!first && !changed))
		return rc ? rc : 1;
	s->drafts++;
	rc = tern_link_send(link, TERN_MSG_DRAFT, s->wire.data, s->wire.len);
	if (!rc)
		rc = tern_draft_set(&s->draft, image);
	if (rc)
		return rc;
	/* while the destination works */
	if (first)
		tern_recent_begin(s);
	return hear_dressed(s);
}

/**
 * tern_source_draft() - have the shell dressed while the migrant runs
 * @s: the destination has said READY
 *
 * May be called again, to keep the shell up to date.
 */
int tern_source_draft(struct tern_source *s)
{
	struct tern_image image = { 0 };
	unsigned int i;
	int rc = 0;

	if (s->draft.nr)
		tern_recent_begin(s);
	for (i = 0; i < ROUNDS && !rc; i++)
		rc = send_draft(s, &image);
	tern_image_free(&image);
	return rc < 0 ? rc : 0;
}
