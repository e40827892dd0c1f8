// SPDX-License-Identifier: GPL-2.0
/*
 * The heartbeat of a migrant, and its report.
 *
 * The name of the host is read before and after the clock, so a beat is known
 * to belong to one host: a move is seen exactly where it happened, however long
 * other pauses are. On SIGUSR1 the migrant writes what it knows into its record,
 * a file on the host where it then is. Between reports it makes no other call
 * than those for the beat.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "beat.h"

static volatile sig_atomic_t wanted;
static char record[256], draft[264];

static void on_usr1(int signo)
{
	(void)signo;
	wanted = 1;
}

/**
 * beat_clock() - read a clock
 * @clock: CLOCK_…
 *
 * Return: ns.
 */
int64_t beat_clock(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* The time, and the host whose time it is. */
static int64_t read_both(struct utsname *name)
{
	struct utsname again;
	int64_t now;

	do {
		uname(name);
		now = beat_clock(CLOCK_REALTIME);
		uname(&again);
	} while (strcmp(name->nodename, again.nodename));
	return now;
}

/**
 * beat_start() - make the first beat
 * @b: the heart
 * @path: the record to write when asked to
 */
void beat_start(struct beat *b, const char *path)
{
	struct sigaction action = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };
	struct utsname name;

	snprintf(record, sizeof(record), "%s", path);
	snprintf(draft, sizeof(draft), "%s.new", path);
	sigaction(SIGUSR1, &action, NULL);
	memset(b, 0, sizeof(*b));
	b->last = read_both(&name);
	strcpy(b->node, name.nodename);
}

/**
 * beat_now() - a beat
 * @b: the heart
 *
 * Return: whether this is the first one on another host.
 */
bool beat_now(struct beat *b)
{
	struct utsname name;
	int64_t now = read_both(&name);
	bool moved = strcmp(name.nodename, b->node);

	if (moved) {
		strcpy(b->from, b->node);
		strcpy(b->node, name.nodename);
		b->before = b->last;
		b->after = now;
		b->moves++;
	} else if (now - b->last > b->longest) {
		b->longest = now - b->last;
	}
	b->last = now;
	b->beats++;
	return moved;
}

/**
 * beat_report_begin() - begin the report, if somebody wants one
 * @b: the heart
 *
 * Return: where to write more members of a JSON object, then to be given to
 * beat_report_end(); or NULL.
 */
FILE *beat_report_begin(struct beat *b)
{
	FILE *f;

	if (!wanted)
		return NULL;
	wanted = 0;
	f = fopen(draft, "w");
	if (!f)
		return NULL;
	fprintf(f, "{\"from\":\"%s\",\"to\":\"%s\",\"before\":%" PRId64 ",\"after\":%" PRId64
		",\"longest\":%" PRId64 ",\"beats\":%" PRIu64 ",\"moves\":%" PRIu64,
		b->from, b->node, b->before, b->after, b->longest, b->beats, b->moves);
	b->longest = 0;
	return f;
}

/**
 * beat_report_end() - publish it, whole or not at all
 * @f: from beat_report_begin()
 */
void beat_report_end(FILE *f)
{
	fputs("}\n", f);
	fclose(f);
	rename(draft, record);
}

/**
 * beat_report() - report, if somebody wants it, the heart alone
 * @b: the heart
 *
 * Return: whether it did.
 */
bool beat_report(struct beat *b)
{
	FILE *f = beat_report_begin(b);

	if (!f)
		return false;
	beat_report_end(f);
	/* writing it was no pause of the host's making */
	beat_now(b);
	b->longest = 0;
	return true;
}
