/* SPDX-License-Identifier: GPL-2.0 */
/* First pages: what a thread touches right after it was resumed. */
#ifndef TERN_FIRST_H
#define TERN_FIRST_H

#include <stdbool.h>
#include <tern/image.h>
#include <tern/wire.h>

#include "pages.h"
#include "texts.h"
#include "vmas.h"

#define TERN_FIRST_MAX		8192	/* pages sent, however many threads there are */
#define TERN_FIRST_THREAD	16	/* pages sent per thread */
#define TERN_FIRST_BATCH	32	/* pages in one message, about */
#define TERN_FIRST_LINE		128	/* bytes of text read at once */
#define TERN_FIRST_NOTED	64	/* threads whose next steps are decoded beforehand */

struct tern_image;
struct tern_decoded;

/**
 * struct tern_first_page - a page that was looked at
 * @addr: at the source
 * @live: the page's first live byte; 0: all of it
 * @present: it exists
 * @send: it belongs to the blast
 */
struct tern_first_page {
	__u64 addr;
	unsigned int live;
	bool present;
	bool send;
};

/**
 * struct tern_first - first pages of all threads
 * @ahead: how many instructions of each thread are decoded; TERN_FIRST_NONE: no
 *	first pages at all
 * @dev: handle that stands for the migration
 * @pid: of a migrant that runs, which is only rehearsed; 0: it stands
 * @page: pages looked at
 * @data: their contents, 4096 bytes each
 * @nr: how many
 * @slots: for how many there is room: code that is the same there is read, too
 * @hash: index into @page plus 1, by address
 * @hash_mask: entries of @hash less 1
 * @noted: threads that were on no processor when the last draft was made
 * @nr_noted: how many
 * @decoded: instructions, the same as before where an address is the same
 * @texts: files that it executes
 * @line_addr: where the text in @line is from
 * @line_len: bytes of it
 * @line: text
 * @vmas: the migrant's mappings
 * @send: pages that belong to the blast; first those that have left
 * @most: how many there may be
 * @nr_send: how many there are
 * @nr_sent: of them, pages that have left
 * @budget: how many more the present thread may add
 * @message: the message
 */
struct tern_first {
	int ahead;
	int dev;
	int pid;
	struct tern_first_page *page;
	char *data;
	unsigned int nr;
	unsigned int slots;
	unsigned short *hash;
	unsigned int hash_mask;
	struct tern_obj_thread noted[TERN_FIRST_NOTED];
	unsigned int nr_noted;
	struct tern_decoded *decoded;
	struct tern_texts texts;
	__u64 line_addr;
	unsigned int line_len;
	char line[TERN_FIRST_LINE];
	struct tern_vmas vmas;
	struct tern_first_page **send;
	unsigned int most;
	unsigned int nr_send;
	unsigned int nr_sent;
	unsigned int budget;
	struct tern_pages message;
};

const char *tern_first_look(struct tern_first *first, __u64 addr);
unsigned int tern_first_fetch(struct tern_first *first, __u64 addr, void *to, unsigned int len);
void tern_first_touch(struct tern_first *first, __u64 addr);

/* decode.c */
struct tern_decoded *tern_decoded_create(void);
void tern_decoded_destroy(struct tern_decoded *decoded);
void tern_decode_ahead(struct tern_first *first, const struct tern_obj_thread *thread);

#endif
