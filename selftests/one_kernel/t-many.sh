#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A hundred thousand descriptors, with gaps between their numbers. It takes a while to open them at
# the destination, and meanwhile somebody looks at the shell, as monitors do.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

arguments()
{
	tr '\0' ' ' <"/proc/${INIT[$1]}/root/proc/$PID/cmdline"
}

# moves FROM TO: while somebody looks at the arguments of all processes
moves()
{
	local before after watcher rc

	before=$(arguments "$1")
	timeout "$LONG" bash -c 'while :; do cat /proc/[0-9]*/cmdline; done' >/dev/null 2>&1 &
	watcher=$!
	migrate "$PID" "$1" "$2"
	rc=$?
	kill $watcher
	wait $watcher
	after=$(arguments "$2")
	[[ -n $before && $after == "$before" ]] || {
		echo "it was called $before, and is called $after"
		return 1
	}
	return $rc
}

plan 5
must "a process with very many descriptors starts" start a many many 100000 9
must "it moves to b, as what it was called" moves a b
must "it lives on b" lives_on many b
must "it moves back" moves b a
must "each has its number" finish many 2
done_testing
