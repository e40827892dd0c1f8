// SPDX-License-Identifier: GPL-2.0
/* The module's tracepoints, /sys/kernel/tracing/events/tern. */
#include "compat.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
