/* SPDX-License-Identifier: GPL-2.0 */
/* "tern run" in the foreground. */
#ifndef TERN_CONSOLE_H
#define TERN_CONSOLE_H

#include "line.h"

unsigned int console_terminals(void);
int console_run(struct line *line, const char *name);

#endif
