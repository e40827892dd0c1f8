/* SPDX-License-Identifier: GPL-2.0 */
/* Why something cannot be done, in sentences. */
#ifndef TERN_REASONS_H
#define TERN_REASONS_H

#include <linux/tern.h>
#include <linux/types.h>

/**
 * struct tern_reasons - collects what stands against a migration
 * @buf: lines, each ended by a newline; NUL-terminated
 * @size: bytes at @buf, 0: count only
 * @len: bytes used
 * @nr: how many reasons were given, whether they fit or not
 * @pid: process that they are about, named in each; 0: everybody knows which
 */
struct tern_reasons {
	char *buf;
	size_t size;
	size_t len;
	unsigned int nr;
	int pid;
};

__printf(2, 3)
void tern_reasons_add(struct tern_reasons *reasons, const char *fmt, ...);
void tern_reasons_clear(struct tern_reasons *reasons);

/**
 * struct tern_why - the sentence that goes with an errno
 * @text: NUL-terminated, empty when there is nothing to say
 */
struct tern_why {
	char text[TERN_WHY_LEN];
};

__printf(3, 4)
int tern_why(struct tern_why *why, int err, const char *fmt, ...);

#endif /* TERN_REASONS_H */
