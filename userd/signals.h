/* SPDX-License-Identifier: GPL-2.0 */
/* Signals that came to the migrant at the source after the capture. */
#ifndef TERN_SIGNALS_H
#define TERN_SIGNALS_H

#include <stddef.h>

int tern_signals_deliver(int pid, const void *buf, size_t len);

#endif
