#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Memory that was to be of huge pages is so again once all of it is there.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

are_huge()
{
	on "$1" "awk '/^AnonHugePages/ { kib += \$2 } END { exit kib < 12288 }' /proc/$PID/smaps"
}

plan 9
MODE=--mode=lazy
must "the kernel leaves small pages alone" lazy_kernel 1000000000
must "a process with 16 MiB starts" start a heap heap 16 1 huge
must "it moves" migrate "$PID" a b
must "it has huge pages" wait_until "$LONG" are_huge b
must "it lives on b" lives_on heap b
must "it moves back" migrate "$PID" b a
must "it has them again" wait_until "$LONG" are_huge a
must "the kernel does as it does" lazy_kernel 10000
must "all pages are right" finish heap 2
done_testing
