// SPDX-License-Identifier: GPL-2.0
/*
 * The hand-over of a pod's TCP connections, at the source. They are no part of the blast, but
 * follow it at once: until then this kernel answers their peers, and where the processes run
 * they wait when they want one of these. If they do not run there nothing has happened: what has
 * been dumped stands still here, and goes on.
 *
 * The kernel keeps what it has dumped, so a new link, and a new daemon, can send it once more.
 *
 * Owns nothing beyond the migration's own memory; no locks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "source.h"

#define FIRST	(256UL << 10)	/* room that most have enough of */
#define TRIES	50	/* for want of memory */
#define TRY_MS	100
#define AT_ONCE	(64UL << 10)	/* bytes that a link takes whose other end does not read yet */

static int dump(struct tern_source *s, struct tern_why *why)
{
	size_t room, len;
	int rc = -ENOSPC;

	for (room = FIRST; rc == -ENOSPC && room <= TERN_IMAGE_MAX; room *= 4) {
		free(s->sockets);
		s->sockets = malloc(room);
		if (!s->sockets)
			return -ENOMEM;
		len = room;
		why->text[0] = '\0';
		rc = tern_dev_capture(s->dev, TERN_CAPTURE_SOCKETS, s->sockets, &len, why);
		if (!rc)
			s->sockets_len = len;
	}
	s->hands_over = !rc;
	s->owes = !rc;
	return rc;
}

static bool has_late(const struct tern_source *s)
{
	return tern_image_find(&s->image, TERN_OBJ_LATE, NULL);
}

/**
 * tern_source_mute() - let the pod say nothing any more, whatever its kernel would
 * @s: in doubt, or committed; if it is in no pod, or has no interface, nothing is done
 */
void tern_source_mute(const struct tern_source *s)
{
	struct tern_why why = { "" };

	if (tern_net_mute(s->job->pid, &why))
		tern_log(LOG_WARNING, "migration %016" PRIx64 ": %s", (uint64_t)s->job->id, why.text);
}

/**
 * tern_source_hand_over_ahead() - RESUME has left: let the connections follow
 * @s: in doubt
 *
 * Only what the link takes, for nobody may wait here: whether the process runs there is to be
 * heard. What does not work is done by tern_source_hand_over().
 */
void tern_source_hand_over_ahead(struct tern_source *s)
{
	struct tern_why why = { "" };

	if (has_late(s) && !dump(s, &why) && s->sockets_len <= AT_ONCE)
		tern_source_send_sockets(s);
}

/**
 * tern_source_hand_over() - the process runs at the destination: it needs its connections
 * @s: in doubt, or committed by a daemon before us
 *
 * What cannot be dumped is lost, and the destination is told so. If there is no link, whoever
 * serves will send them.
 */
void tern_source_hand_over(struct tern_source *s)
{
	struct tern_why why = { "" };
	unsigned int i;
	int rc = 0;

	if (has_late(s) && !s->hands_over) {
		rc = dump(s, &why);
		/* a daemon before us has perhaps not come to that */
		tern_source_mute(s);
	}
	/* it runs, and waits for them alone */
	for (i = 0; i < TRIES && rc == -ENOMEM; i++) {
		tern_source_pause(s, TRY_MS);
		rc = dump(s, &why);
	}
	if (rc) {
		tern_log(LOG_ERR, "migration %016" PRIx64 ": TCP connections of process %d are lost: %s",
			 (uint64_t)s->job->id, s->job->pid,
			 why.text[0] ? why.text : strerror(-rc));
		s->sockets_len = 0;
		s->hands_over = true;
		s->owes = true;
	}
	if (s->lanes.lane[0].fd >= 0)
		tern_source_send_sockets(s);
}

/**
 * tern_source_send_sockets() - send them, if this link has not brought them yet
 * @s: of the migration that has them, if any
 */
int tern_source_send_sockets(struct tern_source *s)
{
	int rc;

	if (!s->owes)
		return 0;
	rc = tern_link_send(&s->lanes.lane[0], TERN_MSG_SOCKETS, s->sockets, s->sockets_len);
	if (!rc)
		s->owes = false;
	return rc;
}
