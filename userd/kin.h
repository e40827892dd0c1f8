/* SPDX-License-Identifier: GPL-2.0 */
/* Shells of processes that move together: who is there, and waits for whom. */
#ifndef TERN_KIN_H
#define TERN_KIN_H

#include <stdbool.h>
#include <tern/wire.h>

#include "dev.h"
#include "host.h"
#include "script.h"

/**
 * enum tern_kin_request - how far a request to a shell has come
 * @TERN_KIN_IDLE: there is none
 * @TERN_KIN_ASKED: it may be taken back
 * @TERN_KIN_TAKEN: the shell is at it
 * @TERN_KIN_ANSWERED: who has asked has not seen the answer yet
 */
enum tern_kin_request {
	TERN_KIN_IDLE,
	TERN_KIN_ASKED,
	TERN_KIN_TAKEN,
	TERN_KIN_ANSWERED,
};

/**
 * struct tern_kin - a shell, as its relatives see it
 * @peer: where the tree comes from
 * @unit: of its tree
 * @attempt: of its preparation
 * @member: its place among them
 * @pid: its process
 * @bell: eventfd, readable when there is a request
 * @request: how far a request for a child has come
 * @spawn: the child that is to be made
 * @reap: instead, the child that is to be reaped, 0: none
 * @answer: what came of it
 * @why: sentence
 * @dressed: it looks as its process will
 * @made: another number each time that its descriptors were made anew, or its files
 * @file: files that move with it, from malloc
 * @nr_files: how many
 * @spare: ends of sockets that it has for others, from malloc
 * @nr_spares: how many
 * @next: in the register
 *
 * But for @bell all is the register's.
 */
struct tern_kin {
	const struct tern_peer *peer;
	__u64 unit;
	unsigned int attempt;
	unsigned int member;
	int pid;
	int bell;
	enum tern_kin_request request;
	struct tern_spawn spawn;
	int reap;
	int answer;
	struct tern_why why;
	bool dressed;
	unsigned int made;
	struct tern_taken *file;
	unsigned int nr_files;
	struct tern_spare *spare;
	unsigned int nr_spares;
	struct tern_kin *next;
};

int tern_kin_join(struct tern_kin *kin, const struct tern_peer *peer,
		  const struct tern_wire_prepare *prepare);
void tern_kin_leave(struct tern_kin *kin);
void tern_kin_place(struct tern_kin *kin, unsigned int member);
bool tern_kin_has(const struct tern_kin *kin, int pid);

int tern_kin_ask(const struct tern_peer *peer, const struct tern_wire_prepare *child,
		 const struct tern_spawn *spawn, int cancel, struct tern_why *why);
int tern_kin_ask_reap(const struct tern_peer *peer, const struct tern_wire_prepare *child,
		      int cancel, struct tern_why *why);
bool tern_kin_asked(struct tern_kin *kin, struct tern_spawn *spawn, int *reap);
void tern_kin_answer(struct tern_kin *kin, int err, const struct tern_why *why);

void tern_kin_made(struct tern_kin *kin);
int tern_kin_publish(struct tern_kin *kin, struct tern_dress *dress);
int tern_kin_look(const struct tern_kin *kin, struct tern_dress *dress);
unsigned int tern_kin_taken(const struct tern_kin *kin, const struct tern_image *image);
void tern_kin_dressed(struct tern_kin *kin);
int tern_kin_wait(const struct tern_kin *kin, int cancel, struct tern_why *why);

#endif
