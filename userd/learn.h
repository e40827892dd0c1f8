/* SPDX-License-Identifier: GPL-2.0 */
/* Teach the module how this kernel restarts blocked calls. */
#ifndef TERN_LEARN_H
#define TERN_LEARN_H

struct tern_why;

int tern_learn(int dev, struct tern_why *why);

#endif
