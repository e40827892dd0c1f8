#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# File locks are taken again, or the process stays where it is and keeps them.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

take_lock()
{
	on b "setsid flock $WORK/own/file sleep 1000 </dev/null >/dev/null 2>&1 &"
	taken()
	{
		! on b "flock -n $WORK/own/file true"
	}
	wait_until "$LONG" taken
}

refused()
{
	! migrate "$PID" a b && lives_on locks a
}

give_lock()
{
	on b "kill \$(fuser $WORK/own/file 2>/dev/null)"
	wait_until "$LONG" on b "flock -n $WORK/own/file true"
}

shared=$(findmnt -n -o TARGET -t nfs,nfs4 | head -n 1)
[[ $shared ]] || note "no network file system: nothing is locked there"
plan 10
must "each host has a file" own "echo text >file"
must "a process with locks starts" start a locks locks 2 "$WORK/own/file" "$shared"
must "somebody on b has a lock" take_lock
must "it does not move" refused
must "that lock is given up" give_lock
there_and_back locks
must "it has all its locks" finish locks 2
done_testing
