#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A process and its descendants move together, or not at all.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# processes HOST: how many of them are there, alive
processes()
{
	on "$1" 'ps -C tree -o stat=' | grep -cv Z
}

are_on()
{
	[[ $(processes "$1") == 8 && $(processes "$2") == 0 ]]
}

# all_on HOST OTHER
all_on()
{
	wait_until "$LONG" are_on "$1" "$2" || {
		echo "on $1: $(processes "$1"), on $2: $(processes "$2")"
		return 1
	}
	beating tree
}

hop_tree()
{
	migrate "$PID" "$1" "$2" "${@:3}" && all_on "$2" "$1"
}

# Whatever fails, for whichever of them: all of them run on here.
fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate "$PID" a b && all_on a b
}

# What they had in common is not left here.
none_left()
{
	gone()
	{
		! on a "ipcs -m" | grep -q '^0x'
	}
	wait_until "$LONG" gone || {
		on a "ipcs -m"
		return 1
	}
}

are_laid_out()
{
	[[ $(processes a) == 8 && $(processes b) == 8 ]]
}

# What looks like them on b waits, and they run on here.
prepare_tree()
{
	tern a prepare "$PID" b && [[ $(state a "$PID") == prepared ]] && are_laid_out &&
		beating tree
}

forget_tree()
{
	forget a && all_on a b
}

# A shell that starts another process when it is told to, ends that and starts the next, while
# the first one stays.
start_grower()
{
	own "mkfifo fifo" &&
		on a "setsid bash -c 'exec 3<>$WORK/own/fifo; sleep 5000 & echo \$\$ >$WORK/grower
			read -u 3; sleep 5001 & read -u 3; kill \$!; wait \$!; echo \$? >$WORK/code
			sleep 5002 & read -u 3; jobs -r >$WORK/jobs; wait' </dev/null >/dev/null 2>&1 &" &&
		wait_until "$LONG" test -s "$WORK/grower"
}

# sleepers HOST N
sleepers()
{
	[[ $(on "$1" 'pgrep -c -x sleep') == "$2" ]]
}

# sleeper SECONDS: its pid, on both hosts
sleeper()
{
	on a "pgrep -fx 'sleep $1'"
}

# Since when there has been what looks like the first one on b.
shell_since()
{
	on b "cut -d' ' -f22 /proc/$(sleeper 5000)/stat"
}

tell()
{
	on "$1" "echo >$WORK/own/fifo"
}

is_laid_out()
{
	on a "pgrep -fx 'sleep $1'" >/dev/null && on b "test -d /proc/$(sleeper "$1")"
}

# What is prepared gets a process, loses it, and gets another one: what looks like those that
# stay is what it was.
grow()
{
	local since

	tern a prepare "$(<"$WORK/grower")" b && sleepers b 2 || return 1
	since=$(shell_since)
	tell a && wait_until "$LONG" is_laid_out 5001 && sleepers b 3 &&
		tell a && wait_until "$LONG" is_laid_out 5002 && sleepers b 3 &&
		[[ $(<"$WORK/code") == 143 && $since && $(shell_since) == "$since" ]]
}

# Of those that have ended nothing is there.
grown_moves()
{
	local pid
	pid=$(<"$WORK/grower")

	migrate "$pid" a b && sleepers b 3 && sleepers a 1 &&
		! on b "ps -o stat= --ppid $pid" | grep Z && tell b &&
		wait_until "$LONG" grep -q 5002 "$WORK/jobs" && [[ $(wc -l <"$WORK/jobs") == 2 ]] &&
		on b "kill $pid; pkill -f 'sleep 500'"
}

plan 26
must "there are huge pages" huge 4
must "a process with descendants starts" start a tree tree 5
must "they have some in common" huge_free 2
must "they move to b" hop_tree a b
must "nothing is left on a" none_left
must "all is what it was" verified tree 1
must "it is in huge pages still" huge_free 2
must "they move back, not prepared" hop_tree b a --no-prepare
must "all is what it was" verified tree 2
for fault in park_save capture sent shell load resume; do
	must "after a failure ($fault) all of them are here" fails $fault
done
must "they move to b" hop_tree a b
must "they move back" hop_tree b a
must "they are prepared" prepare_tree
must "and forgotten" forget_tree
must "they are prepared once more" prepare_tree
must "they move to b" hop_tree a b
must "all is what it was" finish tree 5
must "no huge pages are left" huge 0
must "a process with a child starts" start_grower
must "others come and end after it was prepared" grow
must "it moves with those that there are" grown_moves
done_testing
