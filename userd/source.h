/* SPDX-License-Identifier: GPL-2.0 */
/* The source's half of one migration: shared by its phases, used by one thread. */
#ifndef TERN_SOURCE_H
#define TERN_SOURCE_H

#include "changes.h"
#include "dev.h"
#include "flush.h"
#include "forward.h"
#include "host.h"
#include "lanes.h"
#include "map.h"
#include "precopy.h"
#include "prepare.h"
#include "recent.h"
#include "seen.h"

/* What the job leaves with the migration for the next daemon, by key. */
enum {
	TERN_KEEP_DRAFT,
	TERN_KEEP_CHANGES,
	TERN_KEEP_PAGEMAP,
	TERN_KEEP_MEMO,
};

struct tern_first;
struct tern_party;

/**
 * struct tern_memo - what a daemon that takes over must know beside the image
 * @magic: TERN_WIRE_MAGIC
 * @reserved: 0
 * @boot_id: of the peer
 * @draft: bytes of the draft
 * @changes: bytes of what differs from it in the image
 * @report: figures so far
 */
struct tern_memo {
	__u32 magic;
	__u32 reserved;
	__u8 boot_id[16];
	__u64 draft;
	__u64 changes;
	struct tern_report report;
};

/**
 * struct tern_source - a migration at its source
 * @job: what the daemon gave us
 * @dev: handle that stands for it
 * @lanes: to the destination
 * @prepared: what the destination was told
 * @forward: what comes for the pod, NULL: it has no interface
 * @introduced: the destination has been told of it, and may have a shell for it
 * @stale: and cannot go on with that, for too much has changed since
 * @objections: of the kernel to a capture, one after another
 * @released: what was held (TERN_HOLD) has been asked for
 * @drafts: how many drafts were sent
 * @draft: the last image that the destination has dressed its shell by
 * @image: the capture, as tern_map_init() wants it
 * @wire: of it what the destination does not have
 * @precopy: pages that were sent ahead
 * @first: memory for first pages
 * @recent: pages that it has used lately
 * @kept: memfds that the kernel has, for @draft, @wire and the memo; -1: none
 * @pagemap: /proc/PID/pagemap of the parked migrant, -1: none
 * @map: its pages
 * @flush: pushes them
 * @report: figures
 * @stood: monotonic ns when the last thread stood
 * @resumed: monotonic ns when the destination's word came
 * @party: those that have moved with it, NULL: nobody, or not known any more
 * @signals: TERN_OBJ_SIGNAL objects that came after the capture
 * @signals_len: bytes of them that the destination has not been sent
 * @sockets: its TCP connections, when all else has left
 * @sockets_len: bytes of them; 0: they are lost, or there are none
 * @hands_over: they are there
 * @owes: they are to be sent on this link
 * @owes_written: this link has not brought yet that its file servers have what it has written
 * @why: the sentence for operators
 */
struct tern_source {
	struct tern_job *job;
	int dev;
	struct tern_lanes lanes;
	struct tern_prepared prepared;
	struct tern_forward *forward;
	bool introduced;
	bool stale;
	unsigned int objections;
	bool released;
	unsigned int drafts;
	struct tern_draft draft;
	struct tern_image image;
	struct tern_image wire;
	struct tern_precopy precopy;
	struct tern_first *first;
	struct tern_recent recent;
	int kept[3];
	int pagemap;
	struct tern_map map;
	struct tern_flush flush;
	struct tern_report report;
	__u64 stood;
	__u64 resumed;
	struct tern_party *party;
	void *signals;
	size_t signals_len;
	void *sockets;
	size_t sockets_len;
	bool hands_over;
	bool owes;
	bool owes_written;
	struct tern_why why;
};

struct tern_unit;

/* source.c */
struct tern_source *tern_source_create(struct tern_job *job, int dev);
void tern_source_forget(struct tern_source *s);
void tern_source_destroy(struct tern_source *s);
__u64 tern_source_now(void);
bool tern_source_cancelled(const struct tern_source *s, unsigned int *flags);
int tern_source_pause(const struct tern_source *s, unsigned int ms);

/* party.c: those that have moved together, until the last of them is independent */
struct tern_party *tern_party_create(void);
void tern_party_enter(struct tern_party *party, struct tern_source *s);
void tern_party_leave(struct tern_source *s);
void tern_party_wait(struct tern_source *s);
void tern_party_put(struct tern_party *party);

/* blast.c */
int tern_source_move(struct tern_unit *unit);

/* capture.c */
bool tern_source_crosses(const struct tern_source *s);
int tern_source_room(const struct tern_source *s, struct tern_image *image);
int tern_source_capture(struct tern_source *s, unsigned int flags, struct tern_image *image);
int tern_source_draft(struct tern_source *s);

/* warm.c */
int tern_source_warm(struct tern_source *s);

/* hold.c */
bool tern_source_held(const struct tern_source *s);

/* keep.c */
int tern_source_keep_open(struct tern_source *s);
void tern_source_keep_fini(struct tern_source *s);
int tern_source_keep(struct tern_source *s);
int tern_source_kept(struct tern_source *s);

/* handover.c */
void tern_source_mute(const struct tern_source *s);
void tern_source_hand_over_ahead(struct tern_source *s);
void tern_source_hand_over(struct tern_source *s);
int tern_source_send_sockets(struct tern_source *s);

/* write_back.c */
void tern_source_write_back(struct tern_source *s);
int tern_source_send_written(struct tern_source *s);

/* serve.c */
int tern_source_serve(struct tern_source *s);

/* first.c */
int tern_first_create(struct tern_first **first, int ahead);
int tern_first_room(struct tern_first *first, unsigned int nr_threads);
void tern_first_destroy(struct tern_first *first);
void tern_first_note(struct tern_first *first, struct tern_image *image);
void tern_first_prepare(struct tern_first *first, const struct tern_image *image, int pid);
int tern_first_send(struct tern_first *first, int dev, const struct tern_image *image,
		    struct tern_link *link);
bool tern_first_has(struct tern_first *first, __u64 addr);
unsigned int tern_first_pages(const struct tern_first *first);

#endif
