/* SPDX-License-Identifier: GPL-2.0 */
/* What setsockopt(2) can set of TCP, UDP and netlink sockets, and getsockopt(2) shows. */
#ifndef TERN_OPTION_H
#define TERN_OPTION_H

#include <linux/types.h>
#include <stdbool.h>

/**
 * struct tern_option - one of them
 * @level: as setsockopt(2) takes it
 * @name: likewise
 * @len: bytes of its value; of @text at most
 * @text: it is a string, without its NUL
 */
struct tern_option {
	__u32 level;
	__u32 name;
	__u32 len;
	bool text;
};

/** tern_options - in the order in which they are to be set; ends with a @len of 0 */
extern const struct tern_option tern_options[];

const struct tern_option *tern_option_find(__u32 level, __u32 name);

#endif
