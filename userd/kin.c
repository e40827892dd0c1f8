// SPDX-License-Identifier: GPL-2.0
/*
 * Shells of processes that move together. Each belongs to a job of its own; here they
 * find each other: a shell is made by that of its parent, and is dressed after all that
 * come before it, of which it may take descriptors.
 *
 * Owns the register, guarded by its lock, but not what is in it. Whoever waits does so
 * for a limited time, and until the other has left.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "kin.h"

#define ASK_MS	20000
#define WAIT_MS	60000
#define LOOK_MS	100	/* for an abort */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;	/* by CLOCK_MONOTONIC */
static struct tern_kin *first;
static unsigned int last_made;

static struct tern_kin *find(const struct tern_peer *peer, __u64 unit, unsigned int attempt,
			     int pid)
{
	struct tern_kin *kin;

	for (kin = first; kin; kin = kin->next)
		if (kin->peer == peer && kin->unit == unit && kin->attempt == attempt &&
		    kin->pid == pid)
			return kin;
	return NULL;
}

static bool comes_before(const struct tern_kin *other, const struct tern_kin *kin)
{
	return other->peer == kin->peer && other->unit == kin->unit && other->attempt == kin->attempt &&
	       other->member < kin->member;
}

/**
 * tern_kin_join() - be found by one's relatives
 * @kin: to be filled, and to be left alone until tern_kin_leave()
 * @peer: where it comes from
 * @prepare: of a process that moves with others; its shell has joined
 */
int tern_kin_join(struct tern_kin *kin, const struct tern_peer *peer,
		  const struct tern_wire_prepare *prepare)
{
	*kin = (struct tern_kin) {
		.peer = peer,
		.unit = prepare->unit, .attempt = prepare->attempt, .member = prepare->member,
		.pid = prepare->pid,
		.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (kin->bell < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	kin->next = first;
	first = kin;
	pthread_mutex_unlock(&lock);
	return 0;
}

/** tern_kin_leave() - it is of no more use to others; nothing, if it has not joined */
void tern_kin_leave(struct tern_kin *kin)
{
	struct tern_kin **p;

	if (!kin->unit)
		return;
	pthread_mutex_lock(&lock);
	for (p = &first; *p && *p != kin; p = &(*p)->next)
		;
	if (*p)
		*p = kin->next;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&lock);
	close(kin->bell);
	free(kin->file);
	free(kin->spare);
	kin->file = NULL;
	kin->spare = NULL;
	kin->unit = 0;
}

/** tern_kin_place() - others have left the tree, or come: it has another place in it now */
void tern_kin_place(struct tern_kin *kin, unsigned int member)
{
	pthread_mutex_lock(&lock);
	kin->member = member;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&lock);
}

/** tern_kin_has() - is process @pid a relative that comes before, and has descriptors? */
bool tern_kin_has(const struct tern_kin *kin, int pid)
{
	const struct tern_kin *other;
	bool has;

	if (!kin->unit)
		return false;
	pthread_mutex_lock(&lock);
	other = find(kin->peer, kin->unit, kin->attempt, pid);
	has = other && other->member < kin->member && other->made;
	pthread_mutex_unlock(&lock);
	return has;
}

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* Under the lock, until something changes, or it is time to look for an abort. */
static void wait_news(void)
{
	__u64 until = now_ms() + LOOK_MS;
	struct timespec ts = { until / 1000, until % 1000 * 1000000 };

	pthread_cond_clockwait(&news, &lock, CLOCK_MONOTONIC, &ts);
}

static bool is_cancelled(int cancel)
{
	struct pollfd p = { .fd = cancel, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* ---- to be born ------------------------------------------------------------------- */

/* Under the lock. 1: wait; else the answer, or why there will be none. */
static int look_answer(struct tern_kin *kin, __u64 until, int cancel, struct tern_why *why)
{
	int err = 1;

	if (kin->request == TERN_KIN_ANSWERED) {
		err = kin->answer;
		if (kin->why.text[0])
			tern_why_set(why, err, "%s", kin->why.text);
	} else if (kin->request == TERN_KIN_ASKED && is_cancelled(cancel)) {
		err = tern_why_set(why, -ECANCELED, "aborted by an operator");
	} else if (kin->request == TERN_KIN_ASKED && now_ms() > until) {
		err = tern_why_set(why, -ETIMEDOUT, "the shell that is to make it, of process %d, is busy",
				   kin->pid);
	}
	if (err != 1)
		kin->request = TERN_KIN_IDLE;
	return err;
}

/* A request to the shell of process @pid, and its answer; @reap: instead of @spawn. */
static int ask(const struct tern_peer *peer, const struct tern_wire_prepare *child, int pid,
	       const struct tern_spawn *spawn, int reap, int cancel, struct tern_why *why)
{
	__u64 until = now_ms() + ASK_MS;
	struct tern_kin *kin;
	int err = 1;

	pthread_mutex_lock(&lock);
	kin = find(peer, child->unit, child->attempt, pid);
	/* one at a time: the source asks for one after another */
	if (kin && kin->request == TERN_KIN_IDLE) {
		if (spawn)
			kin->spawn = *spawn;
		kin->reap = reap;
		kin->why.text[0] = '\0';
		kin->request = TERN_KIN_ASKED;
		eventfd_write(kin->bell, 1);
	} else {
		kin = NULL;
	}
	while (kin && err == 1) {
		err = look_answer(kin, until, cancel, why);
		if (err == 1)
			wait_news();
		kin = find(peer, child->unit, child->attempt, pid);
	}
	pthread_mutex_unlock(&lock);
	return err != 1 ? err :
	       tern_why_set(why, -ESRCH, "the shell of process %d, which is a relative's, is not there",
			    pid);
}

/**
 * tern_kin_ask() - have the shell of a parent, or of a sibling, make one
 * @peer: where it comes from
 * @child: says whose it is
 * @spawn: what it is made from, in use until the return
 * @cancel: eventfd that interrupts waiting
 * @why: sentence
 *
 * Return: 0, what went wrong there, -ESRCH: that shell is not there, -ETIMEDOUT,
 * -ECANCELED.
 */
int tern_kin_ask(const struct tern_peer *peer, const struct tern_wire_prepare *child,
		 const struct tern_spawn *spawn, int cancel, struct tern_why *why)
{
	return ask(peer, child, child->maker, spawn, 0, cancel, why);
}

/**
 * tern_kin_ask_reap() - have the shell of the parent reap one that ends
 * @peer: where it comes from
 * @child: which
 * @cancel: eventfd that interrupts waiting
 * @why: sentence
 *
 * Return: as tern_kin_ask().
 */
int tern_kin_ask_reap(const struct tern_peer *peer, const struct tern_wire_prepare *child,
		      int cancel, struct tern_why *why)
{
	return ask(peer, child, child->parent, NULL, child->pid, cancel, why);
}

/** tern_kin_asked() - is @kin's shell to make a child, or (@reap not 0) to reap one? */
bool tern_kin_asked(struct tern_kin *kin, struct tern_spawn *spawn, int *reap)
{
	bool asked;
	eventfd_t n;

	eventfd_read(kin->bell, &n);
	pthread_mutex_lock(&lock);
	asked = kin->request == TERN_KIN_ASKED;
	if (asked) {
		kin->request = TERN_KIN_TAKEN;
		*spawn = kin->spawn;
		*reap = kin->reap;
	}
	pthread_mutex_unlock(&lock);
	return asked;
}

/** tern_kin_answer() - what came of tern_kin_asked(): 0 or negative errno, and why */
void tern_kin_answer(struct tern_kin *kin, int err, const struct tern_why *why)
{
	pthread_mutex_lock(&lock);
	kin->answer = err;
	kin->why = *why;
	kin->request = TERN_KIN_ANSWERED;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&lock);
}

/* ---- to be dressed ---------------------------------------------------------------- */

/* Under the lock. Never the number of another, or of its own before. */
static void made_anew(struct tern_kin *kin)
{
	kin->made = ++last_made;
}

/** tern_kin_made() - its descriptors have been made anew: who took some has old ones */
void tern_kin_made(struct tern_kin *kin)
{
	pthread_mutex_lock(&lock);
	made_anew(kin);
	pthread_mutex_unlock(&lock);
}

/* Under the lock: @kin takes something from process @pid. */
static void mark(const struct tern_kin *kin, int pid, bool takes[TERN_PROCESSES_MAX])
{
	const struct tern_kin *other = find(kin->peer, kin->unit, kin->attempt, pid);

	if (other && other->member < kin->member)
		takes[other->member] = true;
}

/* From whom? Whose a terminal is it does not say: then it may be anybody. */
static bool mark_all(const struct tern_kin *kin, const struct tern_image *image,
		     bool takes[TERN_PROCESSES_MAX])
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *desc = tern_obj_payload(obj);

		if (desc->kind == TERN_DESC_SLAVE)
			return true;
		if (tern_desc_is_elsewhere(desc))
			mark(kin, desc->dev, takes);
	}
	while ((obj = tern_image_find(image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *vma = tern_obj_payload(obj);

		if (vma->kind == TERN_VMA_TAKEN)
			mark(kin, vma->memory, takes);
	}
	return false;
}

/**
 * tern_kin_taken() - changes when what @image takes from others was made anew
 * @kin: has joined, or not
 * @image: of its process
 */
unsigned int tern_kin_taken(const struct tern_kin *kin, const struct tern_image *image)
{
	bool takes[TERN_PROCESSES_MAX] = { false }, any;
	const struct tern_kin *other;
	unsigned int sum = 0;

	if (!kin->unit)
		return 0;
	pthread_mutex_lock(&lock);
	any = mark_all(kin, image, takes);
	for (other = first; other; other = other->next)
		if (comes_before(other, kin) && (any || takes[other->member]))
			sum += other->made;
	pthread_mutex_unlock(&lock);
	return sum;
}

/* The files that move with it, as others find them. */
static int list_files(const struct tern_kin *kin, const struct tern_dress *dress,
		      struct tern_taken **list, unsigned int *nr)
{
	const struct tern_obj *obj = NULL;

	*nr = 0;
	*list = calloc(tern_image_count(dress->image, TERN_OBJ_CARRIED) + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	while ((obj = tern_image_find(dress->image, TERN_OBJ_CARRIED, obj))) {
		const struct tern_obj_carried *carried = tern_obj_payload(obj);
		struct tern_taken *taken = &(*list)[(*nr)++];

		taken->pid = kin->pid;
		taken->fs = carried->fs;
		taken->ino = carried->ino;
		strcpy(taken->path, dress->stash_path[carried->id - 1]);
	}
	return 0;
}

/**
 * tern_kin_publish() - say what others may take from it
 * @kin: has joined
 * @dress: what its shell wears; its files stay open until tern_kin_leave(), its spare ends
 *	of sockets now belong to @kin
 *
 * -ENOMEM.
 */
int tern_kin_publish(struct tern_kin *kin, struct tern_dress *dress)
{
	struct tern_taken *list;
	unsigned int nr;
	int err = list_files(kin, dress, &list, &nr);

	if (err)
		return err;
	pthread_mutex_lock(&lock);
	if (nr != kin->nr_files || memcmp(list, kin->file, nr * sizeof(*list)))
		made_anew(kin);
	free(kin->file);
	kin->file = list;
	kin->nr_files = nr;
	/* what has not been made anew is where it was */
	if (dress->anew) {
		free(kin->spare);
		kin->spare = dress->spare;
		kin->nr_spares = dress->nr_spares;
		dress->spare = NULL;
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

/* Under the lock. Of all that come before: room for their files and sockets. */
static int make_room(const struct tern_kin *kin, struct tern_dress *dress)
{
	unsigned int files = 0, spares = 0;
	const struct tern_kin *other;

	for (other = first; other; other = other->next) {
		if (!comes_before(other, kin))
			continue;
		files += other->nr_files;
		spares += other->nr_spares;
	}
	dress->taken_file = calloc(files + 1, sizeof(*dress->taken_file));
	dress->mate = calloc(spares + 1, sizeof(*dress->mate));
	return dress->taken_file && dress->mate ? 0 : -ENOMEM;
}

/**
 * tern_kin_look() - what those that come before have for it: files, and ends of sockets
 * @kin: has joined, or not
 * @dress: filled in
 *
 * -ENOMEM.
 */
int tern_kin_look(const struct tern_kin *kin, struct tern_dress *dress)
{
	const struct tern_kin *other;
	int err;

	dress->taken_file = NULL;
	dress->nr_taken_files = 0;
	dress->mate = NULL;
	dress->nr_mates = 0;
	if (!kin->unit)
		return 0;
	pthread_mutex_lock(&lock);
	err = make_room(kin, dress);
	for (other = first; other && !err; other = other->next) {
		if (!comes_before(other, kin))
			continue;
		if (other->nr_files)
			memcpy(dress->taken_file + dress->nr_taken_files, other->file,
			       other->nr_files * sizeof(*other->file));
		if (other->nr_spares)
			memcpy(dress->mate + dress->nr_mates, other->spare,
			       other->nr_spares * sizeof(*other->spare));
		dress->nr_taken_files += other->nr_files;
		dress->nr_mates += other->nr_spares;
	}
	pthread_mutex_unlock(&lock);
	return err;
}

/** tern_kin_dressed() - others may take what it has */
void tern_kin_dressed(struct tern_kin *kin)
{
	pthread_mutex_lock(&lock);
	kin->dressed = true;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&lock);
}

/* Of those before it: how many are here, and how many are dressed? */
static void count(const struct tern_kin *kin, unsigned int *here, unsigned int *dressed)
{
	const struct tern_kin *other;

	*here = 0;
	*dressed = 0;
	for (other = first; other; other = other->next) {
		if (!comes_before(other, kin))
			continue;
		++*here;
		*dressed += other->dressed;
	}
}

/**
 * tern_kin_wait() - until all that come before are dressed
 * @kin: has joined
 * @cancel: eventfd that interrupts waiting
 * @why: sentence
 */
int tern_kin_wait(const struct tern_kin *kin, int cancel, struct tern_why *why)
{
	__u64 until = now_ms() + WAIT_MS;
	unsigned int here, dressed;
	int err = 1;

	pthread_mutex_lock(&lock);
	while (err == 1) {
		count(kin, &here, &dressed);
		if (here != kin->member)
			err = tern_why_set(why, -ECANCELED,
					   "another process of its tree does not move");
		else if (dressed == kin->member)
			err = 0;
		else if (is_cancelled(cancel))
			err = tern_why_set(why, -ECANCELED, "aborted by an operator");
		else if (now_ms() > until)
			err = tern_why_set(why, -ETIMEDOUT,
					   "another process of its tree is not ready");
		else
			wait_news();
	}
	pthread_mutex_unlock(&lock);
	return err;
}
