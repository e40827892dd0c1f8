/* SPDX-License-Identifier: GPL-2.0 */
/* Segments of System V shared memory that move with the process. */
#ifndef TERN_SEGMENT_H
#define TERN_SEGMENT_H

#include <stdbool.h>
#include <sys/types.h>
#include <tern/image.h>

bool tern_is_segment(const struct tern_obj_carried *carried);
__u64 tern_carried_room(const struct tern_obj_carried *carried);
int tern_segment_tail(int fd, void *buf, size_t len, off_t offset);
int tern_segment_look(struct tern_obj_carried *carried);
int tern_segment_make(const struct tern_obj_carried *carried, bool *huge);
int tern_segment_finish(const struct tern_obj_carried *carried);
void tern_segment_drop(int id);
const char *tern_segment_remove(const struct tern_obj_carried *carried);

#endif
