/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tern

#if !defined(TERN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TERN_TRACE_H

#include <linux/tracepoint.h>

#include "compat.h"

TRACE_EVENT(tern_state,
	TP_PROTO(u64 id, unsigned int side, const char *from, const char *to),
	TP_ARGS(id, side, from, to),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(unsigned int, side)
		__string(from, from)
		__string(to, to)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->side = side;
		tern_assign_str(from, from);
		tern_assign_str(to, to);
	),
	TP_printk("id=%016llx side=%u %s -> %s", __entry->id, __entry->side,
		  __get_str(from), __get_str(to))
);

TRACE_EVENT(tern_thread,
	TP_PROTO(u64 id, int tid, const char *what),
	TP_ARGS(id, tid, what),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(int, tid)
		__string(what, what)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->tid = tid;
		tern_assign_str(what, what);
	),
	TP_printk("id=%016llx tid=%d %s", __entry->id, __entry->tid,
		  __get_str(what))
);

TRACE_EVENT(tern_object,
	TP_PROTO(const char *type, u32 len),
	TP_ARGS(type, len),
	TP_STRUCT__entry(
		__string(type, type)
		__field(u32, len)
	),
	TP_fast_assign(
		tern_assign_str(type, type);
		__entry->len = len;
	),
	TP_printk("%s len=%u", __get_str(type), __entry->len)
);

TRACE_EVENT(tern_read_pages,
	TP_PROTO(u64 id, u64 addr, unsigned int nr, u64 present),
	TP_ARGS(id, addr, nr, present),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, addr)
		__field(unsigned int, nr)
		__field(u64, present)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->addr = addr;
		__entry->nr = nr;
		__entry->present = present;
	),
	TP_printk("id=%016llx addr=%llx nr=%u present=%llx", __entry->id,
		  __entry->addr, __entry->nr, __entry->present)
);

TRACE_EVENT(tern_fault,
	TP_PROTO(u64 id, u32 space, u64 addr),
	TP_ARGS(id, space, addr),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, space)
		__field(u64, addr)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->space = space;
		__entry->addr = addr;
	),
	TP_printk("id=%016llx space=%u addr=%llx", __entry->id,
		  __entry->space, __entry->addr)
);

TRACE_EVENT(tern_layout,
	TP_PROTO(u64 id, u32 space, u32 event, u64 a, u64 b),
	TP_ARGS(id, space, event, a, b),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, space)
		__field(u32, event)
		__field(u64, a)
		__field(u64, b)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->space = space;
		__entry->event = event;
		__entry->a = a;
		__entry->b = b;
	),
	TP_printk("id=%016llx space=%u event=%#x %llx %llx", __entry->id,
		  __entry->space, __entry->event, __entry->a, __entry->b)
);

/* Who wants something that has not come with the process. */
DECLARE_EVENT_CLASS(tern_wait,
	TP_PROTO(unsigned long ino, const char *what),
	TP_ARGS(ino, what),
	TP_STRUCT__entry(
		__field(unsigned long, ino)
		__string(what, what)
	),
	TP_fast_assign(
		__entry->ino = ino;
		tern_assign_str(what, what);
	),
	TP_printk("ino=%lu %s", __entry->ino, __get_str(what))
);

DEFINE_EVENT_PRINT(tern_wait, tern_gate,
	TP_PROTO(unsigned long ino, const char *what),
	TP_ARGS(ino, what),
	TP_printk("socket=%lu %s", __entry->ino, __get_str(what))
);

DEFINE_EVENT(tern_wait, tern_barrier,
	TP_PROTO(unsigned long ino, const char *what),
	TP_ARGS(ino, what)
);

#endif /* TERN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
