// SPDX-License-Identifier: GPL-2.0
/*
 * Sentences for people: the reasons that a check collects, and the one that
 * goes with a failed call. Pure text, no locks, may be used in atomic context.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "reasons.h"

/**
 * tern_reasons_add() - one more reason
 * @reasons: where to
 * @fmt: a sentence without full stop or newline
 */
void tern_reasons_add(struct tern_reasons *reasons, const char *fmt, ...)
{
	size_t room = reasons->size - reasons->len;
	char *at = reasons->buf + reasons->len;
	va_list args;
	int len = 0;

	reasons->nr++;
	if (!reasons->size)
		return;
	if (reasons->pid)
		len = scnprintf(at, room, "process %d: ", reasons->pid);
	va_start(args, fmt);
	len += vsnprintf(at + len, room - len, fmt, args);
	va_end(args);
	if (len + 2 > room) {
		*at = '\0';
		return;
	}
	/* names may have anything in them, and a reason is a line */
	strreplace(at, '\n', '?');
	reasons->len += len;
	reasons->buf[reasons->len++] = '\n';
	reasons->buf[reasons->len] = '\0';
}

/** tern_reasons_clear() - none after all */
void tern_reasons_clear(struct tern_reasons *reasons)
{
	reasons->nr = 0;
	reasons->len = 0;
	if (reasons->size)
		reasons->buf[0] = '\0';
}

/**
 * tern_why() - say why a call fails
 * @why: receives the sentence, unless it has one already; may be NULL
 * @err: negative errno
 * @fmt: a sentence without full stop or newline
 *
 * Return: @err, so that a caller can say "return tern_why(…)".
 */
int tern_why(struct tern_why *why, int err, const char *fmt, ...)
{
	va_list args;

	if (!why || why->text[0])
		return err;
	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}
