/* SPDX-License-Identifier: GPL-2.0 */
/* What a frame is about, as a receive handler gets it: from the header of IP on. */
#ifndef TERN_FRAME_H
#define TERN_FRAME_H

#include <linux/types.h>

struct net;
struct sk_buff;

bool tern_frame_is_tcp(const struct sk_buff *skb);
bool tern_frame_has_connection(const struct sk_buff *skb, struct net *net);

#endif /* TERN_FRAME_H */
