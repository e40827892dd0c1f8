/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every migrant does: it lives in a directory, tells there how far it is,
 * ends when it finds "stop" there, and leaves a verdict on itself.
 *
 * It tells by symbolic links, whose targets are the text: publishing one never
 * holds a file open, so a migrant has no descriptor that it does not mean to
 * have, whenever it is moved, on whatever file system the directory is.
 *
 *	DIR/pid		its pid
 *	DIR/progress	"beats=N host=NAME hops=N …", a few times a second
 *	DIR/stop	made by whoever wants it to end
 *	DIR/verdict	"ok …" or "FAIL …", its last act
 */
#ifndef MIGRANT_H
#define MIGRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct migrant - where this program is in its life
 * @dir: its directory, absolute
 * @host: name of the host that it was on when it last looked
 * @hops: how often that has changed
 * @beats: calls of migrant_step()
 * @told: CLOCK_MONOTONIC of the last heartbeat, ns
 */
struct migrant {
	char dir[512];
	char host[65];
	unsigned int hops;
	uint64_t beats;
	uint64_t told;
};

extern struct migrant migrant;

/** migrant_start() - take DIR from argv[1], tell the pid; ends with usage otherwise */
void migrant_start(int argc, char **argv, int least, const char *usage);
/** migrant_step() - a heartbeat; false when it is time to end */
bool migrant_step(void);
/** migrant_rest() - nothing but heartbeats, until it is time to end */
void migrant_rest(void);
/** migrant_hopped() - has the host changed since the last look? One or two system calls. */
bool migrant_hopped(void);
/** migrant_wait_hop() - wait until the host has changed; false: told to stop before */
bool migrant_wait_hop(void);
/** migrant_count_until_hop() - likewise, and write to @fd all the time, one *@counted after another */
bool migrant_count_until_hop(int fd, uint64_t *counted);
/** migrant_tell() - publish @text as DIR/@name at once */
void migrant_tell(const char *name, const char *text);
/** migrant_ok(), migrant_fail() - the verdict; do not return */
void migrant_ok(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void migrant_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/** check() - a condition that must hold, or the verdict is FAIL with @fmt */
#define check(cond, fmt, ...) do { \
	if (!(cond)) \
		migrant_fail("%s:%d: " fmt, __FILE__, __LINE__, ##__VA_ARGS__); \
} while (0)

/** migrant_open() - DIR/@name, for its owner only if it is new; never fails */
int migrant_open(const char *name, int flags);
/** migrant_hugetlbfs() - the directory of a hugetlbfs that nobody else sees; -1: there is none */
int migrant_hugetlbfs(void);

/** migrant_set_option() - setsockopt(2) of an int; never fails */
void migrant_set_option(int fd, int level, int name, int value);
/** migrant_is_option() - an option of a socket must have that value */
void migrant_is_option(int fd, int level, int name, int want);

/** now_ns() - a clock in nanoseconds */
uint64_t now_ns(int clock);

/** mix() - a good 64-bit hash of one word */
static inline uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x7fb5d329728ea185ULL;
	x ^= x >> 27;
	x *= 0x81dadef4bc2dd44dULL;
	return x ^ (x >> 33);
}

/** page_fill(), page_bad() - 4 KiB that only @key could have made; bad: first wrong word */
void page_fill(void *page, uint64_t key);
int page_bad(const void *page, uint64_t key);
/** page_is() - is it that of @key, or with key 0 all zeros? */
bool page_is(const void *page, uint64_t key);

#endif
