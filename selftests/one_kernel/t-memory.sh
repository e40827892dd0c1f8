#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Memory of many kinds, there and back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# A process that has some, and as many are free again when it has left.
with_huge()
{
	start a memory memory && [[ ! -L $WORK/memory/huge ]]
}

plan 9
MODE=--mode=lazy
must "there are huge pages" huge 9
must "a process starts" with_huge
must "it moves" migrate "$PID" a b
must "all of its memory is right" verified memory 1
must "its huge pages are free" huge_free 9
must "it moves back" migrate "$PID" b a
must "all of its memory is right" verified memory 2
must "it is well" finish memory 2
must "no huge pages are left" huge 0
done_testing
