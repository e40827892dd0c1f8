/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pager: from the resume until nothing is left at the source.
 *
 * pager.c	life and loop: io_uring, mail, cancel, progress
 * pager_lane.c	messages over the two lanes
 * intake.c	receives the flush, in a thread of its own
 * streams.c	foresight
 * waiters.c	threads that wait
 * pager_stage.c	pages that were sent before the resume
 * pager_space.c	userfaultfd events: faults, and changes of layout
 * pager_huge.c		huge pages, once all pages are there
 * place.c	arrived pages into the address spaces
 */
#ifndef TERN_PAGER_H
#define TERN_PAGER_H

#include <liburing.h>
#include <stdbool.h>
#include <tern/wire.h>

#include "host.h"
#include "intake.h"
#include "memo.h"
#include "space.h"
#include "stage.h"
#include "streams.h"
#include "waiters.h"

/**
 * struct tern_place - a PAGES message that is being put in place
 * @runs: its runs; NULL: nothing to do
 * @nr: how many
 * @run: the one that is next
 * @done: pages of it that are in place
 * @data: of the rest of it
 * @soon: somebody will want them soon, zeros, too
 */
struct tern_place {
	const struct tern_wire_run *runs;
	unsigned int nr;
	unsigned int run;
	__u64 done;
	const char *data;
	bool soon;
};

/**
 * struct tern_pager_lane - lane 0, while the pager has it
 * @fd: socket, -1: none
 * @next: a new one that waits for the old to be quiet, -1: none
 * @ready: the source expects FAULTs
 * @receiving: a recv is in the ring
 * @sending: a send is in the ring
 * @lost: broken; to be closed when both have ended
 * @buf: what has been received, header by header and payload by payload
 * @room: of @buf
 * @at: where the oldest message begins that is not done with
 * @have: where what has been received ends
 * @place: that message, when it is PAGES not in place yet; no recv meanwhile
 */
struct tern_pager_lane {
	int fd;
	int next;
	bool ready;
	bool receiving;
	bool sending;
	bool lost;
	char *buf;
	size_t room;
	size_t at;
	size_t have;
	struct tern_place place;
};

#define TERN_PAGER_OUT	(256U << 10)

/**
 * struct tern_pager - the pages of one migrant, and of what it forks
 * @job: the migration
 * @dev: its handle
 * @memo: figures
 * @layout: the source's memory
 * @shared: some of it is shared memory
 * @viewed: and a process has mapped that once more
 * @map: pages that exist there, when @mapped
 * @mapped: MAP has arrived
 * @flushed: FLUSHED has arrived
 * @written: WRITTEN has arrived
 * @asked: pages that have been asked for, since somebody waits
 * @ahead: pages that are likely to be wanted soon, as the source has been told
 * @space: address spaces, ascending by number; [0] is the migrant's
 * @nr_spaces: how many
 * @deaths: some of them may be dead and not yet put away
 * @waiters: threads that wait; settled: their page has been asked for
 * @retry: something was refused for the moment, look again soon
 * @streams: what is likely
 * @waited_ns: when somebody last began to wait
 * @lane: lane 0
 * @intake: lane 1
 * @flush: a message of its that is being put in place
 * @stage: pages that were sent ahead, not owned; NULL: none
 * @stash: files that have moved, not owned; NULL: none
 * @fresh: those of them that are right and not in place yet
 * @named: the same, in the order in which the source has named them; numbers
 * @nr_named: how many ranges
 * @at_named: where to go on
 * @staged: room for some of them
 * @out: bytes to be sent on lane 0
 * @out_len: how many; the first @out_busy are with the kernel
 * @out_busy: see there
 * @ring: for everything
 * @armed: bit per enum pager_watch: a poll is in the ring
 * @page: where a page that is only partly there is made whole
 * @reported_ns: when the kernel was last told
 * @bye: COMPLETE has been queued; only INDEPENDENT is waited for
 * @independent: and has arrived
 */
struct tern_pager {
	struct tern_job *job;
	int dev;
	struct tern_memo *memo;
	struct tern_layout layout;
	bool shared;
	bool viewed;
	struct tern_pageset map;
	bool mapped;
	bool flushed;
	bool written;
	struct tern_pageset asked;
	struct tern_pageset ahead;
	struct tern_space **space;
	unsigned int nr_spaces;
	bool deaths;
	struct tern_waiters waiters;
	bool retry;
	struct tern_streams streams;
	__u64 waited_ns;
	struct tern_pager_lane lane;
	struct tern_intake intake;
	struct tern_place flush;
	struct tern_stage *stage;
	struct tern_stash *stash;
	struct tern_pageset fresh;
	struct tern_wire_range *named;
	size_t nr_named;
	size_t at_named;
	char *staged;
	char *out;
	size_t out_len;
	size_t out_busy;
	struct io_uring ring;
	unsigned int armed;
	char page[TERN_WIRE_PAGE];
	__u64 reported_ns;
	bool bye;
	bool independent;
};

/* pager.c */
int tern_pager_init(struct tern_pager *p, struct tern_job *job, int dev,
		    struct tern_memo *memo);
int tern_pager_adopt(struct tern_pager *p);
int tern_pager_run(struct tern_pager *p, int lane0, struct tern_why *why);
void tern_pager_collapse(const struct tern_pager *p);
void tern_pager_fini(struct tern_pager *p);
bool tern_pager_done(const struct tern_pager *p);

/* pager_lane.c */
void tern_pager_lane_attach(struct tern_pager *p, unsigned int n, int fd);
void tern_pager_lane_lose(struct tern_pager *p, unsigned int n, const char *why);
void tern_pager_lane_arm(struct tern_pager *p);
int tern_pager_lane_received(struct tern_pager *p, int res);
void tern_pager_lane_sent(struct tern_pager *p, int res);
int tern_pager_lane_place(struct tern_pager *p);
int tern_pager_lane_skip(struct tern_pager *p);
int tern_pager_flush_place(struct tern_pager *p, unsigned int budget);
bool tern_pager_send(struct tern_pager *p, unsigned int type, const void *payload, size_t len);
int tern_pager_fill(const struct tern_pager *p, struct tern_pageset *set,
		    const struct tern_wire_range *range, size_t nr);
__u64 tern_pager_data(unsigned int what, unsigned int n);

/* pager_space.c */
int tern_pager_space_add(struct tern_pager *p, unsigned int nr, struct tern_space *parent);
int tern_pager_space_drain(struct tern_pager *p, struct tern_space *space);
void tern_pager_space_die(struct tern_pager *p, struct tern_space *space);
struct tern_space *tern_pager_space_find(const struct tern_pager *p, unsigned int nr);
int tern_pager_space_replay(struct tern_pager *p);
int tern_pager_serve(struct tern_pager *p);
void tern_pager_ask_rest(struct tern_pager *p);

/* pager_stage.c */
int tern_pager_got_fresh(struct tern_pager *p, const struct tern_wire_range *range, size_t nr);
int tern_pager_stage_answer(struct tern_pager *p, const struct tern_space *space, __u64 page);
int tern_pager_stage_place(struct tern_pager *p, unsigned int budget);

/* place.c */
int tern_place_init(struct tern_place *place, const void *buf, size_t len);
int tern_place_step(struct tern_pager *p, struct tern_place *place, unsigned int budget);
int tern_place_pages(struct tern_pager *p, __u64 page, __u64 nr, const char *data, bool soon);

/* What a completion belongs to; the low half of user_data is a number. */
enum pager_watch {
	PAGER_MAIL,
	PAGER_CANCEL,
	PAGER_UFFD,
	PAGER_FLUSH,
	PAGER_RECV,
	PAGER_SEND,
	PAGER_NOTHING,
};

#endif
