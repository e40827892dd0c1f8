#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What cannot move is refused with the reason, runs on, and can move once the
# reason is gone.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# refused FROM TO SENTENCE: exit code 1, with a reason that matches
refused()
{
	local result

	tern "$1" migrate "$PID" "$2" >"$WORK/said" 2>&1
	result=$?
	cat "$WORK/said"
	((result == 1)) || {
		echo "exit code $result and not 1"
		return 1
	}
	grep -qE "$3" "$WORK/said"
}

take_pid()
{
	on b "setsid $HERE/../tools/take_pid $PID 1000 </dev/null >/dev/null 2>&1 &"
	wait_until "$LONG" there b "$PID"
}

give_pid()
{
	on b "kill $PID"
	gone()
	{
		! there b "$PID"
	}
	wait_until "$LONG" gone
}

# cannot WHAT SENTENCE: a process that does what cannot move
cannot()
{
	must "one that cannot move for $1 starts" start a "$1" refused "$1"
	must "$1: it is refused" refused a b "$2"
	must "$1: it is well" finish "$1" 0
}

plan 41
must "a process starts" start a free refused nothing
must "its pid is taken on b" take_pid
must "it is refused for that" refused a b "pid $PID is taken on b, by \"take_pid\""
must "it runs on" beating free
must "its pid is free again" give_pid
must "it moves" migrate "$PID" a b
must "it lives on b" lives_on free b
must "it is well" finish free 1

cannot other_group 'it is in a process group whose leader does not move, or waits to be reaped'
cannot eventfd_out 'fd [0-9]+ is an eventfd that another process has open'
cannot timer 'timer 0 sends its signal to a thread that has ended'
cannot deadline 'share of the processors reserved .SCHED_DEADLINE.'
cannot keyring 'has a keyring of its own'
cannot keys 'has keys in its session keyring'
cannot undo 'undoes semaphore operations when it ends .SEM_UNDO.'
under_way='what is under way in fd [0-9]+ is'
cannot rights "$under_way an open file of a kind that moves only with a descriptor"
cannot rights_in_rights "$under_way a unix socket with descriptors under way itself"
cannot rights_of_child "$under_way an open file that a later process of its tree has, too"
cannot lease 'fd [0-9]+ is a file with a lease'
done_testing
