#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# An interactive shell: "tern run" in a terminal gives its program one, and both move.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# run COMMAND…: on a, in a terminal of script(1); what is typed goes to descriptor $IN. What
# is in the background here must not ignore what interrupts it.
run()
{
	rm -f "$WORK/in"
	mkfifo "$WORK/in" && exec {IN}<>"$WORK/in"
	nsenter --target "${INIT[a]}" --mount --uts --ipc --net --pid --time -- \
		env --default-signal=INT,QUIT script -qefc "$*" /dev/null \
		<"$WORK/in" >"$WORK/out" 2>&1 {IN}>&- &
	RUN=$!
	type_line "stty -echo rows 33 cols 77; PS1=; PS2=; set +H; echo ready"
	said ready
}

type_line()
{
	printf '%s\r' "$1" >&"$IN"
}

# said REGEX: the last line that it has printed
said()
{
	spoken()
	{
		tr -d '\r' <"$WORK/out" | sed 's/\x1b\[?2004[hl]//g' | grep . | tail -n 1 |
			grep -qE "^$1$"
	}
	wait_until "$LONG" spoken "$1" || {
		tail -n 5 "$WORK/out" | cat -v
		return 1
	}
}

asked()
{
	type_line "$1" && said "$2"
}

moved()
{
	hop_there()
	{
		has_pod "$1" shell && [[ ! -e $(pods "$2")/shell ]]
	}
	tern "$1" migrate shell "$2" --json && wait_until "$LONG" hop_there "$2" "$1"
}

# half a line is typed before it moves, the other half afterwards
half_typed()
{
	printf 'echo h' >&"$IN"
	moved "$1" "$2" && type_line "alf" && said half
}

ends()
{
	local status

	type_line "exit 6"
	wait $RUN
	status=$?
	echo "status $status"
	((status == 6))
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
command -v script >/dev/null || skip "needs script(1)"
plan 28
must "a shell runs in a terminal" \
	run "$TERN run --cgroup $(pods a) --name shell bash --norc -i"
must "it can move" tern a check shell
must "it moves to b" moved a b
# shellcheck disable=SC2016
must "it answers" asked 'echo $((6 * 7)) $(tty) $$' "42 /dev/pts/0 2"
must "the terminal is as large as it was" asked "stty size" "33 77"
type_line "sleep 1000 | cat &"
must "it has a job" asked "jobs" ".*Running +sleep 1000 \| cat &"
must "it moves back" moved b a
must "it has the job still" asked "jobs" ".*Running +sleep 1000 \| cat &"
must "the job comes to the foreground" asked "fg" "sleep 1000 \| cat"
must "it moves to b" moved a b
printf '\003' >&"$IN"
must "it can be interrupted there" asked "echo \$?" 130
must "it moves back with half a line typed" half_typed b a
type_line "cat"
must "it moves while a program reads" moved a b
must "that reads on" asked "some text" "some text"
printf '\004' >&"$IN"
must "until the end of its input" asked "echo over" over
must "its exit status comes through" ends
must "nothing of it is left" wait_until "$LONG" test ! -e "$(pods b)/shell"
exec {IN}>&-
must "a shell of the host runs in a terminal" run "bash --norc -i"
type_line "$TERN run --cgroup $(pods a) --name shell sh -c 'cat | cat'"
must "it starts a pod" asked "one" "one"
printf '\032' >&"$IN"
must "that can be stopped" said ".*Stopped .* cat.*"
must "and comes to the foreground again" asked "fg" ".*tern run .* cat.*"
must "it goes on" asked "two" "two"
must "it moves to b" moved a b
printf '\032' >&"$IN"
must "it can be stopped there, too" said ".*Stopped .* cat.*"
must "and goes on" eval 'type_line fg; asked "three" "three"'
printf '\003' >&"$IN"
must "it can be interrupted" eval 'wait_until "$LONG" test ! -e "$(pods b)/shell"; sleep 1'
# shellcheck disable=SC2016
must "its end by a signal comes through" asked 'echo "status $?"' "status 130"
must "the terminal is as it was" asked 'stty | grep -c raw' 0
type_line exit
done_testing
