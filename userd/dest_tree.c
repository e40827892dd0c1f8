// SPDX-License-Identifier: GPL-2.0
/*
 * A shell among those of its tree, until it is at its last script: it makes and reaps
 * others, and leaves, or gets another place, when the tree has changed at the source.
 *
 * Owns nothing. Runs in the job's thread.
 */
#include <errno.h>
#include <stdio.h>

#include "dest.h"

#define BODY_MS		10000
#define SCRIPT_MS	10000

/** tern_dest_asked() - a relative wants a child of our shell to be made, or reaped */
void tern_dest_asked(struct tern_dest *d)
{
	const struct tern_image *worn = d->dressed ? d->worn.image : NULL;
	struct tern_script *script = &d->shell.script;
	struct tern_why why = { "" };
	struct tern_spawn spawn;
	struct shell_run cmd;
	int err, reap;

	if (!tern_kin_asked(&d->kin, &spawn, &reap))
		return;
	if (d->dressing || d->spoilt)
		err = -EPROTO;
	else if (reap)
		err = tern_script_reap(script, reap, worn, &cmd, &why);
	else
		err = tern_script_spawn(script, &spawn, worn, &cmd, &why);
	if (!err)
		err = tern_shell_do(&d->shell, &cmd, SCRIPT_MS, &why);
	tern_kin_answer(&d->kin, err, &why);
}

/**
 * tern_dest_refuse_draft() - the source has other things to say of its tree now
 * @d: the attempt, with a sentence; its shell is half dressed, and of no more use
 *
 * Were this the end of the attempt, it were that of all others.
 */
int tern_dest_refuse_draft(struct tern_dest *d)
{
	struct tern_wire_refused refused = { .err = EAGAIN };

	snprintf(refused.why, sizeof(refused.why), "%s", d->why.text);
	d->spoilt = true;
	return tern_link_send(&d->link, TERN_MSG_REFUSED, &refused, sizeof(refused));
}

static int out_of_place(struct tern_dest *d)
{
	return tern_why_set(&d->why, -EPROTO, "a change of its tree, where none belongs");
}

/**
 * tern_dest_leave() - receive LEAVE, end the shell, answer SETTLED
 * @d: the attempt
 * @len: bytes of the message
 *
 * The others of its tree do not notice. Return: -ENOMSG: that was it.
 */
int tern_dest_leave(struct tern_dest *d, size_t len)
{
	int err;

	if (len || !d->kin.unit || !d->prepare->parent || d->dressing)
		return out_of_place(d);
	err = tern_dev_fail(d->dev, TERN_FAIL_LEAVES, -ECANCELED, NULL);
	/* what it leaves must be gone before another can have its number */
	if (!err)
		err = tern_kin_ask_reap(d->job->peer, d->prepare, d->job->cancel, &d->why);
	if (!err) {
		tern_kin_leave(&d->kin);
		tern_dest_drop_files(d);
		err = tern_link_send(&d->link, TERN_MSG_SETTLED, NULL, 0);
	}
	return err ? err : -ENOMSG;
}

/**
 * tern_dest_place() - receive PLACE, answer SETTLED
 * @d: the attempt
 * @len: bytes of the message
 */
int tern_dest_place(struct tern_dest *d, size_t len)
{
	struct tern_wire_place place;
	int err;

	if (len != sizeof(place) || !d->kin.unit || d->dressing || d->spoilt)
		return out_of_place(d);
	err = tern_link_recv_body(&d->link, &place, sizeof(place), BODY_MS);
	if (err)
		return err;
	if (!place.nr_members || place.nr_members > TERN_PROCESSES_MAX ||
	    place.member >= place.nr_members || !place.member != !d->prepare->member)
		return out_of_place(d);
	/* one of them says so for all */
	err = d->prepare->parent ? 0 : tern_dev_expect(d->dev, place.nr_members);
	if (err)
		return err;
	d->prepare->nr_members = place.nr_members;
	d->prepare->member = place.member;
	tern_kin_place(&d->kin, place.member);
	return tern_link_send(&d->link, TERN_MSG_SETTLED, NULL, 0);
}
