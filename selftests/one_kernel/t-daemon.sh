#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# While pages are missing the daemons are killed and started again, first the
# destination's, then the source's: faults wait and go on, every byte right.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

kill_and_start()
{
	is_state b "$PID" paging || {
		echo "too late: $(state b "$PID")"
		return 1
	}
	daemon_kill "$1" || return 1
	sleep 1
	# killed daemons take nothing with them
	[[ $(where "$PID") == b ]] || {
		echo "the process is on '$(where "$PID")'"
		return 1
	}
	daemon_start "$1"
}

plan 10
must "a heap is filled" start a heap heap 64 5
must "the cable is slow" slow a 5mbit
must "it begins to move" tern a migrate "$PID" b --mode=lazy --no-wait
must "it runs on b, with pages missing" wait_until "$LONG" is_state b "$PID" paging
must "b's daemon is killed and started again" kill_and_start b
must "the heap goes on" beating heap
must "a's daemon is killed and started again" kill_and_start a
must "the heap goes on" lives_on heap b
slow a off
must "all pages arrive" wait_until "$LONG" is_state a "$PID" independent
must "every byte is right" finish heap 1
done_testing
