# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# From the first byte of the blast until the process runs the destination sends
# nothing but acknowledgements, as whoever listens on the segment can tell;
# prepared, cold, and with many threads.

# one NAME FROM TO ARGUMENT…: a migration, captured
one()
{
	local name=$1 from=$2 to=$3 address=10.77.0.11
	shift 3

	[[ $from == a ]] || address=10.77.0.12
	lab pcap start "$PWD/$name.pcap" || fail "the segment cannot be captured"
	on "$from" "tern migrate $PID $to --json $*" >"$name.json" || fail "$name: does not move"
	lab pcap stop
	python3 "$TOP/selftests/lab/segment.py" "$name.pcap" "$address" >"$name.txt" || {
		cat "$name.txt"
		fail "$name: the destination spoke before the process ran there"
	}
	note "$name: $(tail -n 1 "$name.txt")"
}

start a hop hop 8
one prepared a b
grep -q DRESSED prepared.txt || fail "it was not prepared"
one cold b a --no-prepare
! grep -q DRESSED cold.txt || fail "it was prepared"
lives_on "$PID" a
finish hop a
hops 2
start a threads threads16
one threads a b
finish threads b
