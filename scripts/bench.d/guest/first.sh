# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# First pages, chosen in several ways: what does a migrant still miss right after
# it goes on? The module's tracepoints tell when each page was missed.

TRACING=/sys/kernel/tracing

# daemons_first WAY: "first" of ternd.conf(5) and no "recent", on both hosts; or usual
daemons_first()
{
	if [[ $1 == usual ]]; then
		daemons_with
	else
		daemons_with "first = $1" "recent = no"
	fi
}

trace_first()
{
	echo 0 >$TRACING/tracing_on
	echo >$TRACING/trace
	echo 1 >$TRACING/tracing_on
}

# Pages missed in the first 1, 10 and 100 ms of the last move.
missed_first()
{
	awk '
		{ time = ""; for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]+\.[0-9]+:$/) { time = $i + 0; break } }
		/tern_thread: .* goes/ && start == "" { start = time }
		/tern_fault: / && start != "" {
			ms = (time - start) * 1000
			one += ms < 1; ten += ms < 10; hundred += ms < 100
		}
		END { printf ",\"missed\":[%d,%d,%d]", one, ten, hundred }' $TRACING/trace
}

# moves_first CASE WAY RUNS
moves_first()
{
	local event

	daemons_first "$2"
	for event in tern_thread tern_fault; do
		echo 1 >$TRACING/events/tern/$event/enable
	done
	BEFORE_MOVE=trace_first AFTER_MOVE=missed_first moves_tern "$1" "tern.first-$2" "$3"
	for event in tern_thread tern_fault; do
		echo 0 >$TRACING/events/tern/$event/enable
	done
}
