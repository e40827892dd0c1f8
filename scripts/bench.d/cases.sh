# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The cases: each migrant moved by Tern, and by CRIU if that part is wanted.

# before each move of heap-1g: what the link can carry in that direction
link_rate()
{
	local rate there
	there=$(other "$1")

	rate=$(guest "$1" iperf3 "${ADDRESS[$there]}" 2)
	record heap-1g "\"how\":\"iperf3\",\"rate\":$rate"
}

case_tern()
{
	local BEFORE_MOVE=

	if [[ $1 == heap-1g ]] && has_part flush; then
		BEFORE_MOVE=link_rate
	fi
	moves_tern "$1" tern "$RUNS"
	BEFORE_MOVE=
	moves_tern "$1" tern.cold "$RUNS" --no-prepare
	moves_tern "$1" tern.hybrid "$RUNS" --mode=hybrid
	yardsticks "$1"
}

case_criu()
{
	local mode

	for mode in stop lazy; do
		moves_criu "$1" "$mode" "$CRIU_RUNS"
	done
}

measure_cases()
{
	local case

	for case in ${TERN_BENCH_CASES:-$CASES}; do
		! has_base || on_base case_tern "$case"
		case_tern "$case"
		! has_part criu || case_criu "$case"
	done
}

# The flush is measured with heap-1g, in the cases if these are wanted.
measure_flush()
{
	if ! has_part cases || [[ " ${TERN_BENCH_CASES:-$CASES} " != *" heap-1g "* ]]; then
		case_tern heap-1g
	fi
}
