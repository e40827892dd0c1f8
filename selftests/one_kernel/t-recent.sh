#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Of a large process that uses a few pages all the time these come first, and it
# waits for few of them; unless nothing is noted about them.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

PAGES=100
MODE=--mode=lazy

# waits HOST: of the last move to it
waits()
{
	sed -n 's/.*"faults": *\([0-9]*\).*/\1/p' "$WORK/moved-to-$1" | tail -n 1
}

move_slowly()
{
	local rc

	slow "$2" 100mbit
	migrate "$1" "$2" "$3" >"$WORK/moved-to-$3"
	rc=$?
	slow "$2" off
	return $rc
}

waits_are_fewer()
{
	note "$(waits b) pages were waited for with nothing noted, $(waits a) else"
	(($(waits b) > PAGES && $(waits a) * 2 < $(waits b)))
}

# There with nothing noted, and back. On a host that is busy with other things the
# process may not run at all while it is watched, so this may have to be done again.
both_ways()
{
	daemons_with "recent = no" && move_slowly "$PID" a b && lives_on few b &&
		daemons_with "recent = yes" && move_slowly "$PID" b a
}

few_waits()
{
	for hops in 2 4 6; do
		both_ways || return 1
		! waits_are_fewer || return 0
	done
	return 1
}

plan 5
# of which it would not be known what is used
must "the kernel makes no huge pages" lazy_kernel 1000000000
must "it starts" start a few few.py 64 $PAGES
must "it waits for fewer pages when it is noted which it used" few_waits
must "the kernel does as it does" lazy_kernel 10000
must "its memory is right" finish few $hops
done_testing
