/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The destination's job, until the migrant runs.
 *
 * dest.c		messages, states, the end of it
 * dest_prepare.c	PREPARE, COPY: files, shell
 * dest_tree.c		LEAVE, PLACE: its place among the shells of its tree
 * dest_dress.c		DRAFT, IMAGE: the shell is made to look like the migrant
 * dest_build.c		PAGES, RESUME: the migrant
 */
#ifndef TERN_DEST_H
#define TERN_DEST_H

#include "changes.h"
#include "copies.h"
#include "host.h"
#include "inject.h"
#include "kin.h"
#include "link.h"
#include "memo.h"
#include "pager.h"
#include "shell_start.h"
#include "sockfile.h"

/**
 * struct tern_dest_page - a PAGES message that came before it could be used
 * @next: in the order of arrival
 * @len: bytes of payload
 * @data: payload
 */
struct tern_dest_pages {
	struct tern_dest_pages *next;
	size_t len;
	__u64 data[];
};

/**
 * struct tern_dest - one attempt
 * @job: the migration
 * @dev: its handle, -1: not attached yet
 * @link: lane 0
 * @room: for one message at a time; what has been touched once is there at once
 * @room_size: bytes of it
 * @why: sentence of the first error
 * @prepare: payload of PREPARE; what follows points into it
 * @tids: of the migrant, its pid first
 * @known: its files
 * @pod_name: of the pod that it is the first process of, "": none
 * @pod_text: the limits of that
 * @pod: how it is made
 * @net: its interface, NULL: it has none
 * @inject: what has come to it at the source, NULL: nothing can
 * @kin: in the register of shells, if it moves with others
 * @copies: what was made of those that were not here; outlives the attempt
 * @shell: the shell, once there is one
 * @base: what is known of it
 * @draft: the last draft
 * @stash: files that move with it, as the last image has them
 * @sockfiles: its sockets that have names in the file system, when these have been given
 * @worn: how the shell looks by it, if @dressed
 * @dressed: a draft has been put on
 * @image: the image
 * @dress: how the shell is to look in the end
 * @spoilt: a draft could not be put on: the shell can but leave its tree
 * @dressing: the shell is at its last script
 * @settled: and that one changes no mappings
 * @ready: it has been run to its end
 * @memo: for whoever comes after us
 * @stage: PAGES that came before the image
 * @pages: PAGES that wait
 * @pages_last: where to append
 * @pages_len: bytes of them
 * @pager: for all the rest
 * @paging: @pager is there
 * @first_ns: when the blast began to arrive
 * @dress_ns: when the shell began to dress
 */
struct tern_dest {
	struct tern_job *job;
	int dev;
	struct tern_link link;
	void *room;
	size_t room_size;
	struct tern_why why;
	struct tern_wire_prepare *prepare;
	const __s32 *tids;
	struct tern_known *known;
	char pod_name[TERN_POD_NAME_MAX];
	const char *pod_text;
	struct tern_pod pod;
	const struct tern_wire_net *net;
	struct tern_inject *inject;
	struct tern_kin kin;
	struct tern_copies *copies;
	struct tern_shell_proc shell;
	struct tern_dress base;
	struct tern_draft draft;
	struct tern_stash stash;
	struct tern_sockfiles sockfiles;
	struct tern_dress worn;
	bool dressed;
	bool spoilt;
	struct tern_image image;
	struct tern_dress dress;
	bool dressing;
	bool settled;
	bool ready;
	struct tern_memo *memo;
	struct tern_stage stage;
	struct tern_dest_pages *pages;
	struct tern_dest_pages **pages_last;
	size_t pages_len;
	struct tern_pager pager;
	bool paging;
	__u64 first_ns;
	__u64 dress_ns;
};

__u64 tern_dest_now(clockid_t clock);
void *tern_dest_room(struct tern_dest *d, size_t len);

int tern_dest_prepare(struct tern_dest *d, size_t len);
int tern_dest_copy(struct tern_dest *d, size_t len);
int tern_dest_unchanged(struct tern_dest *d);
void tern_dest_prepare_fini(struct tern_dest *d);

void tern_dest_asked(struct tern_dest *d);
int tern_dest_refuse_draft(struct tern_dest *d);
int tern_dest_leave(struct tern_dest *d, size_t len);
int tern_dest_place(struct tern_dest *d, size_t len);

int tern_dest_draft(struct tern_dest *d, size_t len);
int tern_dest_image(struct tern_dest *d, size_t len);
void tern_dest_drop_files(struct tern_dest *d);
void tern_dest_dress_fini(struct tern_dest *d);

int tern_dest_pages(struct tern_dest *d, size_t len);
int tern_dest_resume(struct tern_dest *d);
void tern_dest_build_fini(struct tern_dest *d);

#endif
