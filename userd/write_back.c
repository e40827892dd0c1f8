// SPDX-License-Identifier: GPL-2.0
/*
 * What the migrant has written to files of a file server, and the capture has left in this
 * host's memory: the kernel brings it there while the migrant runs at the destination and its
 * pages are served. The destination is told on each link when all is there; until then whoever
 * looks at one of these files waits.
 *
 * A daemon that takes over asks the kernel as the one before it did. No locks.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "source.h"

/**
 * tern_source_write_back() - the process runs at the destination: write what it has left here
 * @s: in doubt, or committed by a daemon before us
 */
void tern_source_write_back(struct tern_source *s)
{
	s->owes_written = true;
	tern_dev_write_back(s->dev);
}

/**
 * tern_source_send_written() - say so, if this link has not brought it yet and there is news
 * @s: committed, with a link
 */
int tern_source_send_written(struct tern_source *s)
{
	struct tern_wire_written written = { 0 };
	int rc;

	if (!s->owes_written)
		return 0;
	rc = tern_dev_write_back(s->dev);
	if (rc == -EAGAIN)
		return 0;
	if (rc)
		tern_log(LOG_ERR, "migration %016" PRIx64 ": data that process %d has written could not be brought to the file server: %s",
			 (uint64_t)s->job->id, s->job->pid, strerror(-rc));
	written.err = -rc;
	rc = tern_link_send(&s->lanes.lane[0], TERN_MSG_WRITTEN, &written, sizeof(written));
	s->owes_written = rc;
	return rc;
}
