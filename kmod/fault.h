/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbered fault points: root arms one through TERN_IOC_INFO, the next pass
 * through it fails once. They reach the undo paths that nothing else reaches.
 */
#ifndef TERN_FAULT_H
#define TERN_FAULT_H

#include <linux/atomic.h>
#include <linux/types.h>

enum tern_fault {
	TERN_FAULT_NONE,
	TERN_FAULT_PARK_ALLOC,
	TERN_FAULT_PARK_SAVE,
	TERN_FAULT_CAPTURE,
	TERN_FAULT_SENT,
	TERN_FAULT_COMMIT,
	TERN_FAULT_SHELL,
	TERN_FAULT_BECOME,
	TERN_FAULT_SHED,
	TERN_FAULT_LOAD,
	TERN_FAULT_RESUME,
	TERN_FAULT_READ_PAGES,
	TERN_FAULT_KEEP,
	TERN_FAULT_LOOK,
	TERN_FAULT_REFUSE,
	TERN_FAULT_SOCKETS,
	TERN_FAULT_GATE,	/* holds it shut for as long as it is armed */
	TERN_FAULT_WRITE_BACK,	/* likewise, keeps data where it is */
	TERN_FAULT_OFF,		/* nobody passes here: to arm it disarms the others */
	__TERN_FAULT_MAX,
};

extern atomic_t tern_fault_armed;

/** tern_fault() - true once after @point was armed */
static inline bool tern_fault(enum tern_fault point)
{
	return unlikely(atomic_read(&tern_fault_armed) == point) &&
	       atomic_cmpxchg(&tern_fault_armed, point, TERN_FAULT_NONE) == point;
}

#endif /* TERN_FAULT_H */
