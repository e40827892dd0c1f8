/* SPDX-License-Identifier: GPL-2.0 */
/* Extended state of a thread, as it travels. */
#ifndef TERN_XSTATE_H
#define TERN_XSTATE_H

#include <linux/types.h>

struct tern_obj_thread;

void *tern_xstate_alloc(void);
void tern_xstate_pack(void *state, struct tern_obj_thread *obj);
bool tern_xstate_valid(const struct tern_obj_thread *obj);
void tern_xstate_unpack(void *state, const struct tern_obj_thread *obj);

#endif /* TERN_XSTATE_H */
