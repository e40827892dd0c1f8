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

# Not by the kernel itself, in time: it looks so often for what it can put together.
lazy_kernel()
{
	local file=/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs

	[[ ! -e $file ]] || echo "$1" >$file
}

# Pages that are, once all are there.
transparent()
{
	are()
	{
		on "$1" "awk '/^AnonHugePages/ { kib += \$2 } END { exit kib < 6144 }' /proc/$PID/smaps"
	}
	wait_until "$LONG" are "$1"
}

plan 12
MODE=--mode=lazy
must "there are huge pages" huge 9
must "a process starts" with_huge
must "it moves" migrate "$PID" a b
must "all of its memory is right" verified memory 1
must "the kernel leaves small pages alone" lazy_kernel 1000000000
must "huge pages are transparent ones" transparent b
must "as often as it does" lazy_kernel 10000
must "its huge pages are free" huge_free 9
must "it moves back" migrate "$PID" b a
must "all of its memory is right" verified memory 2
must "it is well" finish memory 2
must "no huge pages are left" huge 0
done_testing
