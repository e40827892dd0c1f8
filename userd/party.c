// SPDX-License-Identifier: GPL-2.0
/*
 * Those that have moved together, at the source. What they had in common is held by the
 * memory of each of them until that one is independent; what then is of no more use can
 * be removed only when the last of them is.
 *
 * Owned by all of them: the last reference frees it. Its own lock guards it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "source.h"

#define WAIT_S	600	/* one that is lost does not come to its end */

/**
 * struct tern_party - those that have moved together
 * @lock: guards what follows
 * @news: one has left
 * @refs: who refers to it
 * @here: how many are not independent yet
 */
struct tern_party {
	pthread_mutex_t lock;
	pthread_cond_t news;
	unsigned int refs;
	unsigned int here;
};

/** tern_party_create() - with a reference for the caller, or NULL */
struct tern_party *tern_party_create(void)
{
	struct tern_party *party = calloc(1, sizeof(*party));

	if (!party)
		return NULL;
	pthread_mutex_init(&party->lock, NULL);
	pthread_cond_init(&party->news, NULL);
	party->refs = 1;
	return party;
}

/** tern_party_put() - one reference less; NULL: nothing */
void tern_party_put(struct tern_party *party)
{
	bool last;

	if (!party)
		return;
	pthread_mutex_lock(&party->lock);
	last = !--party->refs;
	pthread_mutex_unlock(&party->lock);
	if (!last)
		return;
	pthread_cond_destroy(&party->news);
	pthread_mutex_destroy(&party->lock);
	free(party);
}

/** tern_party_enter() - @s has moved with others; NULL: without */
void tern_party_enter(struct tern_party *party, struct tern_source *s)
{
	if (!party)
		return;
	pthread_mutex_lock(&party->lock);
	party->refs++;
	party->here++;
	pthread_mutex_unlock(&party->lock);
	s->party = party;
}

/** tern_party_leave() - it is independent, or comes to no end; once */
void tern_party_leave(struct tern_source *s)
{
	if (!s->party)
		return;
	pthread_mutex_lock(&s->party->lock);
	s->party->here--;
	pthread_cond_broadcast(&s->party->news);
	pthread_mutex_unlock(&s->party->lock);
	tern_party_put(s->party);
	s->party = NULL;
}

/** tern_party_wait() - it is independent; until all of them are, or for ten minutes */
void tern_party_wait(struct tern_source *s)
{
	struct tern_party *party = s->party;
	struct timespec until;
	int err = 0;

	if (!party)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&party->lock);
	/* it waits for the others, and they do not for it */
	party->here--;
	pthread_cond_broadcast(&party->news);
	while (party->here && !err)
		err = pthread_cond_clockwait(&party->news, &party->lock, CLOCK_MONOTONIC, &until);
	pthread_mutex_unlock(&party->lock);
	tern_party_put(party);
	s->party = NULL;
}
