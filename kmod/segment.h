/* SPDX-License-Identifier: GPL-2.0 */
/* A segment of TCP, as if it had come. */
#ifndef TERN_SEGMENT_H
#define TERN_SEGMENT_H

#include <linux/types.h>
#include <tern/image.h>

struct sk_buff;

bool tern_segment_is_mapped(const struct tern_obj_tcp *obj);
__be32 tern_segment_in4(const u8 addr[16], bool mapped);
struct sk_buff *tern_segment_make(const struct tern_obj_tcp *obj, u32 seq, const void *data,
				  u32 len);

#endif /* TERN_SEGMENT_H */
