#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Memory of many kinds, there and back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
MODE=--mode=lazy
must "a process starts" start a memory memory
must "it moves" migrate "$PID" a b
must "all of its memory is right" verified memory 1
must "it moves back" migrate "$PID" b a
must "all of its memory is right" verified memory 2
must "it is well" finish memory 2
done_testing
