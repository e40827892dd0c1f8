// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that were sent ahead (stage.c), once the source has said that they are
 * right: a fault on one is answered from here, and all are put in place as fast
 * as faults leave time for it. What cannot be read here is missing like any
 * other page.
 */
#include <errno.h>
#include <stdlib.h>

#include "pager.h"

#define PAGE	((__u64)TERN_WIRE_PAGE)
#define STEP	32U	/* pages that are read at once */

/**
 * tern_pager_got_fresh() - FRESH has come
 * @p: the pager
 * @range: ascending
 * @nr: how many
 *
 * Return: 0, -EPROTO, or another negative errno.
 */
int tern_pager_got_fresh(struct tern_pager *p, const struct tern_wire_range *range, size_t nr)
{
	if (!p->stage || !p->stage->have.count)
		return 0;
	if (!p->staged)
		p->staged = aligned_alloc(PAGE, STEP * PAGE);
	if (!p->staged)
		return -ENOMEM;
	tern_waiters_unsettle(&p->waiters);
	p->retry = true;
	p->next_fresh = 0;
	return tern_pager_fill(p, &p->fresh, range, nr);
}

/* Adjacent pages that are fresh, and here, in @p->staged; 0: @page is not. */
static int read_run(struct tern_pager *p, __u64 page, __u64 nr, __u64 *got)
{
	__u64 addr = tern_layout_addr(&p->layout, page), first;

	nr = tern_layout_pages(&p->layout, addr, nr < STEP ? nr : STEP, &first);
	nr = tern_stage_run(p->stage, addr, nr);
	if (nr && !tern_stage_read(p->stage, addr, nr, p->staged)) {
		*got = nr;
		return 0;
	}
	*got = 0;
	return tern_pageset_del(&p->fresh, page, 1);
}

/* Put pages in place from @page on. 1: done with @page; 0: refused for now. */
static int place(struct tern_pager *p, __u64 page, __u64 nr)
{
	__u64 before = p->memo->report.pages_moved;
	int err;

	err = read_run(p, page, nr, &nr);
	if (err || !nr)
		return err ? err : 1;
	err = tern_place_pages(p, page, nr, p->staged);
	p->memo->report.pages_before += p->memo->report.pages_moved - before;
	if (err == -EAGAIN) {
		p->retry = true;
		return 0;
	}
	if (!err)
		err = tern_pageset_del(&p->fresh, page, nr);
	if (!err)
		err = tern_stage_drop(p->stage, tern_layout_addr(&p->layout, page), nr);
	return err ? err : 1;
}

/**
 * tern_pager_stage_answer() - somebody waits for a page
 * @p: the pager
 * @space: where
 * @page: number of it
 *
 * Return: 1: it is there now; 0: it must be asked for; -EAGAIN: try again; or
 * another negative errno.
 */
int tern_pager_stage_answer(struct tern_pager *p, const struct tern_space *space, __u64 page)
{
	int ret;

	if (!tern_pageset_has(&p->fresh, page))
		return 0;
	ret = place(p, page, 1);
	if (ret <= 0)
		return ret ? ret : -EAGAIN;
	if (!space->dead && tern_pageset_has(&space->missing, page))
		return 0;
	p->memo->report.faults_local++;
	return 1;
}

/**
 * tern_pager_stage_place() - put some of them in place
 * @p: the pager
 * @budget: at most so many
 *
 * Return: 1: there are more, 0: there are none, or negative errno.
 */
int tern_pager_stage_place(struct tern_pager *p, unsigned int budget)
{
	__u64 page;
	int ret;

	if (!p->fresh.count) {
		/* no more are coming, and the others were wrong */
		if (p->stage && p->mapped) {
			tern_stage_fini(p->stage);
			p->stage = NULL;
		}
		return 0;
	}
	page = tern_pageset_next(&p->fresh, p->next_fresh, true);
	if (page == p->fresh.nr) {
		p->next_fresh = 0;
		return 1;
	}
	ret = place(p, page, tern_pageset_run(&p->fresh, page, budget));
	p->next_fresh = page;
	/* refused: @retry has been set, and nothing is gained by haste */
	return ret < 0 ? ret : ret && p->fresh.count;
}
