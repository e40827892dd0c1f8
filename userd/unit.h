/* SPDX-License-Identifier: GPL-2.0 */
/* The processes that move together: a migrant and its descendants, at the source. */
#ifndef TERN_UNIT_H
#define TERN_UNIT_H

#include "source.h"

/**
 * struct tern_unit - sources of migrations that happen together
 * @member: the root's first, each behind its parent's; all but the root's are owned
 * @nr: how many
 * @gone: those that were introduced and do not move any more, owned, until the destination
 *	has been told
 * @nr_gone: how many
 * @attempt: counts how often all of them were prepared from the beginning
 * @parked: so many of them stand, from the first on
 * @spoilt: they must be prepared from the beginning
 * @sent: some of them are in doubt; as long as there is no RESUME they run nowhere else
 */
struct tern_unit {
	struct tern_source *member[TERN_PROCESSES_MAX];
	unsigned int nr;
	struct tern_source *gone[TERN_PROCESSES_MAX];
	unsigned int nr_gone;
	unsigned int attempt;
	unsigned int parked;
	bool spoilt;
	bool sent;
};

int tern_unit_find(struct tern_unit *unit);
int tern_unit_same(const struct tern_unit *unit);
int tern_unit_blame(struct tern_unit *unit, unsigned int n, int rc);
int tern_unit_hold(struct tern_unit *unit);
void tern_unit_forget_dirty(struct tern_unit *unit, unsigned int n);
int tern_unit_lineage(const struct tern_unit *unit, unsigned int n, struct tern_lineage *lineage,
		    struct tern_why *why);
void tern_unit_fail(struct tern_unit *unit, unsigned int flags, int err,
		    const struct tern_why *why);
void tern_unit_drop(struct tern_unit *unit, unsigned int n);
void tern_unit_drop_gone(struct tern_unit *unit);

/* revise.c */
bool tern_unit_revise(struct tern_unit *unit);
void tern_unit_anew(struct tern_unit *unit);

#endif
