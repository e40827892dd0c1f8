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

plan 8
must "it starts" start a few few.py 64 $PAGES
must "daemons that note nothing" daemons_with "recent = no"
must "it moves to b" move_slowly "$PID" a b
must "it lives on b" lives_on few b
must "daemons that do" daemons_with "recent = yes"
must "it moves back" move_slowly "$PID" b a
must "it waited for fewer pages" waits_are_fewer
must "its memory is right" finish few 2
done_testing
