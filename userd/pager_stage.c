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
#define NAMED_MAX	16384U	/* ranges that are remembered */

/* Go through all that is fresh, in ascending order. */
static void begin_anew(struct tern_pager *p)
{
	p->named[0] = (struct tern_wire_range) { 0, p->fresh.nr };
	p->nr_named = 1;
	p->at_named = 0;
}

/* The source names what is wanted soon before all the rest. */
static void queue(struct tern_pager *p, const struct tern_wire_range *range, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		/* one that names the same again and again, or hardly two adjacent pages */
		if (p->nr_named == NAMED_MAX)
			begin_anew(p);
		p->named[p->nr_named++] = (struct tern_wire_range) {
			tern_layout_number(&p->layout, range[i].start),
			tern_layout_number(&p->layout, range[i].end),
		};
	}
}

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
	if (!p->named)
		p->named = malloc(NAMED_MAX * sizeof(p->named[0]));
	if (!p->staged || !p->named)
		return -ENOMEM;
	tern_waiters_unsettle(&p->waiters);
	p->retry = true;
	queue(p, range, nr);
	return tern_pager_fill(p, &p->fresh, range, nr);
}

/* Adjacent pages that are fresh, and here, in @p->staged; 0: @page is not. */
static int read_run(struct tern_pager *p, __u64 page, __u64 nr, __u64 *got)
{
	__u64 addr = tern_layout_addr(&p->layout, page), first, gone = 0;

	nr = tern_layout_pages(&p->layout, addr, nr < STEP ? nr : STEP, &first);
	*got = tern_stage_run(p->stage, addr, nr);
	if (*got && !tern_stage_read(p->stage, addr, *got, p->staged))
		return 0;
	*got = 0;
	/* it cannot be read, or some were named twice and are in place already */
	do
		gone++;
	while (gone < nr && !tern_stage_run(p->stage, addr + gone * PAGE, 1));
	return tern_pageset_del(&p->fresh, page, gone);
}

/* Put pages in place from @page on. 1: done with @page; 0: refused for now. */
static int place(struct tern_pager *p, __u64 page, __u64 nr)
{
	__u64 before = p->memo->report.pages_moved;
	int err;

	err = read_run(p, page, nr, &nr);
	if (err || !nr)
		return err ? err : 1;
	err = tern_place_pages(p, page, nr, p->staged, true);
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

/* The next pages, at most @most; 0: all ranges have had their turn, begin anew. */
static __u64 next_named(struct tern_pager *p, __u64 most, __u64 *page)
{
	for (; p->at_named < p->nr_named; p->at_named++) {
		struct tern_wire_range *range = &p->named[p->at_named];

		range->start = tern_pageset_next(&p->fresh, range->start, true);
		if (range->start >= range->end)
			continue;
		*page = range->start;
		if (most > range->end - range->start)
			most = range->end - range->start;
		return tern_pageset_run(&p->fresh, *page, most);
	}
	/* the set is what counts: it has pages whose range was given up for lack of room */
	begin_anew(p);
	return 0;
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
	__u64 page, nr;
	int ret;

	if (!p->fresh.count) {
		/* no more are coming, and the others were wrong */
		if (p->stage && p->mapped) {
			tern_stage_fini(p->stage);
			p->stage = NULL;
		}
		return 0;
	}
	nr = next_named(p, budget, &page);
	ret = nr ? place(p, page, nr) : 1;
	/* refused: @retry has been set, and nothing is gained by haste */
	return ret < 0 ? ret : ret && p->fresh.count;
}
