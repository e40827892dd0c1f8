/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heart of a migrant: when it last ran where, kept in its own memory.
 *
 * The wall clock is used because it is the one clock that belongs to the host
 * and not to the process; the benchmark knows how far two hosts' are apart.
 */
#ifndef BENCH_BEAT_H
#define BENCH_BEAT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct beat - what a migrant knows about its own moves
 * @node: name of the host it is on
 * @from: name of the host it was on before
 * @last: time of the last beat, ns
 * @before: last beat before the last move, ns of the clock of @from
 * @after: first beat after the last move, ns of the clock of @node
 * @longest: longest time between two beats on one host since the last report, ns
 * @beats: beats so far
 * @moves: moves so far
 */
struct beat {
	char node[65];
	char from[65];
	int64_t last;
	int64_t before;
	int64_t after;
	int64_t longest;
	uint64_t beats;
	uint64_t moves;
};

int64_t beat_clock(int clock);
void beat_start(struct beat *b, const char *record);
bool beat_now(struct beat *b);
FILE *beat_report_begin(struct beat *b);
void beat_report_end(FILE *f);
bool beat_report(struct beat *b);

#endif
